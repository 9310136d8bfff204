"""What users promise about their own workflows: always, eventually, sometimes."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.sim import Simulation
from temporal_do.sim.properties import PropertyViolated, always, eventually, sometimes
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Kind, RunResult, Scenario


def run(workload: Any) -> RunResult:
    return run_scenario(Scenario(name="properties", workload=workload))


def test_what_always_holds_is_no_violation() -> None:
    async def workload(sim: Simulation) -> None:
        always(sim, "time is time", lambda: sim.now().year >= 2026)
        await sim.sleep("1h")

    assert run(workload).passed


@pytest.mark.parametrize("asserts", [False, True])
def test_what_ceases_to_hold_is_found_at_once_and_where_the_test_waits(asserts: bool) -> None:
    state = {"good": True}
    seen: list[float] = []

    def holds() -> bool:
        if asserts:
            assert state["good"], "it went bad"
            return True
        return state["good"]

    async def workload(sim: Simulation) -> None:
        state["good"] = True
        always(sim, "goodness", holds)
        sim.loop.call_later(60, lambda: state.update(good=False))
        sim.loop.call_later(61, lambda: state.update(good=True))
        try:
            await sim.sleep("1h")
        finally:
            seen.append(sim.loop.time())

    result = run(workload)
    (violation,) = result.violations
    assert (violation.checker, violation.kind) == ("goodness", Kind.SAFETY)
    assert ("it went bad" in violation.message) == asserts
    assert violation.location.startswith(__file__)
    assert 60 <= seen[0] < 61


def test_what_becomes_true_in_time_is_no_violation_even_if_it_ceases_to_be() -> None:
    async def workload(sim: Simulation) -> None:
        box: list[int] = []
        eventually(sim, "there is one", lambda: box, within="2h")
        sim.loop.call_later(3600, lambda: box.append(1))
        sim.loop.call_later(3601, box.clear)
        await sim.sleep("1d")

    assert run(workload).passed


def test_what_does_not_become_true_in_time_is_a_liveness_violation_at_its_deadline() -> None:
    async def workload(sim: Simulation) -> None:
        box: list[int] = []
        eventually(sim, "there is one", lambda: box, within="30m")
        sim.loop.call_later(3600, lambda: box.append(1))
        await sim.sleep("1d")

    result = run(workload)
    (violation,) = result.violations
    assert (violation.checker, violation.kind) == ("there is one", Kind.LIVENESS)
    assert result.virtual_ns < 31 * 60 * 1_000_000_000


def test_without_a_time_it_has_to_become_true_before_the_run_ends() -> None:
    async def workload(sim: Simulation) -> None:
        eventually(sim, "the end", lambda: sim.now().day == 2)
        eventually(sim, "never", lambda: False)
        await sim.sleep("1d")

    (violation,) = run(workload).violations
    assert (violation.checker, violation.kind) == ("never", Kind.LIVENESS)


def test_sometimes_says_which_states_a_run_has_come_to_and_which_it_knows_of() -> None:
    async def workload(sim: Simulation) -> None:
        sometimes(sim, "rich", False)
        for amount in (0, 3, 5):
            if sometimes(sim, "some", amount > 0):
                sometimes(sim, "much", amount > 4)

    result = run(workload)
    assert result.passed
    assert result.reached == {"some", "much"}
    counts = {name: count for name, count in result.stats.items() if name.startswith("sometimes:")}
    assert counts == {"sometimes:rich": 0, "sometimes:some": 2, "sometimes:much": 1}


def test_properties_work_in_an_ordinary_test_too(sim: Simulation) -> None:
    async def main() -> None:
        always(sim, "early", lambda: sim.now().hour < 3)
        for _ in range(24):
            await sim.sleep("1h")

    with pytest.raises(PropertyViolated, match="always 'early': it is not so"):
        sim.execute(main())


async def _later() -> bool:
    return True


@pytest.mark.parametrize("name, fn", [("", bool), (7, bool), ("x", None), ("x", _later)])
def test_what_cannot_be_asked_is_refused(name: Any, fn: Any, sim: Simulation) -> None:
    with pytest.raises(InvalidArgumentError):
        always(sim, name, fn)
