"""The virtual clock and the order of macro events: what happens next, and when.

Owns: the events that are ready at the current instant, the heap of later ones, and the clock, which moves
only here and only when nothing is ready. Invariants:

- Ready events lie in lanes, first in first out within a lane. The seed chooses among the heads of the first
  ``LANES_MAX`` lanes found in the oldest ``WINDOW`` ready events; choice 0 is the oldest event.
- An event that is due later than now never runs now; of those due at one instant, the ones of rank 0 come
  before any of rank ``AFTERWARDS``, whatever the choices.
- Cancelled events neither run nor move the clock, and they are swept out before they outnumber the others.

A later event is moved, not recreated: an object's alarm changes with almost every commit, nearly always to a
later time, and that costs no heap operation here.

Must not import: asyncio, the engine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice
from operator import itemgetter
from typing import Any

from .choices import Stream

LANES_MAX = 8
WINDOW = 64
AFTERWARDS = 1
"""The rank of events that wait until everything else at their instant is over."""

_SWEEP_MIN = 1024

Lane = Any
Event = tuple[Lane, Callable[..., object], tuple[Any, ...]]

_lane_of = itemgetter(0)


class Timer:
    """A macro event to come. ``when_ns`` is None once it has fired or was cancelled."""

    __slots__ = ("_scheduler", "_seq", "args", "callback", "heap_ns", "lane", "rank", "when_ns")

    def __init__(
        self,
        scheduler: Scheduler,
        lane: Lane,
        rank: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        self._scheduler = scheduler
        self._seq = 0
        self.lane = lane
        self.rank = rank
        self.callback = callback
        self.args = args
        self.when_ns: int | None = None
        self.heap_ns: int | None = None

    def cancel(self) -> None:
        """Never fire. Cancelling twice, or too late, is nothing."""
        if self.when_ns is not None:
            self.when_ns = None
            if self.heap_ns is not None:
                self._scheduler.note_cancelled()

    def move(self, when_ns: int) -> None:
        """Fire at ``when_ns`` (now, if that has passed) instead of whenever it would have."""
        self._scheduler.set(self, when_ns)

    def fire(self) -> None:
        """Run the callback, unless it was cancelled or moved after it had become due."""
        if self.when_ns is not None and self.heap_ns is None:
            self.when_ns = None
            self.callback(*self.args)


class Scheduler:
    """Virtual time in ns since the Unix epoch, and the macro events of one simulation."""

    __slots__ = (
        "_cancelled",
        "_choices",
        "_heap",
        "_now_ns",
        "_ready",
        "_seq",
        "limit_ns",
        "on_advance",
        "pick",
    )

    def __init__(self, start_ns: int, choices: Stream) -> None:
        self._now_ns = start_ns
        self._choices = choices
        self._ready: deque[Event] = deque()
        self._heap: list[tuple[int, int, int, Timer]] = []
        self._seq = 0
        self._cancelled = 0
        self.limit_ns: int | None = None
        """Time does not move beyond this; None: no limit."""
        self.on_advance: Callable[[int], object] | None = None
        """Called with the new time whenever it has moved."""
        self.pick: Callable[[Sequence[Lane], int], int] | None = None
        """Chooses instead of the seed: given the lanes and how many choices were made before, the position
        of one; 0 is the oldest. What it chooses is noted like any choice, so a tape repeats it without it."""

    def now(self) -> int:
        """The current instant, ns since the Unix epoch."""
        return self._now_ns

    def post(self, lane: Lane, callback: Callable[..., object], *args: Any) -> None:
        """Run ``callback(*args)`` at this instant, after everything posted on ``lane`` before."""
        self._ready.append((lane, callback, args))

    def at(
        self, when_ns: int, callback: Callable[..., object], *args: Any, lane: Lane = None, rank: int = 0
    ) -> Timer:
        """Run ``callback(*args)`` at ``when_ns``, or as soon as possible if that has passed.

        ``lane``: as in ``post`` (None: a lane of its own).
        """
        if when_ns < self._now_ns:
            when_ns = self._now_ns
        self._seq = seq = self._seq + 1
        timer = Timer(self, lane, rank, callback, args)
        timer._seq = seq
        timer.when_ns = timer.heap_ns = when_ns
        heappush(self._heap, (when_ns, rank, seq, timer))
        return timer

    def set(self, timer: Timer, when_ns: int) -> None:
        """(Re)schedule ``timer``; see ``Timer.move``."""
        if when_ns < self._now_ns:
            when_ns = self._now_ns
        heap_ns = timer.heap_ns
        if timer.when_ns is None and heap_ns is not None:
            self._cancelled -= 1  # it was cancelled and its old heap entry serves again
        timer.when_ns = when_ns
        if heap_ns is None or when_ns < heap_ns:
            self._push(timer, when_ns)

    def _push(self, timer: Timer, when_ns: int) -> None:
        self._seq = seq = self._seq + 1
        timer._seq = seq
        timer.heap_ns = when_ns
        heappush(self._heap, (when_ns, timer.rank, seq, timer))

    def note_cancelled(self) -> None:
        """A timer in the heap was cancelled: sweep when there are too many of them."""
        self._cancelled += 1
        if self._cancelled >= _SWEEP_MIN and 2 * self._cancelled > len(self._heap):
            kept = []
            for entry in self._heap:
                timer = entry[3]
                if timer._seq != entry[2]:
                    continue
                if timer.when_ns is None:
                    timer.heap_ns = None
                else:
                    kept.append(entry)
            heapify(kept)
            self._heap = kept
            self._cancelled = 0

    def clear(self) -> None:
        """Forget every event."""
        self._ready.clear()
        self._heap.clear()

    def next_ns(self) -> int | None:
        """When the next event is due: now, later, or None when there is none."""
        if self._ready:
            return self._now_ns
        heap = self._heap
        while heap:
            when_ns, _, seq, timer = heap[0]
            if timer._seq == seq and timer.when_ns == when_ns:
                return when_ns
            heappop(heap)
            if timer._seq == seq:
                self._not_now(timer)
        return None

    def _not_now(self, timer: Timer) -> None:
        """The heap entry of ``timer`` came up, and it was cancelled or moved to a later time meanwhile."""
        if timer.when_ns is None:
            timer.heap_ns = None
            self._cancelled -= 1
        else:
            self._push(timer, timer.when_ns)

    def take(self) -> Event | None:
        """The next macro event, the clock moved to its time; None when there is none within the limit."""
        ready = self._ready
        if not ready and not self._advance():
            return None
        return ready.popleft() if len(ready) == 1 else self._choose()

    def _advance(self) -> bool:
        when_ns = self.next_ns()
        if when_ns is None or (self.limit_ns is not None and when_ns > self.limit_ns):
            return False
        if when_ns != self._now_ns:
            self._now_ns = when_ns
            if self.on_advance is not None:
                self.on_advance(when_ns)
        ready = self._ready
        heap = self._heap
        while heap and heap[0][0] == when_ns:
            _, rank, seq, timer = heap[0]
            if rank and ready:
                break
            heappop(heap)
            if timer._seq != seq:
                continue
            if timer.when_ns != when_ns:
                self._not_now(timer)
                continue
            timer.heap_ns = None
            lane = timer.lane
            ready.append((seq if lane is None else lane, timer.fire, ()))
            if rank:
                break
        return True

    def _choose(self) -> Event:
        ready = self._ready
        count = min(len(ready), LANES_MAX)
        if self.pick is None and len(set(map(_lane_of, islice(ready, count)))) == count:
            index = self._choices.draw(count)  # the usual case: the oldest events have a lane each
        else:
            index = self._choose_head()
        if not index:
            return ready.popleft()
        chosen = ready[index]
        del ready[index]
        return chosen

    def _choose_head(self) -> int:
        """The place in ``_ready`` of the chosen one of the heads of the first lanes."""
        ready = self._ready
        lanes = [ready[0][0]]
        heads = [0]
        index = 0
        for lane, _, _ in islice(ready, 1, WINDOW):
            index += 1
            if lane not in lanes:
                lanes.append(lane)
                heads.append(index)
                if len(heads) == LANES_MAX:
                    break
        options = len(heads)
        if self.pick is None or options == 1:
            return heads[self._choices.draw(options)]
        return heads[self._choices.note(self.pick(lanes, self._choices.count))]
