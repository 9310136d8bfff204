"""An application whose workflows run on a host, and whose activities run in external workers.

The tests of the command import it in a process of its own as well; there the activities write to the file
that the environment names.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

from temporal_do.runtime import RetryPolicy, Temporal, Worker, WorkflowContext, activity

temporal = Temporal(namespace="outside", task_queue="main")
QUICK = RetryPolicy(initial_interval="20ms")
MAIN_THREAD = threading.get_ident()


def note(text: str) -> None:
    """Leave a trace in the world."""
    name = os.environ.get("LEDGER")
    if name:
        with open(name, "a", encoding="utf-8") as ledger:
            ledger.write(f"{text}\n")


@temporal.activity
async def charge(number: int) -> dict[str, Any]:
    info = activity.info()
    note(f"charge {number} {info.attempt} {info.idempotency_key}")
    await asyncio.sleep(0.01)
    return {"paid": number, "key": info.idempotency_key, "raw": [None, True, 1.5, "ü"]}


@temporal.activity
def press(number: int) -> bool:
    """Sync, as native libraries are; says whether it ran in a thread."""
    activity.heartbeat(number)
    note(f"press {number} {activity.info().attempt}")
    time.sleep(0.01)
    return threading.get_ident() != MAIN_THREAD


@temporal.activity
def sleeps(seconds: float) -> int:
    """Cannot be interrupted."""
    note(f"sleeps {activity.info().attempt} begins")
    if activity.info().attempt == 1:
        time.sleep(seconds)
    note(f"sleeps {activity.info().attempt} ends")
    return activity.info().attempt


@temporal.activity
async def big(size: int) -> str:
    return "x" * size


@temporal.activity
async def asks() -> int:
    """Uses the client of its host."""
    return await temporal.count_workflows()


@temporal.workflow("order")
async def order(ctx: WorkflowContext, number: int) -> list[Any]:
    options: dict[str, Any] = {"task_queue": "native", "retry": QUICK, "start_to_close_timeout": "20s"}
    paid = await ctx.activity("charge", charge, number, **options)
    pressed = await ctx.activity("press", press, number, **options)
    return [paid, pressed]


@temporal.workflow("one")
async def one(ctx: WorkflowContext, name: str, *args: Any, timeout: str = "20s") -> Any:
    return await ctx.activity(
        name, name, *args, task_queue="native", retry=QUICK, start_to_close_timeout=timeout
    )


inside = Worker(namespace="outside", task_queue="main", workflows=[order, one])
outside = Worker(namespace="outside", task_queue="native", activities=[charge, press, sleeps, big, asks])
