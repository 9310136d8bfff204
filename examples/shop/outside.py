"""The world outside the workflows: payment provider, warehouse, courier, mail. Stubs, so that nothing here
needs a network; in a real shop these are the clients of your services.

Activities reach it through `outside()`. Each world has its own: a test, or a simulation, wraps itself in
`with use_outside(Outside()) as world:` and looks at `world` afterwards. A Worker reaches one over HTTP, see
`outside_http`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class CardDeclined(Exception):
    """The customer's bank says no. Trying again does not help."""


class OutOfStock(Exception):
    """The warehouse has too few of it. Trying again does not help."""


class NoCourier(Exception):
    """No courier takes the parcel right now. Trying again may help."""


class Services(Protocol):
    """What the shop asks of others. `key` is an idempotency key: one key, one effect."""

    async def sells(self, item: str) -> bool:
        """Is there such a thing in the catalogue?"""
        ...

    async def reserve(self, order_id: str, item: str, quantity: int) -> None:
        """Put goods aside; twice for one order is once. Raises OutOfStock."""
        ...

    async def release(self, order_id: str) -> None:
        """Put back what was put aside."""
        ...

    async def charge(self, key: str, customer_id: str, cents: int) -> str:
        """Move money once per `key`. Raises CardDeclined."""
        ...

    async def book(self, key: str, item: str, attempt: int) -> str:
        """Book a courier; the tracking number. Raises NoCourier."""
        ...

    async def mail(self, key: str, to: str, subject: str) -> None:
        """Send one mail per `key`."""
        ...

    async def sales(self) -> list[int]:
        """All payments so far, in cents."""
        ...


class Outside:
    """Everything the shop talks to, and what it was told."""

    def __init__(self) -> None:
        self.ledger: dict[str, tuple[str, int]] = {}  # idempotency key -> (customer, cents)
        self.stock: dict[str, int] = {"tea": 1000, "teapot": 100}
        self.reserved: dict[str, tuple[str, int]] = {}  # order id -> (item, quantity)
        self.booked: dict[str, str] = {}  # idempotency key -> tracking number
        self.mails: list[tuple[str, str]] = []  # (to, subject)
        self._mailed: set[str] = set()
        self.charge_calls = 0

    async def sells(self, item: str) -> bool:
        """Tea and teapots."""
        return item in self.stock

    async def reserve(self, order_id: str, item: str, quantity: int) -> None:
        """Take goods off the shelf, once per order."""
        if order_id in self.reserved:
            return
        if self.stock[item] < quantity:
            raise OutOfStock(f"only {self.stock[item]} {item} left")
        self.stock[item] -= quantity
        self.reserved[order_id] = (item, quantity)

    async def release(self, order_id: str) -> None:
        """Put them back, if they are not there already."""
        if order_id in self.reserved:
            item, quantity = self.reserved.pop(order_id)
            self.stock[item] += quantity

    async def charge(self, key: str, customer_id: str, cents: int) -> str:
        """Move money once per `key`, however often it is asked to."""
        self.charge_calls += 1
        if customer_id.startswith("broke"):
            raise CardDeclined(f"the bank of {customer_id} declined {cents / 100:.2f}")
        self.ledger.setdefault(key, (customer_id, cents))
        return f"payment-{list(self.ledger).index(key) + 1}"

    def balance(self, customer_id: str) -> int:
        """What the customer has paid in all, refunds deducted."""
        return sum(cents for who, cents in self.ledger.values() if who == customer_id)

    async def book(self, key: str, item: str, attempt: int) -> str:
        """Couriers are busy on and off: a teapot goes with the third."""
        if item == "teapot" and attempt < 3:
            raise NoCourier("every van is out")
        return self.booked.setdefault(key, f"track-{len(self.booked) + 1}")

    async def mail(self, key: str, to: str, subject: str) -> None:
        """Send one mail per `key`."""
        if key not in self._mailed:
            self._mailed.add(key)
            self.mails.append((to, subject))

    async def sales(self) -> list[int]:
        """What is in the ledger."""
        return [cents for _, cents in self.ledger.values()]


_outside: ContextVar[Services] = ContextVar("shop_outside")
_for_all: Services = Outside()


def outside() -> Services:
    """The world that the running activity belongs to."""
    return _outside.get(_for_all)


def set_outside(world: Services) -> None:
    """Let `world` be what activities meet wherever nothing else is said; for the start of a process."""
    global _for_all
    _for_all = world


@contextmanager
def use_outside(world: Outside) -> Iterator[Outside]:
    """Let `world` be what activities meet, inside the block."""
    token = _outside.set(world)
    try:
        yield world
    finally:
        _outside.reset(token)
