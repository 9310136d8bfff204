"""`wait_for`, `wait`, `gather`, `as_completed` and `all_tasks` for code on a deterministic loop.

They behave as CPython 3.13's do, except that whatever was a set is visited in the order of creation.
Invariant: nothing here depends on the version of Python. Chosen at call time by `loop_compat`.
Must not import: anything of this package.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from asyncio import timeouts as _timeouts
from typing import Any


def wake_waiter(waiter: asyncio.Future[Any], *_: object) -> None:
    """Resolve a future unless it is done."""
    if not waiter.done():
        waiter.set_result(None)


async def wait_for(fut: Any, timeout: float | None) -> Any:
    """Await `fut` for at most `timeout` seconds, in this task; then cancel it and raise TimeoutError."""
    if timeout is not None and timeout <= 0:
        fut = asyncio.ensure_future(fut)
        if not fut.done():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def wake(_: object) -> None:
                wake_waiter(waiter)

            fut.add_done_callback(wake)
            try:
                fut.cancel()
                # Not awaiting `fut` itself keeps this cancellable while it takes its time to end.
                await waiter
            finally:
                fut.remove_done_callback(wake)
            try:
                return fut.result()
            except CancelledError as error:
                raise TimeoutError from error
        return fut.result()
    async with _timeouts.timeout(timeout):
        return await fut


async def wait(
    fs: Any, *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> tuple[set[Any], set[Any]]:
    """Wait for futures or tasks; returns the sets of those done and those pending."""
    if asyncio.isfuture(fs) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    futures = list(dict.fromkeys(fs))
    if not futures:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED):
        raise ValueError(f"Invalid return_when value: {return_when}")
    if any(asyncio.iscoroutine(future) for future in futures):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")

    loop = asyncio.get_running_loop()
    if isinstance(fs, set | frozenset):
        futures.sort(key=creation_order)
    waiter: asyncio.Future[None] = loop.create_future()
    timer = None if timeout is None else loop.call_later(timeout, wake_waiter, waiter)
    left = len(futures)

    def on_done(future: asyncio.Future[Any]) -> None:
        nonlocal left
        left -= 1
        if (
            left <= 0
            or return_when == asyncio.FIRST_COMPLETED
            or (
                return_when == asyncio.FIRST_EXCEPTION
                and not future.cancelled()
                and future.exception() is not None
            )
        ):
            if timer is not None:
                timer.cancel()
            wake_waiter(waiter)

    for future in futures:
        future.add_done_callback(on_done)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        for future in futures:
            future.remove_done_callback(on_done)
    done = {future for future in futures if future.done()}
    return done, {future for future in futures if future not in done}


def creation_order(future: Any) -> int:
    """A sort key: the number of a future in its loop."""
    number = getattr(future, "number", 0)  # a future that no deterministic loop made has none
    return int(number)


def gather(*coros_or_futures: Any, return_exceptions: bool = False) -> asyncio.Future[list[Any]]:
    """A future of the results of all, in the order of the arguments."""
    loop: Any = asyncio.get_running_loop()
    if not coros_or_futures:
        empty: asyncio.Future[list[Any]] = loop.create_future()
        empty.set_result([])
        return empty

    outer: Any = None
    finished = 0
    futures: dict[int, Any] = {}  # by identity of the argument, in order
    children: list[Any] = []

    def on_done(future: Any) -> None:
        nonlocal finished
        finished += 1
        if outer is None or outer.done():
            if not future.cancelled():
                future.exception()  # marks it as seen
            return
        if not return_exceptions:
            if future.cancelled():
                outer.set_exception(future._make_cancelled_error())
                return
            error = future.exception()
            if error is not None:
                outer.set_exception(error)
                return
        if finished == len(futures):
            if outer.cancel_requested:
                # A cancelled gather is cancelled, whatever return_exceptions says.
                outer.set_exception(future._make_cancelled_error())
            else:
                outer.set_result([_outcome(child) for child in children])

    already_done = []
    for argument in coros_or_futures:
        future = futures.get(id(argument))
        if future is None:
            future = asyncio.ensure_future(argument, loop=loop)
            if future is not argument:
                # Nobody else holds this task, so nobody could have awaited it.
                future._log_destroy_pending = False
            futures[id(argument)] = future
            if future.done():
                already_done.append(future)
            else:
                future.add_done_callback(on_done)
        children.append(future)
    outer = loop.create_gathering_future(children)
    for future in already_done:
        on_done(future)
    return outer  # type: ignore[no-any-return]


def _outcome(future: Any) -> Any:
    if future.cancelled():
        message = future._cancel_message
        return CancelledError("" if message is None else message)
    error = future.exception()
    return future.result() if error is None else error


class _AsCompleted:
    """What `as_completed` returns: an iterator of awaitables, or an asynchronous iterator of futures."""

    def __init__(self, awaitables: Any, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._done: asyncio.Queue[Any] = asyncio.Queue()
        self._todo: dict[Any, None] = {}
        distinct = list(dict.fromkeys(awaitables))
        if isinstance(awaitables, set | frozenset):
            if sum(asyncio.iscoroutine(each) for each in distinct) > 1:
                # They hash by address: the order in which they would start differs from run to run.
                raise TypeError("coroutines in a set have no order; pass them to as_completed in a list")
            distinct.sort(key=creation_order)
        for awaitable in distinct:
            self._todo[asyncio.ensure_future(awaitable, loop=loop)] = None
        self._left = len(self._todo)
        self._timer = None
        for future in self._todo:
            future.add_done_callback(self._on_done)
        if self._todo and timeout is not None:
            self._timer = loop.call_later(timeout, self._on_timeout)

    def __aiter__(self) -> _AsCompleted:
        return self

    def __iter__(self) -> _AsCompleted:
        return self

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return await self._next()

    def __next__(self) -> Any:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._next_result()

    def _on_timeout(self) -> None:
        for future in self._todo:
            future.remove_done_callback(self._on_done)
            self._done.put_nowait(None)
        self._todo.clear()

    def _on_done(self, future: Any) -> None:
        if not self._todo:
            return  # the timeout was first
        del self._todo[future]
        self._done.put_nowait(future)
        if not self._todo and self._timer is not None:
            self._timer.cancel()

    async def _next(self) -> Any:
        future = await self._done.get()
        if future is None:
            raise TimeoutError
        return future

    async def _next_result(self) -> Any:
        return (await self._next()).result()


def as_completed(fs: Any, *, timeout: float | None = None) -> _AsCompleted:
    """Iterate over awaitables as they complete; of those complete at once, in the order given."""
    if asyncio.isfuture(fs) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect an iterable of awaitables, not {type(fs).__name__}")
    return _AsCompleted(fs, timeout)


def all_tasks(loop: Any = None) -> set[Any]:
    """The unfinished tasks of the running loop."""
    running: Any = asyncio.get_running_loop()
    if loop is not None and loop is not running:
        raise RuntimeError("code on a deterministic loop cannot see the tasks of another loop")
    return set(running.tasks())
