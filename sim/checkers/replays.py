"""14. Replaying a history, or a prefix of it, yields the commands that were recorded.

Source: the definition of determinism in Temporal's model: the code is the function from the events so far to
the next commands. Whole histories are replayed, and of the longest ones a prefix that ends with a workflow
task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...runtime.errors import NondeterminismError, TemporalError
from ...runtime.history import EventType, History
from ..scenario import Kind, Violation
from .base import Checker
from .histories import Replayable, prefix, replay, replayable, sample
from .world import World

if TYPE_CHECKING:
    from ...runtime.guard import Guard


class Replays(Checker):
    """Replays every run with the code that is deployed at the end, from nothing but its events."""

    number = 14
    name = "replays"
    kind = Kind.NONDETERMINISM

    def finish(self) -> list[Violation]:
        if self.world is None:
            return self.violations
        from ...runtime.guard import no_guard

        guard = no_guard()  # the simulation had a strict one
        try:
            runs = list(replayable(self.ledger, self.world))
            for found in runs:
                self._replay(found, found.history, self.world, guard)
            for found in sample(runs):
                middle = middle_of(found.history)
                if middle is not None:
                    self._replay(found, middle, self.world, guard)
        finally:
            guard.close()
        return self.violations

    def _replay(self, found: Replayable, history: History, world: World, guard: Guard) -> None:
        result = replay(found, history, world, guard)
        world.replays[found.run_id, len(history.events)] = result
        error = result.error
        if error is None or (found.task_failed and not isinstance(error, NondeterminismError)):
            return
        self.violated(
            f"run {found.run_id} ({found.name}) does not replay up to event {len(history.events)}: {error}",
            location=_line(error),
        )


def _line(error: TemporalError) -> str:
    file, line = error.fields.get("file"), error.fields.get("line")
    return f"{file}:{line}" if file else ""


def middle_of(history: History) -> History | None:
    """The prefix that ends with the start of the middle one of the completed workflow tasks."""
    starts = [
        event.attributes.started_event_id
        for event in history.events
        if event.event_type == EventType.WORKFLOW_TASK_COMPLETED
    ]
    return prefix(history, starts[len(starts) // 2]) if len(starts) > 1 else None
