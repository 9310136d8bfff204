"""Planted bugs are found and told with one or two faults, within the limits, and the tape repeats them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import pytest

from temporal_do.runtime import HostError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.explore import Campaign
from temporal_do.sim.explore.double_run import repeat_twice
from temporal_do.sim.objects import SimObject
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import RunResult, Scenario
from temporal_do.sim.shrink import Shrunk, shrink, shrink_report
from temporal_do.sim.strategies import draw_integer

from ..explore import worlds

_REAL_APPLY = SimObject.apply


def _lose_half_of_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: SimObject, commit: object, strict: bool) -> None:
        kept = commit.changes[: max(1, len(commit.changes) - 1)]  # type: ignore[attr-defined]
        _REAL_APPLY(self, commit._replace(changes=kept), strict)  # type: ignore[attr-defined]

    monkeypatch.setattr(SimObject, "apply", half)


BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a signal that is sent again counts again": worlds.forget_signal_requests,
    "an outbox is not sent again": worlds.forget_the_outbox,
    "half of a commit is lost": _lose_half_of_a_commit,
}


def _failures(scenario: Scenario, count: int, seeds: int = 200) -> list[RunResult]:
    report = Campaign(scenario, seeds=seeds, failures_max=count, checkers=()).run()
    return [outcome.result for outcome in report.failures]


def _shrunk(scenario: Scenario, result: RunResult) -> Shrunk:
    return shrink_report(scenario, result, checkers=(), seconds_max=60)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_and_told_with_few_faults(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[bug](monkeypatch)
    failures = _failures(worlds.TILLS, 3)
    assert failures
    shrunk = [_shrunk(worlds.TILLS, failure) for failure in failures]
    for each, failure in zip(shrunk, failures, strict=True):
        assert each.repeats and each.finished
        assert each.after.schedule <= 2 and each.after.faults <= 6, str(each.after)
        assert each.runs <= 300
        again = run_scenario(worlds.TILLS, tape=each.result.tape, checkers=())
        assert again.digest == each.result.digest
        assert again.violations[0].checker == failure.violations[0].checker
    assert median(each.after.faults for each in shrunk) <= 2
    assert median(each.runs for each in shrunk) <= 60


def test_a_bug_of_order_alone_is_told_with_the_order_alone() -> None:
    (failure,) = _failures(worlds.OVERTAKEN, 1, seeds=2_000)
    shrunk = _shrunk(worlds.OVERTAKEN, failure)
    assert shrunk.before.schedule > shrunk.after.schedule
    assert 1 <= shrunk.after.schedule <= 2 and shrunk.after.faults == 0, str(shrunk.after)


async def _two_crashes(sim: Simulation) -> None:
    """Fails when both objects of two tills die, in whatever way."""
    world = worlds.Till()
    sim.run(world.worker)
    for name in ("a", "b"):
        await worlds.insist(
            lambda name=name: world.temporal.start_workflow(
                world.workflow, workflow_id=name, task_queue="main", args=[0], request_id=name
            )
        )
    await sim.sleep("2h")
    died = {step[2] for step in sim.trace.tuples() if step[0] == "dead" and step[2].startswith("WorkflowDO")}
    assert len(died) < 2


def test_two_faults_that_are_both_needed_are_both_left() -> None:
    scenario = Scenario(
        name="two", workload=_two_crashes, faults=FaultPlan.crashes(100_000), heal_after_ns=10_000_000_000_000
    )
    (failure,) = _failures(scenario, 1)
    shrunk = _shrunk(scenario, failure)
    assert (shrunk.after.faults, shrunk.after.schedule) == (2, 0), str(shrunk.after)


async def _greedy(sim: Simulation) -> None:
    """Fails when it buys more than 12 of something and dear things at that."""
    count = draw_integer(sim, "count", 1, 100)
    price = draw_integer(sim, "price", 5, 5_000)
    draw_integer(sim, "colour", 0, 7)
    await sim.sleep("1s")
    assert not (count > 12 and price > 1_000), f"{count} at {price}"


def test_inputs_are_shrunk_to_the_least_that_fails() -> None:
    scenario = Scenario(name="greedy", workload=_greedy)
    (failure,) = _failures(scenario, 1)
    small = shrink(scenario, failure, checkers=())
    assert "13 at 1001" in small.violations[0].message
    assert small.tape.deviations == {"input:count": {0: 12}, "input:price": {0: 996}}


async def _placed(sim: Simulation) -> None:
    world = worlds.Till()
    sim.run(world.worker)
    try:
        await world.temporal.start_workflow(
            world.workflow, workflow_id="one", task_queue="main", args=[0], request_id="one"
        )
    except HostError:
        pass
    await sim.sleep("1h")
    assert not sim.stats.get("fault_crash_after_commit"), "it died"


def test_placed_faults_shrink_like_drawn_ones() -> None:
    plan = (
        FaultPlan.at("crash_before_commit", "*", 2)
        | FaultPlan.at("crash_after_commit", "*", 3)
        | FaultPlan.at("crash_after_commit", "WorkflowDO/*", 1)
        | FaultPlan.at("lost_request", "*", 5)
    )
    scenario = Scenario(name="placed", workload=_placed, faults=plan)
    failure = run_scenario(scenario, checkers=())
    small = shrink(scenario, failure, checkers=())
    (placement,) = FaultPlan.from_json(small.tape.faults).placements
    assert (placement.fault, placement.occurrence) == ("crash_after_commit", 1)
    assert not small.tape.deviations


def test_nondeterminism_is_shrunk_by_running_twice() -> None:
    scenario = Scenario(name="leaky", workload=worlds.leaky, faults=FaultPlan.network(20_000))
    first = run_scenario(scenario, seed=3, checkers=())
    failure = repeat_twice(scenario, first.tape, False, ())
    small = shrink(scenario, failure, run=repeat_twice, checkers=())
    assert [violation.checker for violation in small.violations] == ["double_run"]
    assert not small.tape.deviations


def test_limits_end_the_search_with_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    (failure,) = _failures(worlds.TILLS, 1)
    few = shrink_report(worlds.TILLS, failure, runs_max=5, checkers=())
    assert few.runs <= 5 and not few.finished
    assert few.result.violations[0].checker == failure.violations[0].checker
    none = shrink_report(worlds.TILLS, failure, seconds_max=0, checkers=())
    assert none.runs <= 2 and none.result.digest == failure.digest
