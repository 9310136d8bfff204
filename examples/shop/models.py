"""What travels between workflows, activities and clients: dataclasses, brought back whole by type hints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Order:
    """What a customer ordered. Money is in cents."""

    id: str
    customer_id: str
    item: str
    quantity: int
    price_cents: int

    @property
    def total_cents(self) -> int:
        """What the customer pays."""
        return self.quantity * self.price_cents


@dataclass(frozen=True)
class Approval:
    """What a clerk says to an order or a request; sent as a signal."""

    approved: bool
    by: str = ""


@dataclass(frozen=True)
class Shipment:
    """A parcel on its way."""

    tracking: str
    courier: str


@dataclass(frozen=True)
class OrderResult:
    """How an order ended: completed, rejected, expired or refunded."""

    order_id: str
    status: str
    shipment: Shipment | None = None
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """A day's business."""

    day: date
    payments: int
    total_cents: int
