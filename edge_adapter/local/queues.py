"""Queues: at least once, to consumers that run outside all objects.

A message stays stored until its consumer has returned. One whose consumer fails comes again after 1 s, 2 s,
... up to 64 s, without end; one whose consumer takes longer than the visibility timeout is given to another
delivery as well. Who has which message is known in memory only: when the process ends, everything that was
not acknowledged is there again at the next start, not earlier than its delay says. Messages on a queue that
nobody consumes wait.

A consumer gets ``run`` to start work that goes on after the acknowledgement; consumptions and such work
together are at most ``concurrency``, so that a backlog waits on disk and not in memory.

Must not import: the host (it is handed in), sqlite3.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ...runtime.durations import SECOND
from ...runtime.errors import HostError
from ...runtime.records import decode
from .agenda import Agenda, Ticker
from .database import Database

if TYPE_CHECKING:
    from .host import LocalHost

logger = logging.getLogger("temporal_do.local")

Run = Callable[[Coroutine[Any, Any, Any]], None]
Consumer = Callable[[Any, Any, Run], Awaitable[object]]
Start = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

VISIBILITY_TIMEOUT_NS = 30 * SECOND
RETRY_DELAY_NS = SECOND
RETRY_DOUBLINGS_MAX = 6


class LocalQueue:
    """One queue and its consumer."""

    def __init__(
        self,
        name: str,
        consumer: Consumer,
        *,
        concurrency: int,
        host: LocalHost,
        database: Database,
        start: Start,
        ticker: Ticker,
    ) -> None:
        self._name = name
        self._consumer = consumer
        self._concurrency = concurrency
        self._host = host
        self._database = database
        self._start = start
        self._ticker = ticker
        self._agenda: Agenda[int] = Agenda()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """Consumptions and the work they started, oldest first."""
        for number, visible_at_ns in database.messages(name):
            self._agenda.set(number, visible_at_ns)

    def add(self, number: int, visible_at_ns: int) -> None:
        """A message was stored."""
        self._agenda.set(number, visible_at_ns)

    def next_ns(self) -> int | None:
        """When the next message can be delivered; None while as much runs as may."""
        return self._agenda.next_ns() if len(self.tasks) < self._concurrency else None

    def deliver(self, now_ns: int) -> None:
        """Start a consumption for every message whose time has come, as far as there is room."""
        while len(self.tasks) < self._concurrency:
            number = self._agenda.pop_due(now_ns)
            if number is None:
                return
            self._agenda.set(number, now_ns + VISIBILITY_TIMEOUT_NS)
            self._run(self._consume(number))

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self._start(_logged(work, self._name))
        self.tasks[task] = None
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        self._ticker.at(self.next_ns())

    async def _consume(self, number: int) -> None:
        begun: list[Coroutine[Any, Any, Any]] = []
        try:
            found = self._database.message(number)
            if found is None:
                self._agenda.discard(number)  # another delivery was acknowledged meanwhile
                return
            text, attempts = found
            try:
                await self._consumer(self._host, decode(text), begun.append)
            except HostError as error:
                logger.info("message %d of queue %r comes again: %s", number, self._name, error)
                self._postpone(number, attempts)
            except Exception:
                logger.exception(
                    "the consumer of queue %r failed; message %d comes again", self._name, number
                )
                self._postpone(number, attempts)
            else:
                self._database.delete_message(number)
                self._agenda.discard(number)
            while begun:
                self._run(begun.pop(0))
        finally:
            for work in begun:
                work.close()

    def _postpone(self, number: int, attempts: int) -> None:
        visible_at_ns = self._host.now() + (RETRY_DELAY_NS << min(attempts, RETRY_DOUBLINGS_MAX))
        self._database.postpone_message(number, visible_at_ns)
        self._agenda.set(number, visible_at_ns)


async def _logged(work: Coroutine[Any, Any, Any], queue: str) -> None:
    try:
        await work
    except Exception:
        # The message, if it is not acknowledged, comes again when its visibility timeout is over.
        logger.exception("work for queue %r failed", queue)
