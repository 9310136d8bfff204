"""Alarms: one per object, part of its commits, at least once, never early.

An alarm stays stored until its handler has ended. If the incarnation dies first, it goes off again after 2 s,
4 s, ... up to 1024 s, without end; after a restart of the process whatever is overdue goes off at once. One
run at a time: an alarm set meanwhile waits until the run is over. Setting the very time of the alarm that is
running changes nothing.

Must not import the objects (they are handed in).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...runtime.durations import SECOND
from .agenda import Agenda

RETRY_DELAY_NS = 2 * SECOND
RETRY_DOUBLINGS_MAX = 9

Ring = Callable[[str, int], None]
"""Start the handler of an object (its key) for the moment the alarm was set for."""


class Alarms:
    """What is set for when, what runs, what has failed."""

    __slots__ = ("_agenda", "_failures", "_rearmed", "_ring", "_running", "_set")

    def __init__(self, ring: Ring, stored: Iterable[tuple[str, int]]) -> None:
        """``stored``: what the database holds."""
        self._ring = ring
        self._set = dict(stored)
        self._agenda: Agenda[str] = Agenda()
        self._running: dict[str, int] = {}
        self._rearmed: dict[str, bool] = {}
        self._failures: dict[str, int] = {}
        for key, when_ns in self._set.items():
            self._agenda.set(key, when_ns)

    def stored_ns(self, key: str) -> int | None:
        """What the database holds for ``key``."""
        return self._set.get(key)

    def is_running(self, key: str) -> bool:
        """Its handler has been started and has not ended."""
        return key in self._running

    def set(self, key: str, when_ns: int | None) -> None:
        """The object has committed ``when_ns`` as its alarm (None: none)."""
        if when_ns == self._set.get(key):
            return
        if when_ns is None:
            del self._set[key]
        else:
            self._set[key] = when_ns
        self._failures.pop(key, None)
        if key in self._running:
            self._rearmed[key] = True
        elif when_ns is None:
            self._agenda.discard(key)
        else:
            self._agenda.set(key, when_ns)

    def next_ns(self) -> int | None:
        """When the next one goes off."""
        return self._agenda.next_ns()

    def fire(self, now_ns: int) -> None:
        """Start the handler of every alarm whose time has come."""
        while (key := self._agenda.pop_due(now_ns)) is not None:
            when_ns = self._set[key]
            self._running[key] = when_ns
            self._rearmed[key] = False
            self._ring(key, when_ns)

    def handled(self, key: str) -> bool:
        """The handler has ended well. True: the alarm is still stored, and must be removed there too."""
        del self._running[key]
        self._failures.pop(key, None)
        if self._rearmed.pop(key):
            self._watch(key)
            return False
        return self._set.pop(key, None) is not None

    def interrupted(self, key: str, now_ns: int) -> None:
        """The incarnation died. If its alarm was running, it goes off again."""
        if self._running.pop(key, None) is None:
            return
        if self._rearmed.pop(key):
            self._watch(key)
            return
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._agenda.set(key, now_ns + (RETRY_DELAY_NS << min(failures, RETRY_DOUBLINGS_MAX)))

    def _watch(self, key: str) -> None:
        when_ns = self._set.get(key)
        if when_ns is not None:
            self._agenda.set(key, when_ns)
