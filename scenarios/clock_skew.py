"""Every machine has its own idea of the time.

Workload: eight watchmen, each a workflow that makes six rounds. Before a round one asks the next, by signal,
for an answer, which takes some of them too long, and waits for it at most five minutes; then he sleeps for a
quarter of an hour and notes when that was. A supper, a child workflow with a deadline, comes in between.

Faults: the machine that an object's new incarnation runs on is off by up to 90 seconds, either way, and
objects move often: they are evicted, reset and crash. Alarms are late, messages are delayed, so that time
seems to stand still, to jump, and to run backwards between objects.

Promises: in one workflow, time never runs backwards; a sleep is never shorter than asked on the workflow's
own clock; a supper that is short enough is eaten, one that is too long is not; who waits for an answer gets
it or times out, and nobody is hours late.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runtime import ApplicationError, ChildWorkflowError, Temporal, Worker, WorkflowContext
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Promises, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

WATCHMEN = 8
ROUNDS = 6
QUARTER = timedelta(minutes=15)
SKEW = "90s"

FORWARD = "in one workflow, time never runs backwards"
NOT_EARLY = "no sleep is shorter than asked"
NOT_LATE = "no watchman is hours late"
SUPPER = "a supper ends or is over in time"

SOMETIMES = (
    "an answer comes in time",
    "an answer does not come in time",
    "a supper takes too long",
    "a watchman's clock is behind the true time",
    "a watchman's clock is ahead of the true time",
)


class Clock:
    """How a watchman reads the time: off the workflow's own clock. A wrong one looks elsewhere."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def read(self, ctx: WorkflowContext) -> float:
        """The time in seconds since the Unix epoch."""
        return ctx.now().timestamp()


class Watch:
    """The workflows of one run, and its clients."""

    def __init__(self, sim: Simulation, promises: Promises, clock: Clock) -> None:
        self.sim = sim
        self.promises = promises
        self.temporal = temporal = Temporal(namespace="clock-skew", task_queue="watch")

        @temporal.workflow("supper")
        async def supper(ctx: WorkflowContext, minutes: int) -> int:
            await ctx.sleep("eat", f"{minutes}m")
            return minutes

        @temporal.workflow("watchman")
        async def watchman(ctx: WorkflowContext, number: int) -> dict[str, Any]:
            answers = 0
            eaten = False
            rounds: list[list[float]] = []

            async def reply(whom: str) -> None:
                await ctx.sleep("think", f"{number}m")
                try:
                    await ctx.signal_workflow(whom, "answer", number)
                except ApplicationError:
                    pass  # whoever asked has gone home

            ctx.on_signal("question", reply)
            for count in range(ROUNDS):
                begun = clock.read(ctx)
                try:
                    other = f"watchman-{(number + 1) % WATCHMEN}"
                    await ctx.signal_workflow(other, "question", f"watchman-{number}")
                    answers += await ctx.wait_for_signal("answer", timeout="5m") is not None
                except ApplicationError:
                    pass  # the other one has gone home
                if count == ROUNDS // 2:
                    try:
                        await ctx.execute_child(supper, 5 + 10 * (number % 3), run_timeout="20m")
                        eaten = True
                    except ChildWorkflowError:
                        pass
                quarter = datetime.fromtimestamp(clock.read(ctx), UTC) + QUARTER
                await ctx.sleep_until("round", quarter)
                rounds.append([begun, quarter.timestamp(), clock.read(ctx)])
            return {"answers": answers, "eaten": eaten, "rounds": rounds}

        self.workflow = watchman
        self.worker = Worker(namespace="clock-skew", task_queue="watch", workflows=[watchman, supper])

    async def run(self, number: int) -> None:
        """One watchman."""
        sim, keep = self.sim, self.promises.keep
        called = sim.now()
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"watchman-{number}",
                args=[number],
                request_id=f"watchman-{number}",
            )
        )
        started = sim.now()
        result = await insist(handle.result)
        lasted = sim.now() - started
        noted = (await insist(handle.fetch_history)).events[0].event_time or 0
        sometimes(sim, SOMETIMES[3], noted < called.timestamp() * 1_000_000_000)
        sometimes(sim, SOMETIMES[4], noted > started.timestamp() * 1_000_000_000)
        last = 0.0
        for begun, quarter, ended in result["rounds"]:
            keep(FORWARD, last <= begun <= ended, f"watchman {number}: {last}, {begun}, {ended}")
            keep(NOT_EARLY, ended >= quarter, f"watchman {number} slept until {ended} and not {quarter}")
            last = ended
        keep(FORWARD, len(result["rounds"]) == ROUNDS, f"watchman {number} made {result['rounds']}")
        sometimes(sim, SOMETIMES[0], result["answers"] > 0)
        sometimes(sim, SOMETIMES[1], result["answers"] < ROUNDS)
        # 5, 15 or 25 minutes in at most 20; clocks are off by less than the rest.
        sometimes(sim, SOMETIMES[2], not result["eaten"])
        if number % 3 != 1:
            text = f"watchman {number}: eaten is {result['eaten']}"
            keep(SUPPER, result["eaten"] == (number % 3 == 0), text)
        keep(NOT_LATE, lasted < timedelta(hours=5), f"watchman {number} took {lasted}", kind=Kind.LIVENESS)


async def workload(sim: Simulation, *, make_clock: Callable[[Simulation], Clock] = Clock) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    watch = Watch(sim, Promises(sim, FORWARD, NOT_EARLY, NOT_LATE, SUPPER), make_clock(sim))
    sim.run(watch.worker)
    await side_by_side(*map(watch.run, range(WATCHMEN)))


SCENARIO = Scenario(
    name="clock_skew",
    workload=workload,
    summary="clocks that differ, stand still and jump",
    faults=(
        FaultPlan.clocks(700_000, skew=SKEW)
        | FaultPlan.evictions(50_000)
        | FaultPlan.crashes(20_000)
        | FaultPlan.network(10_000)
        | FaultPlan.alarms(30_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
