"""What is due when: keys with a moment each, and the one timer of the event loop that watches the earliest.

Invariants: nothing comes due early by the host's clock, whatever the loop's own clock says; a moment that
moves costs a heap entry, and dead entries never outnumber the living ones for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", str, int)

_DEAD_ENTRIES_MIN = 64

TICK_SECONDS_MAX = 10.0
"""So late at most is something due noticed after the machine slept or its clock was set."""
_TICK_SECONDS_MIN = 0.001


class Agenda(Generic[K]):
    """Keys, each with the moment (ns) it is due; equal moments in the order they were set."""

    __slots__ = ("_count", "_entries", "_heap")

    def __init__(self) -> None:
        self._entries: dict[K, tuple[int, int, K]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: K, when_ns: int) -> None:
        """``key`` is due at ``when_ns``, and at no other time."""
        self._count += 1
        entry = self._entries[key] = (when_ns, self._count, key)
        heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._entries) + _DEAD_ENTRIES_MIN:
            self._heap = list(self._entries.values())
            heapify(self._heap)

    def discard(self, key: K) -> None:
        """``key`` is not due any more."""
        self._entries.pop(key, None)

    def next_ns(self) -> int | None:
        """The earliest moment, or None."""
        heap = self._heap
        while heap and self._entries.get(heap[0][2]) is not heap[0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now_ns: int) -> K | None:
        """Remove and return the key that is due first, if its moment has come."""
        next_ns = self.next_ns()
        if next_ns is None or next_ns > now_ns:
            return None
        key = heappop(self._heap)[2]
        del self._entries[key]
        return key


class Ticker:
    """Calls ``tick(now_ns)`` when something is due; it returns the next moment (None: there is none)."""

    __slots__ = ("_armed_ns", "_handle", "_loop", "_now", "_stopped", "_tick")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], int],
        tick: Callable[[int], int | None],
    ) -> None:
        self._loop = loop
        self._now = now
        self._tick = tick
        self._handle: asyncio.TimerHandle | None = None
        self._armed_ns: int | None = None
        self._stopped = False

    def at(self, when_ns: int | None) -> None:
        """Something is due at ``when_ns``; an earlier moment that is known stays known."""
        if self._stopped:
            return
        if self._handle is not None:
            if when_ns is None or (self._armed_ns is not None and when_ns >= self._armed_ns):
                return
            self._handle.cancel()
        self._armed_ns = when_ns
        delay_seconds = TICK_SECONDS_MAX
        if when_ns is not None:
            wait_ns = when_ns - self._now()
            delay_seconds = 0.0 if wait_ns <= 0 else max(_TICK_SECONDS_MIN, wait_ns / 1e9)
        self._handle = self._loop.call_later(min(delay_seconds, TICK_SECONDS_MAX), self._run)

    def _run(self) -> None:
        self._handle = None
        next_ns = None
        try:
            next_ns = self._tick(self._now())
        finally:
            self.at(next_ns)  # whatever went wrong, the next one gets its chance

    def stop(self) -> None:
        """Never tick again."""
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
