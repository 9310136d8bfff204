"""How single values look in protobuf JSON: integers, times, durations, bytes, enumerations.

Owns: one reader and one writer per kind of scalar. A reader takes whatever JSON gave, and returns the
value or raises Bad. Invariants: readers accept all that protobuf's own JSON parser accepts and the
spellings of older Temporal tools; writers give the canonical form. Must not import: the records.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from ..texts import pascal_case
from .enums import ENUMS

_SECOND: Final = 1_000_000_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_INT64: Final = range(-(2**63), 2**63)
_INT32: Final = range(-(2**31), 2**32)  # unsigned 32 bit fields are read by the same function
_CACHE_SIZE: Final = 1024


class Bad(Exception):
    """What was read is not what the field can hold. `path` grows outwards while the exception climbs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def position(self) -> str:
        """Return where: the event, then the field."""
        parts = self.path[::-1]
        if parts and parts[0].startswith("events["):
            return ", ".join(part for part in (parts[0], ".".join(parts[1:])) if part)
        return ".".join(parts)


def shape(value: Any) -> str:
    """Describe a JSON value for an error message, short."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- numbers, text, flags ---------------------------------------------------------------------------------


def _integer(value: Any, bounds: range) -> int:
    if type(value) is str:
        try:
            number = int(value)
        except ValueError:
            raise Bad(f"expected a whole number, found {shape(value)}") from None
    elif type(value) is int:
        number = value
    elif type(value) is float and value.is_integer():
        number = int(value)
    else:
        raise Bad(f"expected a whole number, found {shape(value)}")
    if number not in bounds:
        raise Bad(f"the number {number} is out of range")
    return number


def read_int64(value: Any) -> int:
    """Read a 64 bit integer: protobuf JSON writes it as text, older tools as a number."""
    return _integer(value, _INT64)


def read_int32(value: Any) -> int:
    """Read a 32 bit integer, signed or not."""
    return _integer(value, _INT32)


def read_text(value: Any) -> str:
    """Read a string."""
    if type(value) is str:
        return value
    raise Bad(f"expected text, found {shape(value)}")


def read_flag(value: Any) -> bool:
    """Read true or false."""
    if value is True or value is False:
        return bool(value)
    raise Bad(f"expected true or false, found {shape(value)}")


def read_float(value: Any) -> float:
    """Read a floating point number; protobuf spells the special ones as text."""
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            pass
    raise Bad(f"expected a number, found {shape(value)}")


def write_float(value: float) -> float | int | str:
    """Write a floating point number the way Go does: whole numbers without a fraction."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    whole = int(value)
    return whole if whole == value and abs(whole) < 2**53 else value


# --- bytes ------------------------------------------------------------------------------------------------


def read_bytes(value: Any) -> bytes:
    """Read base64, standard or URL-safe, padded or not."""
    if type(value) is not str:
        raise Bad(f"expected base64 text, found {shape(value)}")
    try:
        return a2b_base64(value, strict_mode=True)
    except (Base64Error, ValueError):
        pass
    text = "".join(value.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (Base64Error, ValueError):
        raise Bad(f"expected base64 text, found {shape(value)}") from None


def write_bytes(value: bytes) -> str:
    """Write standard base64 with padding."""
    return str(b2a_base64(value, newline=False), "ascii")


# --- times ------------------------------------------------------------------------------------------------

_DURATION: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_durations: dict[str, int] = {}
_days: dict[str, int] = {}
_written_days: dict[int, str] = {}


def read_duration(value: Any) -> int:
    """Read "1.5s" as nanoseconds."""
    if type(value) is str:
        known = _durations.get(value)
        if known is not None:
            return known
        match = _DURATION.fullmatch(value)
        if match is not None:
            sign, whole, fraction = match.groups()
            number = int(whole) * _SECOND + int((fraction or "0").ljust(9, "0"))
            number = -number if sign else number
            if len(_durations) < _CACHE_SIZE:
                _durations[value] = number
            return number
    raise Bad(f"expected a duration such as '1.5s', found {shape(value)}")


def write_duration(value: int) -> str:
    """Write nanoseconds as seconds with 0, 3, 6 or 9 digits after the point."""
    whole, rest = divmod(abs(value), _SECOND)
    return f"{'-' if value < 0 else ''}{whole}{_fraction(rest)}s"


def read_timestamp(value: Any) -> int:
    """Read an RFC 3339 time as nanoseconds since the Unix epoch."""
    match = _TIMESTAMP.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Bad(f"expected a time such as '2024-05-31T12:00:00Z', found {shape(value)}")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    name = value[:10]
    days = _days.get(name)
    if days is None:
        try:
            days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
        except ValueError as error:
            raise Bad(f"expected a time, found {shape(value)}: {error}") from None
        if len(_days) < _CACHE_SIZE:
            _days[name] = days
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Bad(f"expected a time, found {shape(value)}: no such time of day")
    total = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    if sign is not None:
        offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
        total += offset if sign == "-" else -offset
    return total * _SECOND + int((fraction or "0").ljust(9, "0"))


def write_timestamp(value: int) -> str:
    """Write nanoseconds since the epoch as RFC 3339 in UTC with 0, 3, 6 or 9 digits of the second."""
    seconds, rest = divmod(value, _SECOND)
    day, second = divmod(seconds, 86_400)
    name = _written_days.get(day)
    if name is None:
        name = date.fromordinal(day + _EPOCH_DAY).isoformat()
        if len(_written_days) < _CACHE_SIZE:
            _written_days[day] = name
    hours, second = divmod(second, 3600)
    minutes, second = divmod(second, 60)
    return f"{name}T{hours:02d}:{minutes:02d}:{second:02d}{_fraction(rest)}Z"


def _fraction(nanoseconds: int) -> str:
    if not nanoseconds:
        return ""
    if nanoseconds % 1_000_000 == 0:
        return f".{nanoseconds // 1_000_000:03d}"
    if nanoseconds % 1_000 == 0:
        return f".{nanoseconds // 1_000:06d}"
    return f".{nanoseconds:09d}"


# --- enumerations -----------------------------------------------------------------------------------------


def enum_reader(name: str) -> Callable[[Any], str]:
    """Return the reader of one enumeration: full names, the old short ones and numbers give the full name.

    The unspecified member is "". A name that is not known is kept as it is, an unknown number as its digits.
    """
    prefix, members = ENUMS[name]
    table: dict[Any, str] = {}
    for number, member in members.items():
        full = prefix + member if number else ""
        for spelling in (number, prefix + member, member, pascal_case(member)):
            table.setdefault(spelling, full)

    def read(value: Any) -> str:
        if type(value) is str:
            return table.get(value, value)
        if type(value) is int:
            return table.get(value, str(value))
        raise Bad(f"expected the name of a {name.removesuffix('Name')}, found {shape(value)}")

    return read


def enum_writer(name: str) -> Callable[[str], str | int]:
    """Return the writer of one enumeration; "" (in a list, where nothing can be left out) is unspecified."""
    unspecified = ENUMS[name][0] + "UNSPECIFIED"
    return lambda value: write_enum(value or unspecified)


def write_enum(value: str) -> str | int:
    """Write an enumeration's member; one that was an unknown number is a number again."""
    return int(value) if value.lstrip("-").isdigit() else value
