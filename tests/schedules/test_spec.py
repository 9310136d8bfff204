"""Specifications: validation, intervals, bounds, ranges, jitter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.records import decode, encode
from temporal_do.runtime.schedules.calendars import CalendarSpec
from temporal_do.runtime.schedules.jitter import jitter_offset
from temporal_do.runtime.schedules.spec import (
    ScheduleSpec,
    fire_times,
    format_instant,
    jittered,
    make_spec,
    next_fire,
    validate_spec,
)
from temporal_do.runtime.schedules.zones import LAST_INSTANT
from tests.schedules.oracle import crons, instant, nanoseconds

NOON = nanoseconds(datetime(2026, 6, 1, 12, tzinfo=UTC))

specs = st.one_of(
    crons().map(lambda cron: make_spec(cron=cron.text, timezone="Europe/Berlin")),
    st.builds(
        lambda interval, share: make_spec(interval=interval, offset=interval * share // 1000),
        st.integers(1, 100_000),
        st.integers(0, 999),
    ),
    st.just(make_spec(calendars=CalendarSpec(minute="*/7", second="3,30", day_of_week="mon-sat"))),
)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "none is set"),
        ({"cron": "@daily", "interval": "1h"}, "cron and interval are both set"),
        ({"interval": 0}, "longer than zero"),
        ({"interval": "500ms"}, "'500ms' is too short. Accepted: one second or longer"),
        ({"interval": "-1h"}, "'-1h' is negative"),
        ({"interval": "1h", "jitter": "-5m"}, "jitter '-5m' is negative"),
        ({"interval": "1h", "jitter": "soon"}, "jitter 'soon' is not a duration"),
        ({"interval": "1h", "offset": "1h"}, "offset: '1h' is not below the interval"),
        ({"cron": "@daily", "offset": "1h"}, "offset: '1h' needs an interval"),
        ({"cron": 5}, "cron: 5 is no text"),
        ({"cron": ["@daily", None]}, "cron: None is no text"),
        ({"cron": "@daily", "timezone": 2}, "timezone: 2 is no text"),
        ({"cron": "@daily", "timezone": "Europe/Belin"}, "Did you mean 'Europe/Berlin'"),
        ({"cron": "@daily", "timezone": "europe/berlin"}, "Did you mean 'Europe/Berlin'"),
        ({"cron": "@daily", "timezone": "New York"}, "Did you mean 'America/New_York'"),
        ({"cron": "@daily", "timezone": "../../etc/passwd"}, "not a known time zone"),
        ({"cron": "@daily", "timezone": ""}, "not a known time zone"),
        ({"interval": "1h", "start": datetime(2026, 1, 1)}, "a datetime with a time zone"),
        ({"interval": "1h", "end": "tomorrow"}, "end: 'tomorrow' is not an instant"),
        (
            {
                "interval": "1h",
                "start": datetime(2026, 2, 1, tzinfo=UTC),
                "end": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "end: 2026-01-01T00:00:00Z is before start: 2026-02-01T00:00:00Z",
        ),
    ],
)
def test_a_bad_argument_is_refused_by_name_and_value(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_spec(**arguments)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        ScheduleSpec(interval_ns=-1),
        ScheduleSpec(interval_ns=HOUR, jitter_ns=-1),
        ScheduleSpec(interval_ns=HOUR, jitter_ns=1.5),  # type: ignore[arg-type]
        ScheduleSpec(cron=("nonsense",)),
        ScheduleSpec(interval_ns=HOUR, start_ns=10**30),
    ],
)
def test_a_specification_that_was_built_by_hand_is_checked_too(spec: ScheduleSpec) -> None:
    with pytest.raises(InvalidArgumentError):
        validate_spec(spec)


def test_an_interval_counts_from_the_epoch_and_its_offset_moves_it() -> None:
    assert next_fire(make_spec(interval="6h"), NOON) == NOON + 6 * HOUR
    assert next_fire(make_spec(interval="6h"), NOON - 1) == NOON
    assert next_fire(make_spec(interval="6h", offset="30m"), NOON) == NOON + 30 * MINUTE


def test_start_and_end_are_the_first_and_last_time_that_may_fire() -> None:
    spec = make_spec(interval="1h", start=instant(NOON), end=instant(NOON + 2 * HOUR))
    assert list(fire_times(spec, 0, NOON + DAY)) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert next_fire(spec, NOON + 2 * HOUR) is None


def test_a_specification_survives_its_encoding() -> None:
    spec = make_spec(cron=["0 9 * * *", "@hourly"], timezone="Asia/Tokyo", jitter="5m", start=instant(NOON))
    assert decode(encode(spec)) == spec
    by_calendar = make_spec(calendars=[CalendarSpec(hour="9", comment="work")])
    assert decode(encode(by_calendar)) == by_calendar


def test_nothing_fires_beyond_what_a_date_can_hold() -> None:
    for spec in (make_spec(interval="1h"), make_spec(cron="0 * * * *", timezone="Europe/Berlin")):
        last = next_fire(spec, LAST_INSTANT * SECOND - 2 * HOUR)
        assert last is not None and last <= LAST_INSTANT * SECOND
        assert next_fire(spec, LAST_INSTANT * SECOND) is None
        assert next_fire(spec, 10**24) is None


@given(
    spec=specs, start=st.integers(0, 200 * DAY), cut=st.integers(0, 2 * DAY), length=st.integers(0, 2 * DAY)
)
def test_the_times_of_a_range_do_not_depend_on_how_it_is_cut(
    spec: ScheduleSpec, start: int, cut: int, length: int
) -> None:
    begin, end = NOON + start, NOON + start + max(cut, length)
    if spec.interval_ns and spec.interval_ns < 5 * MINUTE:
        end = min(end, begin + 500 * spec.interval_ns)
    middle = min(begin + cut, end)
    whole = list(fire_times(spec, begin, end))
    assert whole == sorted(set(whole))
    assert all(begin <= nominal < end for nominal in whole)
    assert list(fire_times(spec, begin, middle)) + list(fire_times(spec, middle, end)) == whole


@given(
    spec=specs,
    jitter=st.integers(0, 3 * DAY // MILLISECOND),
    schedule_id=st.text(max_size=12),
    after=st.integers(0, 300 * DAY),
)
def test_jitter_is_bounded_repeatable_and_never_reorders(
    spec: ScheduleSpec, jitter: int, schedule_id: str, after: int
) -> None:
    moved = make_spec_with_jitter(spec, jitter * MILLISECOND)
    first = next_fire(moved, NOON + after)
    assert first is not None
    second = next_fire(moved, first)
    assert second is not None
    start = jittered(moved, first, schedule_id)
    assert start == jittered(moved, first, schedule_id)
    assert first <= start < second
    assert start - first < max(1, moved.jitter_ns)
    assert (start - first) % MILLISECOND == 0


def make_spec_with_jitter(spec: ScheduleSpec, jitter_ns: int) -> ScheduleSpec:
    return ScheduleSpec(
        cron=spec.cron,
        interval_ns=spec.interval_ns,
        offset_ns=spec.offset_ns,
        calendars=spec.calendars,
        timezone=spec.timezone,
        jitter_ns=jitter_ns,
    )


def test_jitter_spreads_over_the_whole_window_for_many_ids_and_for_many_times() -> None:
    window = 100 * MINUTE
    by_id = [jitter_offset(f"schedule-{n}", NOON, window) for n in range(2000)]
    by_time = [jitter_offset("report", NOON + n * DAY, window) for n in range(2000)]
    for offsets in (by_id, by_time):
        tenths = [sum(1 for offset in offsets if offset * 10 // window == tenth) for tenth in range(10)]
        assert min(tenths) > 150 and max(tenths) < 250


def test_jitter_is_the_same_in_every_version_of_this_package() -> None:
    assert jitter_offset("daily-report", 1_800_000_000 * SECOND, HOUR) == 1075110000000
    assert jitter_offset("", 0, HOUR) != jitter_offset("a", 0, HOUR)


def test_an_instant_is_written_with_a_fraction_only_where_it_has_one() -> None:
    assert format_instant(NOON) == "2026-06-01T12:00:00Z"
    assert format_instant(NOON + 250 * MILLISECOND) == "2026-06-01T12:00:00.25Z"
    assert format_instant(-SECOND) == "1969-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("calendar", "expected"),
    [
        (
            CalendarSpec(hour="9", day_of_week="fri", day_of_month="13"),
            ["2026-02-13 09:00:00", "2026-03-13 09:00:00"],
        ),
        (CalendarSpec(second="*/20", minute="5", hour="8"), ["2026-01-01 08:05:00", "2026-01-01 08:05:20"]),
        (CalendarSpec(year="2028-2030/2", month="feb", day_of_month="29"), ["2028-02-29 00:00:00", None]),
        (CalendarSpec(month="6,12", day_of_month="1"), ["2026-06-01 00:00:00", "2026-12-01 00:00:00"]),
        (CalendarSpec(day_of_week="7", hour="12"), ["2026-01-04 12:00:00", "2026-01-11 12:00:00"]),
    ],
)
def test_a_calendar_fires_when_every_field_matches(
    calendar: CalendarSpec, expected: list[str | None]
) -> None:
    spec = make_spec(calendars=calendar)
    at: int | None = nanoseconds(datetime(2026, 1, 1, tzinfo=UTC))
    found = []
    for _ in expected:
        at = None if at is None else next_fire(spec, at)
        found.append(None if at is None else f"{instant(at):%Y-%m-%d %H:%M:%S}")
    assert found == expected


@pytest.mark.parametrize(
    "calendar",
    [
        CalendarSpec(hour="24"),
        CalendarSpec(hour="5-3"),
        CalendarSpec(minute="*/0"),
        CalendarSpec(minute=""),
        CalendarSpec(month="febr"),
        CalendarSpec(day_of_month="31", month="feb"),
        CalendarSpec(year="1969"),
        CalendarSpec(day_of_week="*-3"),
    ],
)
def test_a_bad_calendar_is_refused(calendar: CalendarSpec) -> None:
    with pytest.raises(InvalidArgumentError, match="calendar"):
        make_spec(calendars=calendar)


def test_a_calendar_keeps_the_rule_for_changes_of_the_clocks() -> None:
    spec = make_spec(calendars=CalendarSpec(hour="2", minute="30"), timezone="Europe/Berlin")
    start = nanoseconds(datetime(2026, 3, 29, tzinfo=UTC))
    assert [instant(t).hour for t in fire_times(spec, start, start + DAY)] == [1]
    autumn = nanoseconds(datetime(2026, 10, 24, 22, tzinfo=UTC))
    fired = [instant(t) for t in fire_times(spec, autumn, autumn + DAY)]
    assert fired == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
    assert fired[0] + timedelta(hours=1) not in fired
