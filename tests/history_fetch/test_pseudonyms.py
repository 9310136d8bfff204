"""Pseudonyms: equal for equal values, different for different ones, of the same form, and nothing else."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.tooling.fetch_pseudonyms import Pseudonyms

KEY = b"0123456789abcdef" * 2
HERE = Pseudonyms(KEY)


@given(st.text(min_size=4))
def test_a_text_does_not_occur_in_its_pseudonym(text: str) -> None:
    made = HERE.text(text)
    assert made.isascii() and (text not in made or float(text) == 0)
    assert HERE.text(text) == Pseudonyms(KEY).text(text) == made
    if not re.fullmatch(r"[+-]?[0.]+([eE].*)?", text):
        assert Pseudonyms(b"another key, another pseudonym").text(text) != made or len(text) < 8


@given(st.lists(st.text(max_size=3) | st.text(), unique=True, max_size=30))
def test_different_texts_have_different_pseudonyms(texts: list[str]) -> None:
    assert len({HERE.text(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_whole_numbers_are_permuted_within_their_length_and_none_stays(digits: int) -> None:
    numbers = list(range(10 ** (digits - 1) if digits > 1 else 0, 10**digits))
    made = [int(HERE.number(str(number))) for number in numbers]
    assert sorted(made) == numbers
    assert [a for a, b in zip(numbers, made, strict=True) if a == b] == ([0, 1] if digits == 1 else [])


@given(st.integers())
def test_a_number_keeps_its_sign_and_its_length(number: int) -> None:
    made = HERE.number(str(number))
    assert len(made) == len(str(number)) and str(int(made)) == made
    assert (int(made) < 0) == (number < 0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_stays_a_fraction_and_a_whole_one_whole(number: float) -> None:
    made = HERE.number(repr(number))
    assert len(made) == len(repr(number))
    assert number.is_integer() == float(made).is_integer() or "e" in made


def test_numbers_of_many_digits_are_no_burden() -> None:
    for count in (18, 19, 70, 4_000, 100_000):
        made = HERE.number("9" * count)
        assert re.fullmatch(rf"[1-9][0-9]{{{count - 1}}}", made)
        assert made != HERE.number("9" * (count - 1) + "8")


@given(st.datetimes())
def test_what_is_parsed_as_a_date_or_a_time_still_is(moment: datetime) -> None:
    for text in (moment.isoformat(), moment.isoformat(" "), f"{moment.isoformat()}Z"):
        made = HERE.text(text)
        assert len(made) == len(text) and made != text
        assert (datetime.fromisoformat(made).tzinfo is None) == (not text.endswith("Z"))
    assert date.fromisoformat(HERE.text(moment.date().isoformat())) != moment.date()
    assert time.fromisoformat(HERE.text(moment.time().isoformat())) != moment.time()


def test_an_offset_does_not_show_where_somebody_is() -> None:
    made = HERE.text("2026-03-01T10:00:00+05:45")
    assert made.endswith("+00:00") and made != HERE.text("2026-03-01T10:00:00+05:30")


def test_dates_of_years_have_different_pseudonyms() -> None:
    days = [(date(1960, 1, 1) + timedelta(days=number)).isoformat() for number in range(10_000)]
    made = {HERE.text(day) for day in days}
    assert len(made) == len(days)


@given(st.uuids())
def test_a_uuid_becomes_another_one(value: UUID) -> None:
    assert UUID(HERE.text(str(value))) != value
    assert HERE.text(str(value).upper()) == HERE.text(str(value)).upper()


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_stays_one(value: Decimal) -> None:
    made = Decimal(HERE.text(str(value)))
    assert made.as_tuple().exponent == value.as_tuple().exponent or "E" in str(value)


@pytest.mark.parametrize("text", ["hello", "aGVsbG8=", "2026-02-30", "25:61", "12:30x", "1.2.3", " 7", "٣"])
def test_all_other_text_has_one_form_that_is_base64_too(text: str) -> None:
    made = HERE.text(text)
    assert re.fullmatch("redacted[a-z2-7]{16}", made)
    assert b64decode(made, validate=True)
