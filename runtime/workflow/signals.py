"""Signals that arrived, signals that are waited for, and signal handlers.

Invariants: signals of one name are received in the order they arrived; a signal is received once, by the
handler of its name or by one waiter; a waiter that is cancelled after it was given a signal puts it back in
front. Imports no machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from ..loop_futures import Future


class SignalInbox:
    """The signals of one run. Names that nobody asked for are kept too."""

    __slots__ = ("_buffers", "_handlers", "_waiters")

    def __init__(self) -> None:
        self._buffers: dict[str, deque[HistoryEvent]] = {}
        self._waiters: dict[str, deque[Future]] = {}
        self._handlers: dict[str, Callable[[HistoryEvent], None]] = {}

    def arrive(self, event: HistoryEvent) -> None:
        """Hand a WorkflowExecutionSignaled to whoever takes it, or keep it."""
        name = event.attributes.signal_name
        handler = self._handlers.get(name)
        if handler is not None:
            handler(event)
            return
        waiters = self._waiters.get(name)
        while waiters:
            waiter = waiters.popleft()
            if not waiters:
                del self._waiters[name]
            if not waiter.done():
                waiter.set_result(event)
                return
        self.keep(event)

    def take(self, name: str) -> HistoryEvent | None:
        """The oldest buffered signal of this name."""
        buffer = self._buffers.get(name)
        if not buffer:
            return None
        event = buffer.popleft()
        if not buffer:
            del self._buffers[name]
        return event

    def wait(self, name: str, waiter: Future) -> None:
        """Let ``waiter`` get the next signal of this name."""
        self._waiters.setdefault(name, deque()).append(waiter)

    def keep(self, event: HistoryEvent) -> None:
        """Buffer a signal whoever waits for it: the code that would take it runs no more."""
        self._buffers.setdefault(event.attributes.signal_name, deque()).append(event)

    def stop_waiting(self, name: str, waiter: Future) -> None:
        """``waiter`` waits no more; a signal it was given and nobody saw goes back in front."""
        if waiter.done() and not waiter.cancelled() and waiter.result() is not None:
            self._put_back(name, waiter.result())
            return
        waiters = self._waiters.get(name)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[name]

    def _put_back(self, name: str, event: Any) -> None:
        waiters = self._waiters.get(name)
        if name in self._handlers or waiters:
            # Somebody else waits already and nothing newer was buffered.
            self.arrive(event)
            return
        self._buffers.setdefault(name, deque()).appendleft(event)

    def handle(self, name: str, handler: Callable[[HistoryEvent], None] | None) -> None:
        """Hand every signal of this name to ``handler``, buffered ones first; None: buffer again."""
        if handler is None:
            self._handlers.pop(name, None)
            return
        self._handlers[name] = handler
        while (event := self.take(name)) is not None:
            handler(event)

    def unconsumed(self) -> tuple[int, ...]:
        """Event ids of the signals nobody received, oldest first."""
        return tuple(sorted(event.event_id for buffer in self._buffers.values() for event in buffer))
