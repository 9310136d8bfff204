"""Durable objects in memory: incarnations over the rows of the database.

An object is in memory from its first message until it has been idle for a while, or until it dies: by
``abort``, by a commit that failed, by an error of its own. Memory, calls in flight and work beside the turns
die with it; committed rows stay, and the next message loads them. At most one incarnation lives per object,
and a dead one can't commit.

Invariants
- Load and commit don't suspend, so a turn is over before another one of any object begins.
- Requests reach an object in the order they were made, whoever made them.
- A caller that gives up does not stop what it asked for.
- A failure of an actor is logged here, since its callers only hear that the outcome is unknown.

Must not import: the host (it is handed in), sqlite3.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

from ...runtime.actor import Actor
from ...runtime.errors import HostError
from ...runtime.host import Commit, Tables
from ...runtime.keys import kind_of
from ...runtime.shell import Executor, Shell
from .agenda import Ticker
from .alarms import Alarms
from .database import Database

if TYPE_CHECKING:
    from .host import LocalHost

logger = logging.getLogger("temporal_do.local")


class Incarnation:
    """One life of one object; implements runtime.host.ObjectHost."""

    __slots__ = ("_host", "_objects", "alive", "calls", "idle_since_ns", "key", "shell", "tasks")

    def __init__(self, objects: Objects, host: LocalHost, key: str, actor: Actor[Any]) -> None:
        self._objects = objects
        self._host = host
        self.key = key
        self.alive = True
        self.idle_since_ns = host.now()
        self.calls: dict[asyncio.Future[Any], None] = {}
        """What callers wait for, oldest first."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """What runs beside the turns, oldest first."""
        self.shell = Shell(key, actor, self, objects.executor)

    def now(self) -> int:
        """See Host."""
        return self._host.now()

    def entropy(self, size: int) -> bytes:
        """See Host."""
        return self._host.entropy(size)

    async def call(self, receiver: str, message: Any) -> Any:
        """See Host."""
        return await self._host.call(receiver, message)

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """See Host."""
        await self._host.enqueue(queue, body, delay_ns)

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """See Host."""
        return await self._host.put_blob(key, data, only_if_absent=only_if_absent)

    async def get_blob(self, key: str) -> bytes | None:
        """See Host."""
        return await self._host.get_blob(key)

    async def load(self) -> Tables:
        """See ObjectHost."""
        self._must_live()
        return self._objects.load(self)

    async def commit(self, commit: Commit) -> None:
        """See ObjectHost."""
        self._must_live()
        self._objects.commit(self, commit)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """See ObjectHost."""
        if not self.alive:
            work.close()
            return
        task = self._objects.start(self._guarded(work))
        self.tasks[task] = None
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except HostError as error:
            self._objects.kill(self, str(error))
        except Exception as error:
            self._objects.failed(self, error)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        self.idle_since_ns = self._host.now()

    def abort(self, reason: str) -> None:
        """See ObjectHost."""
        self._objects.kill(self, reason)

    def _must_live(self) -> None:
        if not self.alive:
            raise HostError(f"this incarnation of {self.key} is dead", key=self.key)


class Objects:
    """Every object in memory, the least recently used first."""

    def __init__(
        self,
        host: LocalHost,
        database: Database,
        actors: Mapping[str, Actor[Any]],
        executor: Executor,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        ticker: Ticker,
    ) -> None:
        self._host = host
        self._database = database
        self._actors = actors
        self.executor = executor
        self._loop = loop
        self._context = context
        self._ticker = ticker
        self._live: dict[str, Incarnation] = {}
        self.alarms = Alarms(self._ring, database.alarms())

    def __len__(self) -> int:
        return len(self._live)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as a task that sees nothing of the context of whoever asked for it."""
        return self._loop.create_task(work, context=self._context.copy())

    # --- lives ---

    def activate(self, key: str) -> Incarnation:
        """Whoever embodies ``key``, from now on the most recently used. Raises HostError."""
        found = self._live.pop(key, None)
        if found is None:
            actor = self._actors.get(kind_of(key)) if "/" in key else None
            if actor is None:
                raise HostError(f"{key!r} addresses no known class of objects", receiver=key)
            found = Incarnation(self, self._host, key, actor)
        self._live[key] = found
        return found

    def find(self, key: str) -> Incarnation | None:
        """Whoever embodies ``key``, if it is in memory."""
        return self._live.get(key)

    def kill(self, incarnation: Incarnation, reason: str) -> None:
        """End a life: memory and calls in flight are lost, committed rows stay."""
        if not incarnation.alive:
            return
        incarnation.alive = False
        key = incarnation.key
        if self._live.get(key) is incarnation:
            del self._live[key]
        self.executor.evict(key)
        calls, incarnation.calls = incarnation.calls, {}
        for future in calls:
            _fail(future, f"{key} lost its memory ({reason})")
        current = asyncio.current_task(self._loop)
        for task in list(incarnation.tasks):
            if task is not current:  # whoever ends its own life comes to an end by itself
                task.cancel()
        self.alarms.interrupted(key, self._host.now())
        self._ticker.at(self.alarms.next_ns())

    def failed(self, incarnation: Incarnation, error: BaseException) -> None:
        """An actor, or the engine under it, raised what it must not."""
        logger.error("%s failed and was dropped from memory", incarnation.key, exc_info=error)
        self.kill(incarnation, f"{type(error).__name__}: {error}")

    def drop_idle(self, now_ns: int, idle_ns: int, most: int) -> None:
        """Take out of memory who has been idle for ``idle_ns``, and the oldest above ``most`` objects."""
        surplus = len(self._live) - most
        for incarnation in list(self._live.values()):
            if incarnation.calls or incarnation.tasks or self.alarms.is_running(incarnation.key):
                continue
            if surplus > 0 or now_ns - incarnation.idle_since_ns >= idle_ns:
                self.kill(incarnation, "idle")
                surplus -= 1

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Everything that runs beside turns."""
        return [task for incarnation in self._live.values() for task in incarnation.tasks]

    def close(self, reason: str) -> list[asyncio.Task[Any]]:
        """End every life; returns the tasks that are being cancelled."""
        found = self.tasks()
        for incarnation in list(self._live.values()):
            self.kill(incarnation, reason)
        return found

    # --- messages ---

    def deliver(self, receiver: str, message: Any) -> asyncio.Future[Any]:
        """Give ``message`` to an object; the future gets its reply, or a HostError."""
        incarnation = self.activate(receiver)
        future: asyncio.Future[Any] = self._loop.create_future()
        incarnation.calls[future] = None
        task = self.start(self._serve(incarnation, message, future))
        incarnation.tasks[task] = None
        task.add_done_callback(incarnation._ended)
        return future

    async def _serve(self, incarnation: Incarnation, message: Any, future: asyncio.Future[Any]) -> None:
        try:
            reply = await incarnation.shell.handle(message)
        except HostError as error:
            _fail(future, str(error))
        except Exception as error:
            _fail(future, f"{incarnation.key} failed: {type(error).__name__}: {error}")
            self.failed(incarnation, error)
        else:
            if not future.done():
                future.set_result(reply)
        finally:
            incarnation.calls.pop(future, None)

    def _ring(self, key: str, when_ns: int) -> None:
        incarnation = self.activate(key)
        incarnation.spawn(self._alarm(incarnation, when_ns))

    async def _alarm(self, incarnation: Incarnation, when_ns: int) -> None:
        await incarnation.shell.alarm(when_ns)
        if not incarnation.alive:
            return  # the alarm was told by `kill`
        if self.alarms.handled(incarnation.key):
            self._database.clear_alarm(incarnation.key)
        self._ticker.at(self.alarms.next_ns())

    # --- storage ---

    def load(self, incarnation: Incarnation) -> Tables:
        """The rows of an object; who can't have them dies."""
        try:
            return self._database.load(incarnation.key)
        except HostError as error:
            # A newer version's row, or the disk: the alarm that asked must come again.
            self.kill(incarnation, str(error))
            raise

    def commit(self, incarnation: Incarnation, commit: Commit) -> None:
        """Make a commit durable; who can't commit dies."""
        key = incarnation.key
        changed = commit.alarm_ns != self.alarms.stored_ns(key)
        try:
            self._database.commit(key, commit, alarm_changed=changed)
        except Exception as error:
            self.kill(incarnation, f"commit failed: {error}")
            raise
        if changed:
            self.alarms.set(key, commit.alarm_ns)
            self._ticker.at(self.alarms.next_ns())


def _fail(future: asyncio.Future[Any], reason: str) -> None:
    if not future.done():
        future.set_exception(HostError(f"outcome unknown: {reason}"))
