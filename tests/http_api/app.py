"""The application that the tests of the HTTP API serve."""

from __future__ import annotations

import asyncio
from typing import Any

from temporal_do.runtime import ApplicationError, Temporal, Worker, WorkflowContext

temporal = Temporal(namespace="shop")


@temporal.activities
class activities:
    async def double(value: int) -> int:
        return 2 * value


@temporal.workflow("echo")
async def echo(ctx: WorkflowContext, *values: Any) -> list[Any]:
    return list(values)


@temporal.workflow("doubled")
async def doubled(ctx: WorkflowContext, value: int) -> int:
    found: int = await ctx.activity("double", lambda: activities.double(value))
    return found


@temporal.workflow("order")
async def order(ctx: WorkflowContext, item: str, amount: int = 1) -> dict[str, Any]:
    """Waits for signals ``add``; ends with the signal ``close``."""
    amounts = [amount]
    ctx.set_query_handler("amounts", lambda: amounts)

    def grow(by: int) -> int:
        amounts.append(by)
        return sum(amounts)

    def check(by: int) -> None:
        if by < 0:
            raise ApplicationError("only more", type="Negative")

    ctx.set_update_handler("grow", grow, validator=check)
    while True:
        signal = await ctx.wait_for_signal("add")
        if signal is None or signal < 0:
            return {"item": item, "amount": sum(amounts)}
        amounts.append(signal)


@temporal.workflow("slow-update")
async def slow_update(ctx: WorkflowContext) -> str:
    async def later() -> str:
        await ctx.sleep("a while", "300ms")
        return "done"

    ctx.set_update_handler("later", later)
    await ctx.wait_for_signal("end")
    return "ended"


@temporal.workflow("failing")
async def failing(ctx: WorkflowContext, why: str) -> None:
    raise ApplicationError(why, 1, {"two": 2}, type="Why")


@temporal.workflow("gathering")
async def gathering(ctx: WorkflowContext) -> list[int]:
    return list(
        await asyncio.gather(*(ctx.activity("d", lambda i=i: activities.double(i)) for i in range(3)))
    )


@temporal.workflow("parks")
async def parks(ctx: WorkflowContext, value: int) -> int:
    """Its activity waits for an external worker."""
    return await ctx.activity("double", activities.double, value, task_queue="native")


worker = Worker(
    namespace="shop",
    task_queue="main",
    workflows=[echo, doubled, order, slow_update, failing, gathering, parks],
    activities=activities,
)
