"""Resets in hard moments: during a workflow task, after the end, several times, with children and requests
under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime import ApplicationError, WorkflowHandle
from temporal_do.runtime.errors import TemporalError
from temporal_do.runtime.history import EventType
from temporal_do.sim import FaultPlan, Simulation

from .laws import check_every_history_replays, check_history, check_nothing_is_stuck, histories_of, of_type
from .representatives import QUEUE, App, Base


async def last_task_before(handle: WorkflowHandle[Any], event_type: str, index: int = 0) -> int:
    """The last completed workflow task before an event of a type: by default before the first."""
    history = await handle.fetch_history()
    first = of_type(history, event_type)[index].event_id
    done = of_type(history, EventType.WORKFLOW_TASK_COMPLETED)
    return max(found.event_id for found in done if found.event_id < first)


def execute(app: App, scenario: Any, **options: Any) -> Any:
    """Run it, let it settle, check the laws."""

    async def whole() -> Any:
        simulation.run(app.worker)
        result = await scenario(simulation)
        await simulation.sleep("1h")
        return result

    with Simulation(0, **options) as simulation:
        result = simulation.execute(whole())
        for history in histories_of(simulation):
            check_history(history)
        check_every_history_replays(histories_of(simulation), list(app.worker.workflows.values()))
        check_nothing_is_stuck(simulation)
    return result


def test_a_signal_that_waits_for_a_workflow_task_reaches_the_new_run() -> None:
    base = Base()

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        await ctx.activity("echo", base.echo, 1)
        await ctx.activity("slow", lambda: asyncio.sleep(5))
        return [await ctx.wait_for_signal("n"), await ctx.wait_for_signal("n")]

    async def scenario(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("1s")
        await handle.signal("n", "during the task")
        fresh = await handle.reset(
            await last_task_before(handle, EventType.ACTIVITY_TASK_SCHEDULED), reason="test"
        )
        await fresh.signal("n", "after the reset")
        return await fresh.result()

    app = base.app([workflow], lambda simulation: base.run(workflow))
    assert execute(app, scenario) == ["during the task", "after the reset"]


@pytest.mark.parametrize("closed_first", [False, True])
def test_a_child_that_ended_after_the_prefix_has_ended_for_the_new_run(closed_first: bool) -> None:
    """Also when it ended after the old run had closed."""
    base = Base()

    @base.temporal.workflow("child")
    async def child(ctx: Any) -> str:
        await ctx.sleep("pause", "1h")
        return "grown up"

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        running = await ctx.start_child(child, workflow_id="child", parent_close_policy="abandon")
        await ctx.sleep("short", "1m")
        if await ctx.wait_for_signal("n", timeout="30m" if closed_first else "3h") is None:
            raise ApplicationError("no signal")
        return await running.result()

    async def scenario(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("2h")
        if closed_first:
            with pytest.raises(TemporalError):
                await handle.result()
        handle = base.temporal.get_handle("main")
        fresh = await handle.reset(await last_task_before(handle, EventType.TIMER_STARTED))
        await fresh.signal("n", 1)
        return await fresh.result()

    app = base.app([workflow, child], lambda simulation: base.run(workflow))
    assert execute(app, scenario) == "grown up"


@pytest.mark.parametrize("resets", [1, 2, 3])
def test_a_child_goes_on_obeying_the_run_that_took_it_over(resets: int) -> None:
    base = Base()

    @base.temporal.workflow("child")
    async def child(ctx: Any) -> Any:
        heard = await ctx.wait_for_signal("hello")
        try:
            await ctx.sleep("long", "10d")
        except asyncio.CancelledError:
            return [heard, "stopped"]

    @base.temporal.workflow("sleeper")
    async def sleeper(ctx: Any) -> None:
        await ctx.sleep("long", "10d")

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        await ctx.start_child(sleeper, workflow_id="sleeper")
        running = await ctx.start_child(child, workflow_id="child")
        await ctx.sleep("short", "1m")
        go = await ctx.wait_for_signal("go")
        await running.signal("hello", go)
        running.cancel()
        return await running.result()

    async def scenario(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        for _ in range(resets):
            await simulation.sleep("2m")
            handle = await handle.reset(await last_task_before(handle, EventType.TIMER_STARTED))
        await handle.signal("go", "world")
        result = await handle.result()
        await simulation.sleep("1m")
        return result, (await base.temporal.get_handle("sleeper").describe()).status.name

    app = base.app([workflow, child, sleeper], lambda simulation: base.run(workflow))
    assert execute(app, scenario) == (["world", "stopped"], "TERMINATED")


def test_a_signal_to_another_workflow_that_is_under_way_is_delivered_once_and_heard_of() -> None:
    base = Base()

    @base.temporal.workflow("receiver")
    async def receiver(ctx: Any) -> Any:
        await ctx.sleep("pause", "1h")
        heard = []
        while (value := await ctx.wait_for_signal("hello", timeout=1)) is not None:
            heard.append(value)
        return heard

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        sending = asyncio.create_task(ctx.signal_workflow("receiver", "hello", 1))
        await ctx.sleep("first", 1)
        await ctx.sleep("second", "1m")
        await sending
        return "sent"

    async def scenario(simulation: Simulation) -> Any:
        other = await base.temporal.start_workflow(receiver, workflow_id="receiver", task_queue=QUEUE)
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        # The request of the first run is lost, and made again only after the reset.
        await simulation.sleep("5s")
        handle = await handle.reset(await last_task_before(handle, EventType.TIMER_STARTED, 1))
        return await handle.result(), await other.result()

    app = base.app([workflow, receiver], lambda simulation: base.run(workflow))
    assert execute(app, scenario) == ("sent", [1])
    lost = FaultPlan.at("lost_request", "WorkflowDO/crash/main", 2)
    assert execute(app, scenario, faults=lost) == ("sent", [1])


def test_signals_to_the_runs_that_continued_a_run_reach_what_a_reset_makes_of_it() -> None:
    base = Base()

    @base.temporal.workflow("main")
    async def workflow(ctx: Any, seen: list[int]) -> Any:
        await ctx.sleep("short", "1m")
        seen.append(await ctx.wait_for_signal("n"))
        if len(seen) < 3:
            ctx.continue_as_new(seen)
        return seen

    async def scenario(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE, args=[[]])
        for n in range(2):
            await handle.signal("n", n)
            await simulation.sleep("2m")
        first = base.temporal.get_handle("main", handle.first_execution_run_id)
        fresh = await first.reset(await last_task_before(first, EventType.TIMER_STARTED))
        await simulation.sleep("10m")
        await base.temporal.get_handle("main").signal("n", 2)
        return await fresh.result()

    app = base.app([workflow], lambda simulation: base.run(workflow))
    assert execute(app, scenario) == [0, 1, 2]
