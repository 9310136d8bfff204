"""When a schedule fires: the specification, its validation, and the times that follow from it.

Invariants: :func:`next_fire` is strictly later than its argument; the times of a range do not depend on how
the range is cut; nominal times follow from the specification (and the installed zone data) alone, jittered
ones from the schedule's id too.

Must not import: the host, a clock. Time is an argument in integer nanoseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from ..durations import SECOND, DurationLike, format_duration, parse_duration
from ..errors import InvalidArgumentError
from ..records import record
from .calendars import CalendarSpec, parse_calendar
from .cron import every_duration, parse_cron, split_timezone
from .jitter import jitter_offset
from .rule import LocalRule
from .zones import FIRST_INSTANT, LAST_INSTANT, load_zone

_ONE_KIND = "give exactly one of cron ('0 9 * * *'), interval ('1h') and calendars"


@record
class ScheduleSpec:
    """When to fire. Exactly one of ``cron``, ``interval_ns`` and ``calendars`` is given.

    Several expressions fire at the union of their times. An interval fires at the multiples of
    ``interval_ns`` since the Unix epoch, moved by ``offset_ns``. ``jitter_ns`` delays each start by a share
    of that window. ``start_ns`` and ``end_ns`` are the first and the last nominal time that may fire.
    """

    cron: tuple[str, ...] = ()
    interval_ns: int = 0
    offset_ns: int = 0
    calendars: tuple[CalendarSpec, ...] = ()
    jitter_ns: int = 0
    timezone: str = "UTC"
    start_ns: int | None = None
    end_ns: int | None = None


def make_spec(
    *,
    cron: str | Sequence[str] | None = None,
    interval: DurationLike | None = None,
    offset: DurationLike | None = None,
    calendars: CalendarSpec | Sequence[CalendarSpec] | None = None,
    jitter: DurationLike | None = None,
    timezone: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> ScheduleSpec:
    """Build a validated specification from what a user writes.

    Durations are as everywhere ('5m', seconds, timedelta); ``start`` and ``end`` are datetimes with a time
    zone. ``CRON_TZ=`` in an expression sets the time zone, ``@every 5m`` becomes an interval. Raises
    InvalidArgumentError naming the value and what is accepted.
    """
    expressions, zone = _read_cron(cron, timezone)
    every = [duration for duration in map(every_duration, expressions) if duration is not None]
    if every:
        if len(expressions) > 1 or interval is not None:
            raise InvalidArgumentError(
                f"cron: '@every {every[0]}' is an interval and stands alone; {_ONE_KIND}"
            )
        expressions, interval = (), every[0]
    if isinstance(calendars, CalendarSpec):
        calendars = (calendars,)
    spec = ScheduleSpec(
        cron=expressions,
        interval_ns=0 if interval is None else parse_duration(interval, name="interval", allow_zero=False),
        offset_ns=0 if offset is None else parse_duration(offset, name="offset"),
        calendars=tuple(calendars or ()),
        jitter_ns=0 if jitter is None else parse_duration(jitter, name="jitter"),
        timezone=zone,
        start_ns=None if start is None else _instant("start", start),
        end_ns=None if end is None else _instant("end", end),
    )
    return validate_spec(spec)


def _read_cron(cron: str | Sequence[str] | None, timezone: str | None) -> tuple[tuple[str, ...], str]:
    given: tuple[object, ...] = () if cron is None else (cron,)
    if isinstance(cron, (list, tuple)):
        given = tuple(cron)
    expressions: list[str] = []
    zones = [] if timezone is None else [timezone]
    for text in given:
        if not isinstance(text, str):
            raise InvalidArgumentError(f"cron: {text!r} is no text. Accepted: text such as '0 9 * * mon-fri'")
        expression, zone = split_timezone(text)
        expressions.append(" ".join(expression.split()))
        if zone is not None:
            zones.append(zone)
    if len(set(zones)) > 1:
        raise InvalidArgumentError(
            f"timezone: a schedule has one time zone, but {sorted(set(map(str, zones)))} are named; "
            "give timezone= or one CRON_TZ=, or make several schedules"
        )
    return tuple(expressions), zones[0] if zones else "UTC"


def _instant(name: str, value: datetime) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidArgumentError(
            f"{name}: {value!r} is not an instant. Accepted: a datetime with a time zone, "
            "such as datetime(2026, 1, 1, tzinfo=timezone.utc)"
        )
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def validate_spec(spec: ScheduleSpec) -> ScheduleSpec:
    """Return ``spec`` if it can fire; raise InvalidArgumentError naming the value and what is accepted."""
    kinds = [name for name, given in _kinds(spec) if given]
    if len(kinds) != 1:
        found = " and ".join(kinds) + " are both set" if kinds else "none is set"
        raise InvalidArgumentError(f"schedule: {found}; {_ONE_KIND}")
    _check_int("interval", spec.interval_ns)
    _check_int("offset", spec.offset_ns)
    _check_int("jitter", spec.jitter_ns)
    if spec.interval_ns and spec.interval_ns < SECOND:
        raise InvalidArgumentError(
            f"interval: {format_duration(spec.interval_ns)!r} is too short. Accepted: one second or longer"
        )
    if spec.offset_ns and not spec.interval_ns:
        raise InvalidArgumentError(
            f"offset: {format_duration(spec.offset_ns)!r} needs an interval; with cron and calendars "
            "the fields say when"
        )
    if spec.interval_ns and spec.offset_ns >= spec.interval_ns:
        raise InvalidArgumentError(
            f"offset: {format_duration(spec.offset_ns)!r} is not below the interval. "
            f"Accepted: 0 or more, less than {format_duration(spec.interval_ns)!r}"
        )
    if not isinstance(spec.timezone, str):
        raise InvalidArgumentError(f"timezone: {spec.timezone!r} is no text. Accepted: 'Europe/Berlin'")
    for name, bound in (("start", spec.start_ns), ("end", spec.end_ns)):
        if bound is not None and not FIRST_INSTANT * SECOND <= bound <= LAST_INSTANT * SECOND:
            raise InvalidArgumentError(f"{name}: {bound!r} ns since 1970 is outside of the years 1 to 9999")
    if spec.start_ns is not None and spec.end_ns is not None and spec.end_ns < spec.start_ns:
        raise InvalidArgumentError(
            f"end: {format_instant(spec.end_ns)} is before start: {format_instant(spec.start_ns)}"
        )
    _compile(spec.cron, spec.calendars, spec.timezone)
    return spec


def _kinds(spec: ScheduleSpec) -> tuple[tuple[str, object], ...]:
    return ("cron", spec.cron), ("interval", spec.interval_ns), ("calendars", spec.calendars)


def _check_int(name: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise InvalidArgumentError(f"{name}: {value!r} is not accepted. Accepted: nanoseconds, 0 or more")


@lru_cache(maxsize=512)
def _compile(
    cron: tuple[str, ...], calendars: tuple[CalendarSpec, ...], timezone: str
) -> tuple[tuple[LocalRule, ...], tzinfo]:
    rules = [parse_cron(expression) for expression in cron]
    rules += [parse_calendar(calendar) for calendar in calendars]
    return tuple(rules), load_zone(timezone)


def next_fire(spec: ScheduleSpec, after_ns: int) -> int | None:
    """The first nominal fire time strictly after ``after_ns``; None when there is none any more.

    Jitter is not in it: see :func:`jittered`.
    """
    if spec.start_ns is not None and after_ns < spec.start_ns:
        after_ns = spec.start_ns - 1
    found = _next_nominal(spec, after_ns)
    if found is None or (spec.end_ns is not None and found > spec.end_ns):
        return None
    return found


def _next_nominal(spec: ScheduleSpec, after_ns: int) -> int | None:
    if spec.interval_ns:
        steps = (after_ns - spec.offset_ns) // spec.interval_ns + 1
        found = steps * spec.interval_ns + spec.offset_ns
        return found if found <= LAST_INSTANT * SECOND else None
    instant = _next_instant(spec.cron, spec.calendars, spec.timezone, after_ns // SECOND)
    return None if instant is None else instant * SECOND


# One fire asks for the same time thrice: to wake up for it, to see whether it is due, and what follows it.
@lru_cache(maxsize=4096)
def _next_instant(
    cron: tuple[str, ...], calendars: tuple[CalendarSpec, ...], timezone: str, after: int
) -> int | None:
    rules, zone = _compile(cron, calendars, timezone)
    instants = [rule.next_instant(zone, after) for rule in rules]
    return min((instant for instant in instants if instant is not None), default=None)


def fire_times(spec: ScheduleSpec, start_ns: int, end_ns: int) -> Iterator[int]:
    """Every nominal fire time from ``start_ns`` on and before ``end_ns``, in order."""
    nominal = next_fire(spec, start_ns - 1)
    while nominal is not None and nominal < end_ns:
        yield nominal
        nominal = next_fire(spec, nominal)


def jittered(spec: ScheduleSpec, nominal_ns: int, schedule_id: str) -> int:
    """When the fire of ``nominal_ns`` really starts: the nominal time plus its share of the jitter.

    Always before the next nominal time.
    """
    if not spec.jitter_ns:
        return nominal_ns
    following = next_fire(spec, nominal_ns)
    window = spec.jitter_ns if following is None else min(spec.jitter_ns, following - nominal_ns)
    return nominal_ns + jitter_offset(schedule_id, nominal_ns, window)


def format_instant(instant_ns: int) -> str:
    """RFC 3339 in UTC: '2026-03-29T01:00:00Z', with a fraction only where there is one."""
    seconds, fraction = divmod(instant_ns, SECOND)
    text = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"
