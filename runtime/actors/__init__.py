"""Every class of durable objects there is.

Owns the lookup from the kind of an object to the one instance of its behaviour. An actor's module is
imported when its kind is first needed, since importing the package must be quick. Must not import an
actor at import time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from ..actor import Actor
from ..keys import ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW

_CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    WORKFLOW: (".workflow", "WorkflowActor"),
    ACTIVITY: (".activity", "ActivityActor"),
    TASK_QUEUE: (".task_queue", "TaskQueueActor"),
    TIMER: (".timer", "TimerActor"),
    HISTORY: (".history", "HistoryActor"),
    VISIBILITY: (".visibility", "VisibilityActor"),
}


class _Actors(Mapping[str, Actor[Any]]):
    """kind -> actor; KeyError for what is no kind."""

    def __init__(self) -> None:
        self._made: dict[str, Actor[Any]] = {}

    def __getitem__(self, kind: str) -> Actor[Any]:
        actor = self._made.get(kind)
        if actor is None:
            module, name = _CLASSES[kind]
            actor = self._made[kind] = getattr(import_module(module, __name__), name)()
        return actor

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


ACTORS: Final[Mapping[str, Actor[Any]]] = _Actors()
