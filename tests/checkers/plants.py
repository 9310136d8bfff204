"""Bugs of the engine that more than one suite plants."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.actors import activity
from temporal_do.runtime.actors.workflow import requests
from temporal_do.runtime.actors.workflow.actor import HANDLERS
from temporal_do.runtime.messages.workflow import ActivityResolved


def one_attempt_too_many(patch: pytest.MonkeyPatch) -> None:
    """Every failure is judged as that of the attempt before."""
    real = activity.next_attempt

    def next_attempt(failure: Any, policy: Any, *, attempt: int, **options: Any) -> Any:
        return real(failure, policy, attempt=attempt - 1, **options)

    patch.setattr(activity, "next_attempt", next_attempt)


def activity_recorded_twice(patch: pytest.MonkeyPatch) -> None:
    """The row that guards against a second end of an activity stays."""
    real = HANDLERS[ActivityResolved]

    def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        pending = state.get("activity", message.activity_id)
        reply = real(state, message, turn, limits)
        if pending is not None:
            turn.put("activity", message.activity_id, pending)
        return reply

    patch.setitem(HANDLERS, ActivityResolved, handle)


def closed_run_takes_signals(patch: pytest.MonkeyPatch) -> None:
    """A run is found whether it is open or not."""
    patch.setattr(requests, "_find", lambda state, run_id, child_of_run_id="": state.run(run_id))
