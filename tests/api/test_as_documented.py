"""The interface as its first page shows it: the code there, with only the missing definitions added."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from temporal_do.runtime import (
    ActivityError,
    RetryPolicy,
    Temporal,
    Worker,
    WorkflowContext,
    WorkflowFailureError,
)


@attrs.frozen
class Order:
    id: str
    customer_id: str
    amount: int
    valid: bool = False


@attrs.frozen
class OrderResult:
    order_id: str
    status: str
    shipping: str


temporal = Temporal(namespace="my-app")


@temporal.workflow("shipping-workflow")
async def shipping_workflow(ctx: WorkflowContext, order: Order) -> str:
    assert order.valid
    await ctx.sleep("ship", "2d")
    return f"shipped {order.id}"


@temporal.activities
class shop:
    async def validate_order(order: Order) -> Order:  # type: ignore[misc]
        assert isinstance(order, Order)
        return attrs.evolve(order, valid=True)

    async def charge_payment(amount: int, customer_id: str) -> str:  # type: ignore[misc]
        return f"{customer_id} paid {amount}"

    async def risky(data: str) -> str:  # type: ignore[misc]
        from temporal_do.runtime import activity

        if activity.info().attempt < 4:
            raise OSError("down")
        if data == "bad":
            raise ValidationError(data)
        return data.upper()


class ValidationError(Exception):
    pass


@temporal.workflow("order-workflow")
async def order_workflow(ctx: WorkflowContext, order: Order) -> OrderResult:
    validated = await ctx.activity("validate-order", lambda: shop.validate_order(order))
    await ctx.sleep("wait-for-payment", "5m")
    approval = await ctx.wait_for_signal("approval", timeout="24h")
    if approval is None:
        return OrderResult(order.id, "expired", "")
    shipping = await ctx.execute_child(shipping_workflow, validated)
    return OrderResult(order.id, "completed", shipping)


@temporal.workflow("approval-workflow")
async def approval_workflow(ctx: WorkflowContext, request: str) -> str:
    status = "pending"
    ctx.set_query_handler("status", lambda: status)
    approval = await ctx.wait_for_signal("approval", timeout="48h")
    status = "timed out" if approval is None else "approved" if approval["approved"] else "rejected"
    return f"{request}: {status}"


@temporal.workflow("payment-workflow")
async def payment_workflow(ctx: WorkflowContext, order_id: str) -> str:
    await ctx.sleep("1h")
    return f"paid {order_id}"


@temporal.workflow("delivery-workflow")
async def delivery_workflow(ctx: WorkflowContext, order_id: str) -> str:
    await ctx.sleep("2h")
    return f"delivered {order_id}"


@temporal.workflow("parent-workflow")
async def parent_workflow(ctx: WorkflowContext, order_id: str) -> list[str]:
    payment, shipping = await asyncio.gather(
        ctx.execute_child(payment_workflow, workflow_id=f"payment-{order_id}", args=[order_id]),
        ctx.execute_child(delivery_workflow, workflow_id=f"shipping-{order_id}", args=[order_id]),
    )
    return [payment, shipping]


@temporal.workflow("risky-workflow")
async def risky_workflow(ctx: WorkflowContext, data: str) -> str:
    result = await ctx.activity(
        "risky-operation",
        lambda: shop.risky(data),
        retry=RetryPolicy(
            initial_interval="1s",
            backoff_coefficient=2,
            maximum_attempts=10,
            maximum_interval="1h",
            non_retryable_errors=["ValidationError"],
        ),
        start_to_close_timeout="10m",
        heartbeat_timeout="1m",
    )
    return result


@temporal.workflow("daily-report")
async def daily_report(ctx: WorkflowContext) -> str:
    return ctx.now().isoformat()


@temporal.workflow("cleanup")
async def cleanup(ctx: WorkflowContext) -> None:
    return None


@temporal.workflow("user-onboarding")
async def user_onboarding(ctx: WorkflowContext, user_id: str) -> dict[str, str]:
    await ctx.sleep("grace", "7d")
    return {"userId": user_id, "status": "onboarded"}


worker = Worker(
    namespace="my-app",
    task_queue="main",
    workflows=[
        order_workflow,
        approval_workflow,
        shipping_workflow,
        payment_workflow,
        delivery_workflow,
        parent_workflow,
        risky_workflow,
        daily_report,
        cleanup,
        user_onboarding,
    ],
    activities=shop,
)
orders = Worker(
    namespace="my-app",
    task_queue="orders",
    workflows=[order_workflow, shipping_workflow],
    activities=shop,
)

ORDER = Order("7", "ada", 500)


async def test_an_order_is_approved_and_shipped(sim: Any) -> None:
    sim.run(orders)
    order = ORDER
    handle = await temporal.start_workflow(
        order_workflow, workflow_id=f"order-{order.id}", task_queue="orders", args=[order]
    )
    await handle.signal("approval", {"approved": True})
    assert await handle.result() == OrderResult("7", "completed", "shipped 7")
    existing = temporal.get_handle("order-7", result_type=OrderResult)
    assert await existing.result() == OrderResult("7", "completed", "shipped 7")
    assert sim.now().isoformat() == "2026-01-03T00:05:00+00:00"


async def test_an_order_that_nobody_approves_expires_after_a_day(sim: Any) -> None:
    sim.run(orders)
    handle = await temporal.start_workflow(
        order_workflow, workflow_id="order-7", task_queue="orders", args=[ORDER]
    )
    assert (await handle.result()).status == "expired"
    assert sim.now().isoformat() == "2026-01-02T00:05:00+00:00"


async def test_an_approval_tells_its_status(sim: Any) -> None:
    sim.run(worker)
    handle = await temporal.start_workflow(approval_workflow, workflow_id="a", args=["holiday"])
    assert await handle.query("status") == "pending"
    await handle.signal("approval", {"approved": False})
    assert await handle.result() == "holiday: rejected"
    assert await handle.query("status") == "rejected"


async def test_a_parent_runs_its_children_at_once(sim: Any) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await temporal.start_workflow(parent_workflow, workflow_id="p", args=["7"])
    assert await handle.result() == ["paid 7", "delivered 7"]
    assert sim.now() - started == timedelta(hours=2)
    assert await temporal.get_handle("payment-7").result() == "paid 7"


async def test_a_risky_operation_is_retried_with_the_policy_and_not_for_a_validation_error(sim: Any) -> None:
    sim.run(worker)
    started = sim.now()
    good = await temporal.start_workflow(risky_workflow, workflow_id="r", args=["good"])
    assert await good.result() == "GOOD"
    assert sim.now() - started == timedelta(seconds=1 + 2 + 4)
    bad = await temporal.start_workflow(risky_workflow, workflow_id="b", args=["bad"])
    with pytest.raises(WorkflowFailureError) as caught:
        await bad.result()
    error = caught.value.cause
    assert isinstance(error, ActivityError)
    assert error.cause is not None and error.cause.type == "ValidationError"  # type: ignore[attr-defined]


async def test_schedules_start_workflows(sim: Any) -> None:
    sim.run(worker)
    await temporal.schedule_workflow(daily_report, schedule_id="daily-report", cron="0 9 * * *", args=[])
    await temporal.schedule_workflow(cleanup, schedule_id="cleanup", interval="1h", jitter="5m", args=[])
    await sim.sleep("3d")
    reports = await temporal.list_workflows(workflow_type="daily-report")
    assert [run.start_time.isoformat() for run in reports] == [
        "2026-01-03T09:00:00+00:00",
        "2026-01-02T09:00:00+00:00",
        "2026-01-01T09:00:00+00:00",
    ]
    assert 71 <= await temporal.count_workflows(workflow_type="cleanup") <= 73


async def test_onboarding_takes_a_week(sim: Any) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await temporal.start_workflow(user_onboarding, workflow_id="onboard-1", args=["u1"])
    assert await handle.result() == {"userId": "u1", "status": "onboarded"}
    assert sim.now() - started >= timedelta(days=7)


async def test_the_namespaces_of_two_applications_do_not_meet(sim: Any) -> None:
    other = Temporal(namespace="other-app")
    theirs = other.define_workflow("user-onboarding", user_onboarding.fn)
    sim.run(worker)
    sim.run(Worker(namespace="other-app", task_queue="main", workflows=[theirs]))
    one = await temporal.start_workflow(user_onboarding, workflow_id="same", args=["one"])
    two = await other.start_workflow(theirs, workflow_id="same", args=["two"])
    assert (await one.result())["userId"] == "one"
    assert (await two.result())["userId"] == "two"
    assert await temporal.count_workflows() == await other.count_workflows() == 1
