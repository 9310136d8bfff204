"""What the deterministic loop hands out: handles, timer handles, futures and tasks.

Invariant: futures and tasks hash by the number of their creation in their loop, never by address, so that
sets of them iterate alike in every run. Equality stays identity.

Must not import: anything of this package (the loop sits on top of this file).
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import Context, copy_context
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_registrations = count()


class Timer(Protocol):
    """What a loop's `start_timer` returns: something that can be cancelled once, before it fires."""

    def cancel(self) -> None: ...


class Handle(list[Any]):
    """A scheduled callback: `[callback, args, context]`; the callback is None once cancelled.

    A list, because one is made per step of every task and a list is built and taken apart in C.
    """

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def cancel(self) -> None:
        self[0] = None
        self[1] = ()

    def cancelled(self) -> bool:
        return self[0] is None


class TimerHandle:
    """A callback to come; cancelling it cancels the injected timer too."""

    __slots__ = ("_args", "_callback", "_context", "_call_soon", "_soon", "_when", "timer")

    def __init__(
        self,
        call_soon: Callable[..., Handle],
        when: float,
        callback: Callable[..., object],
        args: Any,
        context: Context | None,
    ) -> None:
        self._call_soon = call_soon
        self._when = when
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._context = context if context is not None else copy_context()
        self._soon: Handle | None = None
        self.timer: Timer | None = None

    def fire(self) -> None:
        """Schedule the callback; called by the owner of the injected timer. A cancelled one does nothing."""
        callback, self.timer = self._callback, None
        if callback is not None and self._soon is None:
            self._soon = self._call_soon(callback, *self._args, context=self._context)

    def cancel(self) -> None:
        timer, soon = self.timer, self._soon
        self._callback, self._args, self.timer = None, (), None
        if soon is not None:
            soon.cancel()
        if timer is not None:
            timer.cancel()

    def cancelled(self) -> bool:
        return self._callback is None

    def when(self) -> float:
        """The loop time in seconds at which it is due."""
        return self._when


class Future(asyncio.Future[Any]):
    """asyncio's Future, hashed by the number of its creation."""

    __slots__ = ("number",)
    number: int

    def __hash__(self) -> int:
        return self.number


class GatheringFuture(Future):
    """The outcome of `gather`: cancelling it cancels the children, and it ends when they have."""

    __slots__ = ("cancel_requested", "children")
    children: Sequence[asyncio.Future[Any]]
    cancel_requested: bool

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        cancelled = [child.cancel(msg=msg) for child in self.children]
        if any(cancelled):
            # Remembered, because with return_exceptions the children's cancellations look like results.
            self.cancel_requested = True
            return True
        return False


class Task(asyncio.Task[Any]):
    """asyncio's Task, hashed by the number of its creation; `run_context` is the context it runs in."""

    __slots__ = ("_cancel_requests", "number", "run_context")

    def __init__(
        self, coro: Any, loop: asyncio.AbstractEventLoop, number: int, name: str, context: Context | None
    ) -> None:
        # asyncio registers the task in a process-wide weak set. There it must hash apart from the equally
        # numbered tasks of ten thousand other loops, and nothing iterates that set for this loop. No id():
        # that is an event for every audit hook, and the guard has one.
        self.number = next(_registrations)
        self.run_context = context if context is not None else copy_context()
        self._cancel_requests = 0
        super().__init__(coro, loop=loop, name=name, context=self.run_context)
        self.number = number

    def __hash__(self) -> int:
        return self.number

    if sys.version_info >= (3, 13):
        # 3.13 made `uncancel()` take back a cancellation that was requested but not yet delivered; 3.11 and
        # 3.12 cannot be taught that, so here the older meaning holds everywhere.
        def cancel(self, msg: Any = None) -> bool:
            if self.done():
                return False
            self._cancel_requests += 1
            return super().cancel(msg)

        def cancelling(self) -> int:
            return self._cancel_requests

        def uncancel(self) -> int:
            if self._cancel_requests > 0:
                self._cancel_requests -= 1
            return self._cancel_requests
