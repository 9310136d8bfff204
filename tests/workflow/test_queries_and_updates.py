"""Queries look and change nothing; updates are validated, accepted, carried out."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.commands import (
    AcceptUpdate,
    CompleteUpdate,
    CompleteWorkflow,
    RejectUpdate,
    ScheduleActivity,
)
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failures import ApplicationError

from .activities import charge
from .conftest import Start


async def approval(ctx: Any) -> Any:
    status = "pending"
    ctx.set_query_handler("status", lambda prefix="": prefix + status)
    status = str(await ctx.wait_for_signal("approval"))
    return status


def test_a_query_sees_the_current_state(start: Start) -> None:
    run = start(approval)
    run.commands()
    assert run.query("status") == "pending"
    assert run.query("status", "it is ") == "it is pending"
    run.signal("approval", "granted")
    assert run.query("status") == "pending", "what no workflow task has seen has not happened yet"
    run.commands()
    assert run.query("status") == "granted"


def test_a_query_leaves_no_trace(start: Start) -> None:
    run = start(approval)
    run.commands()
    before = len(run.events)
    run.query("status")
    assert len(run.events) == before


def test_an_unknown_query_names_the_known_ones(start: Start) -> None:
    run = start(approval)
    run.commands()
    with pytest.raises(AssertionError, match="no query handler 'stat'; this workflow has: status"):
        run.query("stat")


def test_the_stack_trace_query_names_the_users_lines(start: Start) -> None:
    run = start(approval)
    run.commands()
    text = run.query("__stack_trace")
    assert "test_queries_and_updates.py" in text
    assert "in approval" in text


def test_a_query_handler_that_issues_a_command_fails_and_changes_nothing(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.set_query_handler("bad", lambda: ctx.upsert_memo({"a": 1}))
        await ctx.wait_for_signal("go")

    run = start(workflow)
    run.commands()
    with pytest.raises(AssertionError, match="must not change the workflow"):
        run.query("bad")
    run.signal("go")
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]


def test_an_async_query_handler_is_refused(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async def handler() -> str:
            return "no"

        ctx.set_query_handler("status", handler)

    with pytest.raises(InvalidArgumentError, match="must not be async"):
        start(workflow).commands()


async def cart(ctx: Any) -> Any:
    items: list[str] = []

    async def add(item: str, charged: bool = False) -> int:
        if charged:
            await ctx.activity("charge", charge, 1)
        items.append(item)
        return len(items)

    def check(item: str, charged: bool = False) -> None:
        if not item:
            raise ValueError("an item needs a name")

    ctx.set_update_handler("add", add, validator=check)
    ctx.set_query_handler("items", lambda: items)
    await ctx.wait_for_signal("checkout")
    return items


def test_an_update_is_accepted_and_completed(start: Start) -> None:
    run = start(cart)
    run.commands()
    run.update("u1", "add", "apple")
    run.update("u2", "add", "pear")
    commands = run.commands()
    assert [type(command) for command in commands] == [
        AcceptUpdate,
        CompleteUpdate,
        AcceptUpdate,
        CompleteUpdate,
    ]
    assert isinstance(commands[3], CompleteUpdate)
    assert run.convert.from_payload(commands[3].result[0]) == 2
    run.signal("checkout")
    run.commands()
    assert run.result() == ["apple", "pear"]


def test_an_update_handler_may_wait(start: Start) -> None:
    run = start(cart)
    run.commands()
    run.update("u1", "add", "apple", True)
    assert [type(command) for command in run.commands()] == [AcceptUpdate, ScheduleActivity]
    run.complete_activity("charge", "ok")
    assert [type(command) for command in run.commands()] == [CompleteUpdate]
    assert run.query("items") == ["apple"]


def test_a_rejected_update_leaves_no_event(start: Start) -> None:
    run = start(cart)
    run.commands()
    run.update("u1", "add", "")
    command = run.commands()[0]
    assert isinstance(command, RejectUpdate)
    assert command.failure.message == "an item needs a name"
    run.signal("checkout")
    run.commands()
    assert run.result() == []


def test_an_update_without_a_handler_is_rejected_naming_the_handlers(start: Start) -> None:
    run = start(cart)
    run.commands()
    run.update("u1", "remove", "apple")
    command = run.commands()[0]
    assert isinstance(command, RejectUpdate)
    assert "no update handler 'remove'; this workflow has: add" in command.failure.message


def test_an_update_in_the_first_task_meets_the_handlers_the_code_has_set(start: Start) -> None:
    run = start(cart)
    run.update("u1", "add", "apple")
    assert [type(command) for command in run.commands()] == [AcceptUpdate, CompleteUpdate]


def test_a_failing_handler_fails_its_update_and_not_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async def handler() -> None:
            raise ApplicationError("sold out", type="SoldOut")

        ctx.set_update_handler("buy", handler)
        await ctx.wait_for_signal("close")
        return "closed"

    run = start(workflow)
    run.commands()
    run.update("u1", "buy")
    command = run.commands()[1]
    assert isinstance(command, CompleteUpdate)
    assert command.failure is not None
    assert command.failure.message == "sold out"
    run.signal("close")
    run.commands()
    assert run.result() == "closed"


def test_an_update_that_ends_the_wait_of_the_workflow_is_still_completed(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        state = {"done": False}

        async def finish() -> str:
            state["done"] = True
            return "finished"

        ctx.set_update_handler("finish", finish)
        await ctx.wait_condition(lambda: state["done"])
        return "over"

    run = start(workflow)
    run.commands()
    run.update("u1", "finish")
    assert [type(command) for command in run.commands()] == [AcceptUpdate, CompleteUpdate, CompleteWorkflow]


def test_an_update_that_comes_with_the_end_is_left_to_the_next_run(start: Start) -> None:
    run = start(cart)
    run.commands()
    run.signal("checkout")
    run.update("u1", "add", "apple")
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]
