"""Children, and the failures that cross their boundaries."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from temporal_do.runtime import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    RetryPolicy,
    RetryState,
    Temporal,
    TimeoutError,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowNotFoundError,
    WorkflowStatus,
)

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)
temporal = Temporal(namespace="api")


@attrs.frozen
class Parcel:
    number: int


class OutOfStock(Exception):
    pass


@temporal.activity
async def pack(parcel: Parcel) -> Parcel:
    try:
        raise OutOfStock("no boxes")
    except OutOfStock as error:
        raise ApplicationError(
            "cannot pack", parcel.number, {"size": "L"}, type="CannotPack", non_retryable=True
        ) from error


async def packing(ctx: WorkflowContext, parcel: Parcel) -> Parcel:
    assert isinstance(parcel, Parcel)
    return await ctx.activity("pack", lambda: pack(parcel))


async def fine(ctx: WorkflowContext, parcel: Parcel) -> Parcel:
    await ctx.sleep("1h")
    return Parcel(parcel.number + 1)


async def test_a_failure_keeps_its_causes_types_and_details_across_every_boundary(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> None:
        await ctx.execute_child("packing", Parcel(7), workflow_id="child")

    app.deploy(parent, packing, activities=[pack])
    with pytest.raises(WorkflowFailureError) as caught:
        await (await app.begin(parent)).result()
    child = caught.value.cause
    assert isinstance(child, ChildWorkflowError)
    assert (child.workflow_id, child.workflow_type) == ("child", "packing")
    act = child.cause
    assert isinstance(act, ActivityError)
    assert (act.activity_type, act.retry_state) == ("pack", RetryState.NON_RETRYABLE_FAILURE)
    failure = act.cause
    assert isinstance(failure, ApplicationError)
    assert (failure.message, failure.type, failure.non_retryable) == ("cannot pack", "CannotPack", True)
    assert failure.details == (7, {"size": "L"})
    root = failure.cause
    assert isinstance(root, ApplicationError)
    assert (root.message, root.type) == ("no boxes", "OutOfStock")
    assert root.cause is None
    assert "test_children.py" in root.failure.stack_trace  # type: ignore[union-attr]
    with pytest.raises(WorkflowFailureError, match="pack"):
        await app.temporal.get_handle("child").result()


async def test_a_parent_handles_its_childs_failure_and_raises_its_own(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> None:
        try:
            await ctx.execute_child("packing", Parcel(7))
        except ChildWorkflowError as error:
            raise ApplicationError("order failed", type="OrderFailed") from error

    app.deploy(parent, packing, activities=[pack])
    with pytest.raises(WorkflowFailureError) as caught:
        await (await app.begin(parent)).result()
    found = []
    error: Any = caught.value
    while error is not None:
        found.append(type(error).__name__)
        error = error.__cause__
    assert found == [
        "WorkflowFailureError",
        "ApplicationError",
        "ChildWorkflowError",
        "ActivityError",
        "ApplicationError",
        "ApplicationError",
    ]


async def test_children_run_at_once_and_their_results_have_their_types(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> list[int]:
        parcels = await asyncio.gather(
            *[ctx.execute_child(known, args=[Parcel(n)], workflow_id=f"c-{n}") for n in range(10)]
        )
        assert all(isinstance(parcel, Parcel) for parcel in parcels)
        async with asyncio.TaskGroup() as group:
            more = [group.create_task(ctx.execute_child(known, Parcel(n))) for n in range(3)]
        return [parcel.number for parcel in parcels] + [task.result().number for task in more]

    known = app.define(fine)
    app.deploy(parent, fine)
    assert await (await app.begin(parent)).result() == [*range(1, 11), 1, 2, 3]
    assert app.sim.now().hour == 2


async def test_a_started_child_is_signalled_described_and_awaited_by_several(app: App) -> None:
    async def child(ctx: WorkflowContext) -> Any:
        assert ctx.info.parent_workflow_id == "w-1"
        return await ctx.wait_for_signal("go")

    async def parent(ctx: WorkflowContext) -> list[Any]:
        handle = await ctx.start_child("child", workflow_id="c")
        await handle.signal("go", 5)
        both = await asyncio.gather(handle.result(), handle.result())
        return [handle.workflow_id, bool(handle.run_id), *both]

    app.deploy(parent, child)
    assert await (await app.begin(parent)).result() == ["c", True, 5, 5]
    await app.sim.sleep("1s")
    assert (await app.temporal.list_workflows(workflow_type="child"))[0].parent_workflow_id == "w-1"


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (None, WorkflowStatus.TERMINATED),
        ("terminate", WorkflowStatus.TERMINATED),
        ("abandon", WorkflowStatus.COMPLETED),
        ("request_cancel", WorkflowStatus.CANCELED),
    ],
)
@pytest.mark.parametrize("end", ["returns", "fails", "is terminated", "times out"])
async def test_the_parent_close_policy_decides_what_becomes_of_a_child(
    app: App, policy: str | None, status: WorkflowStatus, end: str
) -> None:
    async def parent(ctx: WorkflowContext, end: str, policy: str | None) -> None:
        options: Any = {} if policy is None else {"parent_close_policy": policy}
        await ctx.start_child("fine", args=[Parcel(1)], workflow_id="c", **options)
        if end == "fails":
            raise ApplicationError("no")
        if end != "returns":
            await ctx.sleep("10d")

    app.deploy(parent, fine)
    handle = await app.begin(parent, end, policy, run_timeout="10m")
    await app.sim.sleep("1m")
    if end == "is terminated":
        await handle.terminate()
    await app.sim.sleep("2h")
    assert (await app.temporal.get_handle("c").describe()).status is status


async def test_a_child_whose_id_runs_already_fails_to_start(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> list[Any]:
        try:
            await ctx.execute_child("fine", Parcel(1), workflow_id="taken")
        except ChildWorkflowError as error:
            return [error.cause.type, str(error)]  # type: ignore[union-attr]
        return []

    app.deploy(parent, fine)
    await app.begin(fine, Parcel(1), workflow_id="taken")
    kind, text = await (await app.begin(parent)).result()
    assert kind == "WorkflowAlreadyStarted" and "'taken'" in text


async def test_a_child_that_times_out_or_is_retried(app: App) -> None:
    async def flaky(ctx: WorkflowContext) -> int:
        if ctx.info.attempt < 3:
            raise ApplicationError("again")
        return ctx.info.attempt

    async def parent(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = [
            await ctx.execute_child("flaky", retry=RetryPolicy(maximum_attempts=5), workflow_id="f")
        ]
        try:
            await ctx.execute_child("fine", Parcel(1), run_timeout="10m")
        except ChildWorkflowError as error:
            found.append(isinstance(error.cause, TimeoutError))
        return found

    app.deploy(parent, fine, flaky)
    assert await (await app.begin(parent)).result() == [3, True]


async def test_a_child_of_a_child_and_one_that_continues_as_new(app: App) -> None:
    async def counter(ctx: WorkflowContext, left: int) -> str:
        if left:
            ctx.continue_as_new(left - 1)
        return "counted"

    async def middle(ctx: WorkflowContext) -> str:
        return await ctx.execute_child("counter", 3)

    async def top(ctx: WorkflowContext) -> str:
        return await ctx.execute_child("middle")

    app.deploy(top, middle, counter)
    assert await (await app.begin(top)).result() == "counted"


async def test_a_child_on_a_queue_without_a_worker_waits_for_one(app: App) -> None:
    async def parent(ctx: WorkflowContext) -> int:
        return (await ctx.execute_child(known, Parcel(1), task_queue="later")).number

    known = app.define(fine)
    app.deploy(parent)
    handle = await app.begin(parent)
    await app.sim.sleep("10d")
    app.deploy(fine, task_queue="later")
    assert await handle.result() == 2


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda ctx: ctx.execute_child(5), "expected a workflow .*not 5"),
        (lambda ctx: ctx.execute_child("fine", args="abc"), r"args is a list.*'abc'"),
        (lambda ctx: ctx.execute_child("fine", 1, args=[2]), "not both"),
        (lambda ctx: ctx.execute_child("fine", workflow_id=7), "7"),
        (lambda ctx: ctx.execute_child("fine", run_timeout="soon"), r"run_timeout 'soon'.*accepted"),
        (lambda ctx: ctx.execute_child("fine", wokflow_id="x"), "no option 'wokflow_id'"),
        (lambda ctx: ctx.execute_child("fine", parent_close_policy="kill"), r"'terminate'.*not 'kill'"),
        (lambda ctx: ctx.execute_child("fine", object()), r"args\[0\]"),
        (lambda ctx: ctx.execute_child("fine", b"x" * (2 * 1024 * 1024)), "limit of 2,097,152"),
        (lambda ctx: ctx.execute_child("fine", search_attributes={"X": object()}), "search attribute 'X'"),
        (lambda ctx: ctx.execute_child("fine", memo=[1]), "memo"),
        (lambda ctx: ctx.execute_child(ctx.known), r"'fine' takes 1 argument.*not 0"),
        (lambda ctx: ctx.execute_child(ctx.known, 1, 2), r"'fine' takes 1 argument.*not 2"),
        (lambda ctx: ctx.signal_workflow(5, "x"), "not 5"),
        (lambda ctx: ctx.signal_workflow("c", 5), "not 5"),
        (lambda ctx: ctx.cancel_workflow(""), "not ''"),
    ],
)
async def test_a_bad_child_starts_nothing_and_says_why(app: App, call: Any, told: str) -> None:
    from temporal_do.runtime import WorkflowTaskFailedError

    class Both:
        def __init__(self, ctx: WorkflowContext) -> None:
            self._ctx = ctx
            self.known = known

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ctx, name)

    async def parent(ctx: WorkflowContext) -> None:
        await call(Both(ctx))

    known = app.define(fine)
    app.deploy(parent, fine)
    with pytest.raises(WorkflowTaskFailedError, match=told):
        await (await app.begin(parent)).result()
    assert await app.temporal.count_workflows() == 1
    with pytest.raises(WorkflowNotFoundError):
        await app.temporal.get_handle("c").describe()
