"""Thunks that are plain code run here, once, and are recorded as Core's marker."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from temporal_do.runtime.commands import CompleteWorkflow, RecordMarker, ScheduleActivity, StartTimer
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failures import ActivityError, ApplicationError
from temporal_do.runtime.policies import RetryPolicy
from temporal_do.runtime.workflow.replay import replay_history
from temporal_do.runtime.workflow_task import CompleteWorkflowTask

from .activities import charge, validate
from .conftest import Start
from .history_builder import NullGuard, without_suspending


def test_a_plain_function_runs_here_and_is_recorded_once(start: Start) -> None:
    calls: list[str] = []

    def compute() -> int:
        calls.append("now")
        return 6 * 7

    async def workflow(ctx: Any) -> Any:
        value = await ctx.activity("compute", compute)
        await ctx.activity("charge", charge, value)
        return value

    run = start(workflow)
    marker, command = run.commands()
    assert isinstance(marker, RecordMarker)
    assert isinstance(command, ScheduleActivity)
    assert (marker.marker_name, marker.summary) == ("core_local_activity", "compute")
    data = json.loads(marker.details["data"][0].data)
    assert (data["seq"], data["activity_id"], data["activity_type"], data["attempt"]) == (
        1,
        "1",
        "compute",
        1,
    )
    assert marker.details["result"][0].data == b"42"
    assert command.activity_id == "2"
    run.complete_activity("charge", "ok")
    run.commands()
    assert run.result() == 42
    assert replay_history(run.history(), [run.workflow], guard=NullGuard()).ok
    assert calls == ["now"]


def test_a_plain_function_may_take_arguments(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("add", lambda a, b: a + b, 1, 2)

    run = start(workflow)
    run.commands()
    assert run.result() == 3


def test_an_async_thunk_runs_between_turns(start: Start) -> None:
    async def fetch() -> str:
        await asyncio.sleep(0.001)
        return "fetched"

    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("fetch", fetch)

    run = start(workflow)
    assert [type(command) for command in run.commands()] == [RecordMarker, CompleteWorkflow]
    assert run.result() == "fetched"


def test_a_plain_value_needs_no_suspension(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("now", lambda: "value")

    run = start(workflow)

    async def execute() -> Any:
        return await run.executor.execute("key", run.make_task(run.start_task()))

    class Loop(asyncio.AbstractEventLoop):
        def time(self) -> float:
            return 0.0

    asyncio._set_running_loop(Loop())
    try:
        message = without_suspending(execute())
    finally:
        asyncio._set_running_loop(None)
    assert isinstance(message, CompleteWorkflowTask)
    assert len(message.commands) == 2
    run.complete_task(3, message.commands)


def test_local_activities_run_at_once_and_are_recorded_in_the_order_they_end(start: Start) -> None:
    fast_has_run = asyncio.Event()

    async def slow() -> str:
        await fast_has_run.wait()
        await asyncio.sleep(0.02)
        return "slow"

    async def fast() -> str:
        fast_has_run.set()
        return "fast"

    async def workflow(ctx: Any) -> Any:
        ended: list[str] = []

        async def step(name: str, function: Any) -> None:
            ended.append(await ctx.activity(name, function))

        await asyncio.gather(step("slow", slow), step("fast", fast))
        await ctx.sleep("wait", "1m")
        return ended

    run = start(workflow)
    commands = run.commands()
    assert [command.summary for command in commands if isinstance(command, RecordMarker)] == ["fast", "slow"]
    run.fire_timer("wait")
    run.commands()
    assert run.result() == ["fast", "slow"]


def test_a_failing_attempt_is_made_again(start: Start) -> None:
    attempts: list[int] = []

    async def flaky() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("not yet")
        return f"attempt {len(attempts)}"

    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("flaky", flaky, retry=RetryPolicy(initial_interval="1ms"))

    run = start(workflow)
    run.commands()
    assert run.result() == "attempt 3"


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (RetryPolicy(maximum_attempts=1), OSError("broken")),
        (RetryPolicy(non_retryable_errors=["OSError"]), OSError("broken")),
        (RetryPolicy(), ApplicationError("broken", non_retryable=True)),
    ],
)
def test_what_is_not_retried_raises_in_the_workflow(
    start: Start, policy: RetryPolicy, error: Exception
) -> None:
    async def broken() -> None:
        raise error

    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.activity("broken", broken, retry=policy)
        except ActivityError as failure:
            await ctx.sleep("wait", "1m")
            return str(failure.cause)

    run = start(workflow)
    marker = run.commands()[0]
    assert isinstance(marker, RecordMarker)
    assert marker.failure is not None
    run.fire_timer("wait")
    run.commands()
    assert run.result() == "broken"


def test_a_long_backoff_becomes_a_marker_and_a_durable_timer(start: Start) -> None:
    attempts: list[int] = []

    async def flaky() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return "done"

    async def workflow(ctx: Any) -> Any:
        return await ctx.activity(
            "flaky", flaky, retry=RetryPolicy(initial_interval="1h", maximum_interval="2h")
        )

    run = start(workflow)
    marker, timer = run.commands()
    assert isinstance(marker, RecordMarker)
    assert isinstance(timer, StartTimer)
    assert json.loads(marker.details["data"][0].data)["backoff"] == {"seconds": 3600, "nanos": 0}
    assert timer.duration_ns == 3600 * 10**9
    run.fire_timer("flaky")
    second = run.commands()[0]
    assert isinstance(second, RecordMarker)
    data = json.loads(second.details["data"][0].data)
    assert (data["seq"], data["attempt"]) == (2, 2)
    assert run.result() == "done"


def test_a_local_activity_that_outlasts_the_task_goes_on_in_the_next(start: Start) -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("slow", slow)

    run = start(workflow)
    events = run.events
    events[0] = _with_task_timeout(events[0], 20_000_000)

    async def both() -> None:
        first = await run.executor.execute("key", run.make_task(run.start_task()))
        assert isinstance(first, CompleteWorkflowTask)
        assert first.more
        assert first.commands == ()
        run.complete_task(3, first.commands)
        if run.drop_cache:
            run.executor.evict("key")
        gate.set()
        second = await run.executor.execute("key", run.make_task(run.start_task()))
        assert isinstance(second, CompleteWorkflowTask)
        assert not second.more
        run.complete_task(len(run.events), second.commands)

    asyncio.run(both())
    assert run.result() == "slow"


def _with_task_timeout(event: Any, timeout_ns: int) -> Any:
    from temporal_do.runtime.records import evolve

    return evolve(event, attributes=evolve(event.attributes, workflow_task_timeout=timeout_ns))


def test_a_cancelled_local_activity_leaves_no_marker(start: Start) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def workflow(ctx: Any) -> Any:
        task = asyncio.ensure_future(ctx.activity("wait", for_ever))
        await asyncio.sleep(0)
        task.cancel()
        return "went on"

    run = start(workflow)
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]


def test_a_name_error_in_the_thunk_itself_is_a_bug_of_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any, order: dict[str, str]) -> Any:
        await ctx.activity("validate", lambda: validate(order.identity))  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="identity"):
        start(workflow, {"id": "o1"}).commands()


def test_an_unserialisable_result_fails_and_is_not_tried_again(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.activity("compute", lambda: {1, 2})
        except ActivityError as error:
            return str(error.cause)

    run = start(workflow)
    run.commands()
    assert "the result of local activity 'compute'" in run.result()


def test_a_thunk_that_uses_the_context_is_told_so(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.activity("wait", lambda: ctx.sleep("1m"))

    with pytest.raises(InvalidArgumentError, match="await that directly"):
        start(workflow).commands()


def test_a_dispatched_thunk_is_called_again_in_replay_and_a_local_one_is_not(start: Start) -> None:
    calls: list[str] = []

    def remote() -> Any:
        calls.append("remote")
        return charge(1)

    def local() -> int:
        calls.append("local")
        return 1

    async def workflow(ctx: Any) -> Any:
        await ctx.activity("charge", remote)
        await ctx.activity("compute", local)

    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    run.commands()
    before = calls.count("remote")
    replay_history(run.history(), [run.workflow], guard=NullGuard())
    assert calls.count("remote") == before + 1
    assert calls.count("local") == 1
