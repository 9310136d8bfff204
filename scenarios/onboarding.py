"""Onboarding: a week with a new user, who is reminded, changes address, and is asked how it was.

Workload: eight users. Each gets an account, a welcome mail, up to three daily reminders until a signal says
that the address is verified, and a survey a week later; who never verifies loses the account. Meanwhile the
user moves to new addresses (updates; every third is refused by the validator) and support looks at the stage
(queries). The post office delivers once per idempotency key.

Faults, for three days: objects die at every point of a turn, workers die, the network and the queue lose,
delay and double, alarms are late, commits slow.

Promises: no mail is delivered twice, mails come in order, a mail goes to an address at least as new as the
newest that was acknowledged when it was asked for, addresses change once each and in order, what support is
told never goes back, an account is kept or deleted as the result says, and a week is not shorter than a week.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runtime import (
    RetryPolicy,
    Temporal,
    UpdateFailedError,
    Worker,
    WorkflowClosedError,
    WorkflowContext,
    WorkflowHandle,
    WorkflowNotFoundError,
)
from ..runtime.durations import DAY
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, ROUGH, Attempts, Promises, choose, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

USERS = 8
MOVES = 6

ONCE = "no mail is delivered twice"
ORDER = "mails come in order"
ADDRESS = "a mail goes to the newest acknowledged address"
MOVED_ONCE = "addresses change once each and in order"
FORWARD = "what support is told never goes back"
ACCOUNTS = "an account is kept or deleted as the result says"
A_WEEK = "a week is not shorter than a week"

SOMETIMES = (
    "a user is onboarded without a reminder",
    "a user is onboarded after a reminder",
    "a user gives up",
    "a mail is sent again and dropped",
    "an update is refused",
    "a user moves too late",
)

STAGES = ("new", "welcomed", "verified", "onboarded", "given up")
MAILS = ("welcome", "reminder 1", "reminder 2", "reminder 3", "survey")


class PostOffice:
    """Delivers once per idempotency key, and keeps the accounts."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.delivered: dict[str, tuple[int, str, int]] = {}
        """Idempotency key -> user, mail, number of the address."""
        self.accounts: set[int] = set()
        self.acknowledged: dict[int, list[datetime]] = {user: [] for user in range(1, USERS + 1)}
        """User -> when each move was acknowledged."""

    def post(self, key: str, user: int, mail: str, address: int, asked: datetime) -> None:
        """Deliver a mail that the workflow asked for at ``asked``."""
        if self.is_known(key):
            sometimes(self.promises.sim, SOMETIMES[3])
            return
        mails = [known for owner, known, _ in self.delivered.values() if owner == user]
        if mail in mails:
            self.promises.broken(ONCE, f"user {user} got {mail!r} twice")
        elif mails and MAILS.index(mails[-1]) > MAILS.index(mail):
            self.promises.broken(ORDER, f"user {user} got {mail!r} after {mails[-1]!r}")
        newest = sum(when < asked for when in self.acknowledged[user])
        if address < newest:
            text = f"{mail!r} of user {user} went to address {address}; {newest} was acknowledged before"
            self.promises.broken(ADDRESS, text)
        self.delivered[key] = (user, mail, address)

    def is_known(self, key: str) -> bool:
        """Was this very mail delivered before?"""
        return key in self.delivered


class Onboarding:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, office: PostOffice) -> None:
        self.sim = sim
        self.office = office
        self.promises = office.promises
        self.temporal = temporal = Temporal(namespace="onboarding", task_queue="people")
        patient = RetryPolicy(initial_interval="5s", maximum_interval="10m")

        @temporal.activity
        async def account(user: int, wanted: bool) -> None:
            office.attempts.begin()
            (office.accounts.add if wanted else office.accounts.discard)(user)

        @temporal.activity
        async def send(user: int, mail: str, address: int) -> None:
            facts = office.attempts.begin()
            office.post(facts.idempotency_key, user, mail, address, facts.scheduled_time)

        @temporal.workflow("onboarding")
        async def onboarding(ctx: WorkflowContext, user: int) -> dict[str, Any]:
            stage = "new"
            moves: list[int] = []

            def move(number: int) -> int:
                moves.append(number)
                return len(moves)

            def is_address(number: int) -> None:
                if number < 1:
                    raise ValueError("no such address")

            async def mail(name: str) -> None:
                address = moves[-1] if moves else 0
                await ctx.activity(
                    name, send, user, name, address, retry=patient, start_to_close_timeout="5m"
                )

            ctx.set_query_handler("stage", lambda: stage)
            ctx.set_update_handler("move", move, is_address)
            await ctx.activity("open", account, user, True, retry=patient, start_to_close_timeout="5m")
            await mail("welcome")
            stage = "welcomed"
            reminders = 0
            while await ctx.wait_for_signal("verified", timeout="1d") is None:
                if reminders == 3:
                    await ctx.activity("close", account, user, False, start_to_close_timeout="5m")
                    stage = "given up"
                    return {"stage": stage, "reminders": reminders, "moves": moves}
                reminders += 1
                await mail(f"reminder {reminders}")
            stage = "verified"
            await ctx.sleep("try it out", "7d")
            await mail("survey")
            stage = "onboarded"
            return {"stage": stage, "reminders": reminders, "moves": moves}

        self.workflow = onboarding
        self.worker = Worker(
            namespace="onboarding",
            task_queue="people",
            workflows=[onboarding],
            activities=[account, send],
        )

    async def user(self, number: int) -> None:
        """Sign up, verify some day or never, and see how it ends."""
        sim, promises = self.sim, self.promises
        begun = sim.now()
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"user-{number}",
                args=[number],
                request_id=f"user-{number}",
            )
        )
        (result, lasted), *_ = await side_by_side(
            self.end(handle, begun), self.moves(number), self.support(number), self.verify(number)
        )
        stage, reminders = result["stage"], result["reminders"]
        if stage == "given up":
            sometimes(sim, SOMETIMES[2])
            promises.keep(A_WEEK, lasted >= timedelta(days=4), f"user {number} had no four days")
        else:
            sometimes(sim, SOMETIMES[1 if reminders else 0])
            promises.keep(A_WEEK, lasted >= timedelta(days=7), f"user {number} had no week")
        kept = number in self.office.accounts
        promises.keep(ACCOUNTS, kept == (stage == "onboarded"), f"user {number}: {stage}, account: {kept}")
        moves, known = result["moves"], len(self.office.acknowledged[number])
        is_run = moves == list(range(1, len(moves) + 1))
        text = f"user {number}: {known} moves were acknowledged, the workflow has {moves}"
        # The one that was under way when the workflow ended may have been accepted: nobody heard of it.
        promises.keep(MOVED_ONCE, is_run and known <= len(moves) <= known + 1, text)

    async def end(self, handle: WorkflowHandle[Any], begun: datetime) -> tuple[dict[str, Any], timedelta]:
        """The result, and how long it took."""
        result: dict[str, Any] = await insist(handle.result)
        return result, self.sim.now() - begun

    async def verify(self, number: int) -> None:
        """Click on the link, after hours or days."""
        if number % 4:
            await self.sim.sleep(f"{number * 9 + choose(self.sim, 'verify', 24)}h")
            handle = self.temporal.get_handle(f"user-{number}")
            try:
                await insist(partial(handle.signal, "verified", True, request_id=f"verify-{number}"))
            except (WorkflowClosedError, WorkflowNotFoundError):
                return

    async def moves(self, number: int) -> None:
        """Move to another address now and then."""
        sim, acknowledged = self.sim, self.office.acknowledged[number]
        handle = self.temporal.get_handle(f"user-{number}")
        for count in range(1, MOVES + 1):
            await sim.sleep(f"{1 + choose(sim, 'move', 60)}h")
            try:
                if count % 3 == 0:
                    await self.refused(number, count)
                ask = partial(
                    handle.update, "move", len(acknowledged) + 1, update_id=f"move-{number}-{count}"
                )
                told = await insist(ask)
            except (WorkflowClosedError, WorkflowNotFoundError, UpdateFailedError):
                sometimes(sim, SOMETIMES[5])
                return
            acknowledged.append(sim.now())
            text = f"user {number} moved for the {len(acknowledged)}. time and was told {told}"
            self.promises.keep(MOVED_ONCE, told == len(acknowledged), text)

    async def refused(self, number: int, count: int) -> None:
        """Ask for what the validator refuses."""
        handle = self.temporal.get_handle(f"user-{number}")
        try:
            await insist(partial(handle.update, "move", 0, update_id=f"refused-{number}-{count}"))
        except UpdateFailedError as error:
            sometimes(self.sim, SOMETIMES[4], "no such address" in str(error.cause))
            return
        self.promises.keep(MOVED_ONCE, False, f"user {number} moved to an address that is none")

    async def support(self, number: int) -> None:
        """Look at the stage until it is the last one."""
        handle = self.temporal.get_handle(f"user-{number}", result_type=str)
        seen = 0
        while seen < STAGES.index("onboarded"):
            await self.sim.sleep("11h")
            stage = STAGES.index(await insist(partial(handle.query, "stage")))
            text = f"user {number} was {STAGES[seen]!r} and then {STAGES[stage]!r}"
            self.promises.keep(FORWARD, stage >= seen, text)
            seen = stage


async def workload(
    sim: Simulation, *, make_office: Callable[[Promises], PostOffice] = PostOffice, users: int = USERS
) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, ONCE, ORDER, ADDRESS, MOVED_ONCE, FORWARD, ACCOUNTS, A_WEEK, Attempts.PROMISE)
    onboarding = Onboarding(sim, make_office(promises))
    sim.run(onboarding.worker)
    await side_by_side(*(onboarding.user(number) for number in range(1, users + 1)))


SCENARIO = Scenario(
    name="onboarding",
    workload=workload,
    summary="a week with a new user: mails, reminders, moves, a survey",
    faults=ROUGH,
    heal_after_ns=3 * DAY,
    options=PROD,
)
