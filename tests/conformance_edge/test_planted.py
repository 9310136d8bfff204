"""The comparison finds what it is for: a bug in one of the sides, by a sample of scripts."""

from __future__ import annotations

import pytest

from .cases import Case, Part, draw_cases
from .compare import compare, count_steps, plain
from .planted import PLANTS, planted
from .simulated import simulate

SAMPLE = 60
SEEDS = 20


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return draw_cases(SAMPLE, 1)


@pytest.mark.parametrize("name", list(PLANTS))
def test_a_planted_bug_is_found(name: str, cases: list[Case]) -> None:
    simulator = planted(name)
    for case in cases:
        seen = plain(simulate(case))
        if all(plain(simulator(case, seed)) != seen for seed in range(SEEDS)):
            return
    pytest.fail(f"{SAMPLE} scripts do not notice: {PLANTS[name].__doc__}")


def test_no_script_diverges_from_itself(cases: list[Case]) -> None:
    summary = compare(cases, lambda cases, at_once: [plain(simulate(case)) for case in cases], again=0)
    assert not summary.divergences
    assert (summary.cases, summary.other_seeds) == (SAMPLE, 0)
    assert summary.steps > 5 * SAMPLE


def test_strict_mode_sees_the_same(cases: list[Case]) -> None:
    for case in cases[:20]:
        assert simulate(case, strict=True) == simulate(case)


def test_a_divergence_is_told_with_both_sides() -> None:
    case = Case("told", [Part([["call", "a", [["commit", [["one", 1, 1]], None]]]])])
    summary = compare([case], lambda cases, at_once: [["nothing at all"]], again=0)
    (divergence,) = summary.divergences
    assert "nothing at all" in str(divergence)
    assert "['one', 1, 1]" in str(divergence)
    assert "1 divergences unexplained" in str(summary)


def test_cases_are_the_same_for_a_seed_and_no_two_are_alike() -> None:
    assert draw_cases(30, 7) == draw_cases(30, 7)
    assert draw_cases(30, 7) != draw_cases(30, 8)
    assert len({repr(case.parts) for case in draw_cases(60, 7)}) == 60


def test_steps_are_counted_with_those_inside() -> None:
    assert count_steps([["call", "a", [["commit", [["one", 1, 1]], "keep"], ["tick"]]], ["settle"]]) == 4
