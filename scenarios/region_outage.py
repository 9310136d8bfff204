"""A region goes down, comes back, and goes down again.

Workload: ten transfers of money over half a day, from one account to another: taken, then given; if the other
account is closed, given back. The bank takes orders once per idempotency key. An auditor, started by a
schedule, looks at the books every hour and adds up what it finds.

Faults: two outages of 30 to 150 minutes, at times that the seed chooses, of everything at once: objects and
workers die, most requests, replies, sends and writes of the object store fail, commits are slow or fail,
alarms are late. Before and after, a little of everything, and all day alarms and messages may be lost for
good.

Promises: money is neither made nor lost; a transfer is taken once and given once, to one of the two; every
transfer ends as its client hears, within a day after the last outage; the auditor never counts too much
money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import (
    ActivityError,
    ApplicationError,
    RetryPolicy,
    ScheduleAlreadyExistsError,
    Temporal,
    Worker,
    WorkflowContext,
)
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import always, sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Attempts, Promises, choose, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

TRANSFERS = 10
ACCOUNTS = 5
CLOSED = 4
"""The account that takes no money."""
START_CENTS = 1_000

SUM = "money is neither made nor lost"
ONCE = "a transfer is taken once and given once"
TRUE = "every client hears what happened"
SOON = "every transfer ends within a day after the last outage"
AUDIT = "the auditor finds no more money than there is"

SOMETIMES = (
    "a transfer arrives",
    "a transfer is given back",
    "a transfer lives through an outage",
    "a payment is asked for again",
    "the auditor sees money on its way",
)


class Bank:
    """The books. Money that was taken and not yet given is on its way."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.accounts = dict.fromkeys(range(ACCOUNTS), START_CENTS)
        self.on_its_way: Counter[int] = Counter()
        self.done: dict[str, tuple[str, int]] = {}
        """Idempotency key -> taken or given, transfer."""

    def take(self, key: str, transfer: int, account: int, cents: int) -> None:
        """Take money from an account."""
        if not self.is_done(key, "taken", transfer):
            self.accounts[account] -= cents
            self.on_its_way[transfer] += cents

    def give(self, key: str, transfer: int, account: int, cents: int) -> None:
        """Give money to an account."""
        if not self.is_done(key, "given", transfer):
            self.accounts[account] += cents
            self.on_its_way[transfer] -= cents

    def is_done(self, key: str, what: str, transfer: int) -> bool:
        """Was this very order carried out before? If not, it is now."""
        if key in self.done:
            sometimes(self.promises.sim, SOMETIMES[3])
            return True
        if (what, transfer) in self.done.values():
            self.promises.broken(ONCE, f"transfer {transfer} was {what} twice")
        self.done[key] = (what, transfer)
        return False

    def is_sound(self) -> bool:
        """Is every cent there?"""
        found = sum(self.accounts.values()) + sum(self.on_its_way.values())
        return found == ACCOUNTS * START_CENTS and min(self.on_its_way.values(), default=0) >= 0


class Region:
    """The workflows of one run, and its clients."""

    def __init__(self, sim: Simulation, bank: Bank) -> None:
        self.sim = sim
        self.bank = bank
        self.promises = bank.promises
        self.temporal = temporal = Temporal(
            namespace="region-outage", task_queue="bank", history_store_bytes=0
        )
        patient = RetryPolicy(initial_interval="5s", maximum_interval="10m")

        @temporal.activity
        async def take(transfer: int, account: int, cents: int) -> None:
            bank.take(bank.attempts.begin().idempotency_key, transfer, account, cents)

        @temporal.activity
        async def give(transfer: int, account: int, cents: int) -> None:
            key = bank.attempts.begin().idempotency_key
            if account == CLOSED:
                raise ApplicationError("the account is closed", type="Closed", non_retryable=True)
            bank.give(key, transfer, account, cents)

        @temporal.activity
        async def count() -> int:
            bank.attempts.begin()
            sometimes(sim, SOMETIMES[4], sum(bank.on_its_way.values()) > 0)
            return sum(bank.accounts.values())

        @temporal.workflow("transfer")
        async def transfer(ctx: WorkflowContext, number: int, source: int, target: int, cents: int) -> str:
            async def ask(step: str, activity: Callable[..., object], account: int) -> None:
                await ctx.activity(
                    step, activity, number, account, cents, retry=patient, start_to_close_timeout="5m"
                )

            await ask("take", take, source)
            await ctx.sleep("clearing", "30m")
            try:
                await ask("give", give, target)
            except ActivityError:
                await ask("give back", give, source)
                return "given back"
            return "arrived"

        @temporal.workflow("audit")
        async def audit(ctx: WorkflowContext) -> int:
            found = await ctx.activity("count", count, retry=patient, start_to_close_timeout="5m")
            if found > ACCOUNTS * START_CENTS:
                bank.promises.broken(AUDIT, f"{found} cents")
            return found

        self.transfer, self.audit = transfer, audit
        self.worker = Worker(
            namespace="region-outage",
            task_queue="bank",
            workflows=[transfer, audit],
            activities=[take, give, count],
        )

    async def auditor(self) -> None:
        """Look at the books every hour, twelve times."""
        try:
            await insist(
                partial(
                    self.temporal.schedule_workflow,
                    self.audit,
                    schedule_id="audit",
                    interval="1h",
                    overlap="buffer_one",
                    remaining_actions=12,
                )
            )
        except ScheduleAlreadyExistsError:
            return  # the answer to the first call was lost

    async def client(self, number: int) -> None:
        """One transfer."""
        sim, bank, keep = self.sim, self.bank, self.promises.keep
        await sim.sleep(f"{number * 60 + choose(sim, 'when', 60)}m")
        source, target = number % (ACCOUNTS - 1), (number * 3 + 1) % ACCOUNTS
        begun, struck = sim.now(), self.storms()
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.transfer,
                workflow_id=f"transfer-{number}",
                args=[number, source, target, 10 + number],
                request_id=f"transfer-{number}",
            )
        )
        result = await insist(handle.result)
        sometimes(sim, SOMETIMES[2], self.storms() > struck + 20)
        sometimes(sim, SOMETIMES[0 if result == "arrived" else 1])
        expected = "given back" if target == CLOSED else "arrived"
        keep(TRUE, result == expected, f"transfer {number} is {result}, not {expected}")
        orders = sorted(what for what, known in bank.done.values() if known == number)
        keep(ONCE, orders == ["given", "taken"], f"transfer {number}: {orders}")
        lasted = (sim.now() - begun).total_seconds()
        keep(SOON, lasted < 36 * 3600, f"transfer {number} took {lasted} s", kind=Kind.LIVENESS)

    def storms(self) -> int:
        """How often something struck that is frequent in an outage only."""
        return sum(
            count
            for name, count in self.sim.stats.items()
            if name in ("fault_overload", "fault_lost_request")
        )


async def workload(sim: Simulation, *, make_bank: Callable[[Promises], Bank] = Bank) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, ONCE, TRUE, SOON, AUDIT, Attempts.PROMISE)
    region = Region(sim, make_bank(promises))
    always(sim, SUM, region.bank.is_sound)
    sim.run(region.worker)
    await side_by_side(region.auditor(), *map(region.client, range(TRANSFERS)))


_OUTAGE = (
    "isolate_reset",
    "overload",
    "lost_request",
    "lost_reply",
    "crash_before_commit",
    "failed_commit",
    "slow_commit",
    "late_alarm",
    "lost_send",
    "lost_put",
    "failed_get",
    "worker_crash_before_call",
)

SCENARIO = Scenario(
    name="region_outage",
    workload=workload,
    summary="two outages of everything at once",
    faults=(
        FaultPlan.storm(*_OUTAGE, per_million=200_000, within="10h")
        | FaultPlan.storm(*_OUTAGE, per_million=100_000, within="10h")
        | FaultPlan.everything(2_000)
        | FaultPlan.losses(5_000)
        | FaultPlan.alarms(5_000, lateness="20m")
    ),
    heal_after_ns=DAY,
    options=PROD,
)
