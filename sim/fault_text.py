"""Fault plans as people write them on a command line: ``crashes,network=5000,lost_reply``.

Owns that small language: groups (the makers of FaultPlan), single faults, a rate per million after ``=``, one
placement as ``FAULT@KEY#OCCURRENCE``, ``none``, or the JSON form of a plan. Must not import: the platform.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ..runtime.errors import InvalidArgumentError
from .choices import MILLION
from .fault_table import FAULTS
from .faults import RATE, FaultPlan

RATE_DEFAULT = 10_000
"""Per million, of a single fault without a rate of its own."""

GROUPS: dict[str, Callable[..., FaultPlan]] = {
    "crashes": FaultPlan.crashes,
    "evictions": FaultPlan.evictions,
    "network": FaultPlan.network,
    "queue": FaultPlan.queue,
    "alarms": FaultPlan.alarms,
    "workers": FaultPlan.workers,
    "storage": FaultPlan.storage,
    "zombies": FaultPlan.zombies,
    "deploys": FaultPlan.deploys,
    "losses": FaultPlan.losses,
    "crons": FaultPlan.crons,
    "clocks": FaultPlan.clocks,
    "everything": FaultPlan.everything,
}
"""The names of several faults at once."""

_NAMES = tuple(fault.name for fault in FAULTS)


def parse_faults(text: str) -> FaultPlan:
    """The plan that ``text`` says; ``none`` is an empty one. Raises InvalidArgumentError."""
    text = text.strip()
    if text.startswith("{"):
        try:
            return FaultPlan.from_json(json.loads(text))
        except (ValueError, AttributeError, TypeError) as error:
            raise InvalidArgumentError(f"this is no fault plan: {error}") from None
    plan = FaultPlan()
    for item in text.split(","):
        plan = plan | _item(item.strip())
    return plan


def _item(text: str) -> FaultPlan:
    if text == "none":
        return FaultPlan()
    if "@" in text:
        name, _, place = text.partition("@")
        key, _, occurrence = place.rpartition("#") if "#" in place else (place, "", "1")
        if not occurrence.isdecimal() or int(occurrence) < 1:
            raise InvalidArgumentError(f"{text!r}: after '#' comes a number from 1 on")
        return FaultPlan.at(_known(name), key or "*", int(occurrence))
    name, equals, rate = text.partition("=")
    if equals and (not rate.isdecimal() or int(rate) > MILLION):
        raise InvalidArgumentError(f"{text!r}: the rate of {name} cannot be {rate or 'nothing'}; {RATE}")
    if name in GROUPS:
        return GROUPS[name](int(rate)) if equals else GROUPS[name]()
    return FaultPlan(rates={_known(name): int(rate) if equals else RATE_DEFAULT})


def _known(name: str) -> str:
    if name not in _NAMES:
        raise InvalidArgumentError(
            f"{name!r} is no fault; groups: {', '.join(GROUPS)}, none; single faults: {', '.join(_NAMES)}"
        )
    return name
