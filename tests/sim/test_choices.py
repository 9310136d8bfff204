"""The choice sequence: one place for randomness, streams that don't disturb each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.sim.choices import Choices

LABELS = st.sampled_from(["schedule", "commit:a", "commit:b", "queue"])
DRAWS = st.lists(st.tuples(LABELS, st.integers(1, 9)), max_size=60)


def _draw_all(choices: Choices, draws: list[tuple[str, int]]) -> list[int]:
    return [choices.draw(label, options) for label, options in draws]


def test_the_numbers_of_a_seed_never_change() -> None:
    choices = Choices(7)
    found = [choices.draw("schedule", 8) for _ in range(20)]
    assert found == [2, 4, 7, 3, 7, 0, 5, 6, 7, 2, 2, 7, 4, 5, 5, 1, 2, 5, 6, 2]
    assert choices.entropy("client", 8).hex() == "869536afe7048362"
    assert Choices("x").integer("l", 10**9) == 272_024_609


@given(seed=st.integers(), draws=DRAWS)
def test_a_choice_is_within_its_options_and_the_same_seed_draws_the_same(
    seed: int, draws: list[tuple[str, int]]
) -> None:
    values = _draw_all(Choices(seed), draws)
    assert all(0 <= value < options for value, (_, options) in zip(values, draws, strict=True))
    assert _draw_all(Choices(seed), draws) == values


@given(seed=st.integers(), draws=DRAWS, extra=LABELS, place=st.integers(0, 60))
def test_an_extra_draw_under_one_label_shifts_nothing_under_another(
    seed: int, draws: list[tuple[str, int]], extra: str, place: int
) -> None:
    plain, disturbed = Choices(seed), Choices(seed)
    for index, (label, options) in enumerate(draws):
        if index == place:
            disturbed.draw(extra, 8)
        before, after = plain.draw(label, options), disturbed.draw(label, options)
        assert label == extra or before == after


@given(seed=st.integers(), draws=DRAWS)
def test_what_was_taken_repeats_the_run_without_exploring(seed: int, draws: list[tuple[str, int]]) -> None:
    explored = Choices(seed)
    values = _draw_all(explored, draws)
    repeated = Choices(seed, explored.taken(), explore=False)
    assert _draw_all(repeated, draws) == values
    assert repeated.taken() == explored.taken()


def test_without_exploring_every_absent_choice_is_the_benign_one() -> None:
    choices = Choices(3, {"a": {1: 5}}, explore=False)
    assert [choices.draw("a", 8) for _ in range(3)] == [0, 5, 0]
    assert [choices.chance("b", 999_999) for _ in range(3)] == [False] * 3


def test_a_forced_choice_that_has_become_too_large_is_cut_to_the_last_option() -> None:
    assert Choices(0, {"a": {0: 9}}).draw("a", 3) == 2


def test_nothing_is_counted_where_there_is_no_choice() -> None:
    choices = Choices(0)
    assert choices.draw("a", 1) == 0
    assert choices.chance("b", 0) is False
    assert choices.counts() == {}


def test_a_chance_comes_about_as_often_as_its_rate() -> None:
    choices = Choices("rates")
    hits = sum(choices.chance("a", 250_000) for _ in range(10_000))
    assert 2_300 < hits < 2_700
    assert sum(choices.draw("b", 4) == 3 for _ in range(10_000)) in range(2_300, 2_700)
    assert all(choices.chance("c", 1_000_000) for _ in range(100))


@pytest.mark.parametrize("size", [0, 1, 16, 64, 65, 200])
def test_entropy_is_of_the_size_asked_and_never_repeats(size: int) -> None:
    choices = Choices(1)
    found = [choices.entropy("client", size) for _ in range(5)] + [choices.entropy("worker", size)]
    assert all(len(each) == size for each in found)
    assert size == 0 or size == 1 or len(set(found)) == len(found)


def test_entropy_stays_distinct_when_a_tape_is_shrunk() -> None:
    choices = Choices(1, {}, explore=False)
    assert choices.entropy("client", 16) != choices.entropy("client", 16)
    assert Choices(1, {}, explore=False).entropy("client", 16) == Choices(1).entropy("client", 16)


def test_seeds_of_different_types_are_different_seeds() -> None:
    assert Choices(1).entropy("a", 16) != Choices("1").entropy("a", 16)
