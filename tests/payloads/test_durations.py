"""Durations: what is accepted, how it rounds, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import (
    DAY,
    HOUR,
    MAX_DURATION,
    MILLISECOND,
    MINUTE,
    SECOND,
    format_duration,
    parse_duration,
    parse_optional_duration,
)
from temporal_do.runtime.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("value", "expected_ns"),
    [
        ("250ms", 250 * MILLISECOND),
        ("5m", 5 * MINUTE),
        ("24h", 24 * HOUR),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
        ("1h30m", 90 * MINUTE),
        (" 1s ", SECOND),
        ("1.5s", 1500 * MILLISECOND),
        ("0s", 0),
        (0, 0),
        (3, 3 * SECOND),
        (0.25, 250 * MILLISECOND),
        (timedelta(minutes=1, microseconds=1500), MINUTE + 2 * MILLISECOND),
        ("0.0005s", MILLISECOND),
        ("0.0004s", 0),
        (0.0015, 2 * MILLISECOND),
        (0.0025, 3 * MILLISECOND),
        ("1.0005s", 1001 * MILLISECOND),
    ],
)
def test_a_duration_is_whole_milliseconds_in_nanoseconds(value: Any, expected_ns: int) -> None:
    assert parse_duration(value) == expected_ns


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is not a duration"),
        ("5", "did you mean '5s'"),
        ("5 m", "is not a duration"),
        ("m", "is not a duration"),
        ("5y", "is not a duration"),
        ("-5m", "is negative"),
        (-1, "is negative"),
        (timedelta(seconds=-1), "is negative"),
        (float("nan"), "is not a finite number"),
        (float("inf"), "is not a finite number"),
        (True, "is not a duration"),
        (None, "is not a duration"),
        ([5], "is not a duration"),
        (b"5m", "is not a duration"),
        ("1m1h", "twice or out of order"),
        ("1m1m", "twice or out of order"),
        ("99999999999d", "longer than ten thousand years"),
        ("9" * 30 + "s", "longer than ten thousand years"),
        (1e300, "longer than ten thousand years"),
        ("0." + "1" * 40 + "s", "too precise"),
        ("٥m", "is not a duration"),
    ],
)
def test_anything_else_is_refused_and_shown(value: Any, why: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_duration(value, name="heartbeat_timeout")
    message = str(caught.value)
    assert message.startswith(f"heartbeat_timeout {value!r} ")
    assert why in message
    assert "accepted: a string of numbers with units" in message


def test_zero_is_refused_where_it_makes_no_sense() -> None:
    with pytest.raises(InvalidArgumentError, match="must be longer than zero"):
        parse_duration("0.1ms", allow_zero=False)


def test_none_stays_none_only_where_it_may() -> None:
    assert parse_optional_duration(None) is None
    assert parse_optional_duration("1s", name="x") == SECOND


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0s"),
        (90 * MINUTE, "1h30m"),
        (250 * MILLISECOND, "250ms"),
        (DAY + 1, "1d0.000001ms"),
        (-SECOND, "-1s"),
        (14 * DAY, "14d"),
    ],
)
def test_a_duration_is_shown_short(duration_ns: int, text: str) -> None:
    assert format_duration(duration_ns) == text


@given(st.integers(0, MAX_DURATION // MILLISECOND))
def test_what_is_shown_is_read_back(milliseconds: int) -> None:
    duration_ns = milliseconds * MILLISECOND
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@given(st.floats(0, 1e9))
def test_seconds_round_to_the_nearest_millisecond(seconds: float) -> None:
    assert abs(parse_duration(seconds) - seconds * SECOND) <= MILLISECOND / 2 + seconds * 1e-6


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except InvalidArgumentError as error:
        assert error.fault == "user"
