"""The deterministic event loop that steps workflow code (and is the base of the simulator's own loop).

Owns: one event loop class (its futures, tasks and handles are in `loop_futures`). It runs callbacks first
in, first out, has no threads, sockets or clock of its own (time and timers are injected), and is stepped
synchronously by `run_ready()`, from inside another running event loop or from none.

Invariants:
- What runs, and in which order, depends on the calls made and on nothing else: tasks and futures hash by
  the number of their creation in this loop (never by address), names count per loop, and the composite
  primitives (`wait_for`, `timeout`, `gather`, `wait`, `TaskGroup`, ...) are those of `loop_compat`,
  the same on every Python.
- No user code runs because of garbage collection: the loop holds every task and asynchronous generator
  until it is finished or the loop is closed. An abandoned asynchronous generator (a `break` out of
  `async for`) therefore runs its `finally` blocks at `close_tasks()`, unless it was closed explicitly
  (`contextlib.aclosing`).
- After `close_tasks()` the loop is dead: nothing is scheduled, run, started or reported any more. Nothing
  raises either: what is awaited on a dead loop suspends for ever, because only a suspended coroutine can be
  given up; one that swallows everything in a loop would otherwise never come back.
- Outside of `run_ready()` and `close_tasks()` nothing global is left changed.

Must not import: a clock, entropy, threads, sockets; nothing of this package but `errors`, `guard_frames` and
the other `loop_*` files.
"""

from __future__ import annotations

import asyncio
import math
import sys
from asyncio import _get_running_loop, _set_running_loop
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from .errors import Evicted, TemporalError, invariant
from .guard_frames import ENGINE, STDLIB, kind_of
from .loop_compat import install as install_owned_primitives
from .loop_futures import Future, GatheringFuture, Handle, Task, Timer, TimerHandle
from .loop_refusals import refuse_loop_methods

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence

# From 3.14 on the current task belongs to the thread and not to the loop, so stepping one loop inside a task
# of another needs that task put aside; before, each loop has its own current task.
_CURRENT_TASK_IS_PER_THREAD = sys.version_info >= (3, 14)

# A turn that takes more callbacks than this never becomes idle, as far as anybody will wait: about a second.
DEFAULT_STEPS_MAX = 500_000
# How often eviction is thrown into a coroutine that swallows it and awaits again.
EVICTION_ATTEMPTS_MAX = 16
_PRUNE_TASKS_MIN = 16

# Coroutines that refuse to end. Dropping the last reference would run their code once more.
_unstoppable: list[object] = []


class Watchdog(Protocol):
    """Told when a synchronous run of user code begins and ends, so that a host can interrupt a stuck one."""

    def entered(self, loop: DeterministicLoop) -> None: ...

    def left(self, loop: DeterministicLoop) -> None: ...


class EndlessTurnError(TemporalError):
    """The loop did not become idle: something reschedules itself without ever waiting. A user's fault."""

    fault = "user"


class DeterministicLoop(asyncio.AbstractEventLoop):
    """An event loop whose every step is a function of the calls made to it.

    `now_ns()` is the loop's time in integer nanoseconds. `start_timer(delay_ns, fire)` starts a timer of a
    positive duration (a durable one, in a workflow) and returns something with `cancel()`; its owner calls
    `fire()` when it is due, which only schedules the callback. `on_error(context)` gets what stock asyncio
    would log (default: the `asyncio` logger). `watchdog` is told when user code begins and ends to run.
    """

    __slots__ = (
        "_asyncgens",
        "_count",
        "_dead",
        "_now_ns",
        "_on_error",
        "_prune_at",
        "_ready",
        "_running",
        "_start_timer",
        "_task_count",
        "_tasks",
        "_watchdog",
    )

    # Looked for by `loop_compat` on the running loop, to choose between the owned and the stock primitives.
    owns_asyncio_primitives = True

    def __init__(
        self,
        *,
        now_ns: Callable[[], int],
        start_timer: Callable[[int, Callable[[], None]], Timer],
        on_error: Callable[[dict[str, Any]], object] | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        install_owned_primitives()
        self._now_ns = now_ns
        self._start_timer = start_timer
        self._on_error = on_error
        self._watchdog = watchdog
        self._ready: list[Handle] = []
        self._tasks: list[Task] = []
        self._asyncgens: list[AsyncGenerator[Any, Any]] | None = None
        self._prune_at = _PRUNE_TASKS_MIN
        self._count = 0
        self._task_count = 0
        self._running = False
        self._dead = False

    # --- scheduling ---------------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Run `callback(*args)` in this turn, after everything scheduled before it."""
        handle = Handle((callback, args, context if context is not None else copy_context()))
        if not self._dead:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run `callback(*args)` after `delay` seconds; at or below 0 in this turn, without a timer."""
        return self._start(delay, self.time() + delay, callback, args, context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run `callback(*args)` at the loop time `when`, in seconds."""
        return self._start(when - self.time(), when, callback, args, context)

    def _start(
        self, delay: float, when: float, callback: Callable[..., object], args: Any, context: Context | None
    ) -> TimerHandle:
        if math.isnan(delay):
            raise ValueError("a delay must be a number of seconds, not NaN")
        handle = TimerHandle(self.call_soon, when, callback, args, context)
        if self._dead:
            return handle
        if delay <= 0:
            handle.fire()
        elif delay != math.inf:  # an infinite delay is a timer that nobody needs to start
            # Whole nanoseconds: the noise of float arithmetic on seconds disappears here.
            handle.timer = self._start_timer(max(1, round(delay * 1e9)), handle.fire)
        return handle

    def time(self) -> float:
        """The loop's time in seconds."""
        return self._now_ns() / 1e9

    def create_future(self) -> Future:
        """A pending future of this loop."""
        future = Future(loop=self)
        future.number = self._count = self._count + 1
        return future

    def create_gathering_future(self, children: Sequence[asyncio.Future[Any]]) -> GatheringFuture:
        """The future that `gather` returns."""
        future = GatheringFuture(loop=self)
        future.number = self._count = self._count + 1
        future.children = children
        future.cancel_requested = False
        return future

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        *,
        name: object = None,
        context: Context | None = None,
        eager_start: bool | None = None,
        **_: Any,
    ) -> Task:
        """Schedule a coroutine. It never starts before this returns: `eager_start` is ignored."""
        self._task_count += 1
        self._count += 1
        task = Task(
            coro, self, self._count, f"Task-{self._task_count}" if name is None else str(name), context
        )
        if self._dead:
            coro.close()
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            return task
        tasks = self._tasks
        tasks.append(task)
        if len(tasks) >= self._prune_at:
            self._tasks = tasks = [each for each in tasks if not each.done()]
            self._prune_at = max(_PRUNE_TASKS_MIN, 2 * len(tasks))
        return task

    # --- running ------------------------------------------------------------------------------------------

    def has_ready(self) -> bool:
        """Whether `run_ready()` would run anything."""
        return bool(self._ready)

    def tasks(self) -> list[Task]:
        """The unfinished tasks in the order of their creation."""
        return [task for task in self._tasks if not task.done()]

    def run_ready(self, limit: int | None = None) -> int:
        """Run callbacks until none is ready and return how many ran.

        Raises EndlessTurnError after about `limit` callbacks (default DEFAULT_STEPS_MAX); what is left stays
        scheduled. KeyboardInterrupt and SystemExit pass through, and leave the rest scheduled too.
        """
        if not self._ready or self._dead:
            return 0
        invariant(not self._running, "a deterministic loop cannot be stepped from inside itself")
        limit = DEFAULT_STEPS_MAX if limit is None else limit
        restore = self._enter()
        count = 0
        try:
            while self._ready:
                batch, self._ready = self._ready, []
                count += len(batch)
                if count > limit:
                    self._ready = batch
                    raise self._endless(limit)
                self._run_batch(iter(batch))
        finally:
            self._leave(restore)
        return count

    def _run_batch(self, pending: Iterator[Handle]) -> None:
        while True:
            try:
                for callback, args, context in pending:
                    if callback is not None:
                        context.run(callback, *args)
                return
            except (KeyboardInterrupt, SystemExit):
                self._ready[:0] = pending
                raise
            except BaseException as error:
                # Only bare callbacks come here: a task keeps what its coroutine raises.
                self.call_exception_handler({"message": "error in a callback", "exception": error})

    def _enter(self) -> tuple[Any, ...]:
        outer = _get_running_loop()
        outer_task = None
        if _CURRENT_TASK_IS_PER_THREAD and outer is not None:
            outer_task = asyncio.tasks._swap_current_task(outer, None)  # type: ignore[attr-defined]
        hooks = sys.get_asyncgen_hooks()
        _set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=self._keep_asyncgen, finalizer=None)
        self._running = True
        if self._watchdog is not None:
            self._watchdog.entered(self)
        return outer, outer_task, hooks

    def _leave(self, restore: tuple[Any, ...]) -> None:
        outer, outer_task, hooks = restore
        self._running = False
        sys.set_asyncgen_hooks(*hooks)
        _set_running_loop(outer)
        if outer_task is not None:
            asyncio.tasks._swap_current_task(outer, outer_task)  # type: ignore[attr-defined]
        if self._watchdog is not None:
            self._watchdog.left(self)

    def _keep_asyncgen(self, generator: AsyncGenerator[Any, Any]) -> None:
        kept = self._asyncgens or []
        if len(kept) >= _PRUNE_TASKS_MIN:
            kept = [each for each in kept if each.ag_frame is not None]  # type: ignore[attr-defined]
        self._asyncgens = [*kept, generator]

    def _endless(self, limit: int) -> EndlessTurnError:
        task = next((task for task in map(_task_of, self._ready) if task is not None), None)
        who = "a callback"
        if task is not None:
            who = f"task {task.get_name()!r}"
            frames = _frames_of(task)
            frames = [frame for frame in frames if kind_of(frame.f_code.co_filename) is not ENGINE] or frames
            if frames:
                code = frames[-1].f_code
                who += f" in {code.co_qualname}() at {code.co_filename}:{frames[-1].f_lineno}"
        return EndlessTurnError(
            f"workflow code did not become idle after {limit} steps of one turn: {who} keeps rescheduling "
            "itself. Wait for something (a timer that takes time, an event, a condition) instead of polling "
            "with a sleep of no time",
            limit=limit,
        )

    # --- closing ------------------------------------------------------------------------------------------

    def close_tasks(self) -> None:
        """Kill the loop and close what lives on it: tasks, then asynchronous generators, in creation order.

        Evicted is thrown into each coroutine, so that its `finally` blocks run; whatever they await raises
        Evicted again. What they raise is dropped, nothing is logged, and a coroutine that keeps swallowing
        Evicted is abandoned (kept in memory, never run again). A KeyboardInterrupt is raised at the end.
        """
        if self._dead:
            return
        invariant(not self._running, "a deterministic loop cannot be closed from inside itself")
        self._dead = True
        self._ready = []
        tasks, self._tasks = self._tasks, []
        generators, self._asyncgens = self._asyncgens or (), None
        interrupt: KeyboardInterrupt | None = None
        restore = self._enter()
        try:
            for task in tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task._log_traceback = False
                if not task.done():
                    try:
                        task.run_context.run(self._evict_task, task)
                    except KeyboardInterrupt as error:
                        interrupt = error
            for generator in generators:
                if generator.ag_frame is not None:  # type: ignore[attr-defined]
                    try:
                        _evict_generator(generator)
                    except KeyboardInterrupt as error:
                        interrupt = error
        finally:
            self._leave(restore)
            # Time stands still, and whoever made this loop is not known to it any more: without that ring
            # both go as soon as they are dropped, and not only when the garbage collector comes.
            ended_ns = self._now_ns()
            self._now_ns = lambda: ended_ns
            self._start_timer = _no_timer
            self._on_error = None
        if interrupt is not None:
            raise interrupt

    def _evict_task(self, task: Task) -> None:
        asyncio.tasks._enter_task(self, task)
        try:
            _evict(task.get_coro())
        finally:
            asyncio.tasks._leave_task(self, task)

    def close(self) -> None:
        """The same as `close_tasks()`."""
        self.close_tasks()

    def is_closed(self) -> bool:
        return self._dead

    def is_running(self) -> bool:
        return self._running

    # --- what asyncio asks of a loop ----------------------------------------------------------------------

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand what nobody awaited to `on_error`; a dead loop stays silent."""
        if self._dead:
            return
        if self._on_error is not None:
            self._on_error(context)
            return
        import logging

        error = context.get("exception")
        logging.getLogger("asyncio").error(context.get("message", "unhandled error"), exc_info=error)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def get_exception_handler(self) -> None:
        return None

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Accepted and ignored: debug mode reads the clock."""

    def get_task_factory(self) -> None:
        return None

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: `close_tasks()` closes them."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there are no executors."""


def _no_timer(delay_ns: int, fire: Callable[[], None]) -> Timer:
    raise RuntimeError("this loop is closed")


def _evict(coroutine: Any) -> None:
    """Throw Evicted into a coroutine until it ends; if it never does, keep it, never to run again."""
    for _ in range(EVICTION_ATTEMPTS_MAX):
        evicted = Evicted()
        try:
            coroutine.throw(evicted)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            # Frames it has passed may hold it, and hold everything: without its traceback they go at once.
            raised.__traceback__ = evicted.__traceback__ = None
            return
    _keep_for_ever(coroutine)


def _keep_for_ever(unstoppable: object) -> None:
    _unstoppable.append(unstoppable)
    try:
        import ctypes
    except ImportError:
        return
    # A reference nobody gives back: when the interpreter ends and clears this module, the coroutine would
    # be closed, and one that swallows even that, in a loop, would keep the process from ending.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(unstoppable))


def _evict_generator(generator: Any) -> None:
    """The same for an asynchronous generator, which may yield or await anew whenever it swallows Evicted."""
    closing: Any = None
    for _ in range(EVICTION_ATTEMPTS_MAX):
        try:
            if closing is None:
                closing = generator.athrow(Evicted())
                closing.send(None)
            else:
                closing.throw(Evicted())
        except KeyboardInterrupt:
            raise
        except BaseException:
            closing = None  # this attempt is over: it ended, or yielded
            if generator.ag_frame is None:
                return
    _keep_for_ever((generator, closing))


def _task_of(handle: Handle) -> Task | None:
    owner = getattr(handle[0], "__self__", None)
    return owner if isinstance(owner, Task) else None


def _frames_of(task: Task) -> list[Any]:
    """The suspended frames of a task, outermost first, without those of asyncio."""
    frames: list[Any] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and kind_of(frame.f_code.co_filename) is not STDLIB:
            frames.append(frame)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return frames


refuse_loop_methods(DeterministicLoop)

RUN_CODE = DeterministicLoop._run_batch.__code__
"""The code of the frame below which everything is workflow code, and above which nothing is."""
