"""Time zones as pure functions between instants and local readings.

Owns the mapping in both directions; the rule of what a schedule does with a repeated or a skipped local
time is not here but in ``rule.py``. An instant is an int, seconds since the Unix epoch; a local reading is
a naive ``datetime`` in whole seconds.

Zone data come from the ``tzdata`` package alone, never from the machine's own files: the same installed
versions give the same times everywhere, in Pyodide too.

Must not import: the host, a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from ..errors import InvalidArgumentError

EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

# Readings are kept two days away from the ends of what a datetime can hold, so that no offset overflows.
FIRST_INSTANT = (datetime(1, 1, 3) - EPOCH) // _SECOND
LAST_INSTANT = (datetime(9999, 12, 29) - EPOCH) // _SECOND


def _reading_at(zone: tzinfo, instant: int) -> datetime:
    """The reading with its ``fold``, which tells the second of two equal readings from the first."""
    return (_EPOCH_UTC + timedelta(seconds=instant)).astimezone(zone).replace(tzinfo=None)


def _offset(zone: tzinfo, reading: datetime, fold: int) -> int:
    offset = zone.utcoffset(reading.replace(tzinfo=zone, fold=fold))
    return 0 if offset is None else offset // _SECOND


def local_reading(zone: tzinfo, instant: int) -> datetime:
    """What a clock on the wall of ``zone`` shows at ``instant``."""
    return _reading_at(zone, instant).replace(fold=0)


def instants_of(zone: tzinfo, reading: datetime) -> tuple[int, ...]:
    """Every instant at which the wall shows ``reading``: one, two (clocks set back) or none (set forward)."""
    seconds = (reading - EPOCH) // _SECOND
    if zone is UTC:
        return (seconds,)
    early, late = _offset(zone, reading, 0), _offset(zone, reading, 1)
    if early == late:
        return (seconds - early,)
    if early > late:
        return (seconds - early, seconds - late)
    return ()


def end_of_gap(zone: tzinfo, reading: datetime) -> int:
    """The instant at which the clocks were set forward over ``reading``, a reading that never was shown."""
    seconds = (reading - EPOCH) // _SECOND
    before, after = _offset(zone, reading, 0), _offset(zone, reading, 1)
    # Read with the later offset the reading is an instant before the change, with the earlier one after it.
    return _first_change(zone, seconds - after, seconds - before)


def second_pass_after(zone: tzinfo, instant: int) -> int | None:
    """If the reading at ``instant`` will be shown again, the instant at which the clocks are set back."""
    if zone is UTC:
        return None
    reading = _reading_at(zone, instant)
    if reading.fold:
        return None
    occurrences = instants_of(zone, reading)
    if len(occurrences) != 2:
        return None
    return _first_change(zone, instant, occurrences[1])


def _first_change(zone: tzinfo, low: int, high: int) -> int:
    """The first instant in (low, high] that has the offset of ``high``; there is one change in between."""

    def offset_at(instant: int) -> int:
        return (_reading_at(zone, instant) - EPOCH) // _SECOND - instant

    target = offset_at(high)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(middle) == target:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Every name that :func:`load_zone` accepts, in alphabetical order."""
    import pkgutil

    data = pkgutil.get_data("tzdata", "zones")
    return tuple(sorted((data or b"UTC").decode("ascii").split()))


@lru_cache(maxsize=64)
def load_zone(name: str) -> tzinfo:
    """The IANA time zone ``name``.

    Raises InvalidArgumentError, with the nearest names, when there is none.
    """
    if name == "UTC":
        return UTC
    if name not in zone_names():
        raise InvalidArgumentError(_unknown_zone(name))
    import io
    import pkgutil
    from zoneinfo import ZoneInfo

    folder, _, file = name.rpartition("/")
    package = ".".join(["tzdata", "zoneinfo", *folder.split("/")]) if folder else "tzdata.zoneinfo"
    data = pkgutil.get_data(package, file)
    if data is None:
        raise InvalidArgumentError(_unknown_zone(name))
    return ZoneInfo.from_file(io.BytesIO(data), key=name)


def _unknown_zone(name: str) -> str:
    import difflib

    by_lower = {known.lower(): known for known in zone_names()}
    cities = {known.lower().rpartition("/")[2]: known for known in zone_names() if "/" in known}
    wanted = name.lower().replace(" ", "_")
    near = [by_lower[found] for found in difflib.get_close_matches(wanted, by_lower, n=2, cutoff=0.75)]
    if not near:
        city = wanted.rpartition("/")[2]
        near = [cities[found] for found in difflib.get_close_matches(city, cities, n=2, cutoff=0.8)]
    hint = f" Did you mean {' or '.join(repr(found) for found in near)}?" if near else ""
    return (
        f"timezone: {name!r} is not a known time zone.{hint} "
        "Accepted: an IANA name such as 'UTC', 'Europe/Berlin' or 'America/New_York'."
    )
