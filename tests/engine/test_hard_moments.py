"""Hard moments: replaced starts that crash, retention and late messages, terminated families, retries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime import ApplicationError, RetryPolicy
from temporal_do.runtime.errors import TemporalError, WorkflowFailureError
from temporal_do.runtime.history import EventType
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.fault_table import POINTS

from .laws import check_history, check_nothing_is_kept, check_nothing_is_stuck, histories_of, of_type
from .representatives import QUEUE, Base

MAIN = "WorkflowDO/crash/main"
STRUCK = [*POINTS["deliver"], *POINTS["commit"], *POINTS["reply"], "lost_request"]


@pytest.mark.parametrize("fault", STRUCK)
@pytest.mark.parametrize("occurrence", [1, 2, 3])
def test_a_start_that_replaces_a_run_happens_once(fault: str, occurrence: int) -> None:
    base = Base()

    @base.temporal.workflow("waits")
    async def workflow(ctx: Any, name: str) -> Any:
        return [name, await ctx.wait_for_signal("n")]

    app = base.app([workflow], lambda simulation: base.run(workflow, ""))

    async def scenario() -> Any:
        simulation.run(app.worker)
        first = await base.temporal.start_workflow(
            workflow, workflow_id="main", task_queue=QUEUE, args=["first"]
        )
        simulation.place(fault, "client" if fault == "lost_request" else MAIN, occurrence)
        second = await base.temporal.start_workflow(
            workflow,
            workflow_id="main",
            task_queue=QUEUE,
            args=["second"],
            id_conflict_policy="terminate_existing",
        )
        await second.signal("n", 1)
        with pytest.raises(WorkflowFailureError):
            await first.result()
        result = await second.result()
        await simulation.sleep("1h")
        return result

    with Simulation(0) as simulation:
        assert simulation.execute(scenario()) == ["second", 1]
        histories = histories_of(simulation)
        assert len(histories) == 2
        for history in histories:
            check_history(history)
        check_nothing_is_stuck(simulation)


def test_what_comes_after_the_end_of_retention_finds_nothing_and_leaves_nothing() -> None:
    base = Base()

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("echo", base.echo, 1)

    app = base.app([workflow], lambda simulation: base.run(workflow))

    async def scenario() -> None:
        simulation.run(app.worker)
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        assert await handle.result() == 1
        run_id = handle.first_execution_run_id
        await simulation.sleep("30d")
        check_nothing_is_kept(simulation)
        for late in (handle.signal("n"), handle.cancel(), handle.terminate(), handle.describe()):
            with pytest.raises(TemporalError):
                await late
        check_nothing_is_kept(simulation)
        # The archive outlives it, and the id is free.
        archived = await base.temporal.get_handle("main", run_id).fetch_history()
        assert archived.events[-1].event_type == EventType.WORKFLOW_EXECUTION_COMPLETED
        again = await base.temporal.start_workflow(
            workflow, workflow_id="main", task_queue=QUEUE, id_reuse_policy="reject_duplicate"
        )
        assert await again.result() == 1

    with Simulation(0) as simulation:
        simulation.execute(scenario())


@pytest.mark.parametrize("seed", range(6))
def test_a_terminated_family_ends_whatever_crashes(seed: int) -> None:
    base = Base()

    @base.temporal.workflow("family")
    async def family(ctx: Any, generations: int) -> None:
        if generations:
            for _ in range(2):
                await ctx.start_child(family, generations - 1)
        await ctx.sleep("for ever", "1000d")

    app = base.app([family], lambda simulation: base.run(family, 2))

    async def scenario() -> Any:
        simulation.run(app.worker)
        handle = await base.temporal.start_workflow(family, workflow_id="main", task_queue=QUEUE, args=[2])
        await simulation.sleep("10m")
        await handle.terminate("enough")
        await simulation.sleep("1h")
        simulation.heal()
        await simulation.sleep("1h")
        return [run.status.name for run in await base.temporal.list_workflows()]

    with Simulation(seed, faults=FaultPlan.crashes(50_000) | FaultPlan.network(50_000)) as simulation:
        assert simulation.execute(scenario()) == ["TERMINATED"] * 7
        check_nothing_is_stuck(simulation)


@pytest.mark.parametrize("seed", range(4))
def test_a_child_that_continued_as_new_hears_its_parents_cancellation(seed: int) -> None:
    base = Base()

    @base.temporal.workflow("child")
    async def child(ctx: Any, runs: int) -> Any:
        await ctx.sleep("pause", "1h")
        if runs:
            ctx.continue_as_new(runs - 1)
        try:
            await ctx.sleep("long", "100d")
        except asyncio.CancelledError:
            return "stopped"

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        running = await ctx.start_child(child, 2)
        await ctx.sleep("while", "10h")
        running.cancel()
        return await running.result()

    app = base.app([workflow, child], lambda simulation: base.run(workflow))

    async def scenario() -> Any:
        simulation.run(app.worker)
        return await base.run(workflow)

    with Simulation(seed, faults=FaultPlan.crashes(30_000)) as simulation:
        assert simulation.execute(scenario()) == "stopped"


@pytest.mark.parametrize("seed", range(4))
def test_a_retried_workflow_has_one_end_for_its_parent(seed: int) -> None:
    base = Base()

    @base.temporal.workflow("child")
    async def child(ctx: Any) -> int:
        await ctx.activity("echo", base.echo, ctx.info.attempt)
        raise ApplicationError(f"attempt {ctx.info.attempt}")

    @base.temporal.workflow("main")
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.execute_child(
                child, workflow_id="child", retry=RetryPolicy(initial_interval="1s", maximum_attempts=3)
            )
        except TemporalError as error:
            return str(error.__cause__)

    app = base.app([workflow, child], lambda simulation: base.run(workflow))

    async def scenario() -> Any:
        simulation.run(app.worker)
        result = await base.run(workflow)
        await simulation.sleep("10m")
        return result

    with Simulation(seed, faults=FaultPlan.crashes(50_000) | FaultPlan.network(50_000)) as simulation:
        assert simulation.execute(scenario()) == "attempt 3"
        children = [
            history
            for history in histories_of(simulation)
            if history.events[0].attributes.workflow_id == "child"
        ]
        assert [len(of_type(each, EventType.WORKFLOW_EXECUTION_FAILED)) for each in children] == [1, 1, 1]
