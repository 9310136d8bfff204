"""The inline executor: what fails a task, what it caches, when it suspends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.commands import CancelWorkflow, CompleteWorkflow, FailWorkflow, StartTimer
from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.errors import HistoryReadError, NondeterminismError, WorkflowNotRegisteredError
from temporal_do.runtime.failures import ApplicationError
from temporal_do.runtime.history import ActivityTaskCompleted, TimerFired
from temporal_do.runtime.loop import EndlessTurnError
from temporal_do.runtime.workflow.executor import InlineExecutor
from temporal_do.runtime.workflow_task import CompleteWorkflowTask, FailWorkflowTask, Query

from .activities import charge, validate
from .conftest import Start
from .history_builder import NullGuard, WorkflowTester, without_suspending


async def sleeper(ctx: Any) -> Any:
    ctx.set_query_handler("answer", lambda: 42)
    await ctx.sleep("wait", "1d")
    return "woke"


SLEEPER = define_workflow("sleeper", sleeper)


def test_without_local_activities_it_never_suspends() -> None:
    run = WorkflowTester(SLEEPER)
    message = without_suspending(run.executor.execute("key", run.make_task(run.start_task())))
    assert isinstance(message, CompleteWorkflowTask)
    assert isinstance(message.commands[0], StartTimer)


def test_the_completion_names_the_python() -> None:
    message = WorkflowTester(SLEEPER).task()
    assert isinstance(message, CompleteWorkflowTask)
    assert message.sdk_version.startswith("python-3.")


# --- failed tasks -----------------------------------------------------------------------------------------


def test_a_bug_in_the_code_fails_the_task_and_not_the_workflow(start: Start) -> None:
    async def buggy(ctx: Any) -> Any:
        await ctx.sleep("wait", "1m")
        return list[int]()[1]

    run = start(buggy)
    run.commands()
    run.fire_timer("wait")
    message = run.task()
    assert isinstance(message, FailWorkflowTask)
    assert message.cause == "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"
    assert message.failure is not None
    assert "test_executor.py" in message.failure.stack_trace
    assert "return list[int]()[1]" in message.failure.stack_trace
    assert isinstance(run.errors[0], IndexError)
    assert run.executor.cached_run_ids == ()


def test_a_task_that_failed_is_tried_again_from_the_history(start: Start) -> None:
    broken = [True]

    async def workflow(ctx: Any) -> Any:
        await ctx.activity("charge", charge, 1)
        if broken[0]:
            raise RuntimeError("deploy the fix")
        return "fixed"

    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    assert isinstance(run.task(), FailWorkflowTask)
    assert isinstance(run.task(), FailWorkflowTask)
    broken[0] = False
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]


@pytest.mark.parametrize(
    ("error", "command"),
    [(ApplicationError("no"), FailWorkflow), (TimeoutError("late"), FailWorkflow)],
)
def test_failures_fail_the_workflow(start: Start, error: Exception, command: type[Any]) -> None:
    async def workflow(ctx: Any) -> Any:
        raise error

    assert [type(each) for each in start(workflow).commands()] == [command]


def test_a_task_group_of_failures_fails_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async def fail() -> None:
            raise ApplicationError("in the group", type="Inner")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(ctx.sleep("wait", "1m"))

    command = start(workflow).commands()[-1]
    assert isinstance(command, FailWorkflow)
    assert command.failure.message == "in the group"


def test_a_task_group_that_is_cancelled_cancels_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(ctx.sleep("a", "1m"))
            group.create_task(ctx.sleep("b", "1m"))

    run = start(workflow)
    run.commands()
    run.request_cancel()
    assert isinstance(run.commands()[-1], CancelWorkflow)


def test_an_unregistered_workflow_names_what_is_registered() -> None:
    run = WorkflowTester(SLEEPER)
    run.workflow_type = "sleepr"
    message = run.task()
    assert isinstance(message, FailWorkflowTask)
    assert isinstance(run.errors[0], WorkflowNotRegisteredError)
    assert message.failure is not None
    assert "'sleepr' is not registered" in message.failure.message
    assert "registered: 'sleeper'" in message.failure.message


def test_nondeterminism_fails_the_task_with_its_own_cause() -> None:
    steps: list[Any] = [charge]

    async def workflow(ctx: Any) -> Any:
        await ctx.activity("step", steps[0], 1)
        await ctx.sleep("wait", "1m")

    run = WorkflowTester(define_workflow("w", workflow), drop_cache=True)
    run.commands()
    run.complete_activity("step", "ok")
    steps[0] = validate
    message = run.task()
    assert isinstance(message, FailWorkflowTask)
    assert message.cause == "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"
    assert isinstance(run.errors[0], NondeterminismError)
    assert message.failure is not None
    assert "Probable cause" in message.failure.message


async def spins(ctx: Any) -> None:
    while True:
        await asyncio.sleep(0)


async def spins_with_the_context(ctx: Any) -> None:
    while True:
        await ctx.sleep("nap", "0s")


@pytest.mark.parametrize("spin", [spins, spins_with_the_context])
def test_a_loop_that_never_waits_is_told_so_with_its_line(
    spin: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal_do.runtime.loop.DEFAULT_STEPS_MAX", 1000)
    run = start(spin)
    assert isinstance(run.task(), FailWorkflowTask)
    assert isinstance(run.errors[0], EndlessTurnError)
    line = spin.__code__.co_firstlineno + 2
    assert f"in {spin.__name__}() at {__file__}:{line} keeps rescheduling" in str(run.errors[0])


def test_queries_of_a_task_that_fails_are_answered_with_the_failure() -> None:
    async def buggy(ctx: Any) -> Any:
        raise KeyError("x")

    run = WorkflowTester(define_workflow("w", buggy))
    message = run.task(Query(query_id="q1", query_type="anything"))
    assert isinstance(message, FailWorkflowTask)
    assert message.answers[0].query_id == "q1"
    assert message.answers[0].failure == message.failure


def test_a_history_that_contradicts_itself_is_the_historys_fault(start: Start) -> None:
    run = start(sleeper)
    run.commands()
    run.add(ActivityTaskCompleted(scheduled_event_id=77))
    assert isinstance(run.task(), FailWorkflowTask)
    error = run.errors[0]
    assert isinstance(error, HistoryReadError)
    assert error.position == f"event {len(run.events) - 3}"
    assert "event 77" in error.reason


def test_a_timer_that_fires_twice_is_the_historys_fault(start: Start) -> None:
    run = start(sleeper)
    run.commands()
    run.fire_timer("wait")
    run.add(TimerFired(timer_id="1", started_event_id=5))
    assert isinstance(run.task(), FailWorkflowTask)
    assert isinstance(run.errors[0], HistoryReadError)


def test_failed_and_timed_out_tasks_in_the_history_are_skipped(start: Start) -> None:
    run = start(sleeper)
    run.time_out_task(run.start_task())
    run.fail_task(run.start_task())
    assert isinstance(run.commands()[0], StartTimer)
    run.fire_timer("wait")
    run.fail_task(run.start_task())
    run.commands()
    assert run.result() == "woke"


# --- the cache --------------------------------------------------------------------------------------------


def test_a_run_is_kept_between_tasks() -> None:
    calls: list[int] = []

    async def counting(ctx: Any) -> Any:
        calls.append(1)
        await ctx.sleep("wait", "1m")
        await ctx.sleep("more", "1m")

    run = WorkflowTester(define_workflow("w", counting))
    run.commands()
    run.fire_timer("wait")
    run.commands()
    assert calls == [1]
    assert run.executor.cached_run_ids == ("run-1",)


def test_a_closed_run_leaves_the_cache() -> None:
    run = WorkflowTester(SLEEPER)
    run.commands()
    run.fire_timer("wait")
    run.commands()
    assert run.executor.cached_run_ids == ()
    assert run.query("answer") == 42
    assert run.executor.cached_run_ids == ()


def test_one_run_of_an_object_can_be_forgotten_alone() -> None:
    executor = InlineExecutor(lambda *_: SLEEPER, guard=NullGuard())
    for number in range(3):
        run = WorkflowTester(SLEEPER, run_id=f"run-{number}")
        without_suspending(executor.execute("key", run.make_task(run.start_task())))
    executor.evict("key", "run-1")
    assert executor.cached_run_ids == ("run-0", "run-2")
    executor.evict("key")
    assert executor.cached_run_ids == ()


def test_the_least_recently_used_run_is_dropped_first() -> None:
    executor = InlineExecutor(lambda *_: SLEEPER, guard=NullGuard(), cache_size=2)
    runs = [WorkflowTester(SLEEPER, run_id=f"run-{n}", workflow_id=f"wf-{n}") for n in range(3)]
    for run in runs[:2]:
        without_suspending(executor.execute(run.workflow_id, run.make_task(run.start_task())))
    without_suspending(
        executor.execute("wf-0", runs[0].make_task(0, [Query(query_id="q", query_type="answer")]))
    )
    without_suspending(executor.execute("wf-2", runs[2].make_task(runs[2].start_task())))
    assert executor.cached_run_ids == ("run-0", "run-2")


def test_eviction_forgets_all_runs_of_an_object() -> None:
    executor = InlineExecutor(lambda *_: SLEEPER, guard=NullGuard())
    for number in range(3):
        run = WorkflowTester(SLEEPER, run_id=f"run-{number}")
        without_suspending(executor.execute("key", run.make_task(run.start_task())))
    assert len(executor.cached_run_ids) == 3
    executor.evict("another key")
    assert len(executor.cached_run_ids) == 3
    executor.evict("key")
    assert executor.cached_run_ids == ()


def test_eviction_runs_finally_blocks_and_nothing_leaves() -> None:
    ran: list[str] = []

    async def tidy(ctx: Any) -> Any:
        try:
            await ctx.sleep("wait", "1d")
        finally:
            ran.append("finally")
            await ctx.activity("cleanup", charge, 1)
            ran.append("never")

    run = WorkflowTester(define_workflow("w", tidy))
    run.commands()
    run.executor.evict("key")
    assert ran == ["finally"]
    run.fire_timer("wait")
    assert [type(command).__name__ for command in run.commands()] == ["ScheduleActivity"]


def test_a_completion_that_was_lost_does_not_confuse_the_cached_run() -> None:
    run = WorkflowTester(SLEEPER)
    started = run.start_task()
    run.execute(run.make_task(started))  # nobody records what it answered
    run.time_out_task(started)
    commands = run.commands()
    assert [type(command) for command in commands] == [StartTimer]
    run.fire_timer("wait")
    run.commands()
    assert run.result() == "woke"


def test_a_task_that_is_delivered_twice_gives_the_same_answer() -> None:
    run = WorkflowTester(SLEEPER)
    task = run.make_task(run.start_task())
    assert run.execute(task) == run.execute(task)


def test_a_run_evicted_while_its_local_activity_runs_starts_again() -> None:
    async def workflow(ctx: Any) -> Any:
        async def slow() -> str:
            await asyncio.sleep(0.01)
            return "slow"

        return await ctx.activity("slow", slow)

    run = WorkflowTester(define_workflow("w", workflow))

    async def main() -> Any:
        executing = asyncio.ensure_future(run.executor.execute("key", run.make_task(run.start_task())))
        await asyncio.sleep(0.001)
        run.executor.evict("key")
        return await executing

    message = asyncio.run(main())
    assert isinstance(message, CompleteWorkflowTask)
    assert [type(command).__name__ for command in message.commands] == ["RecordMarker", "CompleteWorkflow"]


def test_a_query_is_answered_while_a_local_activity_runs() -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.set_query_handler("answer", lambda: 42)

        async def slow() -> None:
            await asyncio.sleep(0.01)

        await ctx.activity("slow", slow)

    run = WorkflowTester(define_workflow("w", workflow))

    async def main() -> Any:
        executing = asyncio.ensure_future(run.executor.execute("key", run.make_task(run.start_task())))
        await asyncio.sleep(0.001)
        query = Query(query_id="q", query_type="answer")
        answer = await run.executor.execute("key", run.make_task(0, [query]))
        await executing
        return answer.answers[0]

    assert run.convert.from_payload(asyncio.run(main()).result[0]) == 42


def test_observers_hear_of_every_step_and_failure() -> None:
    steps: list[str] = []
    run = WorkflowTester(SLEEPER, on_step=lambda task, message: steps.append(type(message).__name__))
    run.commands()
    run.workflow_type = "unknown"
    run.executor.evict("key")
    run.task()
    assert steps == ["CompleteWorkflowTask", "FailWorkflowTask"]
    assert len(run.errors) == 1
