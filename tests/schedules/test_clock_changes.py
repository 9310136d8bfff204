"""Cron through changes of the clocks: cases a person can check, and a brute-force oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.schedules.spec import fire_times, make_spec, next_fire
from tests.schedules.oracle import Cron, crons, expected_fires, instant, nanoseconds

# A zone, and a moment shortly before its clocks change.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC)),  # 02:00 -> 03:00
    ("Europe/Berlin", datetime(2026, 10, 24, 20, tzinfo=UTC)),  # 03:00 -> 02:00
    ("America/New_York", datetime(2026, 3, 8, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 10, tzinfo=UTC)),  # half an hour forward
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC)),  # half an hour back
    ("America/Sao_Paulo", datetime(2018, 11, 3, 20, tzinfo=UTC)),  # midnight does not exist
    ("America/Sao_Paulo", datetime(2018, 2, 17, 20, tzinfo=UTC)),  # 23:00 twice
    ("Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC)),  # a whole day does not exist
    ("Asia/Kolkata", datetime(2026, 3, 28, 20, tzinfo=UTC)),  # never changes, half-hour offset
    ("UTC", datetime(2026, 3, 28, 20, tzinfo=UTC)),
]


def fires(cron: str, zone: str, start: datetime, hours: int) -> list[datetime]:
    spec = make_spec(cron=cron, timezone=zone)
    end = nanoseconds(start + timedelta(hours=hours))
    return [instant(nominal) for nominal in fire_times(spec, nanoseconds(start), end)]


def local_fires(cron: str, zone: str, start: datetime, hours: int) -> list[str]:
    found = fires(cron, zone, start, hours)
    return [moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M %z") for moment in found]


def test_a_fixed_time_that_is_skipped_fires_at_the_end_of_the_gap() -> None:
    start = datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert local_fires("30 2 * * *", "Europe/Berlin", start, 72) == [
        "28 02:30 +0100",
        "29 03:00 +0200",
        "30 02:30 +0200",
    ]


def test_a_fixed_time_that_occurs_twice_fires_the_first_time() -> None:
    start = datetime(2026, 10, 23, 22, tzinfo=UTC)
    assert local_fires("30 2 * * *", "Europe/Berlin", start, 73) == [
        "24 02:30 +0200",
        "25 02:30 +0200",
        "26 02:30 +0100",
    ]


def test_several_skipped_times_and_the_end_of_the_gap_fire_together_once() -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert local_fires("*/20 2,3 * * *", "Europe/Berlin", start, 12) == [
        "29 03:00 +0200",
        "29 03:20 +0200",
        "29 03:40 +0200",
    ]


def test_a_rule_for_every_hour_follows_elapsed_time_through_a_repeated_hour() -> None:
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    assert local_fires("*/30 * * * *", "Europe/Berlin", start, 3) == [
        "25 01:30 +0200",
        "25 02:00 +0200",
        "25 02:30 +0200",
        "25 02:00 +0100",
        "25 02:30 +0100",
        "25 03:00 +0100",
    ]


def test_a_rule_for_every_hour_adds_nothing_at_a_gap() -> None:
    start = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert local_fires("30 * * * *", "Europe/Berlin", start, 3) == [
        "29 00:30 +0100",
        "29 01:30 +0100",
        "29 03:30 +0200",
    ]


def test_a_rule_for_every_hour_on_one_date_sees_both_passes() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = local_fires("30 * 25 10 *", "Europe/Berlin", start, 24 * 364)
    assert len(found) == 25
    assert found[2:4] == ["25 02:30 +0200", "25 02:30 +0100"]


def test_half_an_hour_forward_at_lord_howe_moves_to_the_end_of_the_half_hour() -> None:
    start = datetime(2026, 10, 3, 13, tzinfo=UTC)
    assert local_fires("15 2 * * *", "Australia/Lord_Howe", start, 24) == ["04 02:30 +1100"]


def test_half_an_hour_back_at_lord_howe_fires_once() -> None:
    start = datetime(2026, 4, 4, 13, tzinfo=UTC)
    assert local_fires("45 1 * * *", "Australia/Lord_Howe", start, 24) == ["05 01:45 +1100"]


def test_a_midnight_that_does_not_exist_fires_at_one() -> None:
    start = datetime(2018, 11, 3, 12, tzinfo=UTC)
    assert local_fires("0 0 * * *", "America/Sao_Paulo", start, 48) == ["04 01:00 -0200", "05 00:00 -0200"]


def test_a_day_that_does_not_exist_fires_when_the_next_one_begins() -> None:
    start = datetime(2011, 12, 29, 12, tzinfo=UTC)
    assert local_fires("0 9 * * *", "Pacific/Apia", start, 48) == [
        "29 09:00 -1000",
        "31 00:00 +1400",
        "31 09:00 +1400",
    ]
    assert local_fires("0 9 30 12 *", "Pacific/Apia", start, 48) == ["31 00:00 +1400"]


@pytest.mark.parametrize(("zone", "start"), CHANGES)
def test_every_minute_stays_every_minute_through_any_change(zone: str, start: datetime) -> None:
    found = fires("* * * * *", zone, start, 30)
    assert found == [start + timedelta(minutes=n) for n in range(30 * 60)]


@given(cron=crons(), change=st.sampled_from(CHANGES), lead=st.integers(0, 240))
def test_the_times_are_those_that_a_watcher_of_the_wall_clock_sees(
    cron: Cron, change: tuple[str, datetime], lead: int
) -> None:
    zone, before = change
    start = before + timedelta(minutes=lead)
    expected = expected_fires(cron, zone, start, start + timedelta(hours=36))
    assert fires(cron.text, zone, start, 36) == expected


@given(
    cron=crons(),
    change=st.sampled_from(CHANGES),
    lead_ns=st.integers(0, 14 * 3600 * 10**9),
)
def test_the_next_fire_is_strictly_later_and_nothing_lies_between(
    cron: Cron, change: tuple[str, datetime], lead_ns: int
) -> None:
    zone, before = change
    spec = make_spec(cron=cron.text, timezone=zone)
    after = nanoseconds(before) + lead_ns
    found = next_fire(spec, after)
    assert found is not None and found > after
    assert next_fire(spec, found - 1) == found
    assert next_fire(spec, (after + found) // 2) == found
