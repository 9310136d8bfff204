"""The workflows that are measured, and the worlds they run in. Where a peer runs the same workflow, its form
of it is in `peer_workflows`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from temporal_do.runtime import History, Temporal, Worker, WorkflowContext
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.actors.workflow import Limits, WorkflowActor
from temporal_do.runtime.keys import WORKFLOW
from temporal_do.sim import Simulation

temporal = Temporal(namespace="benchmarks")


@temporal.activity
async def hello(name: str) -> str:
    """The least an activity can do."""
    return f"hello {name}"


@temporal.workflow("days")
async def days(ctx: WorkflowContext, count: int) -> int:
    """Every day one activity: six to eleven events a day."""
    greeted = 0
    for _ in range(count):
        await ctx.sleep("a day", "1d")
        await ctx.activity("greet", hello, "world")
        greeted += 1
    return greeted


@temporal.workflow("sleeper")
async def sleeper(ctx: WorkflowContext, duration: str) -> None:
    """One timer."""
    await ctx.sleep("long", duration)


@temporal.workflow("activities")
async def activities(ctx: WorkflowContext, count: int) -> None:
    """Activities, one after another."""
    for _ in range(count):
        await ctx.activity("greet", hello, "world")


@temporal.workflow("timers")
async def timers(ctx: WorkflowContext, count: int, spread_seconds: int) -> None:
    """Timers side by side: ``spread_seconds`` 0 lets all fire at one instant, 1 each at its own second."""
    await asyncio.gather(*[ctx.sleep("tick", 60 + number * spread_seconds) for number in range(count)])


worker = Worker(
    namespace="benchmarks",
    task_queue="main",
    workflows=[days, sleeper, activities, timers],
    activities=[hello],
)


def unlimited_actors() -> Mapping[str, Any]:
    """The engine's actors, with no limit on the length of a history."""
    unlimited = WorkflowActor(Limits(refuse_events=10**9, refuse_bytes=10**12))
    return {kind: unlimited if kind == WORKFLOW else ACTORS[kind] for kind in ACTORS}


def days_history(count: int) -> History:
    """The history of ``days`` with 11 events per day and 5 more."""

    async def live() -> History:
        simulation.run(worker)
        handle = await temporal.start_workflow(days, workflow_id="days", args=[count])
        await handle.result()
        return await handle.fetch_history()

    with Simulation(seed=1, actors=unlimited_actors()) as simulation:
        return simulation.execute(live())
