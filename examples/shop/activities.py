"""Activities: the only code that touches the outside. They may fail, and may run more than once."""

from __future__ import annotations

from datetime import date

from temporal_do.runtime import ApplicationError, activity

from .app import temporal
from .models import Order, Report, Shipment
from .outside import OutOfStock, outside


@temporal.activity
async def validate_order(order: Order) -> Order:
    """Refuse what can't be sold."""
    if not await outside().sells(order.item):
        # non_retryable: the order won't get better by trying again.
        raise ApplicationError(f"we don't sell {order.item!r}", type="InvalidOrder", non_retryable=True)
    return order


@temporal.activity
async def reserve_stock(order: Order) -> None:
    """Put the goods aside. Reserving twice for one order reserves once."""
    try:
        await outside().reserve(order.id, order.item, order.quantity)
    except OutOfStock as error:
        raise ApplicationError(str(error), type="OutOfStock", non_retryable=True) from error


@temporal.activity
async def release_stock(order: Order) -> None:
    """Undo `reserve_stock`."""
    await outside().release(order.id)


@temporal.activity
async def charge_payment(order: Order) -> str:
    """Take the money. The key is the same in every attempt, so that a retry never charges twice."""
    return await outside().charge(activity.info().idempotency_key, order.customer_id, order.total_cents)


@temporal.activity
async def refund_payment(order: Order) -> str:
    """Undo `charge_payment`."""
    return await outside().charge(activity.info().idempotency_key, order.customer_id, -order.total_cents)


@temporal.activity
async def book_courier(order: Order) -> Shipment:
    """Hand the parcel over. Fails on and off, as couriers do."""
    info = activity.info()
    tracking = await outside().book(info.idempotency_key, order.item, info.attempt)
    return Shipment(tracking=tracking, courier="Kestrel")


@temporal.activity
async def send_mail(to: str, subject: str) -> None:
    """Write to somebody, once."""
    await outside().mail(activity.info().idempotency_key, to, subject)


@temporal.activity
async def collect_sales(day: date) -> Report:
    """Add up the ledger."""
    payments = await outside().sales()
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
