"""Scenarios for the tests of the checkers.

The engine's representative applications, and a few whose client does not wait, so that what a bug leaves
behind is found by the checkers and not by the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from temporal_do.runtime import RetryPolicy, Worker, WorkflowContext
from temporal_do.runtime.archiving import ArchivePolicy
from temporal_do.runtime.durations import DAY
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.scenario import Scenario
from tests.engine.representatives import NAMESPACE, QUEUE, REPRESENTATIVES, App, Base


def signalled() -> App:
    """A signal to a workflow that nobody waits for."""
    base = Base()

    @base.temporal.workflow("signalled")
    async def workflow(ctx: WorkflowContext) -> Any:
        return [await ctx.wait_for_signal("n"), await ctx.wait_for_signal("n")]

    async def client(simulation: Simulation) -> None:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("1h")
        await handle.signal("n", 1)

    return base.app([workflow], client)


def left_alone() -> App:
    """A parent that ends while its children and an activity go on."""
    base = Base()

    @base.temporal.workflow("patient")
    async def patient(ctx: WorkflowContext) -> None:
        await ctx.wait_for_signal("never")

    @base.temporal.workflow("hasty")
    async def hasty(ctx: WorkflowContext) -> str:
        for policy in ("terminate", "request_cancel", "abandon"):
            await ctx.start_child(patient, workflow_id=policy, parent_close_policy=policy)
        task = asyncio.ensure_future(ctx.activity("async", base.asynchronous, start_to_close_timeout="60d"))
        await ctx.sleep("moment", "1m")
        return "done" if not task.done() else "?"

    async def client(simulation: Simulation) -> None:
        assert await base.run(hasty) == "done"

    return base.app([patient, hasty], client)


def hands_on() -> App:
    """A run that continues with three signals that it has not looked at."""
    base = Base()

    @base.temporal.workflow("hands-on")
    async def workflow(ctx: WorkflowContext, is_last: bool) -> Any:
        if is_last:
            return [await ctx.wait_for_signal("n", timeout="1h") for _ in range(3)]
        await ctx.wait_for_signal("go")
        ctx.continue_as_new(True)

    async def client(simulation: Simulation) -> None:
        handle = await base.temporal.start_workflow(
            workflow, workflow_id="main", task_queue=QUEUE, args=[False]
        )
        for n in range(3):
            await handle.signal("n", n)
        await handle.signal("go")
        await simulation.sleep("1d")

    return base.app([workflow], client)


def hurried() -> App:
    """A run that ends while a timer of it goes on; its retention ends as well."""
    base = Base()

    @base.temporal.workflow("hurried")
    async def workflow(ctx: WorkflowContext) -> str:
        task = asyncio.ensure_future(ctx.sleep("later", "90d"))
        await ctx.sleep("moment", "1m")
        return "?" if task.done() else "done"

    async def client(simulation: Simulation) -> None:
        assert await base.run(workflow) == "done"
        await simulation.sleep("10d")

    return base.app([workflow], client)


def stopping() -> App:
    """An activity that is asked to stop, by a run that then waits for something else."""
    base = Base()

    @base.temporal.workflow("stopping")
    async def workflow(ctx: WorkflowContext) -> None:
        task = asyncio.ensure_future(
            ctx.activity(
                "async",
                base.asynchronous,
                start_to_close_timeout="60d",
                cancellation_type="wait_cancellation_completed",
            )
        )
        await ctx.sleep("moment", "1m")
        task.cancel()
        await ctx.wait_for_signal("never")

    async def client(simulation: Simulation) -> None:
        await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("1h")

    return base.app([workflow], client)


def overlapping(overlap: str) -> Callable[[], App]:
    """A schedule whose runs take longer than its interval."""

    def make() -> App:
        base = Base()

        @base.temporal.workflow("slow")
        async def slow(ctx: WorkflowContext) -> None:
            await ctx.sleep("work", "100m")

        async def client(simulation: Simulation) -> None:
            await base.temporal.schedule_workflow(
                slow, schedule_id="every", interval="1h", task_queue=QUEUE, overlap=overlap
            )
            await simulation.sleep("10h")

        return base.app([slow], client)

    return make


def saga(order: int = -1, times: int = 1) -> Callable[[], App]:
    """What was done is taken back so many times: in reverse order with -1, in the same order with 1."""

    def make() -> App:
        base = Base()
        names = ("book", "charge", "ship")

        def step(name: str) -> Any:
            async def act() -> str:
                return name

            return base.temporal.activity(name=name)(act)

        acts = {name: step(name) for each in names for name in (each, f"undo_{each}")}

        @base.temporal.workflow("saga")
        async def workflow(ctx: WorkflowContext) -> str:
            for name in names:
                await ctx.activity(name, acts[name], retry=RetryPolicy())
            for name in names[::order] * times:
                await ctx.activity(f"undo {name}", acts[f"undo_{name}"], retry=RetryPolicy())
            return "undone"

        async def client(simulation: Simulation) -> None:
            assert await base.run(workflow) == "undone"

        app = base.app([workflow], client)
        app.worker = Worker(
            namespace=NAMESPACE, task_queue=QUEUE, workflows=[workflow], activities=list(acts.values())
        )
        return app

    return make


def archived() -> App:
    """Runs whose histories go to the object store and stay for a month."""
    base = Base()
    base.temporal.archive_policy = ArchivePolicy(retention_ns=30 * DAY, stored=True)

    @base.temporal.workflow("brief")
    async def brief(ctx: WorkflowContext, runs: int) -> None:
        await ctx.sleep("a moment", "1m")
        if runs > 1:
            await ctx.continue_as_new(runs - 1)

    async def client(simulation: Simulation) -> None:
        await base.run(brief, 3)
        await simulation.sleep("1h")

    return base.app([brief], client)


def forgetful() -> App:
    """A workflow whose code depends on how often it was run: its author's bug, not the engine's."""
    base = Base()
    runs = [0]

    @base.temporal.workflow("forgetful")
    async def workflow(ctx: WorkflowContext) -> None:
        runs[0] += 1
        await ctx.sleep("pause", runs[0])

    async def client(simulation: Simulation) -> None:
        await base.run(workflow)

    return base.app([workflow], client)


POLICIES = ("skip", "buffer_one", "buffer_all", "allow_all", "cancel_other", "terminate_other")
APPLICATIONS: dict[str, Callable[[], App]] = {
    **REPRESENTATIVES,
    "archived": archived,
    "hands_on": hands_on,
    "hurried": hurried,
    "signalled": signalled,
    "stopping": stopping,
    "left_alone": left_alone,
    "saga": saga(),
    "saga_in_order": saga(1),
    "saga_twice": saga(times=2),
    "forgetful": forgetful,
    **{f"overlapping_{policy}": overlapping(policy) for policy in POLICIES},
}
CORRECT = tuple(name for name in APPLICATIONS if name not in ("saga_in_order", "saga_twice", "forgetful"))
"""Those in which nothing is wrong."""


def scenario(name: str, faults: FaultPlan | None = None, **options: Any) -> Scenario:
    """The application called ``name`` as a scenario; ``options`` are the simulation's."""

    async def workload(simulation: Simulation) -> None:
        app = APPLICATIONS[name]()
        simulation.run(app.worker)
        await app.client(simulation)

    return Scenario(name=name, workload=workload, faults=faults or FaultPlan(), options=options)
