"""Activities the tests call; none of them ever runs."""

from __future__ import annotations

from typing import Any

import attrs

from temporal_do.runtime.definitions import define_activity


@attrs.frozen
class Order:
    """An order."""

    id: str
    amount: int


async def _validate(order: Any) -> str:
    raise AssertionError("activities run on workers")


async def _charge(amount: int, customer: str = "c1") -> str:
    raise AssertionError("activities run on workers")


async def _load(order_id: str) -> Order:
    raise AssertionError("activities run on workers")


validate = define_activity(_validate, "validate")
charge = define_activity(_charge, "charge")
load = define_activity(_load, "load")
