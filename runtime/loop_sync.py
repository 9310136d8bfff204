"""The parts of `TaskGroup`, `Timeout`, `Condition` and `Semaphore` that differ between Pythons, owned.

The first argument of each function is the stock object, whose attributes are used as they are since 3.11.
They behave as CPython 3.13's do, except that tasks are visited in the order of creation and that a control
signal (eviction, continue-as-new) leaves a task group bare, as a KeyboardInterrupt does.
Invariant: nothing here depends on the version of Python. Chosen at call time by `loop_compat`.
Must not import: anything of this package but `errors` and `loop_waiting`.
"""

from __future__ import annotations

import collections
from asyncio import CancelledError, current_task
from asyncio import timeouts as _timeouts
from typing import Any

from .errors import ControlSignal
from .loop_waiting import creation_order, wake_waiter

# --- TaskGroup --------------------------------------------------------------------------------------------

# Errors that leave a task group as they are, instead of inside an exception group.
_BARE_ERRORS = (SystemExit, KeyboardInterrupt, ControlSignal)


def abort_group(group: Any) -> None:
    """Cancel the children in the order of their creation."""
    group._aborting = True
    for task in sorted(group._tasks, key=creation_order):
        if not task.done():
            task.cancel()


def on_group_task_done(group: Any, task: Any) -> None:
    """A child ended; the first failure cancels the others and interrupts the parent."""
    group._tasks.discard(task)
    if group._on_completed_fut is not None and not group._tasks:
        wake_waiter(group._on_completed_fut)
    if task.cancelled():
        return
    error = task.exception()
    if error is None:
        return
    group._errors.append(error)
    if isinstance(error, _BARE_ERRORS) and group._base_error is None:
        group._base_error = error
    if group._parent_task.done():
        group._loop.call_exception_handler(
            {
                "message": f"Task {task!r} has errored out but its parent task "
                f"{group._parent_task} is already completed",
                "exception": error,
                "task": task,
            }
        )
        return
    if not group._aborting and not group._parent_cancel_requested:
        # Interrupts whatever the body awaits; `__aexit__` takes the request back.
        abort_group(group)
        group._parent_cancel_requested = True
        group._parent_task.cancel()


def create_group_task(group: Any, coro: Any, **kwargs: Any) -> Any:
    """`TaskGroup.create_task`."""
    problem = (
        "has not been entered"
        if not group._entered
        else "is finished"
        if group._exiting and not group._tasks
        else "is shutting down"
        if group._aborting
        else ""
    )
    if problem:
        coro.close()
        raise RuntimeError(f"TaskGroup {group!r} {problem}")
    task = group._loop.create_task(coro, **kwargs)
    group._tasks.add(task)
    task.add_done_callback(group._on_task_done)
    return task


async def exit_group(group: Any, kind: Any, error: Any, traceback: Any) -> None:
    """`TaskGroup.__aexit__`."""
    group._exiting = True
    if error is not None and isinstance(error, _BARE_ERRORS) and group._base_error is None:
        group._base_error = error
    cancellation = error if kind is not None and issubclass(kind, CancelledError) else None
    if kind is not None and not group._aborting:
        abort_group(group)

    while group._tasks:
        # A loop, because the parent may be cancelled several times while the children end.
        if group._on_completed_fut is None:
            group._on_completed_fut = group._loop.create_future()
        try:
            await group._on_completed_fut
        except CancelledError as interruption:
            if not group._aborting:
                cancellation = interruption
                abort_group(group)
        group._on_completed_fut = None

    if group._base_error is not None:
        raise group._base_error
    if group._parent_cancel_requested and group._parent_task.uncancel() == 0:
        cancellation = None
    if cancellation is not None and not group._errors:
        raise cancellation
    if kind is not None and not issubclass(kind, CancelledError):
        group._errors.append(error)
    if group._errors:
        if group._parent_task.cancelling():
            # Somebody else cancels the parent too: it must notice at its next await, and the count stays.
            group._parent_task.uncancel()
            group._parent_task.cancel()
        try:
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", group._errors) from None
        finally:
            group._errors = None


# --- Timeout, Condition, Semaphore ------------------------------------------------------------------------


async def enter_timeout(timeout: Any) -> Any:
    """`Timeout.__aenter__`. Before 3.11.3 the stock one does not note what cancelled the task earlier."""
    state = _timeouts._State  # type: ignore[attr-defined]
    if timeout._state is not state.CREATED:
        raise RuntimeError("Timeout has already been entered")
    task = current_task()
    if task is None:
        raise RuntimeError("Timeout should be used inside a task")
    timeout._state = state.ENTERED
    timeout._task = task
    timeout._cancelling = task.cancelling()
    timeout.reschedule(timeout._when)
    return timeout


async def exit_timeout(timeout: Any, kind: Any, error: Any, traceback: Any) -> None:
    """`Timeout.__aexit__`."""
    state = _timeouts._State  # type: ignore[attr-defined]
    if timeout._timeout_handler is not None:
        timeout._timeout_handler.cancel()
        timeout._timeout_handler = None
    if timeout._state is state.EXPIRING:
        timeout._state = state.EXPIRED
        if timeout._task.uncancel() <= timeout._cancelling and kind is not None:
            if issubclass(kind, CancelledError):
                raise TimeoutError from error
            if error is not None:
                _mark_timed_out(error)
                if isinstance(error, ExceptionGroup):
                    for each in error.exceptions:
                        _mark_timed_out(each)
    elif timeout._state is state.ENTERED:
        timeout._state = state.EXITED


def _mark_timed_out(error: BaseException) -> None:
    """Put a TimeoutError between an error and the cancellation it was raised from."""
    while error.__context__ is not None:
        if isinstance(error.__context__, CancelledError):
            timed_out = TimeoutError()
            timed_out.__context__ = timed_out.__cause__ = error.__context__
            error.__context__ = timed_out
            return
        error = error.__context__


def _notify_some(condition: Any, n: int) -> None:
    for future in [each for each in condition._waiters if not each.done()][:n]:
        future.set_result(False)


async def wait_condition(condition: Any) -> bool:
    """`Condition.wait`."""
    if not condition.locked():
        raise RuntimeError("cannot wait on un-acquired lock")
    future = condition._get_loop().create_future()
    condition.release()
    try:
        try:
            condition._waiters.append(future)
            try:
                await future
                return True
            finally:
                condition._waiters.remove(future)
        finally:
            # The lock is taken again even when cancelled, however often.
            cancellation = None
            while True:
                try:
                    await condition.acquire()
                    break
                except CancelledError as error:
                    cancellation = error
            if cancellation is not None:
                try:
                    raise cancellation
                finally:
                    cancellation = None
    except BaseException:
        # Perhaps this waiter was chosen by a notify before it was cancelled: pass that on.
        _notify_some(condition, 1)
        raise


def notify_condition(condition: Any, n: int = 1) -> None:
    """`Condition.notify`."""
    if not condition.locked():
        raise RuntimeError("cannot notify on un-acquired lock")
    _notify_some(condition, n)


def semaphore_locked(semaphore: Any) -> bool:
    """`Semaphore.locked`: whether acquiring would wait."""
    return semaphore._value == 0 or any(not each.cancelled() for each in semaphore._waiters or ())


def _wake_up_next(semaphore: Any) -> bool:
    for future in semaphore._waiters or ():
        if not future.done():
            semaphore._value -= 1
            future.set_result(True)
            return True
    return False


async def acquire_semaphore(semaphore: Any) -> bool:
    """`Semaphore.acquire`: first come, first served."""
    if not semaphore_locked(semaphore):
        semaphore._value -= 1
        return True
    if semaphore._waiters is None:
        semaphore._waiters = collections.deque()
    future = semaphore._get_loop().create_future()
    semaphore._waiters.append(future)
    try:
        try:
            await future
        finally:
            semaphore._waiters.remove(future)
    except CancelledError:
        if future.done() and not future.cancelled():
            semaphore._value += 1  # it was ours already; give it back
        raise
    finally:
        while semaphore._value > 0 and _wake_up_next(semaphore):
            pass
    return True


def release_semaphore(semaphore: Any) -> None:
    """`Semaphore.release`."""
    semaphore._value += 1
    _wake_up_next(semaphore)
