"""Child workflows, and messages to other workflows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.commands import (
    CompleteWorkflow,
    FailWorkflow,
    RequestCancelExternalWorkflow,
    SignalExternalWorkflow,
    StartChildWorkflow,
)
from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.durations import HOUR
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failures import ApplicationError, CancelledError, ChildWorkflowError

from .activities import Order
from .conftest import Start


async def _shipping(ctx: Any, order: str) -> Order: ...


shipping = define_workflow("shipping", _shipping)


def child(command: Any) -> StartChildWorkflow:
    assert isinstance(command, StartChildWorkflow)
    return command


def test_a_child_is_started_and_its_result_awaited(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        order = await ctx.execute_child(shipping, "o1")
        assert type(order) is Order
        return order.amount

    run = start(workflow)
    command = child(run.commands()[0])
    assert (command.workflow_type, command.workflow_id) == ("shipping", "wf-1/shipping-1")
    assert command.parent_close_policy == "PARENT_CLOSE_POLICY_TERMINATE"
    assert [payload.data for payload in command.input] == [b'"o1"']
    run.start_child(command.workflow_id)
    assert run.commands() == []
    run.complete_child(command.workflow_id, {"id": "o1", "amount": 9})
    run.commands()
    assert run.result() == 9


def test_children_run_at_once_under_the_ids_they_are_given(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await asyncio.gather(
            ctx.execute_child("a", workflow_id="child-a", args=[1]),
            ctx.execute_child("b", 2, parent_close_policy="abandon", run_timeout="1h"),
        )

    run = start(workflow)
    first, second = (child(command) for command in run.commands())
    assert (first.workflow_id, second.workflow_id) == ("child-a", "wf-1/b-2")
    assert second.parent_close_policy == "PARENT_CLOSE_POLICY_ABANDON"
    assert second.run_timeout_ns == HOUR
    run.complete_child("wf-1/b-2", "B")
    run.complete_child("child-a", "A")
    run.commands()
    assert run.result() == ["A", "B"]


def test_a_failed_child_raises_with_its_cause(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.execute_child("a", workflow_id="c1")
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError)
            return [error.workflow_id, error.cause.message]

    run = start(workflow)
    run.commands()
    run.fail_child("c1", ApplicationError("broken"))
    run.commands()
    assert run.result() == ["c1", "broken"]


def test_a_child_whose_id_is_taken_raises(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.start_child("a", workflow_id="c1")
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError)
            return error.cause.type

    run = start(workflow)
    run.commands()
    run.fail_child_start("c1")
    run.commands()
    assert run.result() == "WorkflowAlreadyStarted"


def test_a_started_child_has_a_handle(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        handle = await ctx.start_child("a", workflow_id="c1")
        await handle.signal("hurry", 1)
        return [handle.workflow_id, handle.run_id, await handle.result()]

    run = start(workflow)
    run.commands()
    run.start_child("c1", "r1")
    command = run.commands()[0]
    assert isinstance(command, SignalExternalWorkflow)
    assert (command.workflow_id, command.signal_name, command.child_workflow_only) == ("c1", "hurry", True)
    run.deliver_signal("c1")
    run.complete_child("c1", "done")
    run.commands()
    assert run.result() == ["c1", "r1", "done"]


def test_cancelling_a_child_through_its_handle(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        handle = await ctx.start_child("a", workflow_id="c1")
        handle.cancel()
        handle.cancel()
        try:
            await handle.result()
        except ChildWorkflowError as error:
            return isinstance(error.cause, CancelledError)

    run = start(workflow)
    run.commands()
    run.start_child("c1")
    commands = run.commands()
    assert len(commands) == 1
    assert isinstance(commands[0], RequestCancelExternalWorkflow)
    assert commands[0].child_workflow_only
    run.deliver_cancel("c1")
    run.cancel_child("c1")
    run.commands()
    assert run.result() is True


@pytest.mark.parametrize(
    ("how", "requests", "waits"),
    [("wait_cancellation_completed", 1, True), ("try_cancel", 1, False), ("abandon", 0, False)],
)
def test_a_cancelled_await_treats_the_child_by_its_cancellation_type(
    start: Start, how: str, requests: int, waits: bool
) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.execute_child("a", workflow_id="c1", cancellation_type=how)

    run = start(workflow)
    run.commands()
    run.start_child("c1")
    run.request_cancel()
    commands = run.commands()
    assert sum(isinstance(command, RequestCancelExternalWorkflow) for command in commands) == requests
    assert run.closed is not waits
    if waits:
        run.deliver_cancel("c1")
        run.cancel_child("c1")
        run.commands()
        assert run.closed


def test_signals_to_other_workflows_return_when_delivered(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.signal_workflow("other", "hello", 1, 2)
        await ctx.get_external_handle("third", run_id="r3").signal("hi")
        return "sent"

    run = start(workflow)
    command = run.commands()[0]
    assert isinstance(command, SignalExternalWorkflow)
    assert (command.workflow_id, command.signal_name, command.number) == ("other", "hello", 1)
    assert len(command.input) == 2
    run.deliver_signal("other")
    second = run.commands()[0]
    assert isinstance(second, SignalExternalWorkflow)
    assert (second.run_id, second.number) == ("r3", 2)
    run.deliver_signal("third")
    run.commands()
    assert run.result() == "sent"


def test_a_signal_to_nobody_fails(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.signal_workflow("nobody", "hello")

    run = start(workflow)
    run.commands()
    run.deliver_signal("nobody", fails=True)
    command = run.commands()[0]
    assert isinstance(command, FailWorkflow)
    assert "none running" in command.failure.message


def test_cancelling_another_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.cancel_workflow("other", reason="enough")
        try:
            await ctx.get_external_handle("nobody").cancel()
        except ApplicationError as error:
            return error.type

    run = start(workflow)
    command = run.commands()[0]
    assert isinstance(command, RequestCancelExternalWorkflow)
    assert (command.workflow_id, command.reason, command.child_workflow_only) == ("other", "enough", False)
    run.deliver_cancel("other")
    run.commands()
    run.deliver_cancel("nobody", fails=True)
    assert [type(each) for each in run.commands()] == [CompleteWorkflow]
    assert run.result() == "ExternalWorkflowNotFound"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workflow_id": ""}, "non-empty text"),
        ({"args": "abc"}, r"write args=\[...\]"),
        ({"parent_close_policy": "maybe"}, "'terminate', 'abandon', 'request_cancel'"),
        ({"run_timeout": "-1s"}, "is negative"),
        ({"memo": 3}, "a memo is a mapping"),
        ({"search_attributes": {"A": object()}}, "search attribute 'A'"),
        ({"timeout": "1h"}, "no option 'timeout'"),
    ],
)
def test_a_bad_option_of_a_child_is_named(start: Start, options: dict[str, Any], message: str) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.execute_child("a", **options)

    with pytest.raises(InvalidArgumentError, match=message):
        start(workflow).commands()


def test_a_child_is_a_workflow_or_the_name_of_one(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.execute_child(_shipping, "o1")

    with pytest.raises(InvalidArgumentError, match="decorated with @temporal.workflow"):
        start(workflow).commands()
