"""Hypothesis draws simulations and inputs, shrinks both and remembers both, and nothing fights it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from temporal_do.runtime import InvalidArgumentError
from temporal_do.sim import FaultPlan, Simulation, SimulationDeadlock, Tape
from temporal_do.sim.faults import Placement
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Scenario
from temporal_do.sim.strategies import draw_from, draw_integer, simulations

from . import worlds

SMALL = (("only",), (1, 2))


def _fails(body: Any, *arguments: Any, **options: Any) -> BaseException:
    """The error of the smallest failing example."""
    test = settings(deadline=None, database=None, report_multiple_bugs=False, derandomize=True, **options)(
        given(*arguments)(body)
    )
    with pytest.raises(BaseException) as caught:
        test()
    return caught.value


@given(simulations(faults=worlds.FAULTS))
@settings(max_examples=20)
def test_a_drawn_simulation_is_a_world_of_its_own(sim: Simulation) -> None:
    sim.execute(worlds.tills(sim))


@given(simulations(faults=(), strict=True), st.integers(1, 3))
@settings(max_examples=5)
def test_options_go_to_the_simulation_and_inputs_come_beside_it(sim: Simulation, hours: int) -> None:
    assert sim.content_digest is not None
    started = sim.now()
    sim.execute(sim.sleep(f"{hours}h"))
    assert (sim.now() - started).total_seconds() == 3600 * hours
    assert not sim.stats.get("fault_evict")


def _found_with(monkeypatch: pytest.MonkeyPatch) -> list[Simulation]:
    """Let hypothesis find and shrink a planted bug; every simulation that failed, in order."""
    worlds.forget_signal_requests(monkeypatch)
    failed: list[Simulation] = []

    def body(sim: Simulation) -> None:
        try:
            sim.execute(worlds.tills(sim, *SMALL))
        except AssertionError:
            failed.append(sim)
            raise

    error = _fails(
        body,
        simulations(faults=("crash_before_reply", "lost_reply", "lost_request", "evict")),
        max_examples=300,
    )
    assert isinstance(error, AssertionError)
    return failed


def test_a_failing_simulation_shrinks_to_one_fault_and_its_repr_makes_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smallest = _found_with(monkeypatch)[-1]
    plan = FaultPlan.from_json(smallest.tape.faults)
    assert 1 <= len(plan.placements) <= 2, repr(smallest)
    assert len(smallest.tape.deviations.get("schedule", {})) == 0
    names = {"Simulation": Simulation, "FaultPlan": FaultPlan, "Placement": Placement, "Tape": Tape}
    again = eval(repr(smallest), names)
    with again, pytest.raises(AssertionError):
        again.execute(worlds.tills(again, *SMALL))
    assert again.digest == smallest.digest


def test_the_database_brings_a_failure_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    database = InMemoryExampleDatabase()
    runs: list[str] = []

    def run(phases: list[Phase]) -> None:
        @given(simulations(faults=("crash_before_reply", "lost_reply")))
        @settings(deadline=None, database=database, derandomize=False, max_examples=300, phases=phases)
        def body(sim: Simulation) -> None:
            runs.append(repr(sim))
            sim.execute(worlds.tills(sim, *SMALL))

        with pytest.raises(AssertionError):
            body()

    run([Phase.reuse, Phase.generate, Phase.shrink])
    smallest = runs[-1]
    runs.clear()
    run([Phase.reuse])
    assert smallest in runs and len(runs) <= 10


def test_drawing_one_costs_hypothesis_a_handful_of_numbers() -> None:
    """No health check, and no example that is too large, even with long runs and all faults."""

    @given(simulations())
    @settings(deadline=None, database=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    def body(sim: Simulation) -> None:
        try:
            sim.execute(worlds.tills(sim, *SMALL))
        except (AssertionError, SimulationDeadlock):
            pass

    body()


def test_what_hypothesis_draws_cannot_be_given() -> None:
    with pytest.raises(InvalidArgumentError, match="'tape' is what hypothesis draws"):
        simulations(tape=Tape(seed=0, deviations={}))
    with pytest.raises(InvalidArgumentError, match="is no fault"):
        simulations(faults=("earthquake",))


# --- inputs from the choice sequence ---


def test_an_input_is_on_the_tape_and_its_least_value_is_the_benign_one() -> None:
    seen: list[Any] = []

    async def work(sim: Simulation) -> None:
        seen.append((draw_integer(sim, "count", 3, 9), draw_from(sim, "colour", ["red", "green"])))

    scenario = Scenario(name="inputs", workload=work)
    tapes = [run_scenario(scenario, seed=seed, checkers=()).tape for seed in range(40)]
    drawn = list(seen)
    assert {count for count, _ in drawn} == set(range(3, 10))
    assert {colour for _, colour in drawn} == {"red", "green"}
    seen.clear()
    for tape in tapes:
        run_scenario(scenario, tape=tape, checkers=())
    assert seen == drawn
    run_scenario(scenario, tape=Tape(seed=1, deviations={}), checkers=())
    assert seen[-1] == (3, "red")


def test_an_input_that_cannot_be_drawn_is_refused() -> None:
    sim = Simulation()
    with pytest.raises(InvalidArgumentError, match="no number lies in"):
        draw_integer(sim, "count", 3, 2)
    with pytest.raises(InvalidArgumentError, match="nothing to choose from"):
        draw_from(sim, "colour", [])
