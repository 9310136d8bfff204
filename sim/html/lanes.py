"""Who has a lane on the page: every object, every queue, whoever sends, and the platform.

Owns the lane of each kind of step and the order of the lanes: from who asks, on the left, to who keeps the
books. Must not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ...runtime.keys import ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW
from ..story_words import Words
from ..timeline_text import plain
from ..trace import Step

PLATFORM: Final = "platform"
QUEUE: Final = "queue:"

GROUPS: Final[Mapping[str, str]] = {
    "": "Clients and workers",
    WORKFLOW: "Workflows",
    ACTIVITY: "Activities",
    TIMER: "Schedules",
    QUEUE: "Queues",
    TASK_QUEUE: "Task queues",
    VISIBILITY: "Visibility",
    HISTORY: "Archives",
    PLATFORM: "Platform",
}
"""Kind of a lane -> the title of its group, from left to right."""

_ON_QUEUE: Final = frozenset(("ack", "redeliver", "drop"))
_ON_PLATFORM: Final = frozenset(("worker", "phase", "storm", "cron"))


class Lanes:
    """Finds the lane of every step. Must hear all of them, in order."""

    def __init__(self) -> None:
        self._senders: dict[int, str] = {}
        self._queues: set[str] = set()

    def of(self, step: Step) -> tuple[str, str]:
        """``(where it happens, whom it is for)``; the second is "" unless it is a message that leaves."""
        kind = step[0]
        if kind == "call":
            self._senders[step[4]] = step[2]
            return step[2], step[3]
        if kind == "reply":
            return step[2], self._senders.get(step[4], "")
        if kind == "lost":
            return self._senders.get(step[2], PLATFORM), ""
        if kind == "enqueue":
            self._queues.add(step[3])
            return self._named(step[2]), QUEUE + step[3]
        if kind == "consume":
            self._queues.add(step[2])
            return "worker", QUEUE + step[2]
        if kind in _ON_QUEUE:
            return QUEUE + step[2], ""
        if kind in _ON_PLATFORM:
            return PLATFORM, ""
        return self._named(step[3] if kind == "fault" else step[2]), ""

    def _named(self, name: object) -> str:
        text = str(name)
        return QUEUE + text if text in self._queues else text or PLATFORM


def kind_of_lane(key: str) -> str:
    """The kind of a lane, a key of ``GROUPS``."""
    if key == PLATFORM:
        return PLATFORM
    if key.startswith(QUEUE):
        return QUEUE
    kind, slash, _ = key.partition("/")
    return kind if slash and kind in GROUPS else ""


def lane_name(key: str, words: Words) -> str:
    """What people call it."""
    return f"queue {plain(key[len(QUEUE) :])}" if key.startswith(QUEUE) else words.name(key)


def in_order(keys: Iterable[str]) -> list[str]:
    """Lanes from left to right: by group, in a group in the order they are given."""
    order = list(GROUPS)
    return sorted(keys, key=lambda key: order.index(kind_of_lane(key)))
