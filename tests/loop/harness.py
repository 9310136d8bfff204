"""Runs a coroutine on a deterministic loop, or on stock asyncio, with virtual time. Standard library only,
because other interpreters run it too (see run_on_all_pythons.py)."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from typing import Any

from temporal_do.runtime.loop import DeterministicLoop


class Timers:
    """The clock and the timers a loop is given: time moves to the next timer when nothing else is to do."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._heap: list[Any] = []
        self._count = 0
        self.started: list[int] = []

    def start(self, delay_ns: int, fire: Callable[[], None]) -> _Entry:
        self._count += 1
        self.started.append(delay_ns)
        entry = _Entry((self.now_ns + delay_ns, self._count, fire))
        heapq.heappush(self._heap, entry)
        return entry

    def advance(self) -> bool:
        """Fire everything due at the next moment; False when no timer is left."""
        while self._heap and self._heap[0][2] is None:
            heapq.heappop(self._heap)
        if not self._heap:
            return False
        self.now_ns = self._heap[0][0]
        while self._heap and self._heap[0][0] == self.now_ns:
            fire = heapq.heappop(self._heap)[2]
            if fire is not None:
                fire()
        return True

    def live(self) -> int:
        return sum(entry[2] is not None for entry in self._heap)


class _Entry(list[Any]):
    def cancel(self) -> None:
        self[2] = None


class Rig:
    """A deterministic loop with its timers."""

    def __init__(self, **options: Any) -> None:
        self.timers = Timers()
        self.errors: list[dict[str, Any]] = []
        options.setdefault("on_error", self.errors.append)
        self.loop = DeterministicLoop(
            now_ns=lambda: self.timers.now_ns, start_timer=self.timers.start, **options
        )

    def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run to completion, moving time; the result, or AssertionError when it waits for ever."""
        task = self.loop.create_task(coro)
        while True:
            self.loop.run_ready()
            if task.done():
                return task.result()
            assert self.timers.advance(), "the coroutine waits for something that will never come"


class _Selector:
    def __init__(self, loop: _VirtualStockLoop) -> None:
        self.loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        assert timeout is not None, "the coroutine waits for something that will never come"
        self.loop.now += timeout
        return []


class _VirtualStockLoop(asyncio.BaseEventLoop):
    """Stock asyncio on virtual time: the oracle."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _Selector(self)

    def time(self) -> float:
        return self.now

    def _process_events(self, events: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def run_on_stock(coro: Coroutine[Any, Any, Any]) -> Any:
    loop = _VirtualStockLoop()
    loop.set_exception_handler(lambda loop, context: None)
    try:
        return loop.run_until_complete(coro)
    finally:
        loop.close()
