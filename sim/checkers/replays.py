"""14. Replaying a history, or a prefix of it, yields the commands that were recorded.

Source: the definition of determinism in Temporal's model: the code is the function from the events so far to
the next commands. The whole history is replayed, and a prefix that ends with a workflow task in its middle.
"""

from __future__ import annotations

from typing import Any

from ...runtime.errors import NondeterminismError, TemporalError
from ...runtime.history import EventType, History
from ..scenario import Kind, Violation
from .base import Checker
from .histories import Replayable, prefix, replayable


class Replays(Checker):
    """Replays every run with the code that is deployed at the end, from nothing but its events."""

    number = 14
    name = "replays"
    kind = Kind.NONDETERMINISM

    def finish(self) -> list[Violation]:
        if self.world is None:
            return self.violations
        from ...runtime.guard import strict_guard

        guard = strict_guard()
        try:
            for found in replayable(self.ledger, self.world):
                if self._replay(found, found.history, guard, "the history"):
                    middle = _middle(found.history)
                    if middle is not None:
                        self._replay(found, middle, guard, f"the first {len(middle.events)} events")
        finally:
            guard.close()
        return self.violations

    def _replay(self, found: Replayable, history: History, guard: Any, what: str) -> bool:
        from ...runtime.workflow.replay import replay_history

        converter = self.world.deployment.converter if self.world is not None else None
        definitions = {found.name: found.definition}
        error = replay_history(history, definitions, converter, guard=guard, run_id=found.run_id).error
        if error is None or (found.task_failed and not isinstance(error, NondeterminismError)):
            return True
        self.violated(
            f"{what} of run {found.run_id} ({found.name}) does not replay: {error}", location=_line(error)
        )
        return False


def _line(error: TemporalError) -> str:
    file, line = error.fields.get("file"), error.fields.get("line")
    return f"{file}:{line}" if file else ""


def _middle(history: History) -> History | None:
    """The prefix that ends with the start of the middle one of the completed workflow tasks."""
    starts = [
        event.attributes.started_event_id
        for event in history.events
        if event.event_type == EventType.WORKFLOW_TASK_COMPLETED
    ]
    return prefix(history, starts[len(starts) // 2]) if len(starts) > 1 else None
