"""Orders through crashes: each is paid for, approved and shipped, or undone.

The workload: orders that arrive one after the other, over hours; a bank and a carrier that remember what
they were asked under idempotency keys, as real ones do; a clerk per order, a workflow of its own, who
approves most of them late and some never. Every third parcel is too heavy, so that its order must be undone;
the bank turns every fifth payment down at first.

The invariants: no order is charged twice, none is shipped unpaid, who is not served has his money back, every
order ends and says what happened, no attempt runs twice and no activity is recorded twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

from ..runtime import (
    ApplicationError,
    ChildWorkflowError,
    HostError,
    RetryPolicy,
    Temporal,
    Worker,
    WorkflowContext,
)
from ..runtime.activity import info
from ..runtime.history import EventType, History
from ..sim.faults import FaultPlan
from .scenario import Check, Evidence, Scenario

T = TypeVar("T")

ORDERS = 20
MINUTES_BETWEEN = 11
ENDS = frozenset({"shipped", "refunded", "expired"})

ENDS_OF_ACTIVITIES = (
    EventType.ACTIVITY_TASK_COMPLETED,
    EventType.ACTIVITY_TASK_FAILED,
    EventType.ACTIVITY_TASK_TIMED_OUT,
    EventType.ACTIVITY_TASK_CANCELED,
)


class Town:
    """What really happens: the bank's book, the carrier's, and every execution of an activity."""

    def __init__(self) -> None:
        self.charges: dict[str, int] = {}
        """Idempotency key -> order."""
        self.refunds: dict[str, int] = {}
        self.shipments: dict[str, int] = {}
        self.shipped_unpaid: list[int] = []
        self.attempts: Counter[tuple[str, str, int]] = Counter()
        """(activity, idempotency key, attempt) -> executions."""

    def begin(self) -> str:
        """An attempt begins; returns its idempotency key."""
        attempt = info()
        self.attempts[attempt.activity_type, attempt.idempotency_key, attempt.attempt] += 1
        return attempt.idempotency_key

    def charge(self, key: str, number: int) -> None:
        """Take the money, once per key."""
        self.charges[key] = number

    def refund(self, key: str, number: int) -> None:
        """Give the money back, once per key."""
        self.refunds[key] = number

    def ship(self, key: str, number: int) -> None:
        """Send the parcel, once per key."""
        paid = Counter(self.charges.values())[number] - Counter(self.refunds.values())[number]
        if key not in self.shipments and paid < 1:
            self.shipped_unpaid.append(number)
        self.shipments[key] = number


class OrderSaga:
    """The workload of one run."""

    def __init__(self, orders: int = ORDERS, town: Town | None = None) -> None:
        self.orders = orders
        self.town = Town() if town is None else town
        self.results: dict[int, str] = {}
        """Order -> what its client heard."""
        self.temporal = Temporal(namespace="order-saga")
        self._define(self.temporal, self.town)

    def _define(self, temporal: Temporal, town: Town) -> None:
        @temporal.activity
        async def charge(number: int) -> str:
            key = town.begin()
            if number % 5 == 0 and info().attempt == 1:
                raise ApplicationError("the bank is closed", type="BankClosed")
            await asyncio.sleep(20)  # banks take their time, and messages come twice meanwhile
            town.charge(key, number)
            return f"receipt-{number}"

        @temporal.activity
        async def refund(number: int) -> None:
            town.refund(town.begin(), number)

        @temporal.activity
        def ship(number: int) -> str:
            key = town.begin()
            if number % 3 == 0:
                raise ApplicationError("the parcel is too heavy", type="TooHeavy", non_retryable=True)
            town.ship(key, number)
            return f"parcel-{number}"

        quick = RetryPolicy(initial_interval="2s", maximum_interval="5m")

        @temporal.workflow("shipping")
        async def shipping(ctx: WorkflowContext, number: int) -> str:
            await ctx.sleep("pack", "3h")
            return str(await ctx.activity("ship", ship, number, retry=quick, start_to_close_timeout="5m"))

        @temporal.workflow("clerk")
        async def clerk(ctx: WorkflowContext, number: int) -> None:
            await ctx.sleep("other work", f"{1 + number % 7}h")
            await ctx.signal_workflow(f"order-{number}", "approval", "fine")

        @temporal.workflow("order")
        async def order(ctx: WorkflowContext, number: int) -> str:
            if await ctx.wait_for_signal("approval", timeout="24h") is None:
                return "expired"
            await ctx.activity("charge", charge, number, retry=quick, start_to_close_timeout="5m")
            try:
                await ctx.execute_child(shipping, number, workflow_id=f"shipping-{number}")
            except ChildWorkflowError:
                await ctx.activity("refund", refund, number, retry=quick, start_to_close_timeout="5m")
                return "refunded"
            return "shipped"

        self._order, self._clerk = order, clerk
        self.worker = Worker(
            namespace="order-saga",
            task_queue="orders",
            workflows=[order, clerk, shipping],
            activities=[charge, refund, ship],
        )

    async def drive(self) -> None:
        """One client per order, side by side."""
        await asyncio.gather(*(self._client(number) for number in range(1, self.orders + 1)))

    async def _client(self, number: int) -> None:
        async def start(kind: str) -> None:
            await self.temporal.start_workflow(
                self._order if kind == "order" else self._clerk,
                workflow_id=f"{kind}-{number}",
                task_queue="orders",
                args=[number],
                start_delay=f"{number * MINUTES_BETWEEN}m",
                request_id=f"{kind}-{number}",
            )

        await insist(lambda: start("order"))
        if number % 4:  # the others are never looked at
            await insist(lambda: start("clerk"))
        handle = self.temporal.get_handle(f"order-{number}", result_type=str)
        self.results[number] = await insist(handle.result)

    async def histories(self) -> Mapping[str, History]:
        """The history of every workflow that was started."""
        found: dict[str, History] = {}
        for run in await self.temporal.list_workflows():
            found[run.workflow_id] = await self.temporal.get_handle(
                run.workflow_id, run.run_id
            ).fetch_history()
        return found


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the outcome is known; every question repeats itself for minutes before it gives up."""
    while True:
        try:
            return await ask()
        except HostError:
            continue


# --- invariants: one sentence per violation ---


def charged_once(evidence: Evidence) -> Iterator[str]:
    """No order is charged, or refunded, twice."""
    town: Town = evidence.workload.town
    for verb, book in (("charged", town.charges), ("refunded", town.refunds), ("shipped", town.shipments)):
        for number, times in sorted(Counter(book.values()).items()):
            if times > 1:
                yield f"order {number} was {verb} {times} times"


def none_shipped_unpaid(evidence: Evidence) -> Iterator[str]:
    """What leaves the house is paid for."""
    for number in evidence.workload.town.shipped_unpaid:
        yield f"order {number} was shipped and not paid for"


def every_order_ends(evidence: Evidence) -> Iterator[str]:
    """Each client hears, in the end, one of the ends there are."""
    workload: OrderSaga = evidence.workload
    for number in range(1, workload.orders + 1):
        result = workload.results.get(number)
        if result not in ENDS:
            yield f"order {number} ended with {result!r}"


def results_are_true(evidence: Evidence) -> Iterator[str]:
    """What the client heard is what happened."""
    town: Town = evidence.workload.town
    charges, refunds, shipments = (
        Counter(book.values()) for book in (town.charges, town.refunds, town.shipments)
    )
    happened = {"shipped": (1, 0, 1), "refunded": (1, 1, 0), "expired": (0, 0, 0)}
    for number, result in sorted(evidence.workload.results.items()):
        seen = (charges[number], refunds[number], shipments[number])
        if seen != happened.get(result):
            yield f"order {number} was {result}; charged, refunded, shipped: {seen}"


def attempts_run_once(evidence: Evidence) -> Iterator[str]:
    """A lease is for one execution."""
    for (name, key, attempt), times in sorted(evidence.workload.town.attempts.items()):
        if times > 1:
            yield f"attempt {attempt} of {name} ({key}) ran {times} times"


def recorded_once(evidence: Evidence) -> Iterator[str]:
    """An activity has one outcome in its history."""
    for workflow_id, history in sorted(evidence.histories.items()):
        outcomes = Counter(
            event.attributes.scheduled_event_id
            for event in history.events
            if event.event_type in ENDS_OF_ACTIVITIES
        )
        for scheduled, times in sorted(outcomes.items()):
            if times > 1:
                yield f"{workflow_id}: the activity of event {scheduled} has {times} outcomes"


INVARIANTS: Mapping[str, Check] = {
    "no order is charged twice": charged_once,
    "none is shipped unpaid": none_shipped_unpaid,
    "every order ends": every_order_ends,
    "results are true": results_are_true,
    "no attempt runs twice": attempts_run_once,
    "no activity is recorded twice": recorded_once,
}

SCENARIO = Scenario(
    name="order_saga",
    what="orders through crashes, lost and doubled messages, late alarms and dying workers",
    faults=(
        FaultPlan.crashes(10_000)
        | FaultPlan.workers(10_000)
        | FaultPlan.network(10_000)
        | FaultPlan.queue(50_000)
        | FaultPlan.alarms(20_000)
        | FaultPlan.storage(20_000)
        | FaultPlan.zombies(3_000)
    ),
    make_workload=OrderSaga,
    invariants=INVARIANTS,
)
