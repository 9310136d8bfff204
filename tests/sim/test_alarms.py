"""Alarms: never early, at least once, part of the commit, again after a crash."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import MINUTE, SECOND
from temporal_do.sim import FaultPlan, Simulation

from .toys import ToyRead, ToyTick, insist, rows, toy_simulation

CLOCK = "Clock/toys/c"


def _run(sim: Simulation, times: int = 5, period_ns: int = MINUTE) -> list[int]:
    async def main() -> None:
        await insist(sim.host, CLOCK, ToyTick(times=times, period_ns=period_ns, request_id="1"))
        await sim.sleep("12h")

    with sim:
        sim.execute(main())
    return [row.value - sim.start_ns for row in rows(sim, CLOCK, "ticks").values()]


def test_alarms_go_off_at_their_times() -> None:
    assert _run(toy_simulation()) == [MINUTE * (index + 1) for index in range(5)]


def test_an_idle_object_is_woken_by_its_alarm_though_nobody_calls_it() -> None:
    sim = toy_simulation()

    async def main() -> None:
        await sim.host.call(CLOCK, ToyTick(times=1, period_ns=MINUTE))
        sim.crash(CLOCK)
        await sim.sleep("1h")

    with sim:
        sim.execute(main())
    assert len(rows(sim, CLOCK, "ticks")) == 1
    assert sim.platform.objects[CLOCK].incarnations == 2


@pytest.mark.parametrize("fault", ["crash_before_commit", "crash_in_doubt", "crash_after_commit"])
def test_an_alarm_whose_object_dies_goes_off_again_and_acts_once(fault: str) -> None:
    for seed in range(6):
        ticks = _run(toy_simulation(seed, faults=FaultPlan.at(fault, CLOCK, 3)))
        assert len(ticks) == 5
        assert ticks[0] == MINUTE
        late = [tick - MINUTE * (index + 1) for index, tick in enumerate(ticks)]
        assert sorted(late)[-1] in (0, 2 * SECOND)
        assert min(late) == 0


def test_the_retries_of_an_alarm_back_off_and_never_end() -> None:
    plan = FaultPlan()
    for occurrence in range(2, 14):
        plan = plan | FaultPlan.at("crash_before_commit", CLOCK, occurrence)
    sim = toy_simulation(faults=plan)
    assert len(_run(sim, times=1)) == 1
    at = [(step["at_ns"] - sim.start_ns) // SECOND for step in sim.trace.steps() if step["kind"] == "alarm"]
    gaps = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert gaps == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]


def test_a_duplicate_alarm_changes_nothing() -> None:
    sim = toy_simulation(faults=FaultPlan(rates={"duplicate_alarm": 500_000}))
    assert _run(sim) == [MINUTE * (index + 1) for index in range(5)]
    assert sim.stats["fault_duplicate_alarm"] > 0


@given(seed=st.integers(0, 1 << 32), period_ns=st.integers(1, 600).map(lambda s: s * SECOND))
def test_an_alarm_is_never_early_and_never_lost(seed: int, period_ns: int) -> None:
    plan = FaultPlan.alarms(200_000) | FaultPlan.crashes(50_000) | FaultPlan.zombies(50_000)
    sim = toy_simulation(seed, faults=plan)
    ticks = _run(sim, times=5, period_ns=period_ns)
    assert len(ticks) == 5
    started_ns = next(step["at_ns"] for step in sim.trace.steps() if step["kind"] == "commit") - sim.start_ns
    assert all(tick >= started_ns + period_ns * (index + 1) for index, tick in enumerate(ticks))


def test_an_alarm_that_moves_with_every_commit_costs_no_event() -> None:
    sim = toy_simulation()

    async def main() -> None:
        for minutes in range(1, 200):
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=minutes * MINUTE))
        before = sim.stats["events"]
        await sim.sleep("30d")
        assert sim.stats["events"] - before == 2, "the alarm and the end of the sleep"
        assert await sim.host.call(CLOCK, ToyRead()) == (sim.start_ns + 199 * MINUTE,)

    with sim:
        sim.execute(main())


def test_only_one_alarm_of_an_object_runs_at_a_time() -> None:
    plan = FaultPlan(rates={"slow_commit": 1_000_000}, commit_ns_max=10 * MINUTE)
    sim = toy_simulation(faults=plan)
    assert len(_run(sim)) == 5
    running = 0
    for step in sim.trace.steps():
        running += {"alarm": 1, "alarm_done": -1}.get(step["kind"], 0)
        assert running in (0, 1)


def test_requests_are_served_while_an_alarm_handler_waits() -> None:
    sim = toy_simulation(faults=FaultPlan(rates={"slow_reply": 1_000_000}))

    async def main() -> None:
        await sim.host.call(CLOCK, ToyTick(times=3, period_ns=SECOND))
        replies = await asyncio.gather(*(sim.host.call(CLOCK, ToyRead()) for _ in range(5)))
        assert len(replies) == 5

    with sim:
        sim.execute(main())
