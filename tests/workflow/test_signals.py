"""Signals: order, buffers, handlers; nothing is lost and nothing arrives twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.commands import (
    CancelTimer,
    CompleteWorkflow,
    ContinueAsNew,
    FailWorkflow,
    StartTimer,
)
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failures import ApplicationError
from temporal_do.runtime.history import HistoryEvent, WorkflowExecutionSignaled
from temporal_do.runtime.workflow.signals import SignalInbox

from .activities import Order, charge
from .conftest import Start


def test_a_signal_gives_its_argument(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.wait_for_signal("approval")

    run = start(workflow)
    assert run.commands() == []
    run.signal("approval", {"approved": True})
    run.commands()
    assert run.result() == {"approved": True}


def test_a_signal_without_or_with_several_arguments_gives_them_all(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return [await ctx.wait_for_signal("go"), await ctx.wait_for_signal("go")]

    run = start(workflow)
    run.signal("go")
    run.signal("go", 1, 2)
    run.commands()
    assert run.result() == [[], [1, 2]]


def test_a_signals_argument_is_shaped_by_type(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        order = await ctx.wait_for_signal("order", type=Order)
        return order.amount

    run = start(workflow)
    run.signal("order", {"id": "o1", "amount": 3})
    run.commands()
    assert run.result() == 3


def test_a_signal_that_does_not_come_gives_none(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.wait_for_signal("approval", timeout="24h")

    run = start(workflow)
    command = run.commands()[0]
    assert isinstance(command, StartTimer)
    assert command.summary == "approval"
    run.fire_timer("approval")
    run.commands()
    assert run.result() is None


def test_a_signal_in_time_cancels_the_timer(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.wait_for_signal("approval", timeout="24h")

    run = start(workflow)
    run.commands()
    run.signal("approval", "yes")
    assert [type(command) for command in run.commands()] == [CancelTimer, CompleteWorkflow]
    assert run.result() == "yes"


def test_early_signals_are_buffered_in_order(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.activity("charge", charge, 1)
        return [
            await ctx.wait_for_signal("item"),
            await ctx.wait_for_signal("item"),
            await ctx.wait_for_signal("b"),
        ]

    run = start(workflow)
    run.signal("item", 1)
    run.signal("b", "other")
    run.commands()
    run.signal("item", 2)
    run.complete_activity("charge", "ok")
    run.commands()
    assert run.result() == [1, 2, "other"]


def test_waiters_are_served_first_come_first_served(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await asyncio.gather(*(ctx.wait_for_signal("item") for _ in range(3)))

    run = start(workflow)
    run.commands()
    for item in ("a", "b", "c"):
        run.signal("item", item)
    run.commands()
    assert run.result() == ["a", "b", "c"]


def test_a_cancelled_waiter_loses_no_signal(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        waiter = asyncio.ensure_future(ctx.wait_for_signal("item"))

        def cancel(_: str) -> None:
            waiter.cancel()

        ctx.on_signal("stop", cancel)
        await asyncio.wait([waiter])
        return [waiter.cancelled(), await ctx.wait_for_signal("item")]

    run = start(workflow)
    run.commands()
    run.signal("stop", "now")
    run.signal("item", 7)
    run.commands()
    assert run.result() == [True, 7]


def test_a_waiter_that_stops_after_it_was_given_a_signal_puts_it_back_in_front() -> None:
    inbox = SignalInbox()
    loop = asyncio.new_event_loop()
    first, second = (
        HistoryEvent(event_id=number, attributes=WorkflowExecutionSignaled(signal_name="item"))
        for number in (1, 2)
    )
    waiter: Any = loop.create_future()
    inbox.wait("item", waiter)
    inbox.arrive(first)
    inbox.arrive(second)
    inbox.stop_waiting("item", waiter)
    assert [inbox.take("item"), inbox.take("item"), inbox.take("item")] == [first, second, None]
    loop.close()


def test_a_waiter_that_timed_out_leaves_the_next_signal_to_others(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        first = await ctx.wait_for_signal("item", timeout="1m")
        second = await ctx.wait_for_signal("item")
        return [first, second]

    run = start(workflow)
    run.commands()
    run.fire_timer("item")
    run.commands()
    run.signal("item", "late")
    run.commands()
    assert run.result() == [None, "late"]


def test_a_handler_gets_earlier_signals_first(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        seen: list[int] = []
        await ctx.activity("charge", charge, 1)
        ctx.on_signal("item", seen.append)
        await ctx.wait_condition(lambda: len(seen) == 3)
        return seen

    run = start(workflow)
    run.signal("item", 1)
    run.commands()
    run.signal("item", 2)
    run.complete_activity("charge", "ok")
    run.commands()
    run.signal("item", 3)
    run.commands()
    assert run.result() == [1, 2, 3]


def test_an_async_handler_runs_as_a_task(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        seen: list[str] = []

        async def handle(amount: int) -> None:
            seen.append(await ctx.activity(f"charge-{amount}", charge, amount))

        ctx.on_signal("pay", handle)
        await ctx.wait_condition(lambda: len(seen) == 2)
        return seen

    run = start(workflow)
    run.signal("pay", 1)
    run.signal("pay", 2)
    assert len(run.commands()) == 2
    run.complete_activity("charge-2", "second")
    run.complete_activity("charge-1", "first")
    run.commands()
    assert run.result() == ["second", "first"]


def test_a_handler_that_raises_a_failure_fails_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        def refuse(_: Any) -> None:
            raise ApplicationError("no", type="Refused")

        ctx.on_signal("item", refuse)
        await ctx.wait_condition(lambda: False)

    run = start(workflow)
    run.commands()
    run.signal("item", 1)
    assert isinstance(run.commands()[0], FailWorkflow)


def test_signals_nobody_received_go_to_the_next_run(start: Start) -> None:
    async def workflow(ctx: Any, round: int) -> Any:
        await ctx.wait_for_signal("item")
        ctx.continue_as_new(round + 1)

    run = start(workflow, 1)
    run.commands()
    run.signal("item", "a")
    second = run.signal("item", "b")
    third = run.signal("other", "c")
    command = run.commands()[0]
    assert isinstance(command, ContinueAsNew)
    assert command.unconsumed_signal_event_ids == (second, third)
    assert [payload.data for payload in command.input] == [b"2"]


def test_a_signal_without_a_name_is_refused(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.wait_for_signal("")

    with pytest.raises(InvalidArgumentError, match="name of a signal"):
        start(workflow).commands()
