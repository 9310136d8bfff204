"""Which faults strike, where two options have a say: a strategy and a plan, a seed and a strategy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest

from temporal_do.runtime import InvalidArgumentError
from temporal_do.sim import FaultPlan
from temporal_do.sim.explore import Campaign, make_strategy
from temporal_do.sim.scenario import Scenario
from tests.command import Command

pytest_plugins = "pytester"

GOOD = "tests.chaos.shop:GOOD"
SEEN = """
    import pytest
    from tests.chaos.shop import *

    @pytest.mark.chaos({marker})
    async def test_it(sim):
        await good(sim)
        faults = sim.platform.faults
        print("struck:", sorted({{}} if faults is None else faults.plan.rates))
"""
LEAKY = """
    import itertools
    import pytest
    from tests.chaos.shop import *

    ids = itertools.count(1)

    @pytest.mark.chaos(seeds=3, strategy="double_run", faults="none")
    async def test_it(sim):
        sim.run(worker)
        await temporal.start_workflow(waits, workflow_id=f"waits-{next(ids)}", request_id="once")
"""


def _run(project: pytest.Pytester, text: str, *words: str) -> pytest.RunResult:
    project.makeini("[pytest]\naddopts = --import-mode=importlib\n")
    project.makepyfile(test_it=dedent(text))
    return project.runpytest_inprocess("-rP", *words)


def _drawn(project: pytest.Pytester, marker: str, *words: str) -> str:
    """The faults that were on in the last run of a test with that marker."""
    result = _run(project, SEEN.format(marker=marker), *words)
    result.assert_outcomes(passed=1)
    return [line for line in result.stdout.lines if line.startswith("struck: ")][-1]


def _plan(seed: int | str, faults: FaultPlan) -> str:
    case = make_strategy("swarm").case_of(Scenario(name="any", workload=_nothing, faults=faults), seed)
    assert case.faults is not None
    return f"struck: {sorted(case.faults.rates)}"


async def _nothing(sim: object) -> None:
    """A workload that is never run."""


@pytest.mark.parametrize("seed", ["monday", "7"])
def test_one_seed_draws_its_faults_as_it_does_among_many(pytester: pytest.Pytester, seed: str) -> None:
    drawn = _plan(int(seed) if seed.isdecimal() else seed, FaultPlan())
    assert len(drawn) > 100
    assert _drawn(pytester, "seeds=3", "--sim-seed", seed) == drawn


def test_faults_that_are_none_are_as_if_they_were_not_given(pytester: pytest.Pytester) -> None:
    assert _drawn(pytester, "seeds=1, faults=None") == _plan(0, FaultPlan())
    assert _drawn(pytester, "seeds=1, faults='none'") == "struck: []"


def test_a_seed_that_is_a_word_is_refused_where_seeds_make_no_cases(pytester: pytest.Pytester) -> None:
    result = _run(pytester, SEEN.format(marker="strategy='exhaustive'"), "--sim-seed", "monday")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'exhaustive' goes by places, not by seeds: 'monday' is none*"])


def test_a_run_that_differed_from_its_repetition_is_run_twice_when_it_is_repeated(
    pytester: pytest.Pytester,
) -> None:
    first = _run(pytester, LEAKY)
    first.assert_outcomes(failed=1)
    (command,) = re.findall(r"^repeat with: pytest (.*)$", first.stdout.str(), re.MULTILINE)
    again = pytester.runpytest_inprocess(*command.split())
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*two runs of seed * differ at step *"])


def test_a_swarm_draws_from_the_faults_that_the_command_names(chaos: Command) -> None:
    said = chaos(
        GOOD, "--strategy", "swarm", "--faults", "crashes=900000", "--seeds", "6", "--output", "json"
    )
    assert said.code == 0
    struck = {
        name.removeprefix("fault_") for name in json.loads(said.out)["stats"] if name.startswith("fault_")
    }
    assert struck and struck <= set(FaultPlan.crashes().rates)


@pytest.mark.parametrize(
    "words", [("--faults", "none"), ("--strategy", "swarm"), ("--faults", "evict=500000")]
)
def test_the_page_of_a_run_that_passed_is_of_a_run_that_there_was(
    chaos: Command, words: tuple[str, ...]
) -> None:
    """Its faults are those that the same run's report counts."""
    said = chaos(GOOD, "--seed", "7", *words, "--html", "page.html", "--output", "json")
    assert said.code == 0
    found = re.search(r'"faults":(\d+)', Path("page.html").read_text("utf-8"))
    assert found is not None and int(found[1]) == json.loads(said.out)["faults"]


@pytest.mark.parametrize(
    ("strategy", "faults", "said"),
    [
        ("swarm", "none", "strategy 'swarm' can't use this fault plan: it draws from the faults of a plan"),
        ("exhaustive", "crashes", "strategy 'exhaustive' can't use this fault plan: it places its faults"),
        ("pairs", "network", "strategy 'pairs' can't use this fault plan: it places its faults"),
    ],
)
def test_faults_that_a_strategy_would_not_look_at_are_refused(
    chaos: Command, strategy: str, faults: str, said: str
) -> None:
    refused = chaos(GOOD, "--strategy", strategy, "--faults", faults, "--seeds", "2")
    assert refused.code == 2 and said in refused.err
    with pytest.raises(InvalidArgumentError):
        Campaign(
            GOOD, strategy=strategy, seeds=1, faults=FaultPlan() if faults == "none" else FaultPlan.crashes()
        )


def test_a_marker_whose_strategy_would_not_look_at_its_faults_is_refused(pytester: pytest.Pytester) -> None:
    result = _run(pytester, SEEN.format(marker="strategy='exhaustive', faults='crashes'"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*strategy 'exhaustive' can't use its faults: it places its faults itself*"])


@pytest.mark.parametrize("words", [(), ("--sim-seed", "3")], ids=["no seed", "one seed"])
def test_a_strategy_with_an_end_goes_on_to_it_unless_somebody_says_how_many(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr("temporal_do.sim.plugin_marker.SEEDS_DEFAULT", 3)

    def runs(marker: str, *words: str) -> int:
        _run(pytester, SEEN.format(marker=marker), "--junit-xml=j.xml", *words).assert_outcomes(passed=1)
        found = re.search(r'name="chaos_seeds" value="(\d+)"', (pytester.path / "j.xml").read_text())
        assert found is not None
        return int(found[1])

    assert runs("strategy='exhaustive'", *words) > 30
    assert runs("strategy='exhaustive', seeds=5", *words) == (
        5 if not words else runs("strategy='exhaustive'")
    )
    assert runs("faults='none'", *words) == (3 if not words else 1)


def test_one_seed_of_a_strategy_that_goes_by_places_is_all_its_places(chaos: Command) -> None:
    places = ("--strategy", "exhaustive", "--output", "json")
    whole = json.loads(chaos(GOOD, *places).out)["runs"]
    assert json.loads(chaos(GOOD, "--seed", "3", *places).out)["runs"] > whole // 2 > 10
    assert json.loads(chaos(GOOD, "--seed", "3", "--seeds", "2", *places).out)["runs"] == 2
