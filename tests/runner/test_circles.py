"""Finding the loop that a trace ends with."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.sim.circles import alike, describe_loop, loop_at_the_end


def steps_of(text: str) -> list[Any]:
    return [("fault", at, letter, "key") for at, letter in enumerate(text)]


def test_the_shortest_loop_is_found() -> None:
    assert loop_at_the_end(steps_of("xyzababababab")) == (2, 5)
    assert loop_at_the_end(steps_of("aaaa")) == (1, 4)


def test_twice_is_no_loop() -> None:
    assert loop_at_the_end(steps_of("xabcabc")) == (0, 0)
    assert loop_at_the_end([]) == (0, 0)


@given(
    before=st.text("abc", max_size=5), loop=st.text("abc", min_size=1, max_size=6), times=st.integers(3, 6)
)
def test_a_loop_is_never_overlooked_and_what_is_found_is_one(before: str, loop: str, times: int) -> None:
    text = before + loop * times
    length, repeats = loop_at_the_end(steps_of(text))
    assert 0 < length <= len(loop)
    assert repeats >= 3
    assert text.endswith(text[-length:] * repeats)


def test_times_and_numbers_do_not_tell_steps_apart_and_places_do() -> None:
    assert alike(("load", 5, "key", 1, 7, 3)) == alike(("load", 9, "key", 2, 8, 3))
    assert alike(("load", 5, "key", 1, 7, 3)) != alike(("load", 5, "other", 1, 7, 3))


def test_the_loop_is_told_with_the_numbers_of_its_steps() -> None:
    text, numbers = describe_loop(steps_of("xababab"), 100)
    assert "these 2 steps repeat (3 times" in text
    assert numbers == (105, 106)


def test_where_there_is_no_loop_what_happens_most_is_told() -> None:
    text, numbers = describe_loop(steps_of("abcadbacbd"), 0)
    assert "most frequent" in text
    assert numbers == ()
