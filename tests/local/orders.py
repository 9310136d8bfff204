"""A process that runs orders against a database file until all of them are done, unless it is killed before.

    python orders.py DATABASE LEDGER COUNT

It asks for every order each time it starts, under the same request ids. Activities write one line to the
ledger before they return: what really happened in the world, whatever the histories say.
"""

from __future__ import annotations

import asyncio
import sys

from temporal_do.edge_adapter.local import LocalHost
from temporal_do.runtime import RetryPolicy, Temporal, Worker, WorkflowContext, activity

temporal = Temporal(namespace="orders")
LEDGER = ""


def note(what: str, number: int) -> None:
    line = f"{what} {number} {activity.info().idempotency_key} {activity.info().attempt}\n"
    with open(LEDGER, "a", encoding="utf-8") as ledger:
        ledger.write(line)


@temporal.activity
async def charge(number: int) -> str:
    note("charge", number)
    await asyncio.sleep(0.01)
    return f"paid-{number}"


@temporal.activity
def ship(number: int) -> str:
    note("ship", number)
    return f"shipped-{number}"


QUICK = {"start_to_close_timeout": "2s", "retry": RetryPolicy(initial_interval="50ms")}


@temporal.workflow("shipping")
async def shipping(ctx: WorkflowContext, number: int) -> str:
    await ctx.sleep("pack", "30ms")
    return str(await ctx.activity("ship", ship, number, **QUICK))


@temporal.workflow("order")
async def order(ctx: WorkflowContext, number: int) -> list[str]:
    paid = await ctx.activity("charge", charge, number, **QUICK)
    await ctx.sleep("wait", "20ms")
    go = await ctx.wait_for_signal("go")
    shipped = await ctx.execute_child(shipping, number, workflow_id=f"shipping-{number}")
    return [str(paid), str(go), str(shipped)]


WORKER = Worker(
    namespace="orders", task_queue="orders", workflows=[order, shipping], activities=[charge, ship]
)


async def one_order(application: Temporal, number: int) -> None:
    handle = await application.start_workflow(
        order,
        workflow_id=f"order-{number}",
        task_queue="orders",
        args=[number],
        task_timeout="1s",
        request_id=f"request-{number}",
    )
    await handle.signal("go", f"go-{number}", request_id=f"signal-{number}")
    await handle.result()


async def main(database: str, count: int) -> None:
    async with LocalHost(database, workers=[WORKER], synchronous="normal") as host:
        print("open", flush=True)
        application = temporal.connect(host)
        await asyncio.gather(*(one_order(application, number) for number in range(count)))
    print("done", flush=True)


if __name__ == "__main__":
    LEDGER = sys.argv[2]
    asyncio.run(main(sys.argv[1], int(sys.argv[3])))
