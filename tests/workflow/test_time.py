"""Durable timers, and asyncio's own ways of waiting."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from temporal_do.runtime.commands import CancelTimer, CompleteWorkflow, StartTimer
from temporal_do.runtime.durations import DAY, HOUR, MINUTE, SECOND
from temporal_do.runtime.errors import InvalidArgumentError

from .activities import charge
from .conftest import Start


def timer(command: Any) -> StartTimer:
    assert isinstance(command, StartTimer)
    return command


@pytest.mark.parametrize(
    ("duration", "expected_ns"),
    [("5m", 5 * MINUTE), ("1h30m", HOUR + 30 * MINUTE), (90, 90 * SECOND), (timedelta(days=2), 2 * DAY)],
)
def test_sleep_starts_a_durable_timer(start: Start, duration: Any, expected_ns: int) -> None:
    async def workflow(ctx: Any) -> Any:
        before = ctx.now()
        await ctx.sleep("wait", duration)
        return (ctx.now() - before).total_seconds()

    run = start(workflow)
    command = timer(run.commands()[0])
    assert (command.duration_ns, command.summary, command.timer_id) == (expected_ns, "wait", "1")
    run.fire_timer("wait")
    run.commands()
    assert run.result() == expected_ns / SECOND


def test_sleep_needs_no_name(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep("10s")

    command = timer(start(workflow).commands()[0])
    assert (command.summary, command.duration_ns) == ("", 10 * SECOND)


def test_sleep_of_no_time_issues_nothing(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep("nothing", 0)
        await asyncio.sleep(0)
        return "on"

    assert [type(command) for command in start(workflow).commands()] == [CompleteWorkflow]


def test_sleep_until_waits_for_a_point_in_time(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep_until("tomorrow", ctx.now() + timedelta(days=1, microseconds=1))
        await ctx.sleep_until(ctx.now() - timedelta(days=1))
        return ctx.now().isoformat()

    run = start(workflow)
    assert timer(run.commands()[0]).duration_ns == DAY + 1_000_000
    run.fire_timer("tomorrow")
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]


def test_sleep_until_refuses_a_time_without_a_zone(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep_until("then", datetime(2026, 1, 1))

    with pytest.raises(InvalidArgumentError, match="time zone"):
        start(workflow).commands()


def test_asyncio_sleep_is_a_durable_timer(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await asyncio.sleep(1.5)
        return asyncio.get_running_loop().time()

    run = start(workflow)
    assert timer(run.commands()[0]).duration_ns == 1_500_000_000
    run.fire_timer("1")
    run.commands()
    assert run.result() == 1.5


def test_a_timer_started_and_cancelled_in_one_task_leaves_no_command(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async with asyncio.timeout(60):
            await ctx.sleep("nothing", 0)
        await ctx.sleep("wait", "1m")

    run = start(workflow)
    assert [timer(command).timer_id for command in run.commands()] == ["2"]


def test_a_timer_cancelled_later_is_cancelled_by_a_command(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await asyncio.wait_for(ctx.activity("charge", charge, 1), 60)

    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    assert [type(command) for command in run.commands()] == [CancelTimer, CompleteWorkflow]


@pytest.mark.parametrize("both_fire", [False, True])
def test_a_timer_that_has_fired_in_the_history_is_not_cancelled(start: Start, both_fire: bool) -> None:
    async def workflow(ctx: Any) -> Any:
        first = asyncio.ensure_future(ctx.sleep("short", "1m"))
        second = asyncio.ensure_future(ctx.sleep("long", "1m"))
        await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        second.cancel()
        await ctx.sleep("afterwards", "1m")
        return "done"

    run = start(workflow)
    run.commands()
    run.fire_timer("short")
    if both_fire:
        run.fire_timer("long")
    cancels = [command for command in run.commands() if isinstance(command, CancelTimer)]
    assert len(cancels) == (0 if both_fire else 1)
    run.fire_timer("afterwards")
    run.commands()
    assert run.result() == "done"


def test_the_clock_moves_only_from_task_to_task(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        times = [ctx.now()]
        await ctx.activity("charge", charge, 1)
        times.append(ctx.now())
        await asyncio.sleep(0)
        times.append(ctx.now())
        return [(later - times[0]).total_seconds() for later in times]

    run = start(workflow)
    run.commands()
    run.pass_time("42s")
    run.complete_activity("charge", "ok")
    run.commands()
    assert run.result() == [0.0, 42.0, 42.0]


async def _gather(ctx: Any) -> Any:
    return await asyncio.gather(ctx.sleep("a", 1), ctx.sleep("b", 2))


async def _task_group(ctx: Any) -> Any:
    async with asyncio.TaskGroup() as group:
        group.create_task(ctx.sleep("a", 1))
        group.create_task(ctx.sleep("b", 2))


async def _queue(ctx: Any) -> Any:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def produce() -> None:
        await ctx.sleep("a", 1)
        await queue.put(1)
        await ctx.sleep("b", 2)
        await queue.put(2)

    task = asyncio.ensure_future(produce())
    found = [await queue.get(), await queue.get()]
    await task
    return found


async def _event(ctx: Any) -> Any:
    event = asyncio.Event()

    async def ring() -> None:
        await ctx.sleep("a", 1)
        await ctx.sleep("b", 1)
        event.set()

    task = asyncio.ensure_future(ring())
    await event.wait()
    await task


@pytest.mark.parametrize("program", [_gather, _task_group, _queue, _event])
def test_asyncios_primitives_work(start: Start, program: Any) -> None:
    run = start(program)
    run.commands()
    run.fire_timer("a")
    run.commands()
    if not run.closed:
        run.fire_timer("b")
        run.commands()
    run.result()


def test_wait_condition_is_true_as_soon_as_something_makes_it_so(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        seen: list[str] = []
        ctx.on_signal("item", seen.append)
        met = await ctx.wait_condition(lambda: len(seen) >= 2)
        return [met, seen]

    run = start(workflow)
    assert run.commands() == []
    run.signal("item", "a")
    assert run.commands() == []
    run.signal("item", "b")
    run.signal("item", "c")
    run.commands()
    assert run.result() == [True, ["a", "b"]]


def test_wait_condition_is_false_after_its_timeout(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return await ctx.wait_condition(lambda: False, timeout="1m")

    run = start(workflow)
    run.commands()
    run.fire_timer("1")
    run.commands()
    assert run.result() is False


def test_wait_condition_cancels_its_timer_when_it_is_met(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        seen: list[str] = []
        ctx.on_signal("item", seen.append)
        return await ctx.wait_condition(lambda: seen, timeout="1m")

    run = start(workflow)
    run.commands()
    run.signal("item", "a")
    assert [type(command) for command in run.commands()] == [CancelTimer, CompleteWorkflow]
    assert run.result() is True
