"""Each strategy runs the cases it promises, finds what it is there for, and leaves tapes that replay."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from temporal_do.runtime import InvalidArgumentError
from temporal_do.sim import FaultPlan, Placement, Tape
from temporal_do.sim.explore import STRATEGIES, Campaign, Replay, make_strategy
from temporal_do.sim.explore.case import Case
from temporal_do.sim.explore.double_run import CHECKER, play_twice, repeat_twice
from temporal_do.sim.explore.exhaustive_crash import BOUNDARIES, CrashPairs, ExhaustiveCrash, boundaries_of
from temporal_do.sim.explore.pct import Pct, play_by_priorities
from temporal_do.sim.explore.strategy import Strategy, play_once
from temporal_do.sim.explore.swarm import Swarm
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Kind, Scenario

from . import worlds


def _cases(strategy: Strategy, scenario: Scenario, count: int, **options: int) -> list[Case]:
    return [case for case in islice(strategy.cases(scenario, **options), count) if case is not None]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_has_its_name_and_shards_its_cases(name: str) -> None:
    strategy = make_strategy(name)
    assert strategy.name == name
    whole = _cases(strategy, worlds.TILLS, 6, first_seed=3)
    second = _cases(make_strategy(name), worlds.TILLS, 3, first_seed=3, start=1, stride=2)
    assert [case.number for case in whole] == [0, 1, 2, 3, 4, 5]
    assert second == whole[1::2]


# --- swarm ---


def test_swarm_draws_another_plan_for_each_seed_and_puts_it_on_the_tape() -> None:
    cases = _cases(Swarm(), worlds.TILLS, 20)
    plans = [case.faults for case in cases]
    assert all(plan is not None and plan.rates.keys() <= worlds.FAULTS.rates.keys() for plan in plans)
    assert len({tuple(plan.rates) for plan in plans if plan}) > 15
    assert any(plan.storms for plan in plans if plan)
    result, _ = play_once(worlds.TILLS, cases[1], False, ())
    assert FaultPlan.from_json(result.tape.faults) == cases[1].faults
    assert run_scenario(worlds.TILLS, tape=result.tape, checkers=()).digest == result.digest


def test_swarm_finds_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    assert Campaign(worlds.TILLS, strategy="swarm", seeds=40, failures_max=1, checkers=()).run().failures


# --- pct ---


def test_a_schedule_by_priorities_replays_from_its_tape() -> None:
    for case in _cases(Pct(), worlds.TILLS, 5):
        result, _ = play_by_priorities(worlds.TILLS, case, False, ())
        assert result.passed
        assert result.tape.deviations["schedule"]
        assert run_scenario(worlds.TILLS, tape=result.tape, checkers=()).digest == result.digest


def test_seeds_of_pct_differ_in_their_schedules() -> None:
    results = [
        play_by_priorities(worlds.TILLS, case, False, ())[0] for case in _cases(Pct(), worlds.TILLS, 8)
    ]
    assert len({result.digest for result in results}) == 8


def test_pct_finds_an_ordering_bug_and_the_order_by_age_does_not() -> None:
    found = Campaign(worlds.OVERTAKEN, strategy="pct", seeds=150, failures_max=1, checkers=()).run()
    assert found.failures
    failure = found.failures[0].result
    again = run_scenario(worlds.OVERTAKEN, tape=failure.tape, checkers=())
    assert again.violations == failure.violations
    assert run_scenario(worlds.OVERTAKEN, tape=Tape(seed=0, deviations={}), checkers=()).passed


# --- exhaustive ---


def test_exhaustive_counts_every_write_of_the_run_without_faults() -> None:
    boundaries = boundaries_of(worlds.TILLS)
    commits = [each for each in boundaries if each.point == "commit"]
    calm = run_scenario(worlds.TILLS, faults=FaultPlan(), checkers=())
    assert len(commits) >= 30
    assert len(commits) == calm.stats["commits"]
    assert [each.occurrence for each in commits] == list(range(1, len(commits) + 1))
    assert {each.point for each in boundaries} == set(BOUNDARIES)


def test_each_case_of_exhaustive_strikes_exactly_once_at_its_place() -> None:
    cases = _cases(ExhaustiveCrash(points=("commit",)), worlds.TILLS, 1_000)
    for case in cases[:: len(cases) // 12]:
        result, _ = play_once(worlds.TILLS, case, False, ())
        assert case.faults is not None
        (placement,) = case.faults.placements
        assert result.stats[f"fault_{placement.fault}"] == 1, case.note
        assert result.passed, (case.note, result.violations)


def test_exhaustive_finds_the_one_crash_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    report = Campaign(
        worlds.TILLS, strategy=ExhaustiveCrash(points=("reply",)), failures_max=1, checkers=()
    ).run()
    (failure,) = report.failures
    assert failure.note.startswith("crash_before_reply ") and "at WorkflowDO/till/" in failure.note
    again = run_scenario(worlds.TILLS, tape=failure.result.tape, checkers=())
    assert again.digest == failure.result.digest


def test_pairs_are_bounded_and_neighbours_come_first() -> None:
    cases = _cases(CrashPairs(pairs_max=7), worlds.TILLS, 100)
    assert len(cases) == 7
    assert cases[0].faults is not None
    assert (
        cases[0].faults.placements
        == (
            Placement("crash_before_commit", "*", 1),
            Placement("crash_after_commit", "*", 1),
        )
        or len(cases[0].faults.placements) == 2
    )
    assert all(case.faults is not None and len(case.faults.placements) == 2 for case in cases)


def test_a_workload_that_fails_by_itself_is_not_explored_exhaustively() -> None:
    with pytest.raises(InvalidArgumentError, match="fails without any fault"):
        boundaries_of(Scenario(name="broken", workload=_fails))


async def _fails(sim: object) -> None:
    raise AssertionError("always")


# --- double run ---


def test_a_double_run_of_a_sound_scenario_passes() -> None:
    report = Campaign(worlds.TILLS, strategy="double_run", seeds=5, checkers=()).run()
    assert report.runs == 5 and not report.failures


def test_a_double_run_shows_the_first_difference_with_both_sides_and_the_line() -> None:
    result, _ = play_twice(worlds.LEAKY, Case(number=0, seed=7), False, ())
    (violation,) = result.violations
    assert (violation.checker, violation.kind) == (CHECKER, Kind.NONDETERMINISM)
    assert "first:" in violation.message and "second:" in violation.message
    file, _, line = violation.location.rpartition(":")
    assert worlds.LEAKING_LINE in Path(file).read_text("utf-8").splitlines()[int(line) - 1]


def test_a_tape_is_run_twice_where_that_is_the_failure() -> None:
    result, _ = play_twice(worlds.LEAKY, Case(number=0, seed=7), False, ())
    again = repeat_twice(worlds.LEAKY, result.tape, False, ())
    assert [violation.checker for violation in again.violations] == [CHECKER]


# --- replay ---


def test_replay_repeats_tapes_and_reads_their_files(tmp_path: Path) -> None:
    recorded = run_scenario(worlds.TILLS, seed=3, checkers=())
    recorded.tape.write(tmp_path / "3.tape")
    report = Campaign(worlds.TILLS, strategy=Replay((recorded.tape, tmp_path / "3.tape")), checkers=()).run()
    assert report.runs == 2 and report.passed and report.complete
    assert report.stats["steps"] == 2 * recorded.stats["steps"]
