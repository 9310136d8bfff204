"""The simulation's event loop: tests, shells and activities run on it as tasks, on virtual time.

Owns: the alternation of microtasks (callbacks, first in first out, until none is left) and macro events (one
at a time, from the scheduler), and what happens when the test waits and nothing is left to do.
`asyncio.sleep` and timeouts are macro events. Loop time is 0 when the simulation starts.

What cannot go on is raised into the test at the place where it waits, so that the traceback shows it and a
test may expect it: `Main` drives the test's coroutine and can throw an error into it.

A real loop's threads, sockets and processes do not exist here; `run_in_executor` and `asyncio.to_thread` call
the function at once, in this thread, because that is deterministic and what such a function does needs no
clock of ours.

Must not import: the platform, the engine beyond its deterministic loop.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar

from ..runtime.loop import DeterministicLoop
from ..runtime.loop_refusals import REFUSED_LOOP_METHODS
from .errors import SimulationError
from .lives import current_life
from .scheduler import Scheduler

T = TypeVar("T")

MICROTASKS_MAX = 1_000_000

YOUNG_OBJECTS_MAX = 20_000
"""While a simulation runs, the garbage collector waits for so many new objects. Its default (700 to 2,000)
costs a large simulation up to a third of its time. What the user has set higher stays."""

_MICROSECOND = 1_000


class Main:
    """The coroutine a caller of ``execute`` waits for; an error can be thrown into it where it waits."""

    __slots__ = ("_error", "_work", "task")

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self.task: Any = None

    def throw(self, error: BaseException) -> bool:
        """Raise ``error`` inside the coroutine as soon as it can be woken. False: an earlier one is not out
        yet."""
        if self._error is not None or self.task.done():
            return False
        self._error = error
        self.task.cancel()
        return True

    async def run(self) -> Any:
        """The coroutine's outcome."""
        return await self

    def __await__(self) -> Generator[Any, None, Any]:
        work = self._work
        try:
            awaited = work.send(None)
            while True:
                try:
                    yield awaited
                except BaseException as error:
                    awaited = work.throw(self._due() or error)
                else:
                    due = self._due()
                    awaited = work.send(None) if due is None else work.throw(due)
        except StopIteration as stop:
            return stop.value

    def _due(self) -> BaseException | None:
        error = self._error
        if error is not None:
            self._error = None
            self.task.uncancel()
        return error

    def where(self) -> str:
        """``file:line in function`` where the coroutine waits, innermost frame of the user's code."""
        found = ""
        awaited: Any = self._work
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
            if frame is not None and not is_ours(frame.f_code.co_filename):
                found = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}()"
            awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
        return found


def is_ours(file: str) -> bool:
    """Does ``file`` belong to this package or to Python, and not to the user?"""
    root = __file__.rsplit("sim", 1)[0]
    return file.startswith((root + "sim", root + "runtime", sys.base_prefix))


class SimulationLoop(DeterministicLoop):
    """An asyncio loop on a scheduler's virtual clock."""

    __slots__ = (
        "_main",
        "_on_blocked",
        "on_check",
        "_scheduler",
        "_start_ns",
        "_steppers",
        "check_at",
        "events",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        on_blocked: Callable[[], BaseException],
        on_check: Callable[[], BaseException | None],
        on_error: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        self._start_ns = start_ns = scheduler.now()
        super().__init__(
            now_ns=lambda: scheduler.now() - start_ns, start_timer=self._set_timer, on_error=on_error
        )
        self._scheduler = scheduler
        self._on_blocked = on_blocked
        self.on_check = on_check
        """Asked before an event once ``check_at`` is reached; the error to raise in the test, or None."""
        self._main: Main | None = None
        self._steppers: list[Any] = []
        self.events = 0
        """Macro events so far."""
        self.check_at = 0
        """``on_check`` is asked, and sets this anew, when so many events have happened."""

    def _set_timer(self, delay_ns: int, fire: Callable[[], None]) -> Any:
        # Seconds are floats: after months of loop time they are exact to some ns only.
        if delay_ns > 1000 * _MICROSECOND:
            delay_ns = (delay_ns + _MICROSECOND // 2) // _MICROSECOND * _MICROSECOND
        scheduler = self._scheduler
        return scheduler.at(scheduler.now() + delay_ns, fire)

    # --- driving ---

    @property
    def main(self) -> Main | None:
        """What is being executed now."""
        return self._main

    def execute(self, work: Coroutine[Any, Any, T], context: Context | None = None) -> T:
        """Run the simulation until ``work`` is done, and return its result.

        Raises what ``work`` raises, and SimulationError when it can't get any further.
        """
        if self._main is not None or self.is_running():
            work.close()
            raise SimulationError("this simulation is running already: await the coroutine instead")
        if self.is_closed():
            work.close()
            raise SimulationError("this simulation is closed")
        main = self._main = Main(work)
        task = main.task = self.create_task(main.run(), name="main", context=context)
        restore = self._enter()
        thresholds = gc.get_threshold()
        if 0 < thresholds[0] < YOUNG_OBJECTS_MAX:  # 0: the collector is off
            gc.set_threshold(YOUNG_OBJECTS_MAX, *thresholds[1:])
        try:
            self._run_until(main)
        finally:
            gc.set_threshold(*thresholds)
            self._main = None
            self._leave(restore)
        result: T = task.result()
        return result

    def _run_until(self, main: Main) -> None:
        scheduler = self._scheduler
        task = main.task
        while True:
            self._run_microtasks()
            if task.done():
                return
            error = self.on_check() if self.events >= self.check_at else None
            if error is None:
                steppers = self._steppers
                event = scheduler.take()
                if event is not None:
                    self.events += 1
                    event[1](*event[2])
                    if steppers:
                        self._run_microtasks()
                        self._wake_steppers(True)
                    continue
                if steppers:
                    self._wake_steppers(False)
                    continue
                error = self._on_blocked()
            if not main.throw(error):
                raise error

    def _run_microtasks(self) -> None:
        budget = MICROTASKS_MAX
        while self._ready:
            batch, self._ready = self._ready, []
            budget -= len(batch)
            self._run_batch(iter(batch))
            if budget < 0:
                raise self._endless(MICROTASKS_MAX)

    def step(self) -> bool:
        """From plain code: run what is ready, then one macro event and what it wakes. False: there was
        none."""
        if self.is_running():
            raise SimulationError("this simulation is running already: use 'await simulation.step()'")
        restore = self._enter()
        try:
            self._run_microtasks()
            event = self._scheduler.take()
            if event is None:
                return False
            self.events += 1
            event[1](*event[2])
            self._run_microtasks()
            return True
        finally:
            self._leave(restore)

    # --- what a task on this loop may wait for ---

    def next_event(self) -> Awaitable[bool]:
        """Wait for one more macro event. False: there is none left to come."""
        future = self.create_future()
        self._steppers.append(future)
        return future

    def close_tasks(self) -> None:
        """Unwind what is left; errors that nobody has looked at are reported first."""
        if not self.is_closed():
            for task in self._tasks:
                if task.done() and task._log_traceback:
                    task._log_traceback = False
                    message = "Task exception was never retrieved"
                    error = task.exception()
                    if not isinstance(error, KeyboardInterrupt | SystemExit):  # those were raised as well
                        self.call_exception_handler({"message": message, "exception": error, "task": task})
        super().close_tasks()

    def dismantle(self) -> None:
        """Let go of whoever was asked what to do: this loop is closed."""
        del self._on_blocked, self.on_check

    def _wake_steppers(self, value: bool) -> None:
        steppers, self._steppers = self._steppers, []
        for future in steppers:
            if not future.done():
                future.set_result(value)

    # --- tasks ---

    def create_task(self, coro: Any, *, context: Context | None = None, **options: Any) -> Any:
        """Start a task; one that code of an object or worker starts by itself dies with it."""
        life = current_life.get() if context is None else context.get(current_life)
        if life is not None:
            coro = life.guard(coro)
        return super().create_task(coro, context=context, **options)

    def create_free_task(self, coro: Any, **options: Any) -> Any:
        """Start a task that no life owns but the one that drives it."""
        return super().create_task(coro, **options)

    # --- what a simulated world has no threads for ---

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> Awaitable[T]:  # type: ignore[override]
        """Call ``func(*args)`` now, in this thread; the future returned is done."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        """The same as ``call_soon``: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def set_default_executor(self, executor: Any) -> None:
        """Accepted and ignored: nothing runs elsewhere."""


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(self: object, *args: Any, **kwargs: Any) -> Any:
        raise SimulationError(
            f"loop.{name}() reaches out of the simulation, which has no real network, process or signal; "
            "replace what calls it, for an activity with simulation.mock_activity(name, function)",
            call=name,
        )

    refuse.__name__ = name
    refuse.__doc__ = "Refused: it reaches out of the simulation."
    return refuse


for _name in REFUSED_LOOP_METHODS:
    if _name not in vars(SimulationLoop):
        setattr(SimulationLoop, _name, _refusal(_name))
