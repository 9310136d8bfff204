"""Activities: the only code that touches the outside. They may fail, and may run more than once."""

from __future__ import annotations

from datetime import date

from temporal_do.runtime import ApplicationError, activity

from .app import temporal
from .models import Order, Report, Shipment
from .outside import NoCourier, outside


@temporal.activity
async def validate_order(order: Order) -> Order:
    """Refuse what can't be sold."""
    if order.item not in outside().stock:
        # non_retryable: the order won't get better by trying again.
        raise ApplicationError(f"we don't sell {order.item!r}", type="InvalidOrder", non_retryable=True)
    return order


@temporal.activity
async def reserve_stock(order: Order) -> None:
    """Put the goods aside. Reserving twice for one order reserves once."""
    world = outside()
    if order.id in world.reserved:
        return
    if world.stock[order.item] < order.quantity:
        raise ApplicationError(
            f"only {world.stock[order.item]} {order.item} left", type="OutOfStock", non_retryable=True
        )
    world.stock[order.item] -= order.quantity
    world.reserved[order.id] = (order.item, order.quantity)


@temporal.activity
async def release_stock(order: Order) -> None:
    """Undo `reserve_stock`."""
    item, quantity = outside().reserved.pop(order.id, (order.item, 0))
    outside().stock[item] += quantity


@temporal.activity
async def charge_payment(order: Order) -> str:
    """Take the money. The key is the same in every attempt, so that a retry never charges twice."""
    return outside().charge(activity.info().idempotency_key, order.customer_id, order.total_cents)


@temporal.activity
async def refund_payment(order: Order) -> str:
    """Undo `charge_payment`."""
    return outside().charge(activity.info().idempotency_key, order.customer_id, -order.total_cents)


@temporal.activity
async def book_courier(order: Order) -> Shipment:
    """Hand the parcel over. Fails on and off, as couriers do."""
    if order.item == "teapot" and activity.info().attempt < 3:
        raise NoCourier("every van is out")
    key = activity.info().idempotency_key
    tracking = outside().booked.setdefault(key, f"track-{len(outside().booked) + 1}")
    return Shipment(tracking=tracking, courier="Kestrel")


@temporal.activity
async def send_mail(to: str, subject: str) -> None:
    """Write to somebody, once."""
    outside().mail(activity.info().idempotency_key, to, subject)


@temporal.activity
async def collect_sales(day: date) -> Report:
    """Add up the ledger."""
    payments = [cents for _, cents in outside().ledger.values()]
    return Report(day=day, payments=len(payments), total_cents=sum(payments))


ACTIVITIES = [
    validate_order,
    reserve_stock,
    release_stock,
    charge_payment,
    refund_payment,
    book_courier,
    send_mail,
    collect_sales,
]
