"""A second module of the user's, with clocks hidden in it in several ways."""

from __future__ import annotations

import datetime
import random
import time
from functools import partial
from time import time as now
from typing import Any

stamp = partial(time.time)
CLOCKS = {"wall": time.time}


class Clock:
    tick = time.monotonic

    def read(self) -> float:
        return time.time()

    def today(self) -> datetime.date:
        return datetime.date.today()


class LocalTime(datetime.datetime):
    """A user's own datetime."""


def aliased() -> float:
    return now()


def hidden_in_a_dict() -> float:
    return CLOCKS["wall"]()


def roll() -> int:
    return random.randint(1, 6)


def lazily_imported() -> Any:
    from tests.guard import imported_late

    return imported_late.STARTED_AT
