"""Activities that read a feed for half an hour, page by page, and say how far they got with every heartbeat.

Workload: six readers of feeds with forty pages, most of a minute a page. A reader goes on where the last
heartbeat of the attempt before left off. Two of them are cancelled on the way and close the book; one feed
hangs in the middle, and only the heartbeat timeout finds out.

Faults: workers die before, during and after their calls, objects die at every point of a turn, the network
and the queue lose, delay and double, alarms are late.

Promises: no page is left out; an attempt begins where a heartbeat of an earlier one was, and not before the
attempt ahead of it began; attempts begin one after the other; who is cancelled closes the book, and reads no
page ten minutes later; the result says what was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import (
    ActivityError,
    CancelledError,
    RetryPolicy,
    Temporal,
    Worker,
    WorkflowClosedError,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowNotFoundError,
    activity,
)
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, Attempts, Promises, choose, declare, insist, side_by_side, takes

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

READERS = 6
PAGES = 40
HANGS = 3
"""The reader whose feed hangs once."""

EVERY_PAGE = "no page is left out"
RESUMED = "an attempt begins where a heartbeat of an earlier one was"
FORWARD = "no attempt begins before the one ahead of it"
CLOSED = "who is cancelled closes the book"
QUIET = "who is cancelled stops reading"
AS_SAID = "the result says what was read"

SOMETIMES = (
    "an attempt goes on where another stopped",
    "a page is read twice",
    "a reader is cancelled on the way",
    "a reader is done before the cancellation comes",
    "a feed hangs",
)


class Library:
    """The feeds, and what was read of them."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.read: dict[int, list[tuple[int, datetime]]] = {reader: [] for reader in range(READERS)}
        self.reported: dict[int, set[int]] = {reader: {0} for reader in range(READERS)}
        self.begun: dict[int, list[tuple[int, int]]] = {reader: [] for reader in range(READERS)}
        """Reader -> attempt, page."""
        self.books_closed: set[int] = set()
        self.hung: set[int] = set()

    def begin(self, reader: int) -> int:
        """An attempt begins; returns the page it begins with."""
        facts = self.attempts.begin()
        page = self.place(facts.heartbeat_details)
        promises = self.promises
        if page not in self.reported[reader]:
            promises.broken(RESUMED, f"reader {reader}, attempt {facts.attempt} begins at page {page}")
        begun = self.begun[reader]
        if begun and (facts.attempt <= begun[-1][0] or page < begun[-1][1]):
            text = f"reader {reader}: attempt {facts.attempt}, page {page} after {begun[-1]}"
            promises.broken(FORWARD, text)
        begun.append((facts.attempt, page))
        sometimes(promises.sim, SOMETIMES[0], page > 0)
        return page

    def place(self, details: tuple[int, ...]) -> int:
        """The page to begin with, by the last heartbeat."""
        return details[0] if details else 0

    def turn(self, reader: int, page: int) -> None:
        """A page was read."""
        sometimes(self.promises.sim, SOMETIMES[1], any(known == page for known, _ in self.read[reader]))
        self.read[reader].append((page, self.promises.sim.now()))

    def report(self, reader: int, page: int) -> None:
        """Say where to go on."""
        self.reported[reader].add(page)
        activity.heartbeat(page)


class Readers:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, library: Library) -> None:
        self.sim = sim
        self.library = library
        self.promises = library.promises
        self.temporal = temporal = Temporal(namespace="long-poll", task_queue="readers")
        again = RetryPolicy(initial_interval="2s", maximum_interval="1m")

        @temporal.activity
        async def read(reader: int) -> int:
            for page in range(library.begin(reader), PAGES):
                if reader == HANGS and page == PAGES // 2 and reader not in library.hung:
                    library.hung.add(reader)
                    sometimes(sim, SOMETIMES[4])
                    await takes(7200)  # no heartbeat comes any more
                await takes(45)
                library.turn(reader, page)
                library.report(reader, page + 1)
            return PAGES

        @temporal.activity
        async def close(reader: int) -> None:
            library.attempts.begin()
            library.books_closed.add(reader)

        @temporal.workflow("reader")
        async def reader(ctx: WorkflowContext, number: int) -> int:
            try:
                return await ctx.activity(
                    "read",
                    read,
                    number,
                    retry=again,
                    start_to_close_timeout="3h",
                    heartbeat_timeout="5m",
                    cancellation_type="wait_cancellation_completed",
                )
            except (asyncio.CancelledError, ActivityError):
                if not ctx.is_cancelled:  # a worker that is lost after the cancellation is not replaced
                    raise
                await ctx.activity("close", close, number, retry=again, start_to_close_timeout="5m")
                raise asyncio.CancelledError from None

        self.workflow = reader
        self.worker = Worker(
            namespace="long-poll", task_queue="readers", workflows=[reader], activities=[read, close]
        )

    async def run(self, number: int) -> None:
        """One reader."""
        sim, library, keep = self.sim, self.library, self.promises.keep
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"reader-{number}",
                args=[number],
                request_id=f"reader-{number}",
            )
        )
        if number % 3 == 2:
            await sim.sleep(f"{5 + choose(sim, 'cancel', 45)}m")
            try:
                await insist(partial(handle.cancel, "enough"))
            except (WorkflowClosedError, WorkflowNotFoundError):
                sometimes(sim, SOMETIMES[3])
        try:
            result = await insist(handle.result)
        except WorkflowFailureError as error:
            cancelled = isinstance(error.cause, CancelledError) and number % 3 == 2
            keep(AS_SAID, cancelled, f"reader {number} ended with {error.cause!r}")
            keep(CLOSED, number in library.books_closed, f"reader {number} left the book open")
            sometimes(sim, SOMETIMES[2])
            await self.quiet(number)
            return
        keep(AS_SAID, result == PAGES, f"reader {number} says {result}")
        missing = set(range(PAGES)) - {page for page, _ in library.read[number]}
        keep(EVERY_PAGE, not missing, f"reader {number} left out {sorted(missing)}")

    async def quiet(self, number: int) -> None:
        """Nobody reads on for a workflow that is over."""
        closed = self.sim.now()
        await self.sim.sleep("30m")
        late = [when for _, when in self.library.read[number] if when - closed > timedelta(minutes=10)]
        self.promises.keep(QUIET, not late, f"reader {number} still read at {late}; it ended at {closed}")


async def workload(sim: Simulation, *, make_library: Callable[[Promises], Library] = Library) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, EVERY_PAGE, RESUMED, FORWARD, CLOSED, QUIET, AS_SAID, Attempts.PROMISE)
    readers = Readers(sim, make_library(promises))
    sim.run(readers.worker)
    await side_by_side(*map(readers.run, range(READERS)))


SCENARIO = Scenario(
    name="long_poll",
    workload=workload,
    summary="long activities that go on where their last heartbeat was",
    faults=(
        FaultPlan.workers(20_000)
        | FaultPlan.crashes(10_000)
        | FaultPlan.network(10_000)
        | FaultPlan.queue(50_000)
        | FaultPlan.alarms(20_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
