"""Cron expressions: what they mean, and what is refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.schedules.cron import parse_cron
from temporal_do.runtime.schedules.spec import make_spec, next_fire
from tests.schedules.oracle import Cron, crons, instant, nanoseconds


def times(cron: str, start: datetime, count: int) -> list[datetime]:
    spec = make_spec(cron=cron)
    found: list[datetime] = []
    at = nanoseconds(start.replace(tzinfo=UTC))
    for _ in range(count):
        following = next_fire(spec, at)
        assert following is not None
        found.append(instant(following).replace(tzinfo=None))
        at = following
    return found


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * mon-fri", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-05 09:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 0 31 * *", ["2026-01-31 00:00", "2026-03-31 00:00", "2026-05-31 00:00"]),
        ("0 0 L * *", ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]),
        ("0 0 * * fri#2", ["2026-01-09 00:00", "2026-02-13 00:00", "2026-03-13 00:00"]),
        ("0 0 * * L5", ["2026-01-30 00:00", "2026-02-27 00:00", "2026-03-27 00:00"]),
        ("0 0 * 2 mon#5", ["2044-02-29 00:00", "2072-02-29 00:00", "2112-02-29 00:00"]),
        ("0 12 * * 7", ["2026-01-04 12:00", "2026-01-11 12:00", "2026-01-18 12:00"]),
        ("0 12 ? * sun", ["2026-01-04 12:00", "2026-01-11 12:00", "2026-01-18 12:00"]),
        ("0 22-2/2 1 1 *", ["2026-01-01 02:00", "2026-01-01 22:00", "2027-01-01 00:00"]),
        ("0 0 * * fri-mon", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"]),
        ("50/5 3 * * *", ["2026-01-01 03:50", "2026-01-01 03:55", "2026-01-02 03:50"]),
        ("0 9-9 * * *", ["2026-01-01 09:00", "2026-01-02 09:00", "2026-01-03 09:00"]),
        ("59/15 4 * * *", ["2026-01-01 04:59", "2026-01-02 04:59", "2026-01-03 04:59"]),
        ("0 0 * * 5-7", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"]),
        ("0 0 * JAN sat-sat", ["2026-01-03 00:00", "2026-01-10 00:00", "2026-01-17 00:00"]),
        ("@weekly", ["2026-01-04 00:00", "2026-01-11 00:00", "2026-01-18 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
    ],
)
def test_an_expression_fires_when_it_says(cron: str, expected: list[str]) -> None:
    found = times(cron, datetime(2026, 1, 1, 1), 3)
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in found] == expected


def test_a_restricted_day_and_a_restricted_weekday_are_alternatives() -> None:
    found = times("0 0 13 * fri", datetime(2026, 2, 1), 5)
    assert [moment.day for moment in found] == [6, 13, 20, 27, 6]


@given(cron=crons(), start=st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1)))
def test_in_a_zone_without_changes_the_times_are_croniter_s(cron: Cron, start: datetime) -> None:
    reference = croniter(cron.text, start)
    expected = [reference.get_next(datetime).replace(tzinfo=None) for _ in range(5)]
    assert times(cron.text, start.replace(microsecond=0), 5) == expected


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("", "0 fields"),
        ("0 9 * *", "4 fields"),
        ("0 0 9 * * *", "6 fields"),
        ("0 0 9 * * * 2026", "7 fields"),
        ("60 * * * *", "'60' is no minute"),
        ("0 24 * * *", "'24' is no hour, which is 0 to 23"),
        ("0 0 0 * *", "'0' is no day of month"),
        ("0 0 * 13 *", "'13' is no month"),
        ("0 0 * foo *", "jan to dec"),
        ("0 0 * * 8", "'8' is no day of week"),
        ("0 0 * * mon#6", "'mon#6' is not a day of week"),
        ("*/0 * * * *", "the step in '*/0' is zero"),
        ("1,,2 * * * *", "'' is not a minute"),
        ("-1 * * * *", "'-1' is not a minute"),
        ("*-5 * * * *", "'*-5' is not a minute"),
        ("? * * * *", "'?' may only stand"),
        ("H 9 * * *", "H, R and W are not accepted"),
        ("R 9 * * *", "H, R and W are not accepted"),
        ("0 0 15W * *", "H, R and W are not accepted"),
        ("@dayly", "did you mean '@daily'"),
        ("0 0 31 2 *", "no date ever matches"),
        ("0 0 30 2 ?", "no date ever matches"),
        ("0 0 31 4,6,9,11 *", "no date ever matches"),
    ],
)
def test_a_bad_expression_is_refused_with_its_text_the_reason_and_what_is_accepted(
    cron: str, reason: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_spec(cron=cron)
    message = str(caught.value)
    assert reason in message
    assert repr(cron) in message
    assert "five fields" in message


@given(text=st.text(alphabet="0123456789*/,-?LlWwHhRr# @amonfrijue", max_size=24))
def test_any_text_is_either_compiled_or_refused(text: str) -> None:
    try:
        rule = parse_cron(text)
    except InvalidArgumentError:
        return
    assert rule.next_reading(datetime(2026, 1, 1)) is not None


def test_every_is_an_interval() -> None:
    assert make_spec(cron="@every 90m").interval_ns == 90 * 60 * 10**9
    with pytest.raises(InvalidArgumentError, match="stands alone"):
        make_spec(cron=["@every 5m", "0 9 * * *"])
    with pytest.raises(InvalidArgumentError, match="interval"):
        make_spec(cron="@every now and then")


def test_a_zone_in_front_of_the_expression_is_the_schedule_s() -> None:
    assert make_spec(cron="CRON_TZ=Europe/Berlin 0 9 * * *") == make_spec(
        cron="0  9 * * *", timezone="Europe/Berlin"
    )
    assert make_spec(cron="TZ=Asia/Tokyo @daily", timezone="Asia/Tokyo").timezone == "Asia/Tokyo"
    with pytest.raises(InvalidArgumentError, match="one time zone"):
        make_spec(cron="CRON_TZ=Europe/Berlin 0 9 * * *", timezone="UTC")


def test_several_expressions_fire_at_the_union_of_their_times_each_once() -> None:
    spec = make_spec(cron=["0 */6 * * *", "0 9,12 * * *"])
    at, hours = nanoseconds(datetime(2026, 1, 1, tzinfo=UTC)), []
    for _ in range(6):
        following = next_fire(spec, at)
        assert following is not None
        at = following
        hours.append(instant(at).hour)
    assert hours == [6, 9, 12, 18, 0, 6]


def test_croniter_is_not_imported_until_an_expression_is_read() -> None:
    import subprocess
    import sys

    code = (
        "import sys, temporal_do.runtime.schedules.requests, temporal_do.runtime.schedules.description;"
        "print([m for m in ('croniter', 'zoneinfo', 'dateutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_leap_day_far_away_is_found_across_the_year_2100() -> None:
    found = times("0 0 29 2 *", datetime(2096, 3, 1), 1)
    assert found == [datetime(2104, 2, 29)]
    assert found[0] - datetime(2096, 3, 1) > timedelta(days=365 * 7)
