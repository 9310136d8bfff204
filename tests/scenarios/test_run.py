"""``scenarios.run``: several seeds, one report."""

from __future__ import annotations

import doctest
import gc
import subprocess
import sys
import weakref

import attrs
import pytest

from temporal_do import scenarios
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.scenarios.report import run_seeds
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.properties import always, sometimes
from temporal_do.sim.scenario import Scenario


async def odd(sim: Simulation) -> None:
    assert isinstance(sim.seed, int)
    sometimes(sim, "an even seed", sim.seed % 2 == 0)
    sometimes(sim, "a big seed", sim.seed > 100)
    assert sim.seed != 3, "three is unlucky"


ODD = Scenario(name="odd", workload=odd)


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InvalidArgumentError, match="order_saga"):
        scenarios.run("nonsense")
    with pytest.raises(InvalidArgumentError, match="order_saga"):
        scenarios.location("nonsense")
    with pytest.raises(KeyError):
        scenarios.SCENARIOS["world"]


def test_a_report_says_what_was_run_and_what_was_never_reached() -> None:
    report = run_seeds(ODD, range(3)).check()
    assert str(report) == "odd: 3 seeds, 0 faults struck, every promise held"
    assert [result.seed for result in report.results] == [0, 1, 2]
    assert report.missed == ("a big seed",)


def test_a_report_names_each_seed_that_went_wrong_and_the_command_that_repeats_it() -> None:
    report = run_seeds(ODD, range(5))
    assert [result.seed for result in report.failures] == [3]
    with pytest.raises(scenarios.ScenarioFailedError, match="seed 3: .*three is unlucky") as caught:
        report.check()
    assert caught.value.report is report
    assert str(report).endswith("again: temporal-do chaos odd --seed 3")


def test_faults_replace_those_of_the_scenario() -> None:
    faulty = attrs.evolve(scenarios.SCENARIOS["order_saga"], faults=FaultPlan.network(100_000))
    assert run_seeds(faulty, [0], faults=FaultPlan()).check().faults == 0


def test_every_scenario_is_where_its_location_says() -> None:
    for name in scenarios.SCENARIOS:
        module, attribute = scenarios.location(name).split(":")
        assert getattr(sys.modules.get(module) or __import__(module, fromlist="x"), attribute).name == name


def test_the_names_are_known_without_loading_a_scenario() -> None:
    code = (
        "import sys; from temporal_do import scenarios; assert len(scenarios.SCENARIOS) > 0;"
        "assert 'order_saga' in list(scenarios.SCENARIOS);"
        "assert not [name for name in sys.modules if name.startswith('temporal_do.s') and '.' in name[12:]]"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_example_of_the_package_is_true() -> None:
    outcome = doctest.testmod(scenarios)
    assert (outcome.failed, outcome.attempted) == (0, 2)


def test_a_run_is_let_go_when_it_is_over() -> None:
    worlds: list[weakref.ref[Simulation]] = []

    async def remembered(sim: Simulation) -> None:
        worlds.append(weakref.ref(sim))
        always(sim, "the world goes on", lambda: sim.now() is not None)

    run_seeds(Scenario(name="remembered", workload=remembered), range(3)).check()
    gc.collect()
    assert [world() for world in worlds] == [None, None, None]
