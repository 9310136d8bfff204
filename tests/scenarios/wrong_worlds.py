"""Worlds in which a scenario must fail: one thing in each is not as it should be.

Each is given to the scenario's workload in the place of the right one; the engine is as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from temporal_do.runtime import OverlapPolicy, ScheduleHandle, WorkflowContext
from temporal_do.scenarios.approval_race import AS_SAID, NOT_EARLY, ONE_WAY, Desk
from temporal_do.scenarios.child_fanout import GARDEN, Garden
from temporal_do.scenarios.clock_skew import FORWARD, Clock
from temporal_do.scenarios.clock_skew import NOT_EARLY as NO_SHORT_SLEEP
from temporal_do.scenarios.continue_as_new_marathon import COUNTED as ALL_COUNTED
from temporal_do.scenarios.continue_as_new_marathon import Sender
from temporal_do.scenarios.deploy_in_the_middle import ROUTE, Depot, Steps
from temporal_do.scenarios.long_poll import EVERY_PAGE, RESUMED, Library
from temporal_do.scenarios.onboarding import ADDRESS, PostOffice
from temporal_do.scenarios.onboarding import ONCE as NO_MAIL_TWICE
from temporal_do.scenarios.order_saga import ONCE as NO_ORDER_TWICE
from temporal_do.scenarios.order_saga import PAID, Town
from temporal_do.scenarios.poison_activity import FEW, PAUSES, QUARANTINE, Ward
from temporal_do.scenarios.queue_flood import ONCE as NO_JOB_TWICE
from temporal_do.scenarios.queue_flood import Mill
from temporal_do.scenarios.region_outage import ONCE as NO_TRANSFER_TWICE
from temporal_do.scenarios.region_outage import SUM, Bank
from temporal_do.scenarios.schedule_storm import ALONE, Operator
from temporal_do.sim.scenario import Kind


class ForgetfulBank(Town):
    """Looks at no idempotency key."""

    def charge(self, key: str, number: int) -> None:
        super().charge(f"{key}-{len(self.charges)}", number)


class BankThatSmiles(Town):
    """Says yes and takes no money from one customer."""

    def charge(self, key: str, number: int) -> None:
        if number != 7:
            super().charge(key, number)


class PostOfficeThatForgets(PostOffice):
    """Looks at no idempotency key."""

    def is_known(self, key: str) -> bool:
        return False


class PostOfficeThatSendsOn(PostOffice):
    """Sends every survey to the first address."""

    def post(self, key: str, user: int, mail: str, address: int, asked: Any) -> None:
        super().post(key, user, mail, 0 if mail == "survey" else address, asked)


class DeskOfTwoMinds(Desk):
    """Denies what it has just granted, for one request."""

    def decide(self, key: str, number: int, decision: str) -> None:
        super().decide(key, number, decision)
        if number == 3:
            super().decide(f"{key}-again", number, "denied")


class DeskThatMixesUp(Desk):
    """Stamps whatever it likes on one request."""

    def decide(self, key: str, number: int, decision: str) -> None:
        super().decide(key, number, "granted" if number == 4 else decision)


class HastyDesk(Desk):
    """Denies the fifth request the moment it is told anything."""

    def decide(self, key: str, number: int, decision: str) -> None:
        super().decide(key, number, "denied" if number == 5 else decision)


class GardenOfTwins(Garden):
    """Looks at no idempotency key."""

    def mark(self, key: str, branch: str, mark: str) -> None:
        super().mark(f"{key}-{len(self.marks)}", branch, mark)


class Meddler(Operator):
    """Starts a run by hand, whatever runs."""

    async def look_after(self, handle: ScheduleHandle) -> None:
        await handle.trigger(overlap=OverlapPolicy.ALLOW_ALL)


class LibraryWithoutBookmarks(Library):
    """Goes on one page further than it said."""

    def place(self, details: tuple[int, ...]) -> int:
        return details[0] + 1 if details else 0

    def report(self, reader: int, page: int) -> None:
        self.reported[reader].add(page + 1)
        super().report(reader, page)


class LibraryThatSkips(Library):
    """Goes on at a page that nobody has reported."""

    def place(self, details: tuple[int, ...]) -> int:
        return details[0] + 3 if details else 0


class SenderWhoRepeats(Sender):
    """Gives two numbers one request id."""

    def name(self, counter: int, sender: int, number: int) -> str:
        return super().name(counter, sender, number - number % 2)


class SenderWhoStumbles(Sender):
    """Says every second number too early."""

    def next(self, number: int) -> int:
        return number ^ 1


class MillThatForgets(Mill):
    """Looks at no idempotency key."""

    def is_done(self, key: str) -> bool:
        return False


async def unguarded(ctx: WorkflowContext, steps: Steps) -> None:
    """A second version that forgets about the parcels of the first."""
    await steps.take("weigh")
    await ctx.sleep("wait for the van", "20m")
    await steps.take("check")
    await steps.take("send")
    await ctx.sleep("travel", "40m")


class DepotOfTwins(Depot):
    """Does every step again, whenever it is asked to."""

    def record(self, key: str, parcel: int, step: str) -> None:
        super().record(f"{key}-{len(self.done)}", parcel, step)


class BankWithoutKeys(Bank):
    """Looks at no idempotency key."""

    def is_done(self, key: str, what: str, transfer: int) -> bool:
        return super().is_done(f"{key}-{len(self.done)}", what, transfer)


class BankThatTakesAShare(Bank):
    """Gives one cent less when the fifth transfer arrives."""

    def give(self, key: str, transfer: int, account: int, cents: int) -> None:
        super().give(key, transfer, account, cents)
        if transfer == 5:
            self.accounts[account] -= 1


class WallClock(Clock):
    """Reads the true time and not the workflow's; nobody may do so."""

    def read(self, ctx: WorkflowContext) -> float:
        return self.sim.now().timestamp()


class HourGlass(Clock):
    """Runs backwards."""

    def read(self, ctx: WorkflowContext) -> float:
        return self.sim.start_ns / 5e8 - super().read(ctx)


class WardThatLosesCharts(Ward):
    """Knows nobody in quarantine."""

    def isolate(self, job: int) -> None:
        pass


class WardThatInsists(Ward):
    """Treats every job three times an attempt."""

    def begin(self, job: int) -> str:
        found = super().begin(job)
        self.begun[job] += self.begun[job][-1:] * 2
        return found


class WardInAHurry(Ward):
    """Believes that attempts begin an hour later than they do."""

    def begin(self, job: int) -> str:
        from datetime import timedelta

        if self.begun[job]:
            self.begun[job][-1] += timedelta(hours=1)
        return super().begin(job)


@attrs.frozen
class Wrong:
    """A wrong world: whose, what is wrong, the promise that must break, within how many seeds."""

    scenario: str
    part: str
    value: Callable[..., Any]
    promise: str
    seeds: int = 1

    def __str__(self) -> str:
        return f"{self.scenario}-{getattr(self.value, '__name__', self.value)}"


WRONG_WORLDS = (
    Wrong("order_saga", "make_town", ForgetfulBank, NO_ORDER_TWICE, 30),
    Wrong("order_saga", "make_town", BankThatSmiles, PAID),
    Wrong("onboarding", "make_office", PostOfficeThatForgets, NO_MAIL_TWICE, 20),
    Wrong("onboarding", "make_office", PostOfficeThatSendsOn, ADDRESS),
    Wrong("approval_race", "make_desk", DeskOfTwoMinds, ONE_WAY),
    Wrong("approval_race", "make_desk", DeskThatMixesUp, AS_SAID, 5),
    Wrong("approval_race", "make_desk", HastyDesk, NOT_EARLY, 5),
    Wrong("child_fanout", "make_garden", GardenOfTwins, GARDEN, 30),
    Wrong("schedule_storm", "make_operator", Meddler, ALONE, 5),
    Wrong("long_poll", "make_library", LibraryWithoutBookmarks, EVERY_PAGE),
    Wrong("long_poll", "make_library", LibraryThatSkips, RESUMED),
    Wrong("continue_as_new_marathon", "make_sender", SenderWhoStumbles, ALL_COUNTED),
    Wrong("continue_as_new_marathon", "make_sender", SenderWhoRepeats, Kind.LIVENESS.value),
    Wrong("queue_flood", "make_mill", MillThatForgets, NO_JOB_TWICE, 5),
    Wrong("deploy_in_the_middle", "second", unguarded, Kind.NONDETERMINISM.value, 5),
    Wrong("deploy_in_the_middle", "make_depot", DepotOfTwins, ROUTE, 20),
    Wrong("region_outage", "make_bank", BankWithoutKeys, NO_TRANSFER_TWICE, 5),
    Wrong("region_outage", "make_bank", BankThatTakesAShare, SUM),
    Wrong("clock_skew", "make_clock", WallClock, NO_SHORT_SLEEP, 5),
    Wrong("clock_skew", "make_clock", HourGlass, FORWARD),
    Wrong("poison_activity", "make_ward", WardThatLosesCharts, QUARANTINE),
    Wrong("poison_activity", "make_ward", WardThatInsists, FEW, 5),
    Wrong("poison_activity", "make_ward", WardInAHurry, PAUSES),
)
