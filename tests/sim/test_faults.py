"""Fault plans: off by default, composable, placed or by rate, healed."""

from __future__ import annotations

import pytest

from temporal_do.runtime.errors import HostError, InvalidArgumentError
from temporal_do.sim import FaultPlan, Placement, Simulation
from temporal_do.sim.fault_table import FAULTS, POINTS

from .toys import ToyAdd, busy_world, check_busy_world, toy_simulation

COUNTER = "Counter/toys/a"


def _struck(simulation: Simulation) -> dict[str, int]:
    return {name: count for name, count in simulation.stats.items() if name.startswith("fault_")}


def test_without_a_plan_nothing_goes_wrong_and_nothing_is_drawn_for_it() -> None:
    with toy_simulation(1) as sim:
        sim.execute(busy_world(sim))
    assert _struck(sim) == {}
    assert list(sim._choices.counts()) == ["schedule"]


def test_every_row_of_the_table_strikes_somewhere_and_every_effect_still_happens_once() -> None:
    struck: set[str] = set()
    for seed in range(60):
        with toy_simulation(seed, faults=FaultPlan.everything(80_000)) as sim:

            async def main(sim: Simulation = sim) -> None:
                await busy_world(sim)

            async def store(sim: Simulation = sim) -> None:
                for index in range(5):
                    try:
                        await sim.host.put_blob(f"k{index}", b"x", only_if_absent=True)
                        await sim.host.get_blob(f"k{index}")
                    except HostError:
                        pass

            sim.execute(store())
            sim.execute(main())
        check_busy_world(sim)
        struck |= set(_struck(sim))
    assert struck == {f"fault_{fault.name}" for fault in FAULTS}


def test_every_fault_is_in_the_trace() -> None:
    with toy_simulation(2, faults=FaultPlan.everything(80_000)) as sim:
        sim.execute(busy_world(sim))
    names = [step["name"] for step in sim.trace.steps() if step["kind"] == "fault"]
    assert {f"fault_{name}": names.count(name) for name in set(names)} == _struck(sim)


def test_a_placement_strikes_once_at_its_place() -> None:
    with toy_simulation(faults=FaultPlan.at("crash_after_commit", "Counter/*", 2)) as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            await sim.host.call("Clock/toys/c", ToyAdd(request_id="no counter"))
            with pytest.raises(HostError, match="crash_after_commit"):
                await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            for index in range(20):
                await sim.host.call(COUNTER, ToyAdd(request_id=str(index)))

        sim.execute(main())
    assert _struck(sim) == {"fault_crash_after_commit": 1}


def test_a_placement_can_be_added_while_the_world_runs() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            sim.place("lost_reply", COUNTER)
            with pytest.raises(HostError, match="the reply was lost"):
                await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            await sim.host.call(COUNTER, ToyAdd(request_id="2"))

        sim.execute(main())


def test_after_healing_nothing_goes_wrong_any_more() -> None:
    with toy_simulation(faults=FaultPlan(rates={"lost_request": 1_000_000})) as sim:

        async def main() -> None:
            for _ in range(3):
                with pytest.raises(HostError):
                    await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            sim.heal()
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))

        sim.execute(main())
    assert _struck(sim) == {"fault_lost_request": 3}, "healing does not forget what was"


def test_a_limit_bounds_how_many_faults_strike_by_rate() -> None:
    with toy_simulation(faults=FaultPlan(rates={"lost_request": 1_000_000}, limit=2)) as sim:

        async def main() -> None:
            for _ in range(2):
                with pytest.raises(HostError):
                    await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))

        sim.execute(main())


def test_plans_combine() -> None:
    plan = FaultPlan.crashes(10) | FaultPlan.evictions(500) | FaultPlan.network(20, latency="5s")
    assert plan.rates["evict"] == 500
    assert plan.rates["crash_in_doubt"] == 10
    assert plan.rates["lost_reply"] == 20
    assert plan.latency_ns_max == 5_000_000_000
    both = FaultPlan.at("evict") | FaultPlan.at("zombie", "WorkflowDO/*", 3)
    assert both.placements == (Placement("evict"), Placement("zombie", "WorkflowDO/*", 3))
    assert (FaultPlan(rates={"evict": 1}, limit=1) | FaultPlan(rates={"reset": 1}, limit=2)).limit == 3
    assert (FaultPlan(rates={"evict": 1}, limit=1) | FaultPlan(rates={"reset": 1})).limit is None
    assert (FaultPlan() | FaultPlan()) == FaultPlan()


def test_evictions_lose_nothing_and_fail_no_call() -> None:
    with toy_simulation(3, faults=FaultPlan.evictions(500_000)) as sim:

        async def main() -> None:
            for index in range(50):
                await sim.host.call(COUNTER, ToyAdd(request_id=str(index)))

        sim.execute(main())
    assert sim.platform.objects[COUNTER].incarnations > 10


@pytest.mark.parametrize("rate", [-1, 1_000_001, 0.5, "often"])
def test_a_rate_is_a_whole_number_per_million(rate: object) -> None:
    with pytest.raises(InvalidArgumentError, match="the rate of evict"):
        FaultPlan(rates={"evict": rate})  # type: ignore[dict-item]


def test_an_unknown_fault_is_named_with_what_there_is() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'flood' is no fault; there are: lost_request, "):
        FaultPlan(rates={"flood": 1})
    with pytest.raises(InvalidArgumentError, match="'flood' is no fault"):
        FaultPlan.at("flood")


def test_the_table_names_each_fault_once_and_each_ready_made_plan_uses_it() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert sorted(name for point in POINTS.values() for name in point) == sorted(names)
    made = FaultPlan.crashes() | FaultPlan.evictions() | FaultPlan.network() | FaultPlan.queue()
    made = made | FaultPlan.alarms() | FaultPlan.workers() | FaultPlan.storage() | FaultPlan.zombies()
    made = made | FaultPlan.deploys() | FaultPlan.losses() | FaultPlan.crons() | FaultPlan.clocks()
    assert set(made.rates) == set(names) == set(FaultPlan.everything().rates)
