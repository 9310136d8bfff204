"""An approval and its deadline, at the same moment.

Workload: eight requests that wait half an hour for a vote. Three voters a request aim at the last seconds
before and the first seconds after the deadline. The first vote approves the request, no vote in time denies
it; the desk grants or denies it, once per idempotency key. Later votes are noted, until nobody has voted for
ten minutes.

Faults: objects die at every point of a turn, the network loses, delays and doubles, alarms are late, commits
slow. An acknowledged vote may be known to the workflow long after the voter knows it, and the deadline may
pass unnoticed.

Promises: a request is granted or denied, once, and as the result says; a vote that was acknowledged before
the deadline counts; nobody is denied before the deadline; each acknowledged vote is in the history once, each
voter's votes in order; the votes that came before the end are in the result, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runtime import Temporal, Worker, WorkflowClosedError, WorkflowContext, WorkflowNotFoundError
from ..runtime.durations import DAY
from ..runtime.history import EventType
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, Attempts, Promises, choose, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..runtime.history import History
    from ..sim.simulation import Simulation

REQUESTS = 8
VOTERS = 3
DEADLINE = timedelta(minutes=30)
SPREAD_SECONDS = 4

ONE_WAY = "a request is granted or denied, once"
AS_SAID = "the desk did what the result says"
IN_TIME = "a vote that is acknowledged in time counts"
NOT_EARLY = "nobody is denied before the deadline"
NOTED_ONCE = "each acknowledged vote is noted once, each voter's in order"
COMPLETE = "the result has the votes that came before the end"

SOMETIMES = (
    "a request is approved",
    "a request is denied",
    "a vote comes after the decision",
    "a vote comes after the end",
    "a vote that was sent in time comes too late",
)


class Desk:
    """Grants and denies, once per idempotency key."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.decided: dict[str, tuple[int, str]] = {}
        """Idempotency key -> request, decision."""
        self.deadlines: dict[int, datetime] = {}
        """Request -> when it may be denied at the earliest."""

    def decide(self, key: str, number: int, decision: str) -> None:
        """Stamp the request."""
        earlier = self.stamped(number)
        if key not in self.decided and earlier:
            self.promises.broken(ONE_WAY, f"request {number} was {earlier} and then {decision}")
        if decision == "denied" and self.promises.sim.now() < self.deadlines[number]:
            self.promises.broken(NOT_EARLY, f"request {number} was denied before {self.deadlines[number]}")
        self.decided[key] = (number, decision)

    def stamped(self, number: int) -> str:
        """What the request was stamped with, or ""."""
        return next((decision for known, decision in self.decided.values() if known == number), "")


class Office:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, desk: Desk) -> None:
        self.sim = sim
        self.desk = desk
        self.promises = desk.promises
        self.acknowledged: dict[int, list[str]] = {number: [] for number in range(1, REQUESTS + 1)}
        self.in_time: dict[int, str] = {}
        """Request -> a vote that was acknowledged while the deadline cannot have passed."""
        self.sent_in_time: set[int] = set()
        self.temporal = temporal = Temporal(namespace="approval-race", task_queue="office")

        @temporal.activity
        async def decide(number: int, decision: str) -> None:
            desk.decide(desk.attempts.begin().idempotency_key, number, decision)

        @temporal.workflow("approval")
        async def approval(ctx: WorkflowContext, number: int) -> dict[str, Any]:
            vote = await ctx.wait_for_signal("vote", timeout=DEADLINE)
            decision = "denied" if vote is None else "granted"
            await ctx.activity("stamp", decide, number, decision, start_to_close_timeout="5m")
            votes = [] if vote is None else [vote]
            while (vote := await ctx.wait_for_signal("vote", timeout="10m")) is not None:
                votes.append(vote)
            return {"decision": decision, "votes": votes}

        self.workflow = approval
        self.worker = Worker(
            namespace="approval-race", task_queue="office", workflows=[approval], activities=[decide]
        )

    async def request(self, number: int) -> None:
        """Hand in a request and let them vote on it."""
        # The deadline counts from some moment since now: what is acknowledged before this one is in time.
        deadline = self.desk.deadlines[number] = self.sim.now() + DEADLINE
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"request-{number}",
                args=[number],
                request_id=f"request-{number}",
            )
        )
        votes = (self.vote(number, voter, deadline) for voter in range(VOTERS))
        result, *_ = await side_by_side(insist(handle.result), *votes)
        decision = result["decision"]
        sometimes(self.sim, SOMETIMES[0 if decision == "granted" else 1])
        keep = self.promises.keep
        stamped = self.desk.stamped(number)
        keep(AS_SAID, stamped == decision, f"request {number}: {decision}, and the desk has {stamped!r}")
        if decision == "denied":
            early = self.in_time.get(number)
            keep(IN_TIME, not early, f"request {number} was denied after vote {early}")
            sometimes(self.sim, SOMETIMES[4], number in self.sent_in_time)
        self.check_history(number, result["votes"], await insist(handle.fetch_history))

    def check_history(self, number: int, votes: list[str], history: History) -> None:
        """Compare what the voters, the history and the result know."""
        keep = self.promises.keep
        noted: list[str] = []
        in_result: list[str] = []
        for event in history.events:
            if event.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED:
                noted.append(self.temporal.converter.from_payload(event.attributes.input[0]))
            elif event.event_type == EventType.TIMER_FIRED:
                in_result = list(noted)  # the last one ends the wait for more
        acknowledged = self.acknowledged[number]
        for voter in range(VOTERS):
            name = f"{number}.{voter}."
            known = [vote for vote in noted if vote.startswith(name)]
            heard = [vote for vote in acknowledged if vote.startswith(name)]
            # One that was refused as too late may not be there; nothing else may be missing or come twice.
            keep(NOTED_ONCE, known == heard, f"voter {name} was told {heard}; the history has {known}")
        keep(COMPLETE, votes == in_result, f"request {number}: the result has {votes}, not {in_result}")
        sometimes(self.sim, SOMETIMES[2], len(votes) > 1)

    async def vote(self, number: int, voter: int, deadline: datetime) -> None:
        """Vote twice, close to the deadline; some voters of some requests come a minute late."""
        sim = self.sim
        handle = self.temporal.get_handle(f"request-{number}")
        seconds = choose(sim, "when", 2 * SPREAD_SECONDS) - SPREAD_SECONDS
        if number % 4 == 0:
            seconds += 60 + 900 * (voter == 2)
        await sim.run_until(deadline + timedelta(seconds=seconds))
        for count in range(2):
            name = f"{number}.{voter}.{count}"
            if sim.now() < deadline:
                self.sent_in_time.add(number)
            try:
                await insist(partial(handle.signal, "vote", name, request_id=name))
            except (WorkflowClosedError, WorkflowNotFoundError):
                sometimes(sim, SOMETIMES[3])
                return
            self.acknowledged[number].append(name)
            if sim.now() < deadline:
                self.in_time.setdefault(number, name)
            await sim.sleep(f"{1 + choose(sim, 'again', 4)}s")


async def workload(sim: Simulation, *, make_desk: Callable[[Promises], Desk] = Desk) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, ONE_WAY, AS_SAID, IN_TIME, NOT_EARLY, NOTED_ONCE, COMPLETE, Attempts.PROMISE)
    office = Office(sim, make_desk(promises))
    sim.run(office.worker)
    await side_by_side(*(office.request(number) for number in range(1, REQUESTS + 1)))


SCENARIO = Scenario(
    name="approval_race",
    workload=workload,
    summary="votes and a deadline at the same moment",
    faults=(
        FaultPlan.crashes(20_000)
        | FaultPlan.network(40_000, latency="10s")
        | FaultPlan.alarms(50_000, lateness="20s")
        | FaultPlan.storage(20_000)
        | FaultPlan.zombies(10_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
