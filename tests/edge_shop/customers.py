"""What people do in the shop, one coroutine a person: each begins a workflow, talks to it over HTTP while the
Worker may die at any moment, and says how it ended.

A person gives up nothing: calls of unknown outcome are made again by the client. Each says in the end whether
tea was bought and kept, so that money and goods can be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from examples.shop.models import Approval, Order, OrderResult
from examples.shop.workflows import approval_workflow, order_workflow, user_onboarding
from temporal_do.runtime import CancelledError, Temporal, WorkflowFailureError

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


async def order(temporal: Temporal, number: str, *, item: str = "tea", customer: str = "") -> Any:
    """Click on "buy"."""
    return await temporal.start_workflow(
        order_workflow, workflow_id=f"order-{number}", args=[an_order(number, item, customer)]
    )


def bought(result: OrderResult) -> bool:
    """Completed; or taken back, if kills have cost the courier all of his attempts."""
    assert result.status == "completed" or (
        result.status == "refunded" and "book_courier" in result.reason
    ), result
    return result.status == "completed"


async def gets_tea(temporal: Temporal, number: str, random: Random) -> bool:
    """Order, ask where it is, be approved, receive."""
    handle = await order(temporal, number)
    await asyncio.sleep(random.uniform(0, 1))
    assert await handle.query("status") in STATUSES
    await handle.signal("approval", Approval(approved=True, by="clerk"))
    result = await handle.result()
    assert await handle.query("status") == result.status
    return bought(result)


async def gets_a_teapot(temporal: Temporal, number: str, random: Random) -> bool:
    """The courier comes at the third attempt; the approval comes early."""
    handle = await order(temporal, number, item="teapot")
    await handle.signal("approval", Approval(approved=True, by="clerk"))
    return bought(await handle.result())


async def is_broke(temporal: Temporal, number: str, random: Random) -> bool:
    """The card is declined, the goods go back."""
    result = await (await order(temporal, number, customer=f"broke-{number}")).result()
    assert result.status == "refunded", result
    return False


async def is_rejected(temporal: Temporal, number: str, random: Random) -> bool:
    """The clerk says no."""
    handle = await order(temporal, number)
    await handle.signal("approval", Approval(approved=False, by="clerk"))
    result = await handle.result()
    assert result.status == "rejected", result
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
    await handle.cancel("changed my mind")
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
    handle = await temporal.start_workflow(user_onboarding, workflow_id=user, args=[user])
    assert await handle.result() == {"userId": user, "status": "onboarded"}
    return False


async def asks(temporal: Temporal, number: str, random: Random) -> bool:
    """Ask for a kettle; the boss answers at some time, perhaps after the reminder."""
    handle = await temporal.start_workflow(
        approval_workflow, workflow_id=f"request-{number}", args=["a kettle", f"boss-{number}"]
    )
    await asyncio.sleep(random.uniform(0, 6))
    await handle.signal("approval", Approval(approved=True, by="boss"))
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
