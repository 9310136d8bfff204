"""The properties can fail: bugs planted in the shell and in the simulated platform are found by them.

Each mutant replaces one function. Left alone, every seed passes; with it, a seed of a small campaign fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime.actor import OUTBOX
from temporal_do.runtime.host import Commit
from temporal_do.runtime.shell import Shell
from temporal_do.sim import FaultPlan, SimulationError
from temporal_do.sim.alarms import ObjectAlarm
from temporal_do.sim.objects import SimObject, SimObjectHost
from temporal_do.sim.queue import Queues
from temporal_do.sim.scheduler import Scheduler

from .toys import ToyAdd, ToyDone, ToyWork, busy_world, check_busy_world, toy_simulation

SEEDS = range(30)
OUTBOX_MESSAGES = (ToyAdd, ToyWork, ToyDone)


OUT_OF_ORDER = ("duplicate_request", "overtaken_request", "caller_disconnect")
"""Faults that let a message be overtaken."""


def _run(seed: int) -> None:
    rates = FaultPlan.everything(40_000).rates
    plan = FaultPlan(rates={**rates, **dict.fromkeys(OUT_OF_ORDER, 0)})
    with toy_simulation(seed, faults=plan, step_budget=5_000, trace_limit=None) as sim:
        sim.execute(busy_world(sim))
    check_busy_world(sim)
    steps = list(sim.trace.steps())
    _check_nothing_leaves_before_its_commit(steps)
    _check_one_incarnation_commits_at_a_time(steps)
    _check_lanes_are_first_in_first_out(steps)


def _check_nothing_leaves_before_its_commit(steps: list[dict[str, Any]]) -> None:
    durable: set[tuple[str, str, Any]] = set()
    for step in steps:
        if step["kind"] == "commit":
            for table, _, row in step["changes"]:
                if table == OUTBOX and row is not None:
                    durable.add((step["key"], row.receiver, row.body))
        elif step["kind"] == "call" and "/" in step["sender"] and type(step["message"]) in OUTBOX_MESSAGES:
            assert (step["sender"], step["receiver"], step["message"]) in durable, step


def _check_one_incarnation_commits_at_a_time(steps: list[dict[str, Any]]) -> None:
    last: dict[str, int] = {}
    for step in steps:
        if step["kind"] == "commit":
            assert last.get(step["key"], 0) <= step["incarnation"], f"a stale incarnation committed: {step}"
            last[step["key"]] = step["incarnation"]


def _check_lanes_are_first_in_first_out(steps: list[dict[str, Any]]) -> None:
    made = {step["call"]: step for step in steps if step["kind"] == "call"}
    last: dict[tuple[str, str], int] = {}
    for step in steps:
        if step["kind"] == "deliver":
            sender = made[step["call"]]["sender"]
            if "/" in sender:
                lane = (sender, step["receiver"])
                assert last.get(lane, 0) < step["call"], f"{lane} was overtaken"
                last[lane] = step["call"]


def _failing_seed(run: Callable[[int], None]) -> int | None:
    for seed in SEEDS:
        try:
            run(seed)
        except (AssertionError, SimulationError, TimeoutError, KeyError):
            return seed
    return None


def test_without_a_mutant_every_seed_passes() -> None:
    for seed in SEEDS:
        _run(seed)


# --- mutants of the shell ---


async def _commit_that_sends_first(self: Shell, state: Any, turn: Any) -> None:
    sends, turn.sends = list(turn.sends), []
    self._post(sends)
    await self._host.platform.delay(1)  # type: ignore[attr-defined]
    await _REAL_COMMIT(self, state, turn)


_REAL_COMMIT = Shell._commit


def _next_alarm_without_the_outbox(self: Shell, state: Any, now: int) -> int | None:
    return self._actor.next_alarm(state)


async def _enter_without_the_queue(self: Shell, message: Any, alarm_ns: int | None) -> Any:
    return await self._turn(message, alarm_ns)


# --- mutants of the platform ---


def _apply_half(self: SimObject, commit: Commit, strict: bool) -> None:
    _REAL_APPLY(self, commit._replace(changes=commit.changes[: max(1, len(commit.changes) // 2)]), strict)


_REAL_APPLY = SimObject.apply


async def _commit_without_the_fence(self: SimObjectHost, commit: Commit) -> None:
    await self.platform.delay(100_000_000)
    self._commit(commit)


def _forget_the_alarm(self: ObjectAlarm) -> None:
    self._running_ns = None


def _never_redeliver(self: Queues, message: Any, delay_ns: int, reason: str) -> None:
    return None


def _choose_any(self: Scheduler) -> Any:
    ready = self._ready
    index = self._choices.draw(len(ready))
    chosen = ready[index]
    del ready[index]
    return chosen


MUTANTS: list[tuple[str, type, str, Any]] = [
    ("sends before it commits", Shell, "_commit", _commit_that_sends_first),
    ("never redelivers an outbox", Shell, "_next_alarm", _next_alarm_without_the_outbox),
    ("takes turns at the same time", Shell, "_enter", _enter_without_the_queue),
    ("makes half a commit durable", SimObject, "apply", _apply_half),
    ("lets superseded incarnations commit", SimObjectHost, "_commit_at_risk", _commit_without_the_fence),
    ("forgets the alarm of a dead object", ObjectAlarm, "interrupted", _forget_the_alarm),
    ("never redelivers a queue message", Queues, "_redeliver", _never_redeliver),
    ("lets messages overtake each other", Scheduler, "_choose", _choose_any),
]


@pytest.mark.parametrize(("owner", "name", "mutant"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_a_platform_or_shell_with_a_planted_bug_is_found(
    owner: type, name: str, mutant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, mutant)
    assert _failing_seed(_run) is not None
