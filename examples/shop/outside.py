"""The world outside the workflows: payment provider, warehouse, courier, mail. Stubs, so that nothing here
needs a network; in a real shop these are the clients of your services.

Activities reach it through `outside()`. Each world has its own: a test, or a simulation, wraps itself in
`with use_outside(Outside()) as world:` and looks at `world` afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CardDeclined(Exception):
    """The customer's bank says no. Trying again does not help."""


class NoCourier(Exception):
    """No courier takes the parcel right now. Trying again may help."""


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

    def charge(self, key: str, customer_id: str, cents: int) -> str:
        """Move money once per `key`, however often it is asked to."""
        self.charge_calls += 1
        if customer_id.startswith("broke"):
            raise CardDeclined(f"the bank of {customer_id} declined {cents / 100:.2f}")
        self.ledger.setdefault(key, (customer_id, cents))
        return f"payment-{list(self.ledger).index(key) + 1}"

    def balance(self, customer_id: str) -> int:
        """What the customer has paid in all, refunds deducted."""
        return sum(cents for who, cents in self.ledger.values() if who == customer_id)

    def mail(self, key: str, to: str, subject: str) -> None:
        """Send one mail per `key`."""
        if key not in self._mailed:
            self._mailed.add(key)
            self.mails.append((to, subject))


_outside: ContextVar[Outside] = ContextVar("shop_outside")
_ONE_FOR_ALL = Outside()


def outside() -> Outside:
    """The world that the running activity belongs to."""
    return _outside.get(_ONE_FOR_ALL)


@contextmanager
def use_outside(world: Outside) -> Iterator[Outside]:
    """Let `world` be what activities meet, inside the block."""
    token = _outside.set(world)
    try:
        yield world
    finally:
        _outside.reset(token)
