"""One life of one durable object: the host its shell runs on.

An incarnation ends by itself, without the platform's reset: what holds of the object in memory is its shell,
its tasks and its cached coroutines, and these are dropped here. The platform's own reset would stop
JavaScript in the middle of the interpreter that all objects of the isolate share.

Invariants
- A dead incarnation commits nothing, starts nothing, and its calls in flight end with an unknown outcome.
- What runs beside the turns belongs to this object's invocation context, and is cancelled with the
  incarnation.

Must not import: the SDK, anything of JavaScript.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from ...runtime.actor import Actor
from ...runtime.connection import host_context
from ...runtime.durations import MILLISECOND
from ...runtime.errors import HostError, NewerSchemaError
from ...runtime.host import Commit, Tables
from ...runtime.keys import ACTIVITY, kind_of
from ...runtime.shell import Executor, Shell
from .host import CloudflareHost, now_ns
from .storage import Storage

logger = logging.getLogger("temporal_do.cloudflare")

StartEarly = Callable[[CloudflareHost, str, Any], Coroutine[Any, Any, None] | None]
"""(host, queue, message) -> what starts the message's work at once, beside the queue; None: nothing does."""


class Incarnation(CloudflareHost):
    """Implements runtime.host.ObjectHost."""

    def __init__(
        self,
        env: Any,
        storage: Storage,
        key: str,
        actor: Actor[Any],
        executor: Executor,
        start_early: StartEarly | None = None,
    ) -> None:
        super().__init__(env)
        self.key = key
        self.alive = True
        self.reason = ""
        """Why it is dead."""
        self.calls: dict[asyncio.Task[Any], None] = {}
        """The callers' tasks, oldest first."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """What runs beside the turns, oldest first."""
        self.storage = storage
        self.rings_early = kind_of(key) == ACTIVITY
        """An activity mostly ends within seconds; what is left to do is to forget what it has delivered."""
        self._executor = executor
        self._start_early = start_early
        self._context = Context()
        self._context.run(host_context.set, self)
        self.shell = Shell(key, actor, self, executor)
        executor.evict(key)  # a run that an earlier life cached may have seen what never became durable

    async def handle(self, message: Any) -> Any:
        """Give ``message`` to the shell. Raises HostError; what else the engine raises kills this life."""
        task = asyncio.current_task()
        if task is not None:
            self.calls[task] = None
        try:
            return await self.shell.handle(message)
        except asyncio.CancelledError:
            if self.alive:
                raise
            raise HostError(f"{self.key} lost its memory ({self.reason})") from None
        except HostError:
            raise
        except Exception as error:
            self.failed(error)
            raise HostError(f"{self.key} failed: {type(error).__name__}: {error}") from error
        finally:
            if task is not None:
                self.calls.pop(task, None)

    async def ring(self, scheduled_ns: int) -> None:
        """The alarm goes off. Raises nothing; whether this life has survived it says ``alive``."""
        task = asyncio.current_task()
        if task is not None:
            self.calls[task] = None
        try:
            await self.shell.alarm(scheduled_ns)
        except asyncio.CancelledError:
            if self.alive:
                raise
        except Exception as error:
            self.failed(error)
        finally:
            if task is not None:
                self.calls.pop(task, None)

    # --- the port ---

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """See Host."""
        if self._start_early is not None and not delay_ns:
            work = self._start_early(self, queue, body)
            if work is not None:
                self.spawn(work)
        await super().enqueue(queue, body, delay_ns)

    async def load(self) -> Tables:
        """See ObjectHost."""
        self._must_live()
        try:
            return self.storage.load()
        except NewerSchemaError:
            raise  # the shell leaves the rows alone and comes back later
        except Exception as error:
            self.kill(f"load failed: {error}")
            raise HostError(f"{self.key} cannot be loaded: {error}", key=self.key) from error

    async def commit(self, commit: Commit) -> None:
        """See ObjectHost."""
        self._must_live()
        try:
            awake_ms = now_ns() // MILLISECOND if self.rings_early else 0
            self.storage.commit(self.key, commit, awake_ms=awake_ms)
        except Exception as error:
            self.kill(f"commit failed: {error}")
            raise HostError(f"{self.key} could not commit: {error}", key=self.key) from error

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """See ObjectHost."""
        if not self.alive:
            work.close()
            return
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._guarded(work), context=self._context.copy())
        self.tasks[task] = None
        task.add_done_callback(lambda done: self._ended(done, work))

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except HostError as error:
            self.kill(str(error))
        except Exception as error:
            self.failed(error)

    def _ended(self, task: asyncio.Task[Any], work: Coroutine[Any, Any, Any]) -> None:
        self.tasks.pop(task, None)
        work.close()  # it may have been cancelled before it began

    def abort(self, reason: str) -> None:
        """See ObjectHost."""
        self.kill(reason)

    # --- the end ---

    def failed(self, error: BaseException) -> None:
        """An actor, or the engine under it, raised what it must not."""
        logger.error("%s failed and was dropped from memory", self.key, exc_info=error)
        self.kill(f"{type(error).__name__}: {error}")

    def kill(self, reason: str) -> None:
        """End this life: memory and calls in flight are lost, committed rows stay."""
        if not self.alive:
            return
        self.alive = False
        self.reason = reason
        self._executor.evict(self.key)
        current = asyncio.current_task()
        for task in (*self.calls, *self.tasks):
            if task is not current:  # whoever ends its own life comes to an end by itself
                task.cancel()

    def _must_live(self) -> None:
        if not self.alive:
            raise HostError(f"this incarnation of {self.key} is dead", key=self.key)
