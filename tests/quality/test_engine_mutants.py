"""The laws of the engine and the checkers can fail: bugs planted in the engine are found by them.

Left alone, every one of these runs passes; with a bug, one of the first few seeds fails. Every build plants
one share of ``SHARES``: raise ``TURN`` with every release. ``--soak`` plants them all and runs every seed of
every budget without a bug.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime.workflow.executor import InlineExecutor
from temporal_do.sim import Simulation, SimulationError
from tests.engine.representatives import Base
from tests.engine.sweep import run

from . import edits, patches
from .detection import SEEDS
from .mutant import MUTANTS, judge, look_for, prepare
from .shrinking import corpus, medians

pytest_plugins = "pytester"

TABLES = (edits, patches)
SHARES = 3
TURN = 0
FINDABLE = [each for each in MUTANTS if not each.survives]
SURVIVORS = [each for each in MUTANTS if each.survives]


def _marked(number: int) -> tuple[pytest.MarkDecorator, ...]:
    return () if number % SHARES == TURN % SHARES else (pytest.mark.soak,)


def _plant(patch: pytest.MonkeyPatch, planted: Any) -> Any:
    prepare(planted)
    planted.plant(patch)
    return look_for(planted)


@pytest.mark.parametrize(
    "planted",
    [pytest.param(each, id=each.name, marks=_marked(number)) for number, each in enumerate(FINDABLE)],
)
def test_a_planted_bug_is_found(
    planted: Any, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    found = _plant(monkeypatch, planted)
    assert found is not None, f"{planted.budget} seeds did not find it"
    record_property(SEEDS, found.seed + 1)


def test_the_end_of_a_run_tells_after_how_many_seeds_bugs_were_found(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from tests.conftest import pytest_terminal_summary")
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.parametrize("seeds", [1, 2, 11])
        def test_it(seeds, record_property):
            record_property("seeds_to_detection", seeds)
        """
    )
    line = "planted bugs: 3 found, seeds to detection: median 2, most 11"
    pytester.runpytest_inprocess("-p", "no:cacheprovider").stdout.fnmatch_lines([line])


@pytest.mark.soak
def test_the_failures_of_planted_bugs_become_small() -> None:
    found = list(corpus())
    assert len(found) >= 60
    middle = medians(found)
    assert middle["schedule"] <= 2 and middle["faults and inputs"] <= 6 and middle["runs"] <= 300, middle


@pytest.mark.soak
@pytest.mark.parametrize("planted", [pytest.param(each, id=each.name) for each in SURVIVORS])
def test_a_bug_that_nobody_finds_is_known(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _plant(monkeypatch, planted) is None, "it is found now: take its `survives` away"


def test_there_are_enough_bugs_and_each_has_its_own_name() -> None:
    assert TABLES and len({each.name for each in MUTANTS}) == len(MUTANTS)
    assert len(FINDABLE) >= 60


@pytest.mark.soak
@pytest.mark.parametrize("planted", [pytest.param(each, id=each.name) for each in FINDABLE])
def test_without_a_planted_bug_every_seed_passes(planted: Any) -> None:
    for application in planted.applications:
        for seed in range(planted.budget):
            assert judge(application, seed, planted.faults(seed)) == ""


def _run_failing_workflow() -> Any:
    base = Base()
    failures = iter([True, True, False])

    @base.temporal.workflow("fails-at-first")
    async def workflow(ctx: Any) -> int:
        first: int = await ctx.activity("echo", base.echo, 1)
        if next(failures, False):
            raise RuntimeError("a bug")
        second: int = await ctx.activity("echo", base.echo, 2)
        return first + second

    app = base.app([workflow], lambda simulation: base.run(workflow))
    with Simulation(0, raise_task_failures=False, step_budget=5_000, time_budget="1d") as simulation:
        return run(app, simulation).result


def test_a_failed_run_that_stays_in_the_cache_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run_failing_workflow() == 3
    monkeypatch.setattr(InlineExecutor, "_drop", lambda self, run_id: None)
    with pytest.raises((AssertionError, SimulationError)):
        _run_failing_workflow()
