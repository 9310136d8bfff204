"""Instants: integer nanoseconds since the Unix epoch, and the datetimes users see.

Datetimes are aware, in UTC, with microseconds; the nanoseconds below that are cut off. No clock is read here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .errors import InvalidArgumentError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(instant_ns: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=instant_ns // 1_000)


def from_datetime(moment: datetime, *, name: str = "time") -> int:
    """The instant of an aware datetime, ns. Raises InvalidArgumentError for one without a time zone."""
    if not isinstance(moment, datetime):
        raise InvalidArgumentError(f"{name} is a datetime with a time zone, not {moment!r}")
    if moment.tzinfo is None:
        raise InvalidArgumentError(
            f"{name} {moment.isoformat()} has no time zone; give it one, e.g. tzinfo=timezone.utc"
        )
    return (moment - EPOCH) // _MICROSECOND * 1_000
