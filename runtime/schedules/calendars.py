"""Calendars: a schedule's times as matching fields, in Temporal's form.

A calendar matches a local time when **every** field matches (a cron expression is satisfied with one of
the two day fields). A field is a comma-separated list of ``*``, ``value``, ``first-last``, ``*/step``,
``first/step`` and ``first-last/step``; months and weekdays may be written as names. Seconds, minutes and
hours are 0 when not given, all other fields match everything. Unlike in cron a range must not wrap.

Must not import: the host, a clock, croniter.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from ..errors import InvalidArgumentError
from ..records import record
from .cron import MONTH_NAMES, WEEKDAY_NAMES
from .rule import LocalRule

_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d{1,4}))?", re.ASCII)


@record
class CalendarSpec:
    """Local times at which every field matches. Weekday 0 is Sunday, 7 too."""

    second: str = "0"
    minute: str = "0"
    hour: str = "0"
    day_of_month: str = "*"
    month: str = "*"
    year: str = "*"
    day_of_week: str = "*"
    comment: str = ""


@lru_cache(maxsize=512)
def parse_calendar(calendar: CalendarSpec) -> LocalRule:
    """Compile a calendar. Raises InvalidArgumentError naming the field, its value and what is accepted."""
    years = _field("year", calendar.year, 1970, 9998)
    rule = LocalRule(
        seconds=_values("second", calendar.second, 0, 59),
        minutes=_values("minute", calendar.minute, 0, 59),
        hours=_values("hour", calendar.hour, 0, 23),
        days=_field("day_of_month", calendar.day_of_month, 1, 31),
        months=_values("month", calendar.month, 1, 12, MONTH_NAMES),
        weekdays=_weekdays(calendar.day_of_week),
        years=years,
        either_day=False,
    )
    if rule.next_reading(datetime(1970, 1, 1)) is None:
        raise InvalidArgumentError(f"calendar: no date ever matches {calendar!r}")
    return rule


def _weekdays(text: str) -> set[int] | None:
    values = _field("day_of_week", text, 0, 7, WEEKDAY_NAMES)
    return None if values is None else {value % 7 for value in values}


def _values(name: str, text: str, lowest: int, highest: int, names: tuple[str, ...] = ()) -> set[int]:
    values = _field(name, text, lowest, highest, names)
    return set(range(lowest, highest + 1)) if values is None else values


def _field(name: str, text: str, lowest: int, highest: int, names: tuple[str, ...] = ()) -> set[int] | None:
    """The values of one field; None when every value is in it by ``*``."""

    def number(value: str) -> int:
        if value in names:
            return lowest + names.index(value)
        if value.isdigit() and lowest <= int(value) <= highest:
            return int(value)
        raise _refuse(name, text, lowest, highest, names)

    values: set[int] = set()
    for part in str(text).lower().replace(" ", "").split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise _refuse(name, text, lowest, highest, names)
        first, last, step = found.groups()
        if first == "*":
            if last is not None:
                raise _refuse(name, text, lowest, highest, names)
            if step is None:
                return None
            low, high = lowest, highest
        else:
            low = number(first)
            high = number(last) if last is not None else highest if step is not None else low
        if high < low or step == "0":
            raise _refuse(name, text, lowest, highest, names)
        values.update(range(low, high + 1, int(step or 1)))
    return values


def _refuse(name: str, text: str, lowest: int, highest: int, names: tuple[str, ...]) -> InvalidArgumentError:
    by_name = f", names {names[0]} to {names[-1]}" if names else ""
    return InvalidArgumentError(
        f"calendar: {name} {text!r} is not accepted; accepted: '*', "
        f"values from {lowest} to {highest}{by_name}, "
        "ranges 'first-last', steps '/n', and lists of these with commas; no range may be backwards."
    )
