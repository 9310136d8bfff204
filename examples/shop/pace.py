"""How long the shop waits for what. A deployment may shorten it all, to try in seconds what takes weeks.

Workflows ask `pace()` for their durations. They are part of the code as far as a replay is concerned: while
orders are under way, changing one is like changing the workflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Pace:
    """The durations of one deployment, as `ctx.sleep` takes them."""

    payment: str = "5m"  # until the bank has the money
    approval: str = "24h"  # until nobody waits for an approval any more
    transit: str = "2d"  # until a parcel has arrived
    feedback: str = "7d"  # until a new user is asked how it goes
    courier: str = "30s"  # until a courier who was busy is asked again
    service: str = "1m"  # until anybody else who does not answer is asked again

    def __str__(self) -> str:
        """The form that `parse_pace` reads."""
        return " ".join(f"{each.name}={getattr(self, each.name)}" for each in fields(self))


_pace = Pace()


def pace() -> Pace:
    """The durations that hold here."""
    return _pace


def set_pace(new: Pace) -> None:
    """Let other durations hold from now on; for the start of a process."""
    global _pace
    _pace = new


@contextmanager
def use_pace(new: Pace) -> Iterator[None]:
    """Let other durations hold inside the block."""
    before = _pace
    set_pace(new)
    try:
        yield
    finally:
        set_pace(before)


def parse_pace(text: str) -> Pace:
    """Read `payment=1s transit=2s`; what is not mentioned takes its usual time."""
    return Pace(**dict(word.split("=", 1) for word in text.split()))
