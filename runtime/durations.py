"""Durations: what a user may write for one, and integer nanoseconds, the only form the engine knows.

Owns: the units, the parser and the formatter. Invariants: a parsed duration is a non-negative whole
number of milliseconds, expressed in nanoseconds (halves round up); the arithmetic is exact for strings
and timedeltas. Must not import: anything of this package but the errors.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from .errors import InvalidArgumentError

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

# Temporal's protobuf durations end at ten thousand years; anything above is a typing error.
MAX_DURATION: Final = 315_576_000_000 * SECOND

ACCEPTED: Final = (
    "a string of numbers with units such as '250ms', '30s', '5m', '24h', '7d', '2w' or '1h30m', "
    "a number of seconds, or a timedelta"
)

_UNITS: Final = {"ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_PART: Final = re.compile(r"(\d+)(?:\.(\d+))?(ms|[smhdw])", re.ASCII)
_FORMAT: Final = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND))

DurationLike = str | int | float | timedelta


def parse_duration(value: DurationLike, *, name: str = "duration", allow_zero: bool = True) -> int:
    """Return `value` in nanoseconds, rounded to milliseconds (half up).

    `value`: '5m', '24h', '1h30m', '250ms' (units ms s m h d w, each at most once, from large to small, a
    fraction allowed), a number of seconds, or a timedelta. `name` is the argument's name for the error.
    Raises InvalidArgumentError for anything else: negative, not finite, a bool, empty, too long, or zero
    (also after rounding) where `allow_zero` is false.
    """
    kind = type(value)
    if kind is str:
        total = _parse_text(str(value), name)
    elif kind is int:
        total = int(value) * SECOND  # type: ignore[arg-type]
    elif kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise _refuse(value, name, "is not a finite number of seconds")
        numerator, denominator = float(value).as_integer_ratio()  # type: ignore[arg-type]
        total = _half_up(numerator * SECOND, denominator * MILLISECOND) * MILLISECOND
    elif isinstance(value, timedelta):
        total = ((value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds) * MICROSECOND
    else:
        raise _refuse(value, name, "is not a duration")
    if total < 0:
        raise _refuse(value, name, "is negative")
    total = _half_up(total, MILLISECOND) * MILLISECOND
    if total > MAX_DURATION:
        raise _refuse(value, name, "is longer than ten thousand years")
    if not total and not allow_zero:
        raise _refuse(value, name, "must be longer than zero (durations are rounded to milliseconds)")
    return total


def parse_optional_duration(
    value: DurationLike | None, *, name: str = "duration", allow_zero: bool = True
) -> int | None:
    """Like `parse_duration`, but None stays None."""
    return None if value is None else parse_duration(value, name=name, allow_zero=allow_zero)


def format_duration(duration_ns: int) -> str:
    """Return the shortest text that `parse_duration` reads back as the same duration: '1h30m', '250ms', '0s'.

    What is below a millisecond is written with a fraction; a negative duration gets a minus sign (for
    messages only: it is not accepted back).
    """
    if duration_ns < 0:
        return "-" + format_duration(-duration_ns)
    parts: list[str] = []
    rest = duration_ns
    for unit, size in _FORMAT:
        if unit == "ms" and rest % MILLISECOND:
            whole, fraction = divmod(rest, MILLISECOND)
            parts.append(f"{whole}.{fraction:06d}".rstrip("0") + "ms")
            break
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _parse_text(text: str, name: str) -> int:
    stripped = text.strip()
    total = 0
    position = 0
    largest = MAX_DURATION
    while position < len(stripped):
        match = _PART.match(stripped, position)
        if match is None:
            break
        whole, fraction, unit = match.groups()
        size = _UNITS[unit]
        if size >= largest:
            raise _refuse(text, name, "names a unit twice or out of order")
        if len(whole) > 20:
            raise _refuse(text, name, "is longer than ten thousand years")
        if fraction and len(fraction) > 30:
            raise _refuse(text, name, "is too precise")
        largest = size
        total += int(whole) * size
        if fraction:
            total += int(fraction) * size // 10 ** len(fraction)
        position = match.end()
    if not stripped or position < len(stripped):
        hint = ""
        if stripped.startswith("-"):
            raise _refuse(text, name, "is negative")
        if re.fullmatch(r"\d+(\.\d+)?", stripped, re.ASCII):
            hint = f": it has no unit; did you mean '{stripped}s'?"
        raise _refuse(text, name, f"is not a duration{hint}")
    return total


def _refuse(value: object, name: str, why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} {value!r} {why}; accepted: {ACCEPTED}", name=name, value=value)
