"""Waiting inside workflow code: durable sleeps, signals with a timeout, conditions. Durations are
nanoseconds.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgumentError
from .machines.timer import TimerMachine
from .signals import SignalInbox

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from ..loop_futures import Future
    from .instance import WorkflowRun
    from .location import Location


@types.coroutine
def yield_once() -> Generator[None, None, None]:
    """Let every other ready task run once."""
    yield


def _wake(future: Future) -> None:
    if not future.done():
        future.set_result(None)


async def sleep_for(run: WorkflowRun, duration_ns: int, step: str, where: Location) -> None:
    """Sleep; a sleep of no time only lets other tasks run."""
    if duration_ns <= 0:
        run.check_writable("sleep")
        await yield_once()
        return
    future = run.loop.create_future()
    timer = TimerMachine(run, duration_ns, partial(_wake, future), where, step)
    try:
        await future
    except BaseException:
        timer.cancel()
        raise


async def next_signal(
    run: WorkflowRun, name: str, timeout_ns: int | None, where: Location
) -> HistoryEvent | None:
    """The next signal of this name; None when ``timeout_ns`` passes first."""
    inbox = run.inbox
    if inbox is None:
        inbox = run.inbox = SignalInbox()
    event = inbox.take(name)
    if event is not None or timeout_ns == 0:
        return event
    future = run.loop.create_future()
    inbox.wait(name, future)
    timer = None
    try:
        if timeout_ns is not None:
            timer = TimerMachine(run, timeout_ns, partial(_wake, future), where, name)
        found: HistoryEvent | None = await future
    except BaseException:
        if run.alive:
            inbox.stop_waiting(name, future)
            if timer is not None:
                timer.cancel()
        raise
    if timer is not None:
        if found is None:
            inbox.stop_waiting(name, future)
        else:
            timer.cancel()
    return found


async def condition(
    run: WorkflowRun, function: Callable[[], Any], timeout_ns: int | None, where: Location
) -> bool:
    """True as soon as ``function()`` is true; False when ``timeout_ns`` passes first."""
    run.check_writable("wait_condition")
    met = function()
    if hasattr(met, "__await__"):
        if hasattr(met, "close"):
            met.close()
        raise InvalidArgumentError("the condition gives a coroutine: it must answer at once, without await")
    if met:
        return True
    if timeout_ns == 0:
        return False
    future = run.loop.create_future()
    if run.conditions is None:
        run.conditions = []
    run.conditions.append((function, future))
    timer = None
    try:
        if timeout_ns is not None:
            timer = TimerMachine(run, timeout_ns, partial(_wake, future), where)
        met = await future
    except BaseException:
        if timer is not None:
            timer.cancel()
        raise
    if timer is not None and met:
        timer.cancel()
    return bool(met)
