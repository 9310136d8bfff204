"""Every scenario: what it promises holds while faults strike, and each can fail."""

from __future__ import annotations

import sys
from functools import partial

import attrs
import pytest

from temporal_do import scenarios
from temporal_do.scenarios.report import Report, run_seeds
from temporal_do.sim import FaultPlan
from temporal_do.sim.runner import run_scenario
from tests.scenarios.wrong_worlds import WRONG_WORLDS, Wrong

NAMES = tuple(scenarios.SCENARIOS)
SEEDS = range(4)

_REPORTS: dict[str, Report] = {}


def report_of(name: str) -> Report:
    """The runs of some seeds, made once."""
    if name not in _REPORTS:
        _REPORTS[name] = scenarios.run(name, seeds=SEEDS)
    return _REPORTS[name]


def test_there_are_the_scenarios_that_users_expect() -> None:
    assert len(NAMES) == 12
    assert len({scenarios.SCENARIOS[name].summary for name in NAMES}) == 12


@pytest.mark.parametrize("name", NAMES)
def test_what_it_promises_holds_whatever_strikes(name: str) -> None:
    report = report_of(name).check()
    assert report.faults > 10 * len(SEEDS)
    assert report.scenario == name


@pytest.mark.parametrize("name", NAMES)
def test_without_faults_it_passes_too(name: str) -> None:
    assert scenarios.run(name, seeds=[1], faults=FaultPlan()).check().faults == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_is_one_run_strict_or_not(name: str) -> None:
    first = report_of(name).results[2]
    again = run_scenario(scenarios.SCENARIOS[name], seed=2, strict=True, checkers=())
    assert again.digest == first.digest
    assert again.reached == first.reached
    assert report_of(name).results[3].digest != first.digest


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_what_strikes_and_what_it_promises(name: str) -> None:
    scenarios.run(name, seeds=[])
    text = sys.modules[scenarios.location(name).split(":")[0]].__doc__ or ""
    for word in ("\nWorkload: ", "\nFaults", "\nPromises: "):
        assert word in text, f"{name} says nothing of its {word.strip()}"


@pytest.mark.parametrize("wrong", WRONG_WORLDS, ids=str)
def test_a_wrong_world_is_found(wrong: Wrong) -> None:
    right = scenarios.SCENARIOS[wrong.scenario]
    workload = partial(right.workload, **{wrong.part: wrong.value})
    scenario = attrs.evolve(right, workload=workload)
    for seed in range(wrong.seeds):
        violations = run_scenario(scenario, seed=seed, checkers=()).violations
        if any(wrong.promise in (violation.checker, violation.kind.value) for violation in violations):
            return
    raise AssertionError(f"not found within {wrong.seeds} seeds; the last violations: {violations}")


def test_every_scenario_has_a_wrong_world() -> None:
    assert {wrong.scenario for wrong in WRONG_WORLDS} == set(NAMES)


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_it_comes_to_every_state_that_it_should_come_to(name: str) -> None:
    report = run_seeds(scenarios.SCENARIOS[name], range(100, 140)).check()
    assert report.missed == ()


@pytest.mark.soak
@pytest.mark.parametrize("block", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_it_survives_hundreds_of_runs(name: str, block: int) -> None:
    scenarios.run(name, seeds=range(1_000 + 100 * block, 1_100 + 100 * block)).check()
