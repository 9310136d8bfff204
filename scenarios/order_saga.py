"""Orders through crashes: each is paid for, approved and shipped, or undone.

Workload: twenty orders that arrive one after the other, over hours; a bank and a carrier that remember what
they were asked under idempotency keys, as real ones do; a clerk per order, a workflow of its own, who
approves most of them late and some never. Every third parcel is too heavy, so that its order must be undone;
the bank turns every fifth payment down at first.

Faults, for two days: objects and workers die, messages are lost, late and doubled, alarms late, commits slow,
superseded incarnations go on for a while.

Promises: no order is charged, refunded or shipped twice, none is shipped unpaid, whoever is not served has
the money back, every client hears what happened, no attempt runs twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import ApplicationError, ChildWorkflowError, RetryPolicy, Temporal, Worker, WorkflowContext
from ..runtime.durations import DAY
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, ROUGH, Attempts, Promises, declare, insist, side_by_side, takes

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

ORDERS = 20
MINUTES_BETWEEN = 11

ONCE = "no order is charged, refunded or shipped twice"
PAID = "none is shipped unpaid"
TRUE = "every client hears what happened"

SOMETIMES = (
    "an order is shipped",
    "an order is refunded",
    "an order expires",
    "the bank is asked twice for one payment",
)

# Result -> how often charged, refunded, shipped.
_BOOKS = {"shipped": (1, 0, 1), "refunded": (1, 1, 0), "expired": (0, 0, 0)}


class Town:
    """What really happens: the bank's book and the carrier's. Each does what it is asked once per key."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.charges: dict[str, int] = {}
        """Idempotency key -> order."""
        self.refunds: dict[str, int] = {}
        self.shipments: dict[str, int] = {}

    def charge(self, key: str, number: int) -> None:
        """Take the money."""
        sometimes(self.promises.sim, SOMETIMES[3], key in self.charges)
        self._write("charged", self.charges, key, number)

    def refund(self, key: str, number: int) -> None:
        """Give the money back."""
        self._write("refunded", self.refunds, key, number)

    def ship(self, key: str, number: int) -> None:
        """Send the parcel."""
        paid = Counter(self.charges.values())[number] - Counter(self.refunds.values())[number]
        if key not in self.shipments and paid < 1:
            self.promises.broken(PAID, f"order {number} was shipped and not paid for")
        self._write("shipped", self.shipments, key, number)

    def _write(self, verb: str, book: dict[str, int], key: str, number: int) -> None:
        if key not in book and number in book.values():
            self.promises.broken(ONCE, f"order {number} was {verb} twice")
        book[key] = number

    def happened(self, number: int) -> tuple[int, int, int]:
        """How often ``number`` was charged, refunded and shipped."""
        books = (self.charges, self.refunds, self.shipments)
        charged, refunded, shipped = (list(book.values()).count(number) for book in books)
        return charged, refunded, shipped


class Shop:
    """The workflows of one run, and its clients."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.temporal = temporal = Temporal(namespace="order-saga", task_queue="orders")
        quick = RetryPolicy(initial_interval="2s", maximum_interval="5m")

        @temporal.activity
        async def charge(number: int) -> str:
            facts = town.attempts.begin()
            if number % 5 == 0 and facts.attempt == 1:
                raise ApplicationError("the bank is closed", type="BankClosed")
            await takes(20)  # banks take their time, and messages come twice meanwhile
            town.charge(facts.idempotency_key, number)
            return f"receipt-{number}"

        @temporal.activity
        async def refund(number: int) -> None:
            town.refund(town.attempts.begin().idempotency_key, number)

        @temporal.activity
        def ship(number: int) -> str:
            key = town.attempts.begin().idempotency_key
            if number % 3 == 0:
                raise ApplicationError("the parcel is too heavy", type="TooHeavy", non_retryable=True)
            town.ship(key, number)
            return f"parcel-{number}"

        @temporal.workflow("shipping")
        async def shipping(ctx: WorkflowContext, number: int) -> str:
            await ctx.sleep("pack", "3h")
            return await ctx.activity("ship", ship, number, retry=quick, start_to_close_timeout="5m")

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

        self.kinds = {"order": order, "clerk": clerk}
        self.worker = Worker(
            namespace="order-saga",
            task_queue="orders",
            workflows=[order, clerk, shipping],
            activities=[charge, refund, ship],
        )

    async def start(self, kind: str, number: int) -> None:
        """Start the order or its clerk, whatever it takes."""
        await insist(
            partial(
                self.temporal.start_workflow,
                self.kinds[kind],
                workflow_id=f"{kind}-{number}",
                args=[number],
                start_delay=f"{number * MINUTES_BETWEEN}m",
                request_id=f"{kind}-{number}",
            )
        )

    async def client(self, number: int) -> None:
        """Order, and wait."""
        await self.start("order", number)
        if number % 4:  # the others are never looked at
            await self.start("clerk", number)
        result = await insist(self.temporal.get_handle(f"order-{number}", result_type=str).result)
        promises = self.town.promises
        sometimes(promises.sim, SOMETIMES[("shipped", "refunded", "expired").index(result)])
        seen = self.town.happened(number)
        promises.keep(TRUE, _BOOKS[result] == seen, f"order {number} was {result}; charged, refunded and "
                      f"shipped: {seen}")  # fmt: skip


async def workload(
    sim: Simulation, *, make_town: Callable[[Promises], Town] = Town, orders: int = ORDERS
) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    shop = Shop(make_town(Promises(sim, ONCE, PAID, TRUE, Attempts.PROMISE)))
    sim.run(shop.worker)
    await side_by_side(*(shop.client(number) for number in range(1, orders + 1)))


SCENARIO = Scenario(
    name="order_saga",
    workload=workload,
    summary="orders are paid, approved and shipped, or undone",
    faults=ROUGH,
    heal_after_ns=2 * DAY,
    options=PROD,
)
