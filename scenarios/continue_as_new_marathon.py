"""A workflow that never ends, run by run, while it is told things.

Workload: three counters, each fed by three senders with twenty numbers each, one after the other. A run takes
seven numbers, by signal, and continues as new with what it knows; numbers that come while it does so go
along. In between it rests, so that they arrive in the middle of everything. When a counter has them all it
ends, many runs later.

Faults: objects die at every point of a turn, the network loses, delays and doubles, alarms are late, commits
slow, the object store that keeps the histories fails, superseded incarnations go on for a while.

Promises: every acknowledged number is counted once, each sender's in order; the runs follow each other
without a gap, each is continued once, and only the last one is open; a client that waits follows them to the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import Temporal, Worker, WorkflowContext, WorkflowStatus
from ..runtime.durations import DAY
from ..runtime.history import EventType
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Promises, choose, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

COUNTERS = 3
SENDERS = 3
NUMBERS = 20
PER_RUN = 7

COUNTED = "every acknowledged number is counted once, each sender's in order"
CHAIN = "each run is continued once, and only the last one ends"
LISTED = "every run is listed as it ended"

SOMETIMES = (
    "a number comes while a run rests",
    "a number goes along to the next run",
)


class Sender:
    """Sends its numbers one after the other; each request has an id, so that it counts once."""

    def name(self, counter: int, sender: int, number: int) -> str:
        """The request id of one number."""
        return f"{counter}.{sender}.{number}"

    def next(self, number: int) -> int:
        """What to send as the number-th."""
        return number


class Marathon:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, promises: Promises, sender: Sender) -> None:
        self.sim = sim
        self.promises = promises
        self.sender = sender
        self.temporal = temporal = Temporal(
            namespace="marathon", task_queue="runners", history_retention="forever"
        )

        @temporal.workflow("counter")
        async def counter(ctx: WorkflowContext, seen: list[list[int]], wanted: int) -> list[list[int]]:
            for count in range(PER_RUN):
                seen.append(await ctx.wait_for_signal("number"))
                if len(seen) == wanted:
                    return seen
                if count % 3 == 1:
                    await ctx.sleep("rest", "40s")
            ctx.continue_as_new(seen, wanted)

        self.workflow = counter
        self.worker = Worker(namespace="marathon", task_queue="runners", workflows=[counter])

    async def run(self, counter: int) -> None:
        """One counter with its senders."""
        wanted = SENDERS * NUMBERS
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"counter-{counter}",
                args=[[], wanted],
                request_id=f"counter-{counter}",
            )
        )
        senders = (self.send(counter, sender) for sender in range(SENDERS))
        seen, *_ = await side_by_side(insist(handle.result), *senders)
        for sender in range(SENDERS):
            numbers = [number for known, number in seen if known == sender]
            text = f"counter {counter} has {numbers} of sender {sender}"
            self.promises.keep(COUNTED, numbers == list(range(NUMBERS)), text)
        runs = await self.chain(counter, handle.first_execution_run_id or "")
        await self.listed(counter, runs)

    async def send(self, counter: int, sender: int) -> None:
        """Send the numbers."""
        handle = self.temporal.get_handle(f"counter-{counter}")
        for number in range(NUMBERS):
            name = self.sender.name(counter, sender, number)
            told = [sender, self.sender.next(number)]
            await insist(partial(handle.signal, "number", told, request_id=name))
            await self.sim.sleep(f"{5 * choose(self.sim, 'pause', 12)}s")

    async def chain(self, counter: int, run_id: str) -> list[str]:
        """Follow the runs from the first one by their histories; their ids."""
        runs: list[str] = []
        arrived = taken = 0
        while run_id:
            self.promises.keep(CHAIN, run_id not in runs, f"counter {counter} comes back to run {run_id}")
            runs.append(run_id)
            handle = self.temporal.get_handle(f"counter-{counter}", run_id)
            history = await insist(handle.fetch_history)
            signals = [
                event for event in history.events if event.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED
            ]
            arrived += len(signals)
            last = history.events[-1]
            is_over = last.event_type == EventType.WORKFLOW_EXECUTION_COMPLETED
            continued = last.event_type == EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW
            text = f"run {len(runs)} of counter {counter} ends with {last.event_type}"
            self.promises.keep(CHAIN, is_over or continued, text)
            taken += PER_RUN
            sometimes(self.sim, SOMETIMES[0], len(signals) > 0)
            sometimes(self.sim, SOMETIMES[1], len(signals) > PER_RUN or len(signals) < PER_RUN <= taken)
            run_id = last.attributes.new_execution_run_id if continued else ""
        return runs

    async def listed(self, counter: int, runs: list[str]) -> None:
        """What the list says, once it has caught up."""
        query = f"WorkflowId = 'counter-{counter}'"
        for _ in range(100):
            found = await insist(partial(self.temporal.list_workflows, query))
            if len(found) >= len(runs) and all(run.status is not WorkflowStatus.RUNNING for run in found):
                break
            await self.sim.sleep("10m")
        else:
            text = f"counter {counter}: {len(found)} runs are listed of {len(runs)}, or one as open"
            self.promises.keep(LISTED, False, text, kind=Kind.LIVENESS)
        ends = {run.run_id: run.status for run in found}
        expected = dict.fromkeys(runs[:-1], WorkflowStatus.CONTINUED_AS_NEW)
        expected[runs[-1]] = WorkflowStatus.COMPLETED
        self.promises.keep(LISTED, ends == expected, f"counter {counter}: {ends} are listed, not {expected}")


async def workload(sim: Simulation, *, make_sender: Callable[[], Sender] = Sender) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    marathon = Marathon(sim, Promises(sim, COUNTED, CHAIN, LISTED), make_sender())
    sim.run(marathon.worker)
    await side_by_side(*map(marathon.run, range(COUNTERS)))


SCENARIO = Scenario(
    name="continue_as_new_marathon",
    workload=workload,
    summary="counters that continue as new while numbers come in",
    faults=(
        FaultPlan.crashes(10_000)
        | FaultPlan.network(20_000)
        | FaultPlan.alarms(20_000)
        | FaultPlan.storage(20_000)
        | FaultPlan.zombies(5_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
