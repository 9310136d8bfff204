"""Storms, swarms, and plans as JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import HOUR, MINUTE
from temporal_do.runtime.errors import HostError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.choices import Choices
from temporal_do.sim.fault_table import FAULTS, POINTS
from temporal_do.sim.faults import Storm

from .toys import ToyAdd, ToyRead, busy_world, check_busy_world, toy_simulation

COUNTER = "Counter/toys/a"


def _storm_steps(sim: Simulation) -> list[tuple[str, int]]:
    return [
        (step["action"], step["at_ns"] - sim.start_ns)
        for step in sim.trace.steps()
        if step["kind"] == "storm"
    ]


async def _ask_every_minute(sim: Simulation, minutes: int) -> list[int]:
    """The minutes in which no answer came."""
    failed = []
    for minute in range(minutes):
        try:
            await sim.host.call(COUNTER, ToyRead())
        except HostError:
            failed.append(minute)
        await sim.sleep_until_ns(sim.start_ns + (minute + 1) * MINUTE)
    return failed


def test_in_a_storm_faults_are_frequent_and_before_and_after_there_are_none() -> None:
    plan = FaultPlan.storm("lost_request", "overload", per_million=500_000, start="10m", length="30m")
    with toy_simulation(1, faults=plan) as sim:
        failed = sim.execute(_ask_every_minute(sim, 60))
    assert len(failed) > 20
    assert min(failed) >= 10
    assert max(failed) <= 40
    assert _storm_steps(sim) == [("begins", 10 * MINUTE), ("ends", 40 * MINUTE)]


def test_a_storm_adds_to_the_rates_of_its_plan() -> None:
    plan = FaultPlan(rates={"lost_request": 1_000_000}) | FaultPlan.storm(
        "lost_request", per_million=1, start="1m", length="1m"
    )
    with toy_simulation(1, faults=plan) as sim:
        assert sim.execute(_ask_every_minute(sim, 5)) == [0, 1, 2, 3, 4]


def test_storms_that_are_drawn_last_half_an_hour_to_two_and_a_half_within_a_day() -> None:
    lengths, starts = [], []
    for seed in range(40):
        with toy_simulation(seed, faults=FaultPlan.storm("lost_request")) as sim:
            sim.execute(sim.sleep("2d"))
        (_, start_ns), (_, end_ns) = _storm_steps(sim)
        starts.append(start_ns)
        lengths.append(end_ns - start_ns)
    assert 30 * MINUTE <= min(lengths) < 60 * MINUTE < 120 * MINUTE < max(lengths) <= 150 * MINUTE
    assert 0 <= min(starts) < 4 * HOUR < 20 * HOUR < max(starts) < 24 * HOUR


def test_healing_ends_storms_and_those_to_come() -> None:
    plan = FaultPlan.storm("lost_request", per_million=1_000_000, start="1m", length="1h")
    with toy_simulation(1, faults=plan | FaultPlan.storm("overload", start="2h", length="1h")) as sim:

        async def main() -> None:
            await sim.sleep("2m")
            with pytest.raises(HostError):
                await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            sim.heal()
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            assert not await sim.loop.next_event(), "nothing is left to come"

        sim.execute(main())


def test_a_tape_repeats_its_storms_and_without_deviations_there_are_none() -> None:
    with toy_simulation(7, faults=FaultPlan.everything(5_000) | FaultPlan.storm("reset", within="1h")) as sim:
        sim.execute(busy_world(sim))
    tape = sim.tape
    assert "storm:0" in tape.deviations
    with toy_simulation(tape=tape) as again:
        again.execute(busy_world(again))
    assert again.digest == sim.digest
    import attrs

    with toy_simulation(tape=attrs.evolve(tape, deviations={})) as calm:
        calm.execute(busy_world(calm))
    assert _storm_steps(calm) == []


def test_a_swarm_draws_which_faults_are_on_and_how_hard() -> None:
    plans = [FaultPlan.swarm(Choices(seed)) for seed in range(60)]
    for fault in FAULTS:
        rates = {plan.rates.get(fault.name, 0) for plan in plans}
        assert rates == {0, 1_000, 5_000, 20_000, 80_000}, fault.name
        on = sum(fault.name in plan.rates for plan in plans)
        assert 10 < on < 50
    stormy = [storm for plan in plans for storm in plan.storms]
    assert 5 < len(stormy) < 30
    assert all(
        set(storm.rates) == set(next(p for p in POINTS.values() if set(p) & set(storm.rates)))
        for storm in stormy
    )
    assert FaultPlan.swarm(Choices(5)) == FaultPlan.swarm(Choices(5)) != FaultPlan.swarm(Choices(6))
    assert FaultPlan.swarm(Choices(0, explore=False)) == FaultPlan(), "the benign swarm is empty"
    assert set(FaultPlan.swarm(Choices(2), names=["evict", "reset"]).rates) <= {"evict", "reset"}


@given(seed=st.integers(0, 1 << 32), profile=st.sampled_from(["local", "prod"]))
def test_every_effect_happens_once_in_every_swarm(seed: int, profile: str) -> None:
    with toy_simulation(seed, faults=FaultPlan.swarm(Choices(seed)), profile=profile) as sim:
        sim.execute(busy_world(sim))
    check_busy_world(sim)


def test_a_plan_survives_json() -> None:
    plan = (
        FaultPlan.everything(7)
        | FaultPlan.storm("reset", start="5m")
        | FaultPlan.at("evict", "x*", 3)
        | FaultPlan.clocks(5, skew="3s")
        | FaultPlan.deploys(5, skew="3m")
        | FaultPlan.crons(5, lateness="1h")
    )
    assert FaultPlan.from_json(plan.to_json()) == plan
    assert plan.storms == (Storm(rates={"reset": 800_000}, start_ns=5 * MINUTE),)
    assert plan.cron_ns_max == HOUR


def test_an_empty_plan_is_false() -> None:
    assert not FaultPlan()
    assert FaultPlan.evictions()
    assert FaultPlan.at("evict")
    assert FaultPlan.storm("evict")
