"""What ``ctx.activity`` dispatches, and what its outcomes become."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.commands import (
    CompleteWorkflow,
    FailWorkflow,
    RequestCancelActivity,
    ScheduleActivity,
)
from temporal_do.runtime.durations import MINUTE, SECOND
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failures import ActivityError, ApplicationError, TimeoutError, TimeoutType
from temporal_do.runtime.policies import RetryPolicy

from .activities import Order, charge, load, validate
from .conftest import Start


def scheduled(command: Any) -> ScheduleActivity:
    assert isinstance(command, ScheduleActivity)
    return command


def test_a_thunk_that_calls_an_activity_is_dispatched_to_the_task_queue(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("charge-it", lambda: charge(12, customer="c9"))

    run = start(workflow)
    command = scheduled(run.commands()[0])
    assert (command.activity_type, command.summary, command.task_queue) == ("charge", "charge-it", "orders")
    assert [payload.data for payload in command.input] == [b"12", b'"c9"']
    run.complete_activity("charge-it", "receipt")
    assert isinstance(run.commands()[0], CompleteWorkflow)
    assert run.result() == "receipt"


def test_an_activity_given_directly_takes_its_arguments(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("charge", charge, 5)

    run = start(workflow)
    assert [payload.data for payload in scheduled(run.commands()[0]).input] == [b"5"]


def test_an_activity_of_another_worker_is_named_by_a_text(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.activity("ship", "ship_order", "o1", task_queue="warehouse")

    command = scheduled(start(workflow).commands()[0])
    assert (command.activity_type, command.task_queue) == ("ship_order", "warehouse")


def test_the_result_is_shaped_by_the_activitys_type_hint(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        order = await ctx.activity("load", load, "o1")
        assert type(order) is Order
        return order.amount

    run = start(workflow)
    run.commands()
    run.complete_activity("load", {"id": "o1", "amount": 7})
    run.commands()
    assert run.result() == 7


def test_activity_ids_count_from_one_in_command_order(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await asyncio.gather(*(ctx.activity(f"step-{n}", charge, n) for n in range(3)))

    run = start(workflow)
    assert [scheduled(command).activity_id for command in run.commands()] == ["1", "2", "3"]


def test_gathered_activities_resolve_in_history_order(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        order: list[str] = []

        async def step(name: str) -> None:
            order.append(await ctx.activity(name, validate, name))

        await asyncio.gather(step("a"), step("b"), step("c"))
        return order

    run = start(workflow)
    run.commands()
    for name in ("c", "a", "b"):
        run.complete_activity(name, name)
    run.commands()
    assert run.result() == ["c", "a", "b"]


def test_options_reach_the_command(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.activity(
            "charge",
            charge,
            1,
            retry=RetryPolicy(initial_interval="2s", maximum_attempts=3, non_retryable_errors=["Bad"]),
            start_to_close_timeout="10m",
            schedule_to_close_timeout=3600,
            schedule_to_start_timeout="1m",
            heartbeat_timeout="30s",
        )

    command = scheduled(start(workflow).commands()[0])
    assert command.start_to_close_timeout_ns == 10 * MINUTE
    assert command.schedule_to_close_timeout_ns == 60 * MINUTE
    assert command.schedule_to_start_timeout_ns == MINUTE
    assert command.heartbeat_timeout_ns == 30 * SECOND
    assert command.retry_policy is not None
    assert command.retry_policy.maximum_attempts == 3
    assert command.retry_policy.non_retryable_error_types == ("Bad",)


def test_the_default_retry_policy_is_temporals(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.activity("charge", charge, 1)

    policy = scheduled(start(workflow).commands()[0]).retry_policy
    assert policy is not None
    assert (policy.initial_interval, policy.backoff_coefficient) == (SECOND, 2.0)
    assert (policy.maximum_interval, policy.maximum_attempts) == (100 * SECOND, 0)


def test_a_failed_activity_raises_with_its_cause(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.activity("charge", charge, 1)
        except ActivityError as error:
            assert isinstance(error.cause, ApplicationError)
            return [error.activity_type, error.cause.type, error.cause.message]

    run = start(workflow)
    run.commands()
    run.fail_activity("charge", ApplicationError("no money", type="CardError"))
    run.commands()
    assert run.result() == ["charge", "CardError", "no money"]


def test_a_timed_out_activity_says_which_timeout(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.activity("charge", charge, 1)
        except ActivityError as error:
            assert isinstance(error.cause, TimeoutError)
            return str(error.cause.timeout_type)

    run = start(workflow)
    run.commands()
    run.time_out_activity("charge", TimeoutError("late", timeout_type=TimeoutType.HEARTBEAT))
    run.commands()
    assert run.result() == "TIMEOUT_TYPE_HEARTBEAT"


def test_an_unhandled_activity_failure_fails_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.activity("charge", charge, 1)

    run = start(workflow)
    run.commands()
    run.fail_activity("charge", ApplicationError("no money", type="CardError"))
    command = run.commands()[0]
    assert isinstance(command, FailWorkflow)
    assert command.failure.activity_failure_info is not None
    assert command.failure.cause is not None
    assert command.failure.cause.message == "no money"


@pytest.mark.parametrize(
    ("how", "requests"), [("try_cancel", 1), ("wait_cancellation_completed", 1), ("abandon", 0)]
)
def test_a_cancelled_await_treats_the_activity_by_its_cancellation_type(
    start: Start, how: str, requests: int
) -> None:
    async def workflow(ctx: Any) -> Any:
        task = asyncio.ensure_future(ctx.activity("charge", charge, 1, cancellation_type=how))
        await ctx.sleep("a-while", "1m")
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    run = start(workflow)
    run.commands()
    run.fire_timer("a-while")
    commands = run.commands()
    assert sum(isinstance(command, RequestCancelActivity) for command in commands) == requests
    if how == "wait_cancellation_completed":
        assert len(commands) == 1
        run.cancel_activity("charge")
        run.commands()
    assert run.result() == "cancelled"


def test_an_activity_that_ends_well_in_spite_of_cancellation_gives_its_result(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        how = "wait_cancellation_completed"
        task = asyncio.ensure_future(ctx.activity("charge", charge, 1, cancellation_type=how))
        await ctx.sleep("a-while", "1m")
        task.cancel()
        return await task

    run = start(workflow)
    run.commands()
    run.fire_timer("a-while")
    run.commands()
    run.complete_activity("charge", "done all the same")
    run.commands()
    assert run.result() == "done all the same"


def test_an_activity_cancelled_in_the_task_that_asked_for_it_leaves_no_command(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        task = asyncio.ensure_future(ctx.activity("charge", charge, 1))
        await asyncio.sleep(0)
        task.cancel()
        await ctx.activity("validate", validate, "x")

    run = start(workflow)
    command = scheduled(run.commands()[0])
    assert (command.activity_type, command.activity_id) == ("validate", "2")


def test_asyncio_timeout_works_around_an_activity(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            async with asyncio.timeout(60):
                await ctx.activity("charge", charge, 1)
        except builtin_timeout:
            return "too late"

    run = start(workflow)
    assert len(run.commands()) == 2
    run.fire_timer("1")
    commands = run.commands()
    assert [type(command) for command in commands] == [RequestCancelActivity, CompleteWorkflow]
    assert run.result() == "too late"


builtin_timeout = asyncio.TimeoutError


BAD_CALLS: list[tuple[str, Any, str]] = [
    ("no name", lambda ctx: ctx.activity(charge, 1), "step's name first"),
    ("no function", lambda ctx: ctx.activity("charge", 12), "takes an activity or a function"),
    ("a bad timeout", lambda ctx: ctx.activity("c", charge, 1, heartbeat_timeout="5 parsecs"), "5 parsecs"),
    (
        "a zero timeout",
        lambda ctx: ctx.activity("c", charge, 1, start_to_close_timeout=0),
        "longer than zero",
    ),
    ("a bad policy", lambda ctx: ctx.activity("c", charge, 1, retry=3), "must be a RetryPolicy"),
    ("an unknown option", lambda ctx: ctx.activity("c", charge, 1, timeout="5m"), "no option 'timeout'"),
    (
        "a bad cancellation type",
        lambda ctx: ctx.activity("c", charge, 1, cancellation_type="x"),
        "try_cancel",
    ),
    ("no arguments", lambda ctx: ctx.activity("c", charge), "takes 1 to 2 arguments, not 0"),
    ("too many arguments", lambda ctx: ctx.activity("c", lambda: charge(1, "a", "b")), "not 3"),
    ("an unserialisable one", lambda ctx: ctx.activity("c", validate, {1, 2}), r"args\[0\] is a set"),
]


@pytest.mark.parametrize(
    ("call", "message"), [(c, m) for _, c, m in BAD_CALLS], ids=[n for n, _, _ in BAD_CALLS]
)
def test_a_bad_call_fails_the_task_at_the_users_line_and_issues_nothing(
    start: Start, call: Any, message: str
) -> None:
    async def workflow(ctx: Any) -> Any:
        await call(ctx)

    run = start(workflow)
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        run.commands()
    lines = [entry.path.name for entry in caught.traceback]
    assert "test_activities.py" in lines


def test_an_activity_that_has_ended_in_the_history_is_not_asked_to_cancel(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        other = asyncio.ensure_future(ctx.activity("validate", validate, "x"))
        await ctx.activity("charge", charge, 1)
        other.cancel()
        await ctx.sleep("afterwards", "1m")
        return "done"

    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    run.complete_activity("validate", "ok")
    assert not [command for command in run.commands() if isinstance(command, RequestCancelActivity)]
    run.fire_timer("afterwards")
    run.commands()
    assert run.result() == "done"
