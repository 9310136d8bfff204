"""Cancelling a workflow wherever it is: it may clean up, and what it waited for is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime import (
    ActivityError,
    CancelledError,
    ChildWorkflowError,
    RetryPolicy,
    Temporal,
    TerminatedError,
    WorkflowClosedError,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowNotFoundError,
    WorkflowStatus,
    activity,
)

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


temporal = Temporal(namespace="api")


@temporal.activity
async def long_work() -> str:
    for _ in range(1000):
        activity.heartbeat("going")
        await asyncio.sleep(10)
    return "finished"


@temporal.activity
async def undo(what: str) -> str:
    return f"undid {what}"


async def waits_in_a_sleep(ctx: WorkflowContext) -> None:
    await ctx.sleep("long", "30d")


async def waits_in_an_activity(ctx: WorkflowContext) -> None:
    await ctx.activity("work", long_work, heartbeat_timeout="1m")


async def waits_for_a_signal(ctx: WorkflowContext) -> None:
    await ctx.wait_for_signal("never", timeout="30d")


async def waits_for_a_condition(ctx: WorkflowContext) -> None:
    await ctx.wait_condition(lambda: False, timeout="30d")


async def waits_for_a_child(ctx: WorkflowContext) -> None:
    await ctx.execute_child("waits_in_a_sleep", workflow_id="child")


async def waits_for_several(ctx: WorkflowContext) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(waits_in_a_sleep(ctx))
        group.create_task(waits_for_a_signal(ctx))
        group.create_task(waits_for_a_child(ctx))


async def waits_in_a_local_activity(ctx: WorkflowContext) -> None:
    async def local() -> None:
        await asyncio.sleep(3600)

    await ctx.activity("local", local)


WAITING = [
    waits_in_a_sleep,
    waits_in_an_activity,
    waits_for_a_signal,
    waits_for_a_condition,
    waits_for_a_child,
    waits_for_several,
    waits_in_a_local_activity,
]


def _deploy(app: App, *more: Any) -> None:
    app.deploy(*WAITING, *more, activities=[long_work, undo])


@pytest.mark.parametrize("workflow", WAITING)
async def test_a_workflow_is_cancelled_wherever_it_waits(app: App, workflow: Any) -> None:
    _deploy(app)
    handle = await app.begin(workflow)
    await app.sim.sleep("1m")
    await handle.cancel("no longer wanted")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert type(caught.value.cause) is CancelledError
    assert (await handle.describe()).status is WorkflowStatus.CANCELED
    assert app.sim.now().hour == 0
    if "child" in workflow.__name__ or "several" in workflow.__name__:
        await app.sim.sleep("1m")
        assert (await app.temporal.get_handle("child").describe()).status is WorkflowStatus.CANCELED
    events = (await handle.fetch_history()).events
    requested = [e for e in events if e.event_type == "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED"]
    assert [event.attributes.cause for event in requested] == ["no longer wanted"]


@pytest.mark.parametrize("workflow", WAITING)
async def test_cleanup_in_finally_may_await_activities_sleeps_and_children(app: App, workflow: Any) -> None:
    async def child(ctx: WorkflowContext) -> str:
        return "child"

    async def careful(ctx: WorkflowContext) -> None:
        try:
            await workflow(ctx)
        finally:
            undone = await ctx.activity("undo", undo, workflow.__name__)
            await ctx.sleep("1m")
            await ctx.execute_child("child")
            ctx.upsert_memo({"undone": undone})

    _deploy(app, careful, child)
    handle = await app.begin(careful)
    await app.sim.sleep("1m")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert type(caught.value.cause) is CancelledError
    description = await handle.describe()
    assert description.memo == {"undone": f"undid {workflow.__name__}"}
    assert description.status is WorkflowStatus.CANCELED


async def test_a_workflow_that_handles_its_cancellation_completes(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> str:
        try:
            await ctx.sleep("30d")
        except asyncio.CancelledError:
            assert ctx.is_cancelled and ctx.info.cancel_requested
            await ctx.sleep("1m")
            return "cleaned up"
        return "slept"

    handle = await app.start(workflow)
    await app.sim.sleep("1m")
    await handle.cancel()
    await handle.cancel()
    assert await handle.result() == "cleaned up"


async def test_an_activity_learns_of_the_cancellation_by_its_heartbeat_and_may_clean_up(app: App) -> None:
    log: list[str] = []

    @temporal.activity
    async def careful_work() -> None:
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(5)
        except asyncio.CancelledError:
            log.append(f"cleaned up, asked: {activity.is_cancelled()}")
            raise

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity(
            "work",
            careful_work,
            heartbeat_timeout="10s",
            start_to_close_timeout="1h",
            cancellation_type="wait_cancellation_completed",
        )

    handle = await app.start(workflow, activities=[careful_work])
    await app.sim.sleep("1m")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert log == ["cleaned up, asked: True"]


async def test_a_shielded_block_is_finished_first(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[str]:
        seen = []
        try:
            async with ctx.shielded():
                await ctx.sleep("1h")
                seen.append(await ctx.activity("undo", undo, "all"))
            seen.append("never")
        except asyncio.CancelledError:
            seen.append("cancelled")
        return seen

    handle = await app.start(workflow, activities=[undo])
    await app.sim.sleep("1m")
    await handle.cancel()
    assert await handle.result() == ["undid all", "cancelled"]
    assert app.sim.now().hour == 1


async def test_asyncios_own_shield_works_too(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> str:
        work = asyncio.ensure_future(ctx.sleep("1h"))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await work
            return "finished all the same"
        return "not cancelled"

    handle = await app.start(workflow)
    await app.sim.sleep("1m")
    await handle.cancel()
    assert await handle.result() == "finished all the same"


async def test_a_cancellation_before_the_first_task_arrives_at_the_first_wait(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> str:
        try:
            await ctx.sleep("1h")
        except asyncio.CancelledError:
            return "cancelled at once"
        return "slept"

    handle = await app.begin(workflow)
    await handle.cancel()
    app.deploy(workflow)
    assert await handle.result() == "cancelled at once"


async def test_a_cancelled_child_fails_its_parent_with_the_reason(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> str:
        try:
            await ctx.execute_child("waits_in_a_sleep", workflow_id="child")
        except ChildWorkflowError as error:
            return type(error.cause).__name__
        return "completed"

    _deploy(app, parent)
    handle = await app.begin(parent)
    await app.sim.sleep("1m")
    await app.temporal.get_handle("child").cancel()
    assert await handle.result() == "CancelledError"


async def test_cancelling_through_another_workflow(app: App) -> None:
    async def killer(ctx: WorkflowContext) -> None:
        await ctx.cancel_workflow("victim", reason="why not")

    _deploy(app, killer)
    victim = await app.begin(waits_in_a_sleep, workflow_id="victim")
    await (await app.begin(killer)).result()
    with pytest.raises(WorkflowFailureError):
        await victim.result()


async def test_cancelling_one_task_of_a_workflow_leaves_the_others(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        slow = asyncio.ensure_future(ctx.activity("work", long_work, heartbeat_timeout="1m"))
        quick = asyncio.ensure_future(ctx.sleep("1m"))
        await quick
        slow.cancel()
        try:
            await slow
        except asyncio.CancelledError:
            return ["cancelled", await ctx.activity("undo", undo, "x")]
        return []

    assert await app.run(workflow, activities=[long_work, undo]) == ["cancelled", "undid x"]


async def test_terminating_asks_nobody(app: App) -> None:
    async def stubborn(ctx: WorkflowContext) -> None:
        while True:
            try:
                await ctx.sleep("1d")
            except asyncio.CancelledError:
                ctx.logger.info("no")

    handle = await app.start(stubborn)
    await app.sim.sleep("1m")
    await handle.cancel()
    await app.sim.sleep("1m")
    await handle.terminate("enough", {"by": "ops"})
    with pytest.raises(WorkflowFailureError, match="enough") as caught:
        await handle.result()
    assert type(caught.value.cause) is TerminatedError
    assert (await handle.describe()).status is WorkflowStatus.TERMINATED
    for late in (handle.cancel(), handle.terminate()):
        with pytest.raises(WorkflowClosedError, match="terminated"):
            await late
    with pytest.raises(WorkflowNotFoundError):
        await app.temporal.get_handle("nobody").cancel()


async def test_a_terminated_workflows_activity_is_told_to_stop(app: App) -> None:
    stopped: list[bool] = []

    @temporal.activity
    async def work() -> None:
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(5)
        finally:
            stopped.append(True)

    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.activity("work", work, heartbeat_timeout="10s", start_to_close_timeout="10d")

    handle = await app.start(workflow, activities=[work])
    await app.sim.sleep("1m")
    await handle.terminate()
    await app.sim.sleep("1m")
    assert stopped == [True]


@pytest.mark.parametrize("local", [True, False])
async def test_an_activity_that_raises_cancelled_by_itself_is_an_ordinary_failure(
    app: App, local: bool
) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    async def workflow(ctx: WorkflowContext) -> str:
        try:
            await ctx.activity("work", work if local else defined, retry=RetryPolicy(maximum_attempts=2))
        except ActivityError as error:
            return f"{type(error.cause).__name__} {error.cause.type}"  # type: ignore[union-attr]
        return "?"

    defined = temporal.activity(work)
    assert await app.run(workflow, activities=[defined]) == "ApplicationError CancelledError"
