"""The SQLite host: the whole runtime in one process, over one database file and the real clock.

Owns how the parts meet - database, objects, alarms, queues, workers - and their beginning and end. Its fault
model is the machine's: a process may be killed at any instruction, and with ``synchronous="full"`` (the
default) the power may fail; what was committed is there at the next start, and goes on by itself.

Invariants
- Everything runs on the event loop the host was entered on; only sync activities run in threads.
- One process at a time has a database open, and time never runs backwards in it.
- At the start whatever a dead process left behind is woken: overdue alarms, unacknowledged messages, and the
  objects that had something to send.

Must not import: the simulator, another adapter.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from ...runtime.connection import host_context
from ...runtime.definitions import Worker
from ...runtime.deployment import Deployment
from ...runtime.durations import SECOND, DurationLike, parse_duration
from ...runtime.errors import HostError, HostNotOpenError, InvalidArgumentError
from ...runtime.lazy_executor import LazyExecutor
from ...runtime.messages.activity import ACTIVITY_QUEUE
from ...runtime.messages.workflow import Poke
from ..machine import Machine
from .agenda import Ticker
from .database import MEMORY, Database
from .objects import Objects
from .queues import Consumer, LocalQueue

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from types import TracebackType

    from ...runtime.actor import Actor
    from ...runtime.payloads import DataConverter
    from ...runtime.shell import Executor

logger = logging.getLogger("temporal_do.local")

ACTIVITIES_MAX: Final = 100
OBJECTS_MAX: Final = 10_000
SWEEP_INTERVAL_NS: Final = SECOND
"""So often at most idle objects are looked for."""
IDENTITY: Final = "local"
"""The same in every process, because only one at a time has the database: a restarted worker takes the place
of the one that was killed."""


class LocalHost(Machine):
    """One machine over SQLite; implements runtime.host.Host. Use it as ``async with LocalHost("app.db")``.

    ``path``: the database file, made if need be; ``":memory:"`` keeps nothing. ``workers``: what runs here
    from the start. ``synchronous``: ``"full"`` waits for the disk at every commit, so that a power failure
    loses nothing; ``"normal"`` is much faster and loses nothing when the process is killed, but a power
    failure may undo the last commits; ``"off"`` is for tests. ``activities_max``: so many activities run at
    once. ``objects_max`` and ``idle``: how many objects stay in memory, and for how long unused. ``grace``:
    how long leaving the block waits for activities that are running; those it cuts off are tried again when
    their lease of a minute is over. ``actors`` and ``executor`` replace the engine's, for tests of the host.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = MEMORY,
        *,
        workers: Iterable[Worker] = (),
        synchronous: str = "full",
        activities_max: int = ACTIVITIES_MAX,
        objects_max: int = OBJECTS_MAX,
        idle: DurationLike = "60s",
        grace: DurationLike = "5s",
        converter: DataConverter | None = None,
        actors: Mapping[str, Actor[Any]] | None = None,
        executor: Executor | None = None,
    ) -> None:
        if activities_max < 1 or objects_max < 1:
            raise InvalidArgumentError("activities_max and objects_max are whole numbers from 1")
        self._path = os.fspath(path)
        self._synchronous = synchronous
        self._activities_max = activities_max
        self._objects_max = objects_max
        self._idle_ns = parse_duration(idle, name="idle")
        self._grace_seconds = parse_duration(grace, name="grace") / 1e9
        self._actors = actors
        self.deployment = Deployment(
            converter=converter,
            run_sync=self._run_in_thread,
            identity=IDENTITY,
            logger=logger,
        )
        """The workers that run here."""
        self._executor = executor or LazyExecutor(self.deployment)
        if isinstance(workers, Worker):
            raise InvalidArgumentError("workers is a list of workers; write workers=[worker]")
        for worker in workers:
            self.deployment.add(worker)
        self._threads: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._database: Database
        self._objects: Objects
        self._ticker: Ticker
        self._queues: dict[str, LocalQueue] = {}
        self._swept_ns = 0

    # --- beginning and end ---

    async def __aenter__(self) -> LocalHost:
        """Open the database and go on where it stopped. Raises DatabaseInUseError, InvalidArgumentError."""
        if self._loop is not None:
            raise InvalidArgumentError("this host is open already")
        self._database = Database(self._path, synchronous=self._synchronous)
        loop = self._loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(host_context.set, self)
        self._ticker = Ticker(loop, self.now, self._tick)
        if self._actors is None:
            from ...runtime.actors import ACTORS

            self._actors = ACTORS
        try:
            self._objects = Objects(
                self, self._database, self._actors, self._executor, loop, context, self._ticker
            )
        except BaseException:
            self._loop = None
            self._database.close()
            raise
        try:
            self.consume(ACTIVITY_QUEUE, self.deployment.consume, concurrency=self._activities_max)
            for key in self._database.objects_with_outbox():
                _forget(self._objects.deliver(key, Poke()))
            for worker in self.deployment.workers:
                await self._announce(worker)
            self._ticker.at(self.now())
        except BaseException:
            await self._close(0.0)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close(0.0 if kind is not None else self._grace_seconds)

    async def _close(self, grace_seconds: float) -> None:
        loop, self._loop = self._loop, None
        self._ticker.stop()
        try:
            running = self._queue_tasks()
            if running and grace_seconds and loop is not None:
                self._loop = loop  # what still runs has to report
                await asyncio.wait(running, timeout=grace_seconds)
        finally:
            self._loop = None
            self._closing = True
            cancelled = self._queue_tasks()
            for task in cancelled:
                task.cancel()
            cancelled += self._objects.close("the host is closed")
            await asyncio.gather(*cancelled, return_exceptions=True)
            if self._threads is not None:
                self._threads.shutdown(wait=False, cancel_futures=True)
                self._threads = None
            self._queues.clear()
            self._database.close()
            self._closing = False

    def _queue_tasks(self) -> list[asyncio.Task[Any]]:
        return [task for queue in self._queues.values() for task in queue.tasks]

    async def run(self, worker: Worker) -> None:
        """Run ``worker`` here: it takes the tasks of its task queue from now on, those that wait included."""
        self._must_be_open()
        self.deployment.add(worker)
        await self._announce(worker)

    async def stop(self, worker: Worker) -> None:
        """Take ``worker`` out of service: its tasks wait from now on; activities under way go on."""
        self._must_be_open()
        await self.deployment.retire(self, worker)
        self.deployment.remove(worker)

    async def _announce(self, worker: Worker) -> None:
        await self.deployment.announce(self, worker)

    def _must_be_open(self) -> None:
        if self._closing:
            raise HostError("this host is being closed")
        if self._loop is None:
            raise HostNotOpenError(
                "this host is not open; use it inside 'async with LocalHost(...) as host:'"
            )

    # --- the port ---

    async def call(self, receiver: str, message: Any) -> Any:
        """Deliver ``message`` to the object ``receiver`` and return its reply. Raises HostError."""
        self._must_be_open()
        return await self._objects.deliver(receiver, message)

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """Put ``body`` on a queue, to be delivered after ``delay_ns``. Raises HostError."""
        self._must_be_open()
        visible_at_ns = self.now() + delay_ns
        number = self._database.put_message(queue, body, visible_at_ns)
        found = self._queues.get(queue)
        if found is not None:
            found.add(number, visible_at_ns)
            self._ticker.at(found.next_ns())

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Store ``data`` under ``key``; False if something is there and it should not be replaced. Raises
        HostError."""
        self._must_be_open()
        return self._database.put_blob(key, data, only_if_absent=only_if_absent)

    async def get_blob(self, key: str) -> bytes | None:
        """The bytes under ``key``, or None. Raises HostError."""
        self._must_be_open()
        return self._database.get_blob(key)

    # --- what a host has beside the port ---

    def consume(self, queue: str, consumer: Consumer, *, concurrency: int = ACTIVITIES_MAX) -> None:
        """Give the messages of ``queue`` to ``consumer(host, body, run)``, at most ``concurrency`` at a time.

        A message is acknowledged when the consumer returns, and comes again when it raises; ``run`` starts a
        coroutine that goes on after that. Raises InvalidArgumentError if the queue has a consumer.
        """
        self._must_be_open()
        if queue in self._queues:
            raise InvalidArgumentError(f"queue {queue!r} has a consumer already")
        made = self._queues[queue] = LocalQueue(
            queue,
            consumer,
            concurrency=concurrency,
            host=self,
            database=self._database,
            start=self._objects.start,
            ticker=self._ticker,
        )
        self._ticker.at(made.next_ns())

    def evict(self, key: str) -> bool:
        """Drop an object from memory at once, as a crash would: its calls in flight end with an unknown
        outcome, its committed rows stay. False: it was not in memory."""
        found = self._objects.find(key)
        if found is None:
            return False
        self._objects.kill(found, "evicted")
        return True

    def _tick(self, now_ns: int) -> int | None:
        objects = self._objects
        objects.alarms.fire(now_ns)
        moments = [objects.alarms.next_ns()]
        for queue in self._queues.values():
            queue.deliver(now_ns)
            moments.append(queue.next_ns())
        if now_ns - self._swept_ns >= SWEEP_INTERVAL_NS:
            self._swept_ns = now_ns
            objects.drop_idle(now_ns, self._idle_ns, self._objects_max)
        return min((moment for moment in moments if moment is not None), default=None)

    async def _run_in_thread(self, call: Callable[[], Any]) -> Any:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            # As many as activities: none waits for a thread while its time runs.
            self._threads = ThreadPoolExecutor(self._activities_max, thread_name_prefix="activity")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for this reply."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
