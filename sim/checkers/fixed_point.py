"""15. Replay is a fixed point, and a cold execution agrees with the cached one.

Source: a cached coroutine is a cache only. So a run that rests has nothing more to say when it is rebuilt
from its history; replaying twice says the same twice; and writing the history as JSON and reading it back
loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from ...runtime.history import EventType, History, HistoryEvent
from ..scenario import Kind, Violation
from .base import Checker
from .histories import Replayable, replay, replayable, sample
from .replays import middle_of
from .world import World

if TYPE_CHECKING:
    from ...runtime.guard import Guard
    from ...runtime.workflow.replay import ReplayResult


_readers: dict[type, Callable[[Any], tuple[Any, ...]]] = {}


def _values_of(record: Any) -> tuple[Any, ...]:
    """The fields of a record, all read in one go."""
    kind = type(record)
    if kind not in _readers:
        names = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []
        _readers[kind] = (
            attrgetter(*names)
            if len(names) > 1
            else lambda each: tuple(getattr(each, name) for name in names)
        )
    return _readers[kind](record)


class FixedPoint(Checker):
    """Rebuilds the longest runs, twice."""

    number = 15
    name = "fixed-point"
    kind = Kind.NONDETERMINISM

    def __init__(self) -> None:
        super().__init__()
        self._shapes: set[Any] = set()

    def finish(self) -> list[Violation]:
        if self.world is None:
            return self.violations
        from ...runtime.guard import no_guard

        guard = no_guard()  # the simulation had a strict one
        try:
            for found in sample(list(replayable(self.ledger, self.world))):
                self._json(found)
                if not found.task_failed:
                    self._replays(found, self.world, guard)
        finally:
            guard.close()
        return self.violations

    def _json(self, found: Replayable) -> None:
        from ...runtime.history import read_history, write_history

        events = self._one_of_each_shape(found.history.events)
        if not events:
            return
        again = read_history(write_history(History(events=events, workflow_id=found.history.workflow_id)))
        if again.events != events:
            differing = next(
                (
                    event.event_id
                    for event, other in zip(events, again.events, strict=False)
                    if event != other
                ),
                0,
            )
            self.violated(f"event {differing} of run {found.run_id} is not what its JSON form says")

    def _one_of_each_shape(self, events: tuple[HistoryEvent, ...]) -> tuple[HistoryEvent, ...]:
        """The events that are the first of their shape in this world.

        A shape is a type of events and which of its fields are set: how an event is written and read depends
        on little else, and runs repeat themselves.
        """
        found = []
        for event in events:
            attributes = event.attributes
            shape = (event.event_type, event.user_metadata is None, *map(bool, _values_of(attributes)))
            if shape not in self._shapes:
                self._shapes.add(shape)
                found.append(event)
        return tuple(found)

    def _replays(self, found: Replayable, world: World, guard: Guard) -> None:
        twice = middle_of(found.history) or found.history
        first = self._known(found, twice, world, guard)
        second = replay(found, twice, world, guard)
        whole = self._known(found, found.history, world, guard)
        if (first.next_commands, str(first.error)) != (second.next_commands, str(second.error)):
            self.violated(f"run {found.run_id} ({found.name}) replayed twice gives two outcomes")
        elif whole.next_commands and found.at_rest and not _has_news(found):
            names = ", ".join(type(command).__name__ for command in whole.next_commands)
            self.violated(
                f"run {found.run_id} ({found.name}) rests, and rebuilt from its history it goes on: {names}"
            )

    def _known(self, found: Replayable, history: History, world: World, guard: Guard) -> ReplayResult:
        """The replay that an earlier checker made, or one made now."""
        return world.replays.get((found.run_id, len(history.events))) or replay(found, history, world, guard)


def _has_news(found: Replayable) -> bool:
    """Does its history hold anything after the last workflow task that completed?"""
    for event in reversed(found.history.events):
        if event.event_type == EventType.WORKFLOW_TASK_COMPLETED:
            return False
        if not getattr(event.attributes, "workflow_task_completed_event_id", 0):
            return True
    return True
