"""A run closes while a query of it is out, or waits for a workflow task: whoever asked hears of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
import pytest

from temporal_do.runtime.durations import MILLISECOND
from temporal_do.runtime.errors import QueryFailedError
from temporal_do.runtime.messages.workflow import QueryReply, QueryWorkflow
from temporal_do.runtime.workflow.executor import InlineExecutor
from temporal_do.sim import FaultPlan, Simulation

from .laws import check_history, check_nothing_is_stuck, histories_of
from .representatives import QUEUE, Base

MAIN = "WorkflowDO/crash/main"
SEEDS = 24
ANSWERED, CLOSED = "answered", "the workflow closed"


@attrs.frozen
class Race:
    """What came of one seed. ``overlaps``: the run closed after a query came and before it was answered."""

    outcomes: tuple[str, ...]
    overlaps: bool


def _race(end: str, seed: int, *, held_up: bool = False, **options: Any) -> Race:
    """Ask three times around the moment at which the run is ended in the way ``end``.

    The executor takes 2 ms to answer a query.
    """
    base = Base()

    @base.temporal.workflow("asked")
    async def asked(ctx: Any, last: bool) -> str:
        ctx.set_query_handler("name", lambda: ctx.info.workflow_id)

        async def slow() -> None:
            await asyncio.sleep(5)

        if held_up:
            await ctx.activity("slow", slow)
        else:
            await ctx.wait_for_signal("end")
        if end == "continue" and not last:
            ctx.continue_as_new(True)
        return "over"

    app = base.app([asked], lambda simulation: base.run(asked, False))

    async def scenario() -> tuple[str, ...]:
        simulation.run(app.worker)
        handle = await base.temporal.start_workflow(
            asked, workflow_id="main", task_queue=QUEUE, args=[False], request_id="once"
        )
        if not held_up:
            assert await handle.query("name") == "main"  # its code has begun
        first = base.temporal.get_handle("main", run_id=handle.first_execution_run_id)

        async def ask(pause_ms: int) -> str:
            await simulation.sleep(pause_ms / 1000)
            try:
                assert await first.query("name") == "main"
            except QueryFailedError as error:
                return CLOSED if CLOSED in str(error) else str(error)
            return ANSWERED

        async def finish() -> None:
            await simulation.sleep(0.001)
            if end == "terminate":
                await handle.terminate("enough")
            elif not held_up:
                await handle.signal("end", request_id="end")

        *found, _ = await asyncio.gather(ask(0), ask(1), ask(1), finish())
        if end == "continue" and not held_up:
            await handle.signal("end", request_id="end of the last")
        await simulation.sleep("1h")
        return tuple(found)

    real = InlineExecutor.execute

    async def execute(self: InlineExecutor, key: str, task: Any) -> Any:
        if not task.started_event_id:
            await simulation.platform.delay(2 * MILLISECOND)
        return await real(self, key, task)

    with Simulation(seed, **options) as simulation, pytest.MonkeyPatch.context() as patch:
        patch.setattr(InlineExecutor, "execute", execute)
        outcomes = simulation.execute(scenario())
        for history in histories_of(simulation):
            check_history(history)
        check_nothing_is_stuck(simulation)
        return Race(outcomes=outcomes, overlaps=_overlaps(simulation))


def _overlaps(simulation: Simulation) -> bool:
    out: set[int] = set()
    for step in simulation.trace.tuples():
        if step[0] == "deliver" and isinstance(step[5], QueryWorkflow):
            out.add(step[4])
        elif step[0] == "reply" and isinstance(step[5], QueryReply):
            out.discard(step[4])
        elif step[0] == "commit" and step[2] == MAIN and out:
            if any(table == "run" and row is not None and row.close_ns for table, _, row in step[5]):
                return True
    return False


@pytest.mark.parametrize("profile", ["local", "prod"])
@pytest.mark.parametrize("end", ["terminate", "complete", "continue"])
def test_a_run_that_closes_while_a_query_is_out_leaves_nobody_waiting(end: str, profile: str) -> None:
    races = [_race(end, seed, profile=profile) for seed in range(SEEDS)]
    outcomes = Counter(outcome for race in races for outcome in race.outcomes)
    assert set(outcomes) <= {ANSWERED, CLOSED} and outcomes[ANSWERED] > SEEDS
    assert any(race.overlaps for race in races), "no seed came to the moment that this is about"


@pytest.mark.parametrize("end", ["terminate", "complete", "continue"])
def test_a_query_that_waits_for_a_workflow_task_hears_when_the_run_closes_over_it(end: str) -> None:
    races = [_race(end, seed, held_up=True) for seed in range(6)]
    assert {outcome for race in races for outcome in race.outcomes} <= {ANSWERED, CLOSED}
    assert all(race.overlaps for race in races)


def test_so_it_is_when_calls_are_slow_and_objects_die() -> None:
    faults = FaultPlan.network(60_000) | FaultPlan.crashes(40_000)
    for seed in range(SEEDS):
        race = _race("terminate", seed, profile="prod", faults=faults)
        assert set(race.outcomes) <= {ANSWERED, CLOSED}
