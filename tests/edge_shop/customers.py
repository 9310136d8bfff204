"""What people do in the shop, one coroutine a person: each begins a workflow, talks to it over HTTP while the
Worker may die at any moment, and says how it ended.

A person gives up nothing: calls of unknown outcome are made again by the client. Each says in the end whether
tea was bought and kept, so that money and goods can be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from examples.shop.models import Approval, Order, OrderResult
from examples.shop.workflows import approval_workflow, order_workflow, user_onboarding
from temporal_do.runtime import (
    CancelledError,
    Temporal,
    WorkflowAlreadyStartedError,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowStatus,
)
from temporal_do.runtime.errors import HostError, WorkflowClosedError

STATUSES = {
    "validating",
    "waiting for payment",
    "waiting for approval",
    "shipping",
    "completed",
    "expired",
    "rejected",
    "refunded",
}
Person = Callable[[Temporal, str, Random], Awaitable[bool]]


def an_order(number: str, item: str = "tea", customer: str = "") -> Order:
    """Two of it, at 4.50."""
    return Order(number, customer or f"customer-{number}", item, 2, 450)


T = TypeVar("T")


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call until it has an answer: the client itself gives up after two minutes of outages."""
    while True:
        try:
            return await call()
        except HostError:
            await asyncio.sleep(0.2)


async def begin(
    temporal: Temporal, workflow: Any, name: str, *args: Any, result: Any = Any
) -> WorkflowHandle[Any]:
    """Start a workflow once, however often the start is asked for."""

    async def start() -> WorkflowHandle[Any]:
        try:
            return await temporal.start_workflow(
                workflow, workflow_id=name, args=args, id_reuse_policy="reject_duplicate"
            )
        except WorkflowAlreadyStartedError:
            return temporal.get_handle(name, result_type=result)

    return await insist(start)


async def tell(handle: WorkflowHandle[Any], approval: Approval | None) -> None:
    """Send the clerk's word once, or (None) ask to cancel. It may be too late for either."""

    async def call() -> None:
        if approval is None:
            await handle.cancel("changed my mind")
        else:
            await handle.signal("approval", approval, request_id=f"answer-{handle.workflow_id}")

    try:
        await insist(call)
    except WorkflowClosedError:
        status = (await insist(handle.describe)).status
        assert status is not WorkflowStatus.RUNNING, handle


async def order(
    temporal: Temporal, number: str, *, item: str = "tea", customer: str = ""
) -> WorkflowHandle[Any]:
    """Click on "buy"."""
    bought = an_order(number, item, customer)
    return await begin(temporal, order_workflow, f"order-{number}", bought, result=OrderResult)


def bought(result: OrderResult) -> bool:
    """Completed; or taken back, if outages have kept the approval away, or cost the courier his attempts."""
    taken_back = result.status == "expired" or "book_courier" in result.reason
    assert result.status == "completed" or taken_back, result
    return result.status == "completed"


async def gets_tea(temporal: Temporal, number: str, random: Random) -> bool:
    """Order, ask where it is, be approved, receive."""
    handle = await order(temporal, number)
    await asyncio.sleep(random.uniform(0, 1))
    assert await insist(lambda: handle.query("status")) in STATUSES
    await tell(handle, Approval(approved=True, by="clerk"))
    result = await handle.result()
    assert await insist(lambda: handle.query("status")) == result.status
    return bought(result)


async def gets_a_teapot(temporal: Temporal, number: str, random: Random) -> bool:
    """The courier comes at the third attempt; the approval comes early."""
    handle = await order(temporal, number, item="teapot")
    await tell(handle, Approval(approved=True, by="clerk"))
    return bought(await handle.result())


async def is_broke(temporal: Temporal, number: str, random: Random) -> bool:
    """The card is declined, the goods go back."""
    result = await (await order(temporal, number, customer=f"broke-{number}")).result()
    assert result.status == "refunded", result
    return False


async def is_rejected(temporal: Temporal, number: str, random: Random) -> bool:
    """The clerk says no."""
    handle = await order(temporal, number)
    await tell(handle, Approval(approved=False, by="clerk"))
    result = await handle.result()
    assert result.status in ("rejected", "expired"), result
    return False


async def is_forgotten(temporal: Temporal, number: str, random: Random) -> bool:
    """Nobody approves, and the order is taken back."""
    result = await (await order(temporal, number)).result()
    assert result.status == "expired", result
    return False


async def thinks_better(temporal: Temporal, number: str, random: Random) -> bool:
    """Order and cancel: what was done until then is taken back."""
    handle = await order(temporal, number)
    await asyncio.sleep(random.uniform(0, 2))
    await tell(handle, None)
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        assert isinstance(error.cause, CancelledError), error
    else:
        assert result.status in ("expired", "refunded"), result
    return False


async def signs_up(temporal: Temporal, number: str, random: Random) -> bool:
    """Be welcomed, and asked a week later."""
    user = f"user-{number}"
    handle = await begin(temporal, user_onboarding, user, user)
    assert await handle.result() == {"userId": user, "status": "onboarded"}
    return False


async def asks(temporal: Temporal, number: str, random: Random) -> bool:
    """Ask for a kettle; the boss answers at some time, perhaps after the reminder."""
    handle = await begin(temporal, approval_workflow, f"request-{number}", "a kettle", f"boss-{number}")
    await asyncio.sleep(random.uniform(0, 6))
    await tell(handle, Approval(approved=True, by="boss"))
    assert await handle.result() in ("approved", "expired")
    return False


EVERYBODY: tuple[Person, ...] = (
    gets_tea,
    signs_up,
    gets_a_teapot,
    is_broke,
    asks,
    is_rejected,
    thinks_better,
    is_forgotten,
)
