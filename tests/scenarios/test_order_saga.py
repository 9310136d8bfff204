"""The order saga finds bugs that are planted in the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime.actors import activity as activity_actor
from temporal_do.runtime.actors.workflow import actor, facts
from temporal_do.runtime.messages.workflow import ActivityResolved
from temporal_do.runtime.shell import Shell
from temporal_do.scenarios.order_saga import SCENARIO
from temporal_do.scenarios.world import Attempts
from temporal_do.sim import FaultPlan
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Kind, Violation

SEEDS = 20


def lease_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        activity_actor._HANDLERS, "lease_again", lambda state, message, turn: activity_actor.leased(state)
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

    def keep(state: Any, message: ActivityResolved, turn: Any, limits: Any) -> Any:
        return take(state, message, Forgetless(turn), limits)  # type: ignore[arg-type]

    monkeypatch.setitem(actor.HANDLERS, ActivityResolved, keep)


def never_redeliver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shell, "_kick", lambda self, now: None)


def is_broken_promise(name: str) -> Callable[[Violation], bool]:
    return lambda violation: violation.checker == name


def fails_a_task(violation: Violation) -> bool:
    return violation.checker == "workflow-task"


def hangs(violation: Violation) -> bool:
    return violation.kind is Kind.LIVENESS


@pytest.mark.parametrize(
    ("plant", "faults", "is_it"),
    [
        (lease_to_everybody, FaultPlan.queue(200_000), is_broken_promise(Attempts.PROMISE)),
        (take_every_outcome, FaultPlan.network(60_000), fails_a_task),
        (never_redeliver, FaultPlan.network(60_000), hangs),
    ],
)
def test_a_bug_planted_in_the_engine_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    faults: FaultPlan,
    is_it: Callable[[Violation], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS):
        violations = run_scenario(SCENARIO, seed=seed, faults=faults, checkers=()).violations
        if any(map(is_it, violations)):
            return
    raise AssertionError(f"not found within {SEEDS} seeds; the last violations: {violations}")
