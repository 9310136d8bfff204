"""Workflow code under the determinism guards: refused calls fail the task with the user's line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from temporal_do.runtime.commands import CompleteWorkflow, RecordMarker
from temporal_do.runtime.errors import NonDeterministicCallError
from temporal_do.runtime.guard import Guard, production_guard, strict_guard
from temporal_do.runtime.workflow.replay import replay_history
from temporal_do.runtime.workflow_task import FailWorkflowTask

from .conftest import Start


@pytest.fixture(params=["production", "strict"])
def guard(request: pytest.FixtureRequest) -> Iterator[Guard]:
    made = production_guard() if request.param == "production" else strict_guard()
    yield made
    made.close()


def test_a_clock_reading_fails_the_task_with_its_line(start: Start, guard: Guard) -> None:
    async def workflow(ctx: Any) -> Any:
        return time.time()  # here

    run = start(workflow, guard=guard)
    assert isinstance(run.task(), FailWorkflowTask)
    error = run.errors[0]
    assert isinstance(error, NonDeterministicCallError)
    assert error.file.endswith("test_guarded.py")
    assert "time.time" in error.call


def test_a_swallowed_refusal_fails_the_task_all_the_same(start: Start, guard: Guard) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            time.time()
        except Exception:
            return "swallowed"

    run = start(workflow, guard=guard)
    assert isinstance(run.task(), FailWorkflowTask)
    assert isinstance(run.errors[0], NonDeterministicCallError)


def test_a_local_activity_and_a_side_effect_may_do_what_they_like(start: Start, guard: Guard) -> None:
    async def workflow(ctx: Any) -> Any:
        before = ctx.side_effect(lambda: time.time())
        value = await ctx.activity("clock", lambda: time.time())

        async def read() -> float:
            return time.time()

        return [before > 0, value > 0, await ctx.activity("async-clock", read) > 0]

    run = start(workflow, guard=guard)
    kinds = [type(command) for command in run.commands()]
    assert kinds == [RecordMarker, RecordMarker, RecordMarker, CompleteWorkflow]
    assert run.result() == [True, True, True]
    assert replay_history(run.history(), [run.workflow], guard=guard).ok


def test_outside_the_workflow_the_clock_runs_on(start: Start, guard: Guard) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep("wait", "1m")

    run = start(workflow, guard=guard)
    run.commands()
    assert time.time() > 0


def test_what_a_query_handler_must_not_call_is_refused_too(start: Start, guard: Guard) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.set_query_handler("clock", lambda: time.time())
        await ctx.wait_for_signal("go")
        return "went"

    run = start(workflow, guard=guard)
    run.commands()
    with pytest.raises(AssertionError, match=r"time\.time"):
        run.query("clock")
    run.signal("go")
    run.commands()
    assert run.result() == "went"


def test_a_replay_brings_a_strict_guard_of_its_own(start: Start) -> None:
    calls: list[int] = []

    async def workflow(ctx: Any) -> Any:
        if calls:
            time.time()
        return "done"

    run = start(workflow)
    run.commands()
    calls.append(1)
    assert isinstance(replay_history(run.history(), [run.workflow]).error, NonDeterministicCallError)
    calls.clear()
