"""Queues: at least once, to consumers that run outside all objects.

Fault model. A send may fail with the message stored or not. A message may be delivered twice, late, and
therefore in any order; several consumers run at the same time. A consumer that fails, or whose
acknowledgement is lost, gets the message again after a while; after ``DELIVERIES_MAX`` deliveries (or what
``configure`` says) the message is given up, or becomes a dead letter on another queue. It may expire first.
Several messages may come to one worker as a batch, and share its fate. A consumer that fails when it has
acknowledged some of them gets the others again and, under the LOCAL profile, the acknowledged ones too; what
it does meanwhile goes on, and its later verdicts do not count. Without faults each message is
delivered once, at once or when its delay is over, in order of sending. Messages on a queue that nobody
consumes wait.

A consumer is given a host of its own (a worker process, which can die) and ``run``, which starts work that
goes on after the message is acknowledged.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from ..runtime.durations import SECOND
from ..runtime.errors import HostError
from .hosts import SimHost
from .lives import DEAD

if TYPE_CHECKING:
    from .platform import Platform

Run = Callable[[Coroutine[Any, Any, Any]], None]
Consumer = Callable[[SimHost, Any, Run], Awaitable[object]]

DELIVERIES_MAX = 100
BATCH_MAX = 10
BATCH_TIMEOUT_NS = 5 * SECOND
RETRY_DELAY_NS = SECOND
RETRY_DOUBLINGS_MAX = 6
ACKNOWLEDGEMENT_TIMEOUT_NS = 30 * SECOND
"""After so long a message whose consumer died, or whose acknowledgement was lost, comes again."""


class QueueMessage:
    """One message on a queue."""

    __slots__ = ("attempts", "body", "done", "number", "queue")

    def __init__(self, number: int, queue: str, body: Any) -> None:
        self.number = number
        self.queue = queue
        self.body = body
        self.attempts = 0
        self.done = False


class WorkerHost(SimHost):
    """One worker process: consumes the messages of one batch, nearly always a single one, and runs what came
    of them. Its calls are where it may die."""

    __slots__ = ("_begun", "_running", "_unsettled", "_waiting", "has_thrown", "messages")

    def __init__(self, platform: Platform, number: int, messages: list[QueueMessage]) -> None:
        super().__init__(platform, "worker", number)
        self.messages = messages
        self._unsettled = len(messages)
        self._waiting: list[Coroutine[Any, Any, Any]] = []
        self._running = 0
        self._begun = False
        self.has_thrown = False
        """Its handler has failed: what becomes of its messages is decided."""

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` in this process, but not before the message is acknowledged."""
        self.platform.unstarted[work] = None
        if self.state == DEAD or self._begun:
            self._start(work)
        else:
            self._waiting.append(work)

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        if self.state == DEAD:
            self._forget(work)
            return
        self._running += 1
        self.run(self._until_done(work))

    async def _until_done(self, work: Coroutine[Any, Any, Any]) -> None:
        self.platform.unstarted.pop(work, None)
        try:
            await work
        finally:
            work.close()
        self._running -= 1
        if not self._running:
            self.platform.queues.workers.pop(self.number, None)

    def settled(self) -> None:
        """One message is settled: when all of them are, start what waits, or end."""
        self._unsettled -= 1
        if self._unsettled:
            return
        self._begun = True
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            self._start(work)
        if not waiting:
            self.platform.queues.workers.pop(self.number, None)

    def drop(self) -> None:
        """The process is dead: what has not begun never will."""
        for work in self._waiting:
            self._forget(work)
        self._waiting.clear()

    def _forget(self, work: Coroutine[Any, Any, Any]) -> None:
        self.platform.unstarted.pop(work, None)
        work.close()

    async def call(self, receiver: str, message: Any) -> Any:
        platform = self.platform
        if platform.faults is None:
            return await super().call(receiver, message)
        fault = platform.strike("worker", self.name)
        if fault == "worker_crash_before_call":
            await self._die(fault)
        reply = await super().call(receiver, message)
        if fault:
            await self._die(fault)
        return reply

    async def _die(self, reason: str) -> NoReturn:
        self.platform.queues.kill(self, reason)
        await self.never()


class Queues:
    """All queues of one simulation."""

    __slots__ = (
        "_batches",
        "_consumers",
        "_messages",
        "_platform",
        "_policies",
        "_waiting",
        "_workers",
        "workers",
    )

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._consumers: dict[str, Consumer] = {}
        self._waiting: dict[str, list[QueueMessage]] = {}
        self._policies: dict[str, tuple[int, str]] = {}
        self._batches: dict[str, list[QueueMessage]] = {}
        self._messages = 0
        self._workers = 0
        self.workers: dict[int, WorkerHost] = {}
        """The worker processes that are alive and busy, oldest first."""

    def dismantle(self) -> None:
        """Forget every message, consumer and worker."""
        for each in (self._consumers, self._waiting, self._batches, self.workers):
            each.clear()

    def configure(self, queue: str, *, deliveries_max: int = DELIVERIES_MAX, dead_letters: str = "") -> None:
        """How often a message of ``queue`` is delivered at most, and the queue it moves to then ("":
        nowhere)."""
        self._policies[queue] = (deliveries_max, dead_letters)

    def consume(self, queue: str, consumer: Consumer) -> None:
        """Give the messages of ``queue`` to ``consumer``, those that wait included."""
        self._consumers[queue] = consumer
        for message in self._waiting.pop(queue, ()):
            self._platform.scheduler.post(queue, self._deliver, message)

    def put(self, sender: SimHost, queue: str, body: Any, delay_ns: int) -> None:
        """Store one message. Raises HostError when a fault says so."""
        platform = self._platform
        faults = platform.faults
        fault = "" if faults is None else platform.strike("enqueue", queue)
        if fault == "lost_send":
            raise HostError(f"outcome unknown: sending to queue {queue!r} failed", queue=queue)
        self._messages += 1
        message = QueueMessage(self._messages, queue, platform.carried(body))
        now = platform.now()
        platform.trace.add(("enqueue", now, sender.name, queue, message.number, body, now + delay_ns))
        self._schedule(message, delay_ns)
        if faults is not None:
            if platform.strike("message", queue) == "duplicate_message":
                self._schedule(message, faults.delay_ns(f"duplicate:{queue}", faults.plan.queue_ns_max))
            if fault:
                raise HostError(f"outcome unknown: sending to queue {queue!r} failed", queue=queue)

    def _schedule(self, message: QueueMessage, delay_ns: int) -> None:
        scheduler = self._platform.scheduler
        if delay_ns > 0:
            scheduler.at(scheduler.now() + delay_ns, self._deliver, message)
        else:
            scheduler.post(message.queue, self._deliver, message)

    def _deliver(self, message: QueueMessage) -> None:
        platform = self._platform
        faults = platform.faults
        queue = message.queue
        consumer = self._consumers.get(queue)
        if consumer is None:
            self._waiting.setdefault(queue, []).append(message)
            return
        fault = "" if faults is None else platform.strike("delivery", queue)
        if faults is not None and fault == "slow_message":
            self._schedule(message, faults.delay_ns(f"slow_message:{queue}", faults.plan.queue_ns_max))
            return
        if fault == "expired_message":
            self._drop(message, "it expired")
            return
        batch = self._batches.pop(queue, None) if self._batches else None
        messages = [message] if batch is None else [*batch, message]
        if fault == "batched_message" and len(messages) < BATCH_MAX:
            self._batches[queue] = messages
            if batch is None:
                scheduler = platform.scheduler
                scheduler.at(platform.now() + BATCH_TIMEOUT_NS, self._batch_timeout, queue)
            return
        self._give(consumer, queue, messages)
        if fault == "twin_delivery":
            self._give(consumer, queue, [message])

    def _batch_timeout(self, queue: str) -> None:
        messages = self._batches.pop(queue, None)
        if messages is not None:
            self._give(self._consumers[queue], queue, messages)

    def _give(self, consumer: Consumer, queue: str, messages: list[QueueMessage]) -> None:
        platform = self._platform
        self._workers += 1
        worker = self.workers[self._workers] = WorkerHost(platform, self._workers, messages)
        for message in messages:
            message.attempts += 1
            platform.trace.add(
                ("consume", platform.now(), queue, message.number, message.attempts, message.body)
            )
            worker.run(self._consume(worker, consumer, message))

    async def _consume(self, worker: WorkerHost, consumer: Consumer, message: QueueMessage) -> None:
        platform = self._platform
        failure = ""
        try:
            await consumer(worker, platform.carried(message.body), worker.start)
        except HostError as error:
            failure = str(error)
        except Exception as error:
            platform.crashed(worker, error)
            failure = f"{type(error).__name__}: {error}"
        if worker.has_thrown:
            pass  # too late
        elif not failure:
            platform.trace.add(("ack", platform.now(), message.queue, message.number))
            if platform.faults is None or not platform.strike("ack", message.queue):
                message.done = True
                self._acknowledged(worker, message.queue)
            else:
                self._redeliver(message, ACKNOWLEDGEMENT_TIMEOUT_NS, "the acknowledgement was lost")
        else:
            doublings = min(message.attempts - 1, RETRY_DOUBLINGS_MAX)
            self._redeliver(message, RETRY_DELAY_NS << doublings, failure)
        worker.settled()

    def _acknowledged(self, worker: WorkerHost, queue: str) -> None:
        """One message of ``worker`` is done; its handler may fail just after that."""
        platform = self._platform
        keeps = platform.keeps_acknowledgements
        again = [each for each in worker.messages if not (keeps and each.done)]
        if platform.faults is None or not again or not platform.strike("acked", queue):
            return
        worker.has_thrown = True
        for message in again:
            message.done = False
            self._redeliver(message, RETRY_DELAY_NS, "the consumer failed after it had acknowledged")

    def _redeliver(self, message: QueueMessage, delay_ns: int, reason: str) -> None:
        platform = self._platform
        now = platform.now()
        deliveries_max, dead_letters = self._policies.get(message.queue, (DELIVERIES_MAX, ""))
        fault = "" if platform.faults is None else platform.strike("redelivery", message.queue)
        if fault or message.attempts >= deliveries_max:
            self._drop(message, reason)
            if dead_letters:
                self._bury(message, dead_letters)
            return
        platform.trace.add(("redeliver", now, message.queue, message.number, now + delay_ns, reason))
        platform.scheduler.at(now + delay_ns, self._deliver, message)

    def _drop(self, message: QueueMessage, reason: str) -> None:
        platform = self._platform
        platform.trace.add(("drop", platform.now(), message.queue, message.number, reason))
        platform.cron.lost()

    def _bury(self, message: QueueMessage, queue: str) -> None:
        platform = self._platform
        now = platform.now()
        letter = QueueMessage(message.number, queue, message.body)
        platform.trace.add(("enqueue", now, message.queue, queue, letter.number, letter.body, now))
        self._schedule(letter, 0)

    def kill(self, worker: WorkerHost, reason: str) -> None:
        """A worker process dies: its code stops where it is; a message it has not acknowledged comes
        again."""
        if worker.state == DEAD:
            return
        worker.state = DEAD
        worker.drop()
        self.workers.pop(worker.number, None)
        self._platform.trace.add(("dead", self._platform.now(), worker.name, worker.number, reason))
        for message in worker.messages:
            if not message.done and not worker.has_thrown:
                self._redeliver(message, ACKNOWLEDGEMENT_TIMEOUT_NS, reason)
