"""External activity workers: activities that run in an ordinary process and poll a task queue for their work.

Owns the loop between a task queue and the attempts of one process: poll while there is room, lease what came,
run it, until told to stop. How a leased attempt runs, renews its lease and reports is the business of the
deployment and the attempt, as everywhere. Works over any host: the HTTP client of a deployed application, or
a host in the same process.

Invariants
- Never more than ``concurrency`` tasks are in hand, and no poll asks for more than there is room for.
- A poll whose outcome is unknown is made again with its own id, so that what it was given is not lost.
- A host that is away costs a few requests a minute; a host that answers at once that there is nothing costs
  one a second.
- Whatever it may die of, its tasks come back: a task that was not leased within seconds, an attempt whose
  lease of a minute was not renewed.

Must not import: the HTTP client (it is handed in as a host), another adapter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ...runtime.activity_watch import pause
from ...runtime.actor import Refusal
from ...runtime.connection import host_context
from ...runtime.definitions import Worker
from ...runtime.deployment import Deployment
from ...runtime.durations import MILLISECOND, SECOND, DurationLike, parse_duration
from ...runtime.errors import Fault, HostError, HostNotOpenError, InvalidArgumentError, TemporalError
from ...runtime.keys import task_queue_key
from ...runtime.messages.task_queue import LeavePoll, PollActivityTasks, PolledActivityTasks

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from ...runtime.activity_worker import Attempt
    from ...runtime.host import Host
    from ...runtime.messages.activity import ActivityTask
    from ...runtime.payloads import DataConverter

logger = logging.getLogger("temporal_do.worker")

CONCURRENCY: Final = 10
PATIENCE_SECONDS: Final = 15.0
"""A poll that was to be answered so long ago is lost."""
TRIES_UNTOLD: Final = 2
"""So many failures in a row are nothing to tell."""
EMPTY_PAUSE_NS: Final = SECOND
"""A poll that asked to wait and was sent back with nothing before that is made again only then."""
FAREWELL_SECONDS: Final = 5.0
"""So long, at the end, for telling the queue that nobody polls any more, and for giving attempts back."""


class PollRefusedError(TemporalError):
    """The task queue turned the worker's polls down, and asking again would not help. Field: ``code``."""

    fault: ClassVar[Fault] = "user"


class ExternalWorker:
    """Runs the activities of ``worker`` in this process, for workflows that run elsewhere.

    ``host`` is where the workflows are. ``concurrency``: so many activities run at once. ``identity`` tells
    this process from others in histories. ``grace``: how long stopping waits for activities that run; those
    it cuts off have failed with type ``WorkerStopped``, and their retry policy decides what follows.
    ``poll_wait``: how long one poll waits for a task. ``threads``: sync activities run in threads (default);
    without, on the loop. Raises InvalidArgumentError.
    """

    def __init__(
        self,
        host: Host,
        worker: Worker,
        *,
        concurrency: int = CONCURRENCY,
        identity: str = "external",
        grace: DurationLike = "10s",
        poll_wait: DurationLike = "20s",
        threads: bool = True,
        converter: DataConverter | None = None,
    ) -> None:
        if not isinstance(worker, Worker):
            raise InvalidArgumentError(f"worker is a Worker(...), not {worker!r}")
        if not worker.activities:
            raise InvalidArgumentError(
                f"the worker for task queue {worker.task_queue!r} has no activities, and an external worker "
                "runs nothing else: Worker(task_queue=..., activities=[...])"
            )
        if type(concurrency) is not int or concurrency < 1:
            raise InvalidArgumentError(f"concurrency is a whole number from 1 on, not {concurrency!r}")
        self.worker = worker
        """Whose activities run here."""
        self._host = host
        self._concurrency = concurrency
        self._identity = identity
        self._grace_seconds = parse_duration(grace, name="grace") / SECOND
        self._wait_ns = parse_duration(poll_wait, name="poll_wait", allow_zero=False)
        self._deployment = Deployment(
            converter=converter,
            run_sync=self._run_in_thread if threads else None,
            identity=identity,
            logger=logger,
        )
        self._deployment.add(worker)
        self._key = task_queue_key(worker.namespace, worker.task_queue)
        self._threads: ThreadPoolExecutor | None = None
        self._running: dict[asyncio.Task[None], Attempt | None] = {}
        self._room: asyncio.Future[None] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._stopping = False
        self._calls = 0
        self._in_threads: dict[int, None] = {}
        self._instance = ""
        self._polls = 0
        self._open_poll = ""
        self._tries = 0
        self._context: Context

    @property
    def running(self) -> int:
        """How many tasks are in hand."""
        return len(self._running)

    @property
    def left_in_threads(self) -> int:
        """How many sync activities go on in their threads; after ``run`` has ended nobody hears of them, and
        Python waits for them before the process ends."""
        return len(self._in_threads)

    async def run(self) -> None:
        """Poll and run activities until ``stop`` is called or the caller is cancelled; then wait for what
        runs, up to ``grace``, and give back the rest.

        Raises PollRefusedError, and what the host raises for good (a refused token, for instance).
        """
        if self._polling is not None:
            raise InvalidArgumentError("this worker runs already")
        self._instance = self._host.entropy(6).hex()
        self._context = copy_context()
        self._context.run(host_context.set, self._host)
        worker = self.worker
        names = ", ".join(sorted(worker.activities))
        logger.info(
            "%s polls task queue %r of namespace %r, %d at a time; activities: %s",
            self._identity,
            worker.task_queue,
            worker.namespace,
            self._concurrency,
            names,
        )
        polling = self._polling = asyncio.get_running_loop().create_task(self._poll_on())
        try:
            if not self._stopping:
                await asyncio.wait([polling])
        finally:
            asked = self._stopping
            try:
                await self._end(polling)
            finally:
                for task in self._running:
                    task.cancel()
                if self._threads is not None:
                    self._threads.shutdown(wait=False, cancel_futures=True)
                    self._threads = None
                self._polling = None
                self._stopping = False
        logger.info("%s has stopped", self._identity)
        if not polling.cancelled():
            polling.result()
        elif not asked:
            raise HostError("the host broke off the poll")

    def stop(self) -> None:
        """Let ``run`` come to its end: no more polls, then ``grace`` for what runs."""
        if self._polling is None or not self._stopping:
            logger.info("%s stops; it runs %d activities", self._identity, len(self._running))
        self._stopping = True
        if self._polling is not None:
            self._polling.cancel()

    # --- polling ---

    async def _poll_on(self) -> None:
        while True:
            while len(self._running) >= self._concurrency:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
            for task in await self._poll(self._concurrency - len(self._running)):
                self._begin(task)

    async def _poll(self, tasks_max: int) -> tuple[ActivityTask, ...]:
        """The tasks that came; none if the time is over."""
        self._polls += 1
        message = PollActivityTasks(
            namespace=self.worker.namespace,
            task_queue=self.worker.task_queue,
            poll_id=f"{self._instance}-{self._polls}",
            identity=self._identity,
            wait_ns=self._wait_ns,
            max_tasks=tasks_max,
        )
        self._open_poll = message.poll_id
        patience_seconds = self._wait_ns / SECOND + PATIENCE_SECONDS
        while True:
            asked_ns = self._host.now()
            try:
                async with asyncio.timeout(patience_seconds):
                    reply = await self._host.call(self._key, message)
            except HostNotOpenError:
                raise
            except (HostError, TimeoutError) as error:
                await self._away(str(error) or f"no answer in {patience_seconds:g} s")
                continue
            if type(reply) is PolledActivityTasks:
                break
            if type(reply) is not Refusal:
                raise PollRefusedError(f"the task queue answered with a {type(reply).__name__}", code="")
            if not reply.retryable:
                raise PollRefusedError(f"the task queue refuses polls: {reply.message}", code=reply.code)
            await self._away(reply.message)
        self._open_poll = ""
        if self._tries > TRIES_UNTOLD:
            logger.info("%s reaches task queue %r again", self._identity, self.worker.task_queue)
        self._tries = 0
        if not reply.tasks:
            early_ns = asked_ns + min(EMPTY_PAUSE_NS, self._wait_ns) - self._host.now()
            if early_ns >= MILLISECOND:
                await _sleep(early_ns)
        return reply.tasks

    async def _away(self, reason: str) -> None:
        self._tries += 1
        if self._tries == TRIES_UNTOLD + 1:
            logger.warning(
                "%s cannot reach task queue %r and keeps trying: %s",
                self._identity,
                self.worker.task_queue,
                reason,
            )
        await pause(self._tries)

    # --- what came of it ---

    def _begin(self, task: ActivityTask) -> None:
        loop = asyncio.get_running_loop()
        made = loop.create_task(self._serve(task), context=self._context.copy())
        self._running[made] = None
        made.add_done_callback(self._ended)

    async def _serve(self, task: ActivityTask) -> None:
        try:
            attempt = await self._deployment.take(self._host, task)
        except HostError as error:
            logger.warning("%s could not lease a task, which will come again: %s", self._identity, error)
            return
        if attempt is None:
            return  # it needs no worker any more, or another has it
        current = asyncio.current_task()
        if current is not None:
            self._running[current] = attempt
        await attempt.run()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("%s could not run or report an attempt: %s", self._identity, error, exc_info=error)

    async def _run_in_thread(self, call: Callable[[], Any]) -> Any:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            # As many as activities: none waits for a thread while its time runs.
            self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="activity")
        self._calls += 1
        number = self._calls

        def in_thread() -> Any:
            self._in_threads[number] = None
            try:
                return call()
            finally:
                del self._in_threads[number]

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)

    # --- the end ---

    async def _end(self, polling: asyncio.Task[None]) -> None:
        polling.cancel()
        await asyncio.wait([polling])
        await self._say_farewell()
        await self._finish()

    async def _say_farewell(self) -> None:
        """What an open poll has just been given may go to another worker at once."""
        if not self._open_poll:
            return
        message = LeavePoll(
            namespace=self.worker.namespace, task_queue=self.worker.task_queue, poll_id=self._open_poll
        )
        self._open_poll = ""
        leaving = asyncio.get_running_loop().create_task(self._leave(message))
        await asyncio.wait([leaving], timeout=FAREWELL_SECONDS)
        leaving.cancel()

    async def _leave(self, message: LeavePoll) -> None:
        try:
            await self._host.call(self._key, message)
        except TemporalError as error:  # the poll lease ends by itself
            logger.debug("%s could not say that it leaves: %s", self._identity, error)

    async def _finish(self) -> None:
        if self._running and self._grace_seconds:
            logger.info("%s waits for %d activities", self._identity, len(self._running))
            await asyncio.wait(list(self._running), timeout=self._grace_seconds)
        if not self._running:
            return
        logger.warning("%s gives %d activities back", self._identity, len(self._running))
        for task, attempt in list(self._running.items()):
            if attempt is None:
                task.cancel()
            else:
                attempt.interrupt()
        await asyncio.wait(list(self._running), timeout=FAREWELL_SECONDS)
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _sleep(duration_ns: int) -> None:
    await asyncio.sleep(duration_ns / SECOND)
