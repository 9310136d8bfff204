"""Bugs planted by a function: what an edit of one line can't do. Importing this registers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime.actor import OUTBOX, Ok
from temporal_do.runtime.actors import ACTORS, activity
from temporal_do.runtime.actors.workflow import (
    closing,
    command_ends,
    commands,
    completing,
    events,
    resetting,
    starting,
    tasks,
    waking,
)
from temporal_do.runtime.actors.workflow.actor import HANDLERS
from temporal_do.runtime.commands import ContinueAsNew
from temporal_do.runtime.history import EventType
from temporal_do.runtime.messages.visibility import RecordExecution
from temporal_do.runtime.messages.workflow import ChildClosed, SignalWorkflow, StartWorkflow
from temporal_do.runtime.records import evolve
from temporal_do.runtime.shell import Shell
from temporal_do.sim import FaultPlan
from temporal_do.sim.objects import SimObjectHost
from tests.checkers import plants

from .mutant import CALM, CRASHES, NETWORK, QUEUE, mutant

MILLISECOND = 1_000_000

MAIN = "WorkflowDO/crash/main"


def at_each(fault: str, key: str) -> Callable[[int], FaultPlan]:
    """One fault, at another place under every seed."""
    return lambda seed: FaultPlan.at(fault, key, seed + 1)


# --- the shell ---


@mutant("the commit leaves the outbox out", "activities", faults=CRASHES)
def _commit_without_outbox(patch: pytest.MonkeyPatch) -> None:
    real = SimObjectHost.commit

    async def commit(self: SimObjectHost, commit: Any) -> None:
        kept = tuple(change for change in commit.changes if change[0] != OUTBOX)
        await real(self, commit._replace(changes=kept))

    patch.setattr(SimObjectHost, "commit", commit)


@mutant("the reply leaves before the commit", "updates", "signals", faults=CRASHES)
def _reply_first(patch: pytest.MonkeyPatch) -> None:
    real = Shell._commit

    async def commit(self: Shell, state: Any, turn: Any) -> None:
        self._host.spawn(real(self, state, turn))

    patch.setattr(Shell, "_commit", commit)


@mutant("the alarm is not set again by an alarm", "timers", faults=CALM, budget=1)
def _alarm_not_rearmed(patch: pytest.MonkeyPatch) -> None:
    real = Shell._next_alarm

    def next_alarm(self: Shell, state: Any, now: int) -> int | None:
        return None if self._ringing_ns is not None else real(self, state, now)

    patch.setattr(Shell, "_next_alarm", next_alarm)


@mutant("the outbox is not delivered after a load", "activities", "children", faults=CRASHES)
def _no_redelivery(patch: pytest.MonkeyPatch) -> None:
    real = Shell._post

    def post(self: Shell, entries: Any) -> None:
        if type(entries) is list:
            real(self, entries)

    patch.setattr(Shell, "_post", post)


# --- signals ---


@mutant("signals are not deduplicated", "signals", "continued", faults=NETWORK)
def _no_signal_dedupe(patch: pytest.MonkeyPatch) -> None:
    real = HANDLERS[SignalWorkflow]

    def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        state.table("request").pop(message.signal.request_id, None)
        return real(state, message, turn, limits)

    patch.setitem(HANDLERS, SignalWorkflow, handle)


@mutant("request ids are forgotten by the next run", "continued", faults=at_each("lost_reply", MAIN))
def _requests_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = starting.begin

    def begin(state: Any, turn: Any, *args: Any, **options: Any) -> Any:
        turn.drop_table("request")
        return real(state, turn, *args, **options)

    patch.setattr(command_ends, "begin", begin)


@mutant("a buffered signal is lost", "busy", faults=CALM, budget=1)
def _buffered_signal_lost(patch: pytest.MonkeyPatch) -> None:
    real = events.flush_buffer

    def flush(state: Any, run: Any, turn: Any) -> bool:
        for row in list(state.table("buffered").values()):
            if row.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED:
                turn.delete("buffered", row.number)
        return real(state, run, turn)

    for module in (tasks, completing, closing):
        patch.setattr(module, "flush_buffer", flush)


mutant("a closed run takes signals", "signals", faults=CALM, budget=1)(plants.closed_run_takes_signals)


@mutant("continue-as-new drops signals", "busy", faults=CALM, budget=1)
def _continue_drops_signals(patch: pytest.MonkeyPatch) -> None:
    real = commands.APPLY[ContinueAsNew]

    def apply(app: Any, command: Any) -> None:
        real(app, evolve(command, unconsumed_signal_event_ids=()))

    patch.setitem(commands.APPLY, ContinueAsNew, apply)


# --- activities ---


@mutant("a lease is not fenced", "activities", faults=QUEUE)
def _lease_not_fenced(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(activity._HANDLERS, "lease_again", lambda state, message, turn: activity.leased(state))


mutant("one attempt too many", "activities", faults=CALM, budget=1)(plants.one_attempt_too_many)
mutant("an activity's end is recorded twice", "activities", faults=NETWORK | CRASHES)(
    plants.activity_recorded_twice
)


# --- timers, children, the rest ---


@mutant("timers fire a millisecond early", "timers", faults=CALM, budget=1)
def _timers_early(patch: pytest.MonkeyPatch) -> None:
    real_fire, real_next = waking.fire_timers, waking.next_alarm

    def fire(state: Any, run: Any, turn: Any, limits: Any) -> None:
        turn.now += MILLISECOND
        timers = {key: timer for key, timer in state.table("timer").items() if timer.fire_ns <= turn.now}
        turn.now -= MILLISECOND
        for key, timer in timers.items():
            state.rows["timer"][key] = evolve(timer, fire_ns=turn.now)
            state.timers.append((turn.now, timer.started_event_id, key))
            state.timers.sort()
        real_fire(state, run, turn, limits)

    def next_alarm(state: Any) -> int | None:
        found = real_next(state)
        return None if found is None else found - MILLISECOND

    patch.setattr(waking, "fire_timers", fire)
    patch.setattr(waking, "next_alarm", next_alarm)


@mutant("a child's end is lost during a workflow task", "busy", faults=CALM, budget=1)
def _child_close_lost(patch: pytest.MonkeyPatch) -> None:
    real = HANDLERS[ChildClosed]

    def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        run = state.open_run()
        if run is not None and run.task_state == "started":
            return Ok()
        return real(state, message, turn, limits)

    patch.setitem(HANDLERS, ChildClosed, handle)


@mutant("the index takes older versions", "signals", "continued", faults=CRASHES | NETWORK)
def _older_version_wins(patch: pytest.MonkeyPatch) -> None:
    def record(state: Any, message: Any, turn: Any) -> Any:
        turn.put("execution", message.execution.run_id, message.execution)
        return Ok()

    patch.setitem(ACTORS["VisibilityDO"].handlers, RecordExecution, record)


@mutant("starts are not deduplicated", "activities", "children", faults=NETWORK | CRASHES)
def _starts_not_deduplicated(patch: pytest.MonkeyPatch) -> None:
    real = HANDLERS[StartWorkflow]

    def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        state.table("request").pop(message.request_id, None)
        return real(state, message, turn, limits)

    patch.setitem(HANDLERS, StartWorkflow, handle)


@mutant("a reset forgets what others know of the old run", "reset", faults=CALM, budget=1)
def _reset_forgets_origins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resetting, "_origins", lambda base, length: ())


@mutant("retention keeps what it should delete", "timers", faults=CALM, budget=1)
def _retention_keeps(patch: pytest.MonkeyPatch) -> None:
    real = closing.end_retention

    def end(state: Any, turn: Any, run_id: str, limits: Any) -> None:
        real(state, turn, run_id, limits)
        turn.put("run", f"left:{run_id}", "row")

    patch.setattr(waking, "end_retention", end)
