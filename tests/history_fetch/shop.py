"""The application of the HTTP API's tests as somebody has it who looks after its histories."""

from __future__ import annotations

from temporal_do.runtime import Temporal, WorkflowContext
from tests.http_api.app import activities, order

temporal = Temporal(namespace="shop")


@temporal.workflow("doubled")
async def doubled(ctx: WorkflowContext, value: int) -> int:
    """As it was, but a two is waited for: what the code does comes from a number."""
    if value == 2:
        await ctx.sleep("wait", "1d")
    found: int = await ctx.activity("double", lambda: activities.double(value))
    return found


workflows = [order, doubled]
