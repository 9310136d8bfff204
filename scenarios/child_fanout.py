"""A parent, its many children, and what becomes of them when it goes first.

Workload: eight parents. Each runs five leaves side by side and adds up what they return (one leaf fails and
counts 0), starts one branch under each parent close policy, and then completes, fails, is cancelled or is
terminated, two parents each. A branch works for six hours, then leaves a mark; one that is cancelled undoes
what it had begun.

Faults: objects die at every point of a turn, workers die, the network and the queue lose, delay and double,
alarms are late, commits slow, superseded incarnations go on for a while.

Promises: each leaf counts once; a parent ends as it was told to; a branch whose parent went first ends as its
policy says: terminated, cancelled and undone once, or left alone and finished once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    RetryPolicy,
    Temporal,
    TerminatedError,
    Worker,
    WorkflowContext,
    WorkflowFailureError,
)
from ..runtime.durations import DAY
from ..runtime.history import EventType
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, ROUGH, Attempts, Promises, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

PARENTS = 8
LEAVES = 5
POLICIES = ("terminate", "request_cancel", "abandon")
ENDS = ("completed", "failed", "cancelled", "terminated")
# Policy -> how the branch ends, and what it leaves in the garden.
FATES = {
    "terminate": ("terminated", []),
    "request_cancel": ("cancelled", ["undone"]),
    "abandon": ("completed", ["finished"]),
}

COUNTED = "each leaf counts once"
PARENT = "a parent ends as it was told to"
BRANCH = "a branch ends as its parent's close policy says"
GARDEN = "a branch is undone or finished once, or leaves nothing"

SOMETIMES = (
    *(f"a parent is {end}" for end in ENDS),
    "a mark is made again and dropped",
    "a child outlives its parent by hours",
)


class Garden:
    """Where the branches leave marks, once per idempotency key."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.marks: dict[str, tuple[str, str]] = {}
        """Idempotency key -> branch, mark."""

    def mark(self, key: str, branch: str, mark: str) -> None:
        """Leave a mark."""
        sometimes(self.promises.sim, SOMETIMES[4], key in self.marks)
        self.marks[key] = (branch, mark)

    def of(self, branch: str) -> list[str]:
        """The marks of a branch."""
        return [mark for known, mark in self.marks.values() if known == branch]


class Family:
    """The workflows of one run, and its clients."""

    def __init__(self, sim: Simulation, garden: Garden) -> None:
        self.sim = sim
        self.garden = garden
        self.promises = garden.promises
        self.temporal = temporal = Temporal(namespace="child-fanout", task_queue="family")
        policy = RetryPolicy(initial_interval="3s", maximum_interval="5m")

        @temporal.activity
        async def mark(branch: str, what: str) -> None:
            garden.mark(garden.attempts.begin().idempotency_key, branch, what)

        @temporal.workflow("leaf")
        async def leaf(ctx: WorkflowContext, number: int) -> int:
            await ctx.sleep("grow", f"{number}m")
            if number == LEAVES:
                raise ApplicationError("it withered", type="Withered")
            return int(10**number)

        @temporal.workflow("branch")
        async def branch(ctx: WorkflowContext, name: str) -> str:
            try:
                await ctx.sleep("work", "6h")
            except asyncio.CancelledError:
                await ctx.activity("undo", mark, name, "undone", retry=policy)
                raise
            await ctx.activity("finish", mark, name, "finished", retry=policy)
            return "finished"

        @temporal.workflow("parent")
        async def parent(ctx: WorkflowContext, number: int, end: str) -> int:
            async def count(leaf_number: int) -> int:
                try:
                    child = f"leaf-{number}-{leaf_number}"
                    return int(await ctx.execute_child(leaf, leaf_number, workflow_id=child))
                except ChildWorkflowError:
                    return 0

            for close_policy in POLICIES:
                name = f"{close_policy}-{number}"
                await ctx.start_child(branch, name, workflow_id=name, parent_close_policy=close_policy)
            total = sum(await asyncio.gather(*map(count, range(1, LEAVES + 1))))
            if end == "failed":
                raise ApplicationError(f"{total}", type="Told")
            if end != "completed":
                await ctx.sleep("wait to be stopped", "365d")
            return total

        self.parent = parent
        self.worker = Worker(
            namespace="child-fanout",
            task_queue="family",
            workflows=[parent, branch, leaf],
            activities=[mark],
        )

    async def run(self, number: int) -> None:
        """One parent, to the end of its last child."""
        end = ENDS[number % len(ENDS)]
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.parent,
                workflow_id=f"parent-{number}",
                args=[number, end],
                request_id=f"parent-{number}",
            )
        )
        if end in ("cancelled", "terminated"):
            await self.sim.sleep("1h")
            await self.all_started(number)
            await insist(partial(handle.cancel if end == "cancelled" else handle.terminate, "told to"))
        how, value = await self.end_of(f"parent-{number}")
        self.promises.keep(PARENT, how == end, f"parent {number} is {how}, not {end}")
        if end in ("completed", "failed"):
            expected = sum(10**leaf for leaf in range(1, LEAVES))
            self.promises.keep(COUNTED, str(value) == str(expected), f"parent {number} counted {value}")
        sometimes(self.sim, f"a parent is {end}")
        closed = self.sim.now()
        for close_policy in POLICIES:
            await self.branch(f"{close_policy}-{number}", *FATES[close_policy])
        sometimes(self.sim, SOMETIMES[5], (self.sim.now() - closed).total_seconds() > 3 * 3600)

    async def all_started(self, number: int) -> None:
        """Wait until every branch of the parent is there: before that, there is nothing to be closed."""
        while True:
            handle = self.temporal.get_handle(f"parent-{number}")
            history = await insist(handle.fetch_history)
            kinds = Counter(event.event_type for event in history.events)
            if kinds[EventType.CHILD_WORKFLOW_EXECUTION_STARTED] >= len(POLICIES):
                return
            await self.sim.sleep("10m")

    async def branch(self, name: str, fate: str, marks: list[str]) -> None:
        """How a branch ends, after its parent."""
        how, _ = await self.end_of(name)
        self.promises.keep(BRANCH, how == fate, f"{name} is {how}, not {fate}")
        found = self.garden.of(name)
        self.promises.keep(GARDEN, found == marks, f"{name} left {found}, not {marks}")

    async def end_of(self, workflow_id: str) -> tuple[str, object]:
        """How a workflow ended, and with what."""
        try:
            return "completed", await insist(self.temporal.get_handle(workflow_id).result)
        except WorkflowFailureError as error:
            cause = error.cause
            if isinstance(cause, CancelledError):
                return "cancelled", None
            if isinstance(cause, TerminatedError):
                return "terminated", None
            return "failed", getattr(cause, "message", str(cause))


async def workload(sim: Simulation, *, make_garden: Callable[[Promises], Garden] = Garden) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, COUNTED, PARENT, BRANCH, GARDEN, Attempts.PROMISE)
    family = Family(sim, make_garden(promises))
    sim.run(family.worker)
    await side_by_side(*(family.run(number) for number in range(1, PARENTS + 1)))


SCENARIO = Scenario(
    name="child_fanout",
    workload=workload,
    summary="many children, and parents that go first",
    faults=ROUGH,
    heal_after_ns=DAY,
    options=PROD,
)
