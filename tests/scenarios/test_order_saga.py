"""The scenario of the order saga holds, and each of its invariants can fail."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from temporal_do import scenarios
from temporal_do.runtime.actors import activity as activity_actor
from temporal_do.runtime.actors.workflow import facts
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.shell import Shell
from temporal_do.scenarios.order_saga import OrderSaga, Town
from temporal_do.scenarios.scenario import run_scenario
from temporal_do.sim import FaultPlan

SCENARIO = scenarios.find("order_saga")


def test_orders_survive_whatever_the_platform_does() -> None:
    report = scenarios.run("order_saga", seeds=range(6)).check()
    assert report.faults > 100
    assert list(report.digests) == list(range(6))
    assert "every invariant held" in str(report)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(10))
def test_orders_survive_a_thousand_runs(block: int) -> None:
    scenarios.run("order_saga", seeds=range(100 * block, 100 * block + 100)).check()


def test_without_faults_every_end_is_reached() -> None:
    workloads: list[OrderSaga] = []

    def make() -> OrderSaga:
        workloads.append(OrderSaga())
        return workloads[-1]

    report = run_scenario(attrs.evolve(SCENARIO, make_workload=make), [0], faults=FaultPlan()).check()
    assert report.faults == 0
    assert set(workloads[0].results.values()) == {"shipped", "refunded", "expired"}
    assert len(workloads[0].results) == workloads[0].orders


def test_a_seed_is_one_run_strict_or_not() -> None:
    digests = [
        dict(scenarios.run("order_saga", seeds=[3, 4], strict=strict).digests)
        for strict in (False, False, True)
    ]
    assert digests[0] == digests[1] == digests[2]
    assert digests[0][3] != digests[0][4]


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InvalidArgumentError, match="order_saga"):
        scenarios.run("nonsense")


# --- planted bugs ---


class ForgetfulBank(Town):
    """Looks at no idempotency key."""

    def charge(self, key: str, number: int) -> None:
        super().charge(f"{key}-{len(self.charges)}", number)


class HonestTooLate(Town):
    """Says yes and takes no money from one customer."""

    def charge(self, key: str, number: int) -> None:
        if number != 7:
            super().charge(key, number)


def lease_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        activity_actor._HANDLERS, "lease_again", lambda state, message, turn: activity_actor._leased(state)
    )


def take_every_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetless:
        """A turn that keeps the activity's row when its outcome is recorded."""

        def __init__(self, turn: object) -> None:
            self._turn = turn

        def __getattr__(self, name: str) -> object:
            return getattr(self._turn, name)

        def delete(self, table: str, key: object) -> None:
            pass

    take = facts.activity_resolved
    from temporal_do.runtime.actors.workflow import actor
    from temporal_do.runtime.messages.workflow import ActivityResolved

    monkeypatch.setitem(
        actor.HANDLERS,
        ActivityResolved,
        lambda state, message, turn, limits: take(state, message, Forgetless(turn), limits),  # type: ignore[arg-type]
    )


def never_redeliver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shell, "_kick", lambda self, now: None)


def first_violation(invariant: str, scenario: scenarios.Scenario, **options: Any) -> scenarios.Report:
    """The report of the first seed that violates ``invariant``."""
    for seed in range(20):
        report = run_scenario(scenario, [seed], **options)
        if any(violation.invariant == invariant for violation in report.violations):
            return report
    raise AssertionError(f"no seed violates {invariant!r}; the last report: {report}")


@pytest.mark.parametrize(
    ("town", "invariant"),
    [
        (ForgetfulBank, "no order is charged twice"),
        (HonestTooLate, "none is shipped unpaid"),
        (HonestTooLate, "results are true"),
    ],
)
def test_a_wrong_world_is_found(town: type[Town], invariant: str) -> None:
    scenario = attrs.evolve(SCENARIO, make_workload=lambda: OrderSaga(town=town()))
    assert not first_violation(invariant, scenario).ok


@pytest.mark.parametrize(
    ("plant", "faults", "invariant"),
    [
        (lease_to_everybody, FaultPlan.queue(200_000), "no attempt runs twice"),
        (take_every_outcome, FaultPlan.network(60_000), "no activity is recorded twice"),
        (never_redeliver, FaultPlan.network(60_000), "every order ends"),
    ],
)
def test_a_bug_planted_in_the_engine_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    faults: FaultPlan,
    invariant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    report = first_violation(invariant, SCENARIO, faults=faults)
    (seed,) = report.digests
    assert f"seeds=[{seed}]" in str(report)
    with pytest.raises(scenarios.ScenarioFailedError, match=f"seed {seed}: "):
        report.check()


def test_the_example_of_the_package_is_true() -> None:
    outcome = doctest.testmod(scenarios)
    assert (outcome.failed, outcome.attempted) == (0, 2)
