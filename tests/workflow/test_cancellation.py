"""The workflow itself is asked to cancel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.commands import (
    CancelTimer,
    CancelWorkflow,
    CompleteWorkflow,
    RequestCancelActivity,
    ScheduleActivity,
)

from .activities import charge, validate
from .conftest import Start


def test_an_unhandled_cancellation_cancels_the_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep("wait", "1d")

    run = start(workflow)
    run.commands()
    run.request_cancel()
    assert [type(command) for command in run.commands()] == [CancelTimer, CancelWorkflow]


def test_a_handled_cancellation_lets_the_workflow_complete(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.sleep("wait", "1d")
        except asyncio.CancelledError:
            return ["stopped", ctx.is_cancelled, ctx.info.cancel_requested]

    run = start(workflow)
    run.commands()
    run.request_cancel()
    run.commands()
    assert run.result() == ["stopped", True, True]


def test_cleanup_in_finally_may_await_activities(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.activity("charge", charge, 1)
        finally:
            await ctx.activity("refund", validate, "x")

    run = start(workflow)
    run.commands()
    run.request_cancel()
    commands = run.commands()
    assert [type(command) for command in commands] == [RequestCancelActivity, ScheduleActivity]
    run.complete_activity("refund", "ok")
    assert [type(command) for command in run.commands()] == [CancelWorkflow]


def test_everything_that_is_gathered_is_cancelled(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await asyncio.gather(ctx.sleep("a", "1d"), ctx.activity("charge", charge, 1))

    run = start(workflow)
    run.commands()
    run.request_cancel()
    kinds = [type(command) for command in run.commands()]
    assert kinds == [CancelTimer, RequestCancelActivity, CancelWorkflow]


def test_a_shielded_scope_defers_the_cancellation(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        done: list[str] = []
        try:
            async with ctx.shielded():
                done.append(await ctx.activity("charge", charge, 1))
                done.append(await ctx.activity("validate", validate, "x"))
            done.append("never")
        except asyncio.CancelledError:
            return done

    run = start(workflow)
    run.commands()
    run.request_cancel()
    assert run.commands() == []
    run.complete_activity("charge", "a")
    assert [type(command) for command in run.commands()] == [ScheduleActivity]
    run.complete_activity("validate", "b")
    assert [type(command) for command in run.commands()] == [CompleteWorkflow]
    assert run.result() == ["a", "b"]


def test_a_shielded_scope_does_not_hold_back_timeouts(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        async with ctx.shielded():
            try:
                async with asyncio.timeout(60):
                    await ctx.activity("charge", charge, 1)
            except TimeoutError:
                return "timed out"

    run = start(workflow)
    run.commands()
    run.fire_timer("1")
    run.commands()
    assert run.result() == "timed out"


def test_a_second_request_changes_nothing(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            await ctx.sleep("wait", "1d")
        except asyncio.CancelledError:
            await ctx.sleep("cleanup", "1m")
            return "clean"

    run = start(workflow)
    run.commands()
    run.request_cancel()
    run.commands()
    run.request_cancel()
    assert run.commands() == []
    run.fire_timer("cleanup")
    run.commands()
    assert run.result() == "clean"


def test_a_cancellation_before_the_first_task_is_delivered_at_the_first_wait(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        await ctx.sleep("wait", "1d")

    run = start(workflow)
    run.request_cancel()
    kinds = [type(command) for command in run.commands()]
    assert kinds == [CancelWorkflow]


def test_a_cancellation_nobody_asked_for_is_a_bug_of_the_code(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        task = asyncio.ensure_future(ctx.sleep("wait", "1d"))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(ValueError, match="nobody asked the workflow to cancel"):
        start(workflow).commands()
