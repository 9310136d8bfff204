"""Signals from the outside, end to end: early, many, late, of every shape, to the living and the dead."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from temporal_do.runtime import (
    ApplicationError,
    WorkflowClosedError,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowNotFoundError,
)
from temporal_do.sim import SimulationDeadlock

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


@attrs.frozen
class Approval:
    by: str
    amount: int


async def collect(ctx: WorkflowContext, count: int) -> list[Any]:
    await ctx.sleep("1h")
    return [await ctx.wait_for_signal("item") for _ in range(count)]


async def test_signals_that_come_early_are_kept_in_order(app: App) -> None:
    handle = await app.start(collect, 200)
    for number in range(200):
        await handle.signal("item", number)
    assert await handle.result() == list(range(200))


async def test_signals_before_any_worker_runs_are_kept_in_order(app: App) -> None:
    handle = await app.begin(collect, 20)
    for number in range(20):
        await handle.signal("item", number)
    await app.sim.sleep("1d")
    app.deploy(collect)
    assert await handle.result() == list(range(20))


async def test_signals_sent_at_once_all_arrive(app: App) -> None:
    handle = await app.start(collect, 50)
    await asyncio.gather(*[handle.signal("item", number) for number in range(50)])
    assert sorted(await handle.result()) == list(range(50))


async def test_signals_of_different_names_do_not_mix(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        return [
            await ctx.wait_for_signal("b"),
            await ctx.wait_for_signal("a"),
            await ctx.wait_for_signal("b"),
        ]

    handle = await app.start(workflow)
    for name, value in (("a", 1), ("b", 2), ("b", 3)):
        await handle.signal(name, value)
    assert await handle.result() == [2, 1, 3]


async def test_a_wait_that_times_out_gives_none_at_that_time(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        started = ctx.now()
        got = await ctx.wait_for_signal("never", timeout=timedelta(hours=3))
        return [got, (ctx.now() - started).total_seconds()]

    assert await app.run(workflow) == [None, 3 * 3600]


async def test_a_wait_of_no_time_looks_only(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.wait_for_signal("x", timeout=0)
        await ctx.sleep("1h")
        return [
            first,
            await ctx.wait_for_signal("x", timeout=0),
            await ctx.wait_for_signal("x", timeout="0s"),
        ]

    handle = await app.start(workflow)
    await app.sim.sleep("1m")
    await handle.signal("x", "here")
    assert await handle.result() == [None, "here", None]


@pytest.mark.parametrize("seed", range(8))
async def test_a_signal_at_the_instant_of_the_timeout_is_either_got_or_kept(
    sim: Any, app: App, seed: int
) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.wait_for_signal("x", timeout="1h")
        return [first, await ctx.wait_for_signal("x", timeout="1h") if first is None else None]

    app.deploy(workflow)
    handles = [await app.begin(workflow, workflow_id=f"w-{seed}-{number}") for number in range(6)]
    await asyncio.sleep(3600)
    await asyncio.gather(*[handle.signal("x", "now") for handle in handles])
    for handle in handles:
        assert await handle.result() in (["now", None], [None, "now"])


async def test_a_signal_whose_wait_timed_out_goes_to_the_next_wait(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.wait_for_signal("x", timeout="1h")
        await ctx.sleep("5h")
        return [first, await ctx.wait_for_signal("x")]

    handle = await app.start(workflow)
    await app.sim.sleep("2h")
    await handle.signal("x", "late")
    assert await handle.result() == [None, "late"]


async def test_a_signals_argument_has_every_shape(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        none = await ctx.wait_for_signal("s")
        several = await ctx.wait_for_signal("s")
        typed = await ctx.wait_for_signal("s", type=Approval)
        assert isinstance(typed, Approval)
        return [list(none), list(several), typed.by, (await ctx.wait_for_signal("s")).decode()]

    handle = await app.start(workflow)
    await handle.signal("s")
    await handle.signal("s", 1, "two")
    await handle.signal("s", Approval("ada", 3))
    await handle.signal("s", b"bytes")
    assert await handle.result() == [[], [1, "two"], "ada", "bytes"]


async def test_a_handler_sees_every_signal_in_order_and_an_async_one_may_wait(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[Any] = []

        async def slowly(number: int) -> None:
            await ctx.sleep(f"work on {number}", f"{number + 1}m")
            seen.append(["slow", number])

        ctx.on_signal("fast", lambda value: seen.append(["fast", value]))
        ctx.on_signal("slow", slowly)
        await ctx.wait_condition(lambda: len(seen) == 6)
        return seen

    handle = await app.start(workflow)
    for number in range(3):
        await handle.signal("slow", 2 - number)
        await handle.signal("fast", number)
    assert await handle.result() == [
        ["fast", 0],
        ["fast", 1],
        ["fast", 2],
        ["slow", 0],
        ["slow", 1],
        ["slow", 2],
    ]


async def test_a_handlers_type_hints_are_honoured_even_if_its_argument_is_called_context(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[str] = []

        def approve(context: Approval, times: int) -> None:
            assert isinstance(context, Approval)
            seen.append(context.by * times)

        ctx.on_signal("approve", approve)
        await ctx.wait_condition(lambda: bool(seen))
        return seen

    handle = await app.start(workflow)
    await handle.signal("approve", Approval("a", 1), 3)
    assert await handle.result() == ["aaa"]


async def test_a_handler_that_raises_a_failure_fails_the_workflow(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        def stop() -> None:
            raise ApplicationError("stopped by signal", 1, type="Stopped")

        ctx.on_signal("stop", stop)
        await ctx.wait_condition(lambda: False)

    handle = await app.start(workflow)
    await handle.signal("stop")
    with pytest.raises(WorkflowFailureError, match="stopped by signal") as caught:
        await handle.result()
    assert caught.value.cause.type == "Stopped"  # type: ignore[union-attr]


async def test_a_condition_gives_true_or_false(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[int] = []
        ctx.on_signal("add", seen.append)
        first = await ctx.wait_condition(lambda: sum(seen) >= 3, timeout="1h")
        second = await ctx.wait_condition(lambda: sum(seen) >= 100, timeout="1h")
        return [first, second, sum(seen), await ctx.wait_condition(lambda: True, timeout="1h")]

    handle = await app.start(workflow)
    for number in (1, 1, 1):
        await handle.signal("add", number)
    assert await handle.result() == [True, False, 3, True]


async def test_a_request_id_makes_a_repeated_signal_harmless(app: App) -> None:
    handle = await app.start(collect, 2)
    for _ in range(3):
        await handle.signal("item", "once", request_id="r-1")
    await handle.signal("item", "other")
    assert await handle.result() == ["once", "other"]


async def test_a_signal_to_a_closed_or_unknown_workflow_says_so(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> str:
        return "done"

    handle = await app.start(workflow)
    await handle.result()
    with pytest.raises(WorkflowClosedError, match="'w-1'.*completed"):
        await handle.signal("x")
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        await app.temporal.get_handle("nobody").signal("x")


async def test_a_wait_for_a_signal_that_never_comes_is_told_with_the_line(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> Any:
        return await ctx.wait_for_signal("never")

    handle = await app.start(workflow)
    with pytest.raises(SimulationDeadlock, match="waits for a signal") as caught:
        await handle.result()
    assert "'w-1'" in str(caught.value)


async def test_signals_between_workflows(app: App) -> None:
    async def receiver(ctx: WorkflowContext) -> Any:
        return await ctx.wait_for_signal("ping", type=Approval)

    async def sender(ctx: WorkflowContext) -> list[str]:
        await ctx.signal_workflow("r-1", "ping", Approval("ada", 1))
        found = []
        for unreachable in ("nobody", "r-1"):
            await ctx.sleep("1m")
            try:
                await ctx.get_external_handle(unreachable).signal("ping")
            except ApplicationError as error:
                found.append(error.type or "")
        return found

    app.deploy(receiver, sender)
    target = await app.begin(receiver, workflow_id="r-1")
    source = await app.begin(sender)
    assert await target.result() == {"by": "ada", "amount": 1}
    assert await source.result() == ["ExternalWorkflowNotFound", "ExternalWorkflowNotFound"]


async def test_signals_while_the_workflow_closes_are_refused_or_seen_never_lost(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[Any] = []
        ctx.on_signal("n", seen.append)
        await ctx.sleep("1s")
        return seen

    handle = await app.start(workflow)
    accepted: list[int] = []

    async def send(number: int) -> None:
        await asyncio.sleep(0.9 + number / 200)
        try:
            await handle.signal("n", number)
        except WorkflowClosedError:
            return
        accepted.append(number)

    await asyncio.gather(*[send(number) for number in range(40)])
    assert sorted(await handle.result()) == sorted(accepted)
    assert 0 < len(accepted) < 40
