"""A small application, and the same workflow after a change."""

from __future__ import annotations

from typing import Any

from temporal_do.runtime import Temporal, Worker, WorkflowContext

temporal = Temporal(namespace="replayed")


@temporal.activity
async def charge(amount: int) -> str:
    """Take the money."""
    return f"charged {amount}"


@temporal.activity
async def ship(what: str) -> str:
    """Send the goods."""
    return f"shipped {what}"


@temporal.workflow("order")
async def order(ctx: WorkflowContext, amount: int) -> str:
    """Wait, charge, ship."""
    await ctx.sleep("cool down", "7d")
    receipt = await ctx.activity("charge", lambda: charge(amount))
    return await ctx.activity("ship", lambda: ship(receipt))


@temporal.workflow("greeting")
async def greeting(ctx: WorkflowContext, name: str) -> str:
    """Wait to be spoken to."""
    word: Any = await ctx.wait_for_signal("word", timeout="1d")
    return f"{word or 'Hello'}, {name}"


worker = Worker(
    namespace="replayed", task_queue="main", workflows=[order, greeting], activities=[charge, ship]
)

changed = Temporal(namespace="replayed")


@changed.workflow("order")
async def changed_order(ctx: WorkflowContext, amount: int) -> str:
    """The order workflow, after somebody moved the payment before the waiting."""
    receipt = await ctx.activity("charge", lambda: charge(amount))  # the divergent line
    await ctx.sleep("cool down", "7d")
    return await ctx.activity("ship", lambda: ship(receipt))


patient = Temporal(namespace="replayed")


@patient.workflow("order")
async def patient_order(ctx: WorkflowContext, amount: int) -> str:
    """The order workflow, after somebody changed the duration only."""
    await ctx.sleep("cool down", "8d")
    receipt = await ctx.activity("charge", lambda: charge(amount))
    return await ctx.activity("ship", lambda: ship(receipt))
