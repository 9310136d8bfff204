"""A worker process that is killed is dead: nothing it had started goes on, and nothing leaks into it."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta
from typing import Any

from temporal_do.runtime import Temporal, Worker, WorkflowContext, activity
from temporal_do.runtime.activity import current_attempt
from temporal_do.sim import FaultPlan, Simulation

MARK: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="")


def test_the_lease_of_a_killed_worker_is_not_renewed_by_what_it_left_behind() -> None:
    temporal = Temporal(namespace="dead")
    starts: list[Any] = []
    ticks: list[int] = []

    async def tick(attempt: int) -> None:
        while True:
            ticks.append(attempt)
            await asyncio.sleep(10)

    @temporal.activity
    async def slow() -> int:
        info = activity.info()
        starts.append(info.started_time)
        ticking = asyncio.create_task(tick(info.attempt))
        activity.heartbeat()
        await asyncio.sleep(1000)
        ticking.cancel()
        return info.attempt

    @temporal.workflow("waits")
    async def waits(ctx: WorkflowContext) -> int:
        result: int = await ctx.activity("slow", slow, start_to_close_timeout="1h")
        return result

    async def scenario() -> int:
        handle = await temporal.start_workflow(waits, workflow_id="w", task_queue="main")
        result: int = await handle.result()
        await simulation.sleep("1h")
        return result

    with Simulation(1, faults=FaultPlan.at("worker_crash_after_call", "worker*", 2)) as simulation:
        simulation.run(Worker(namespace="dead", task_queue="main", workflows=[waits], activities=[slow]))
        assert simulation.execute(scenario()) == 2
    assert len(starts) == 2
    # The lease ran out, not the hour of the attempt.
    assert starts[1] - starts[0] < timedelta(minutes=2)
    assert ticks.count(1) < 10


def test_a_workflow_started_by_an_activity_sees_nothing_of_the_activitys_context() -> None:
    temporal = Temporal(namespace="leak")
    seen: list[Any] = []

    @temporal.activity
    async def look() -> str:
        seen.append(("activity", MARK.get(), activity.info().activity_type))
        return "looked"

    @temporal.workflow("inner")
    async def inner(ctx: WorkflowContext) -> str:
        seen.append(("workflow", MARK.get(), current_attempt.get(None)))
        local: str = await ctx.activity("local", lambda: f"{MARK.get()}{current_attempt.get(None)}")
        await ctx.activity("look", look)
        return local

    @temporal.activity
    async def start() -> str:
        MARK.set("leaked")
        handle = await temporal.start_workflow(inner, workflow_id="inner", task_queue="main")
        result: str = await handle.result()
        return result

    @temporal.workflow("outer")
    async def outer(ctx: WorkflowContext) -> str:
        result: str = await ctx.activity("start", start)
        return result

    async def scenario() -> Any:
        MARK.set("client")
        return await temporal.execute_workflow(outer, workflow_id="outer", task_queue="main")

    worker = Worker(namespace="leak", task_queue="main", workflows=[inner, outer], activities=[look, start])
    with Simulation(1) as simulation:
        simulation.run(worker)
        assert simulation.execute(scenario()) == "None"
    assert seen == [("workflow", "", None), ("activity", "", "look")]
