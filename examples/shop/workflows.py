"""The shop's workflows. Plain async functions: every `await` survives crashes, however long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypedDict

from temporal_do.runtime import ActivityError, ChildWorkflowError, RetryPolicy, WorkflowContext

from .activities import (
    book_courier,
    charge_payment,
    collect_sales,
    refund_payment,
    release_stock,
    reserve_stock,
    send_mail,
    validate_order,
)
from .app import temporal
from .models import Approval, Order, OrderResult, Report, Shipment
from .pace import pace

# A declined card stays declined; anything else is tried again, with growing pauses.
PAYMENT_RETRY = RetryPolicy(
    initial_interval="1s", maximum_interval="1m", non_retryable_errors=["CardDeclined"]
)


class Patience(TypedDict):
    """Options of `ctx.activity`."""

    start_to_close_timeout: str


def patience() -> Patience:
    """A service that does not answer in time is asked again; a worker that dies is a service like that."""
    return {"start_to_close_timeout": pace().service}


def courier_retry() -> RetryPolicy:
    """The courier gets five tries; then the order is taken back."""
    return RetryPolicy(initial_interval=pace().courier, backoff_coefficient=2, maximum_attempts=5)


@temporal.workflow("shipping-workflow")
async def shipping_workflow(ctx: WorkflowContext, order: Order) -> Shipment:
    """Book a courier and wait until the parcel has arrived."""
    shipment = await ctx.activity("book-courier", book_courier, order, retry=courier_retry(), **patience())
    await ctx.sleep("in-transit", pace().transit)
    await ctx.activity(
        "mail-delivered", send_mail, order.customer_id, f"Order {order.id} has arrived", **patience()
    )
    return shipment


@temporal.workflow("order-workflow")
async def order_workflow(ctx: WorkflowContext, order: Order) -> OrderResult:
    """An order from the click to the doorstep; what was done is undone when it can't be shipped."""
    status = "validating"
    ctx.set_query_handler("status", lambda: status)  # `await handle.query("status")` at any time
    undo: list[Callable[[], Awaitable[object]]] = []  # the saga: how to take back what was done

    async def take_back() -> None:
        async with ctx.shielded():  # a cancelled order is taken back as well
            while undo:
                await undo.pop()()  # last done, first undone

    order = await ctx.activity("validate-order", validate_order, order, **patience())
    try:
        async with ctx.shielded():  # a cancellation waits until we know what was done, and so what to undo
            await ctx.activity("reserve-stock", reserve_stock, order, **patience())
            undo.append(lambda: ctx.activity("release-stock", release_stock, order, **patience()))
            await ctx.activity("charge-payment", charge_payment, order, retry=PAYMENT_RETRY, **patience())
            undo.append(lambda: ctx.activity("refund-payment", refund_payment, order, **patience()))

        status = "waiting for payment"
        await ctx.sleep("wait-for-payment", pace().payment)  # a timer blocks no worker

        status = "waiting for approval"
        approval = await ctx.wait_for_signal("approval", timeout=pace().approval, type=Approval)
        if approval is None or not approval.approved:
            status = "expired" if approval is None else "rejected"
            await take_back()
            return OrderResult(order.id, status)

        status = "shipping"
        shipment = await ctx.execute_child(shipping_workflow, order, workflow_id=f"shipping-{order.id}")
    except (ActivityError, ChildWorkflowError) as error:
        await take_back()
        status = "refunded"
        return OrderResult(order.id, status, reason=str(error.cause or error))
    except asyncio.CancelledError:  # somebody called `handle.cancel()`
        await take_back()
        raise
    status = "completed"
    return OrderResult(order.id, status, shipment)


@temporal.workflow("user-onboarding")
async def user_onboarding(ctx: WorkflowContext, user_id: str) -> dict[str, str]:
    """Welcome a user now, ask how it goes in a week."""
    await ctx.activity("welcome", send_mail, user_id, "Welcome!", **patience())
    await ctx.sleep("a-week", pace().feedback)
    await ctx.activity("follow-up", send_mail, user_id, "How do you like it?", **patience())
    return {"userId": user_id, "status": "onboarded"}


@temporal.workflow("approval-workflow")
async def approval_workflow(ctx: WorkflowContext, request: str, approver: str) -> str:
    """Ask for an approval, remind after a day, give up after two."""
    status = "pending"
    ctx.set_query_handler("status", lambda: status)
    await ctx.activity("ask", send_mail, approver, f"Please approve: {request}", **patience())
    approval = await ctx.wait_for_signal("approval", timeout=pace().approval, type=Approval)
    if approval is None:
        await ctx.activity("remind", send_mail, approver, f"Reminder: {request}", **patience())
        approval = await ctx.wait_for_signal("approval", timeout=pace().approval, type=Approval)
    if approval is None:
        status = "expired"
    else:
        status = "approved" if approval.approved else "rejected"
    return status


@temporal.workflow("nightly-report")
async def nightly_report(ctx: WorkflowContext) -> Report:
    """Yesterday's business; started by the schedule in `worker.py`."""
    yesterday = ctx.now().date() - timedelta(days=1)  # never datetime.now(): a replay must see the same day
    report = await ctx.activity("collect-sales", collect_sales, yesterday, **patience())
    ctx.logger.info("%s: %d payments", report.day, report.payments)  # silent while replaying
    await ctx.activity(
        "mail-report", send_mail, "owner", f"{report.day}: {report.total_cents / 100:.2f}", **patience()
    )
    return report


WORKFLOWS = [order_workflow, shipping_workflow, user_onboarding, approval_workflow, nightly_report]
