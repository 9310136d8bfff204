"""An independent judge of cron times: it looks at the wall once a minute and knows nothing of the product.

It walks through real instants, reads the clock of the zone at each, and applies the documented rule to what
it sees. Cron fields are given as text together with the set of values they stand for, so that no parser of
the product is involved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Field:
    """One cron field: how it is written, and which values it means (None: all)."""

    text: str
    values: frozenset[int] | None

    def admits(self, value: int) -> bool:
        return self.values is None or value in self.values


@dataclass(frozen=True)
class Cron:
    """Five fields; weekdays count from Sunday = 0."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @property
    def text(self) -> str:
        fields = (self.minute, self.hour, self.day, self.month, self.weekday)
        return " ".join(field.text for field in fields)

    def matches(self, reading: datetime) -> bool:
        if not (self.minute.admits(reading.minute) and self.hour.admits(reading.hour)):
            return False
        if not self.month.admits(reading.month):
            return False
        by_day = self.day.admits(reading.day)
        by_weekday = self.weekday.admits(reading.isoweekday() % 7)
        if self.day.values is not None and self.weekday.values is not None:
            return by_day or by_weekday
        return by_day and by_weekday


@lru_cache(maxsize=64)
def watch(
    zone_name: str, begin: datetime, end: datetime
) -> list[tuple[datetime, datetime, bool, list[datetime]]]:
    """What the wall shows, minute by minute: (instant, reading, shown before?, readings just skipped)."""
    zone = ZoneInfo(zone_name)
    shown: set[datetime] = set()
    before: datetime | None = None
    seen: list[tuple[datetime, datetime, bool, list[datetime]]] = []
    instant = begin
    while instant < end:
        reading = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        skipped: list[datetime] = []
        missing = reading if before is None else before + MINUTE
        while missing < reading:
            skipped.append(missing)
            missing += MINUTE
        seen.append((instant, reading, reading in shown, skipped))
        shown.add(reading)
        before = reading
        instant += MINUTE
    return seen


def expected_fires(cron: Cron, zone_name: str, start: datetime, end: datetime) -> list[datetime]:
    """Every fire of ``cron`` from ``start`` until before ``end`` (aware, whole minutes)."""
    every_hour = cron.hour.values is None or len(cron.hour.values) == 24
    midnight = start.replace(hour=0, minute=0)
    fires: list[datetime] = []
    for instant, reading, again, skipped in watch(
        zone_name, midnight - timedelta(days=2), midnight + timedelta(days=4)
    ):
        if not start <= instant < end:
            continue
        fire = cron.matches(reading) and (every_hour or not again)
        if not every_hour and any(cron.matches(missing) for missing in skipped):
            fire = True
        if fire:
            fires.append(instant)
    return fires


def nanoseconds(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * 1_000_000_000


def instant(nanosecond: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanosecond // 1000)


@st.composite
def _fields(draw: st.DrawFn, low: int, high: int, *, star: bool = True) -> Field:
    kind = draw(st.sampled_from(["star", "star", "step", "list", "range"] if star else ["list", "range"]))
    if kind == "star":
        return Field("*", None)
    if kind == "step":
        step = draw(st.integers(2, max(2, (high - low) // 2)))
        return Field(f"*/{step}", frozenset(range(low, high + 1, step)))
    if kind == "list":
        values = draw(st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True))
        return Field(",".join(map(str, values)), frozenset(values))
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    if first == last:  # '9-9' is one value here and in cron, the whole cycle to croniter: tested by name
        return Field(str(first), frozenset([first]))
    return Field(f"{first}-{last}", frozenset(range(first, last + 1)))


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    """Expressions that a date matches in every week or so, half of them bound to fixed hours."""
    everyday = Field("*", None)
    return Cron(
        minute=draw(_fields(0, 59)),
        hour=draw(st.one_of(_fields(0, 23), _fields(0, 4, star=False))),
        day=draw(st.one_of(st.just(everyday), st.just(everyday), _fields(1, 31))),
        month=everyday,
        weekday=draw(st.one_of(st.just(everyday), _fields(0, 6))),
    )
