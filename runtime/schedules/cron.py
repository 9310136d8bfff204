"""Cron expressions: text to :class:`LocalRule`.

croniter knows the language of the fields (names, ranges, steps, lists, ``L``, ``#``); this module decides
which part of it is accepted, and reads the rest of a line that is not fields: macros, ``@every`` and
``CRON_TZ=``. croniter's own iteration is not used, since it follows no stated rule for changes of the
clocks; ``rule.py`` does.

What is accepted
    Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday), or one of
    ``@hourly @daily @midnight @weekly @monthly @yearly @annually``, each optionally behind
    ``CRON_TZ=<zone>``; and ``@every <duration>``, alone. Ranges may wrap (``22-2``, ``fri-mon``).
Day of month and day of week
    When both are restricted, a day matches if **either** does, as in crontab(5) and croniter. Temporal's
    schedules want both; a calendar does that here. ``*`` and ``?`` are unrestricted, a step is not.
What is refused, and why
    Six and seven fields: the sixth is seconds in front for some tools, seconds behind for others, and a
    year for Temporal. ``H`` and ``R``: they are drawn at random. ``W``: croniter versions disagree.

Must not import: the host, a clock. croniter is imported when an expression is read, because it is slow.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from ..errors import InvalidArgumentError
from .rule import LocalRule

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ACCEPTED = (
    "Accepted: five fields 'minute hour day-of-month month day-of-week' such as '0 9 * * mon-fri', "
    "one of " + ", ".join(MACROS) + ", or '@every 5m'; 'CRON_TZ=Europe/Berlin ' may stand in front."
)
_FIELD_NAMES = ("minute", "hour", "day of month", "month", "day of week")
_LOWEST = (0, 0, 1, 1, 0)
_HIGHEST = (59, 23, 31, 12, 7)
_STEP_END = (59, 23, 31, 12, 6)  # where 'start/step' ends
_VALUE_NAMES = {3: MONTH_NAMES, 4: WEEKDAY_NAMES}
_VALUE = r"(?:\d{1,2}|[a-z]{3})"
_ITEM = re.compile(rf"(?P<low>\*|{_VALUE})(?:-(?P<high>{_VALUE}))?(?:/(?P<step>\d{{1,2}}))?")
_SPECIAL = {2: re.compile(r"l"), 4: re.compile(rf"l[0-7]|{_VALUE}#[1-5]")}
_UNPREDICTABLE = re.compile(r"[hr](?:\([^)]*\))?(?:/\d+)?|\d*w|w\d+|lw")


def split_timezone(text: str) -> tuple[str, str | None]:
    """Take ``CRON_TZ=<zone>`` (or ``TZ=<zone>``) off the front: (expression, zone name or None)."""
    head, _, rest = text.strip().partition(" ")
    for prefix in ("CRON_TZ=", "TZ="):
        if head.startswith(prefix):
            return rest.strip(), head[len(prefix) :]
    return text.strip(), None


def every_duration(expression: str) -> str | None:
    """The duration of ``@every <duration>``, as text; None when it is something else."""
    head, _, rest = expression.partition(" ")
    return rest.strip() if head.lower() == "@every" else None


@lru_cache(maxsize=512)
def parse_cron(expression: str) -> LocalRule:
    """Compile a cron expression without time zone and without ``@every``.

    Raises InvalidArgumentError that names the expression, the part that is wrong and what is accepted; also
    when the expression is well formed but no date ever matches (``0 0 31 2 *``).
    """
    fields = _check_fields(expression)
    from croniter import croniter

    try:
        expanded, nth = croniter.expand(" ".join(fields))
    except (ValueError, KeyError) as error:  # every error of croniter is a ValueError
        raise _refuse(expression, str(error)) from None

    def numbers(index: int) -> list[int] | None:
        """The values of a field, None when it admits all."""
        values = expanded[index]
        return None if "*" in values else [int(value) for value in values if value != "l"]

    weekdays, nth_weekdays = numbers(4), []
    if nth:
        for weekday, occurrences in nth.items():
            nth_weekdays += [(int(weekday) % 7, 0 if n == "l" else int(n)) for n in occurrences]
        weekdays = None
    rule = LocalRule(
        seconds=(0,),
        minutes=_or_all(numbers(0), 60),
        hours=_or_all(numbers(1), 24),
        days=numbers(2),
        last_day="l" in expanded[2],
        months=numbers(3) or range(1, 13),
        weekdays=weekdays,
        nth_weekdays=nth_weekdays,
        either_day=True,
    )
    if rule.next_reading(datetime(1970, 1, 1)) is None:
        raise _refuse(expression, "no date ever matches it")
    return rule


def _or_all(values: list[int] | None, count: int) -> list[int] | range:
    return range(count) if values is None else values


def _check_fields(expression: str) -> list[str]:
    """The five fields, in a form on which all versions of croniter agree."""
    lowered = expression.lower()
    if lowered.startswith("@"):
        if lowered not in MACROS:
            import difflib

            near = difflib.get_close_matches(lowered, MACROS, n=1)
            raise _refuse(expression, "unknown macro" + (f" (did you mean {near[0]!r}?)" if near else ""))
        lowered = MACROS[lowered]
    fields = lowered.split()
    if len(fields) in (6, 7):
        raise _refuse(
            expression,
            f"it has {len(fields)} fields, which tools read in different ways; for seconds use an interval "
            "or a calendar, for years a calendar or start= and end=",
        )
    if len(fields) != 5:
        raise _refuse(expression, f"it has {len(fields)} field{'' if len(fields) == 1 else 's'}")
    return [_check_field(expression, index, field) for index, field in enumerate(fields)]


def _check_field(expression: str, index: int, field: str) -> str:
    if field == "?":
        if index not in (2, 4):
            raise _refuse(expression, "'?' may only stand for the day of month or the day of week")
        return "*"
    return ",".join(_check_item(expression, index, item) for item in field.split(","))


def _check_item(expression: str, index: int, item: str) -> str:
    special = _SPECIAL.get(index)
    if special is not None and special.fullmatch(item):
        weekday, _, nth = item.partition("#")
        return f"{_number(expression, index, weekday) % 7}#{nth}" if nth else item.replace("l7", "l0")
    found = _ITEM.fullmatch(item)
    if found is None or (found["low"] == "*" and found["high"]):
        why = f"{item!r} is not a {_FIELD_NAMES[index]}"
        if _UNPREDICTABLE.fullmatch(item):
            why += " (H, R and W are not accepted: they do not mean the same everywhere)"
        raise _refuse(expression, why)
    step = found["step"]
    if step is not None and int(step) == 0:
        raise _refuse(expression, f"the step in {item!r} is zero")
    if found["low"] == "*":
        return "*" if step in (None, "1") else item
    low = _number(expression, index, found["low"])
    high = low if step is None else _STEP_END[index]
    if found["high"]:
        high = _number(expression, index, found["high"])
    if index == 4:
        low, high = _weekday_range(low, high)
    # To croniter '9-9' is the whole cycle, and '59/15' depends on its version; cron means one value.
    if low == high:
        return str(low)
    if low > high:  # wraps, which only newer versions of croniter understand
        lowest, size = _LOWEST[index], _STEP_END[index] - _LOWEST[index] + 1
        values = range(low, high + size + 1, int(step or 1))
        return ",".join(str((value - lowest) % size + lowest) for value in values)
    return f"{low}-{high}" if step is None else f"{low}-{high}/{step}"


def _number(expression: str, index: int, value: str) -> int:
    names = _VALUE_NAMES.get(index, ())
    if value in names:
        return _LOWEST[index] + names.index(value)
    if not value.isdigit() or not _LOWEST[index] <= int(value) <= _HIGHEST[index]:
        known = f" or {names[0]} to {names[-1]}" if names else ""
        raise _refuse(
            expression,
            f"{value!r} is no {_FIELD_NAMES[index]}, which is {_LOWEST[index]} to {_HIGHEST[index]}{known}",
        )
    return int(value)


def _weekday_range(low: int, high: int) -> tuple[int, int]:
    """The same range without 7: Sunday is 0, and 0-7 is the whole week."""
    if low == high:
        return low % 7, low % 7
    if high == 7:
        return (0, 6) if low == 0 else (low, 0)
    return low % 7, high


def _refuse(expression: str, why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"cron: {expression!r} is not accepted: {why}. {_ACCEPTED}")
