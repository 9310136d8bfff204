"""The order workflow after a careless change, for the demo: a new step went in, and nobody thought of the
orders that are under way. Replaying a history of `workflows.order_workflow` against this one tells, before it
ships.
"""

from __future__ import annotations

from temporal_do.runtime import Temporal, WorkflowContext

from . import workflows
from .activities import charge_payment, reserve_stock, send_mail, validate_order
from .models import Approval, Order, OrderResult

temporal = Temporal(namespace="shop", task_queue="shop")


@temporal.workflow("order-workflow")
async def order_workflow(ctx: WorkflowContext, order: Order) -> OrderResult:
    """As before, but the customer gets a mail first."""
    order = await ctx.activity("validate-order", validate_order, order)
    # This line is the change:
    await ctx.activity("mail-received", send_mail, order.customer_id, f"We got order {order.id}")
    await ctx.activity("reserve-stock", reserve_stock, order)
    await ctx.activity("charge-payment", charge_payment, order, retry=workflows.PAYMENT_RETRY)
    await ctx.sleep("wait-for-payment", "5m")
    approval = await ctx.wait_for_signal("approval", timeout="24h", type=Approval)
    if approval is None or not approval.approved:
        return OrderResult(order.id, "rejected")
    shipment = await ctx.execute_child(workflows.shipping_workflow, order, workflow_id=f"shipping-{order.id}")
    return OrderResult(order.id, "completed", shipment)
