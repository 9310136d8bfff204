"""More work than the queue can carry, and a queue that gives messages up.

Workload: twelve workflows put ten jobs each into the queue, all in the same minute. A job takes a few
seconds, and its effect is keyed by its idempotency key. Then each workflow puts its jobs in order, one after
the other, and reports.

Faults: of the queue's messages many are lost, doubled, delayed, delivered twice at once or in batches, some
expire or become dead letters, and acknowledgements are lost; workers die; now and then an object dies or the
network loses something; the cron trigger of the recovery sweep is late or missing.

Promises: every job is done, and counted once; no attempt runs twice; no workflow waits for a lost message
for more than a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import Temporal, Worker, WorkflowContext
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Attempts, Promises, declare, insist, side_by_side, takes

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

WORKFLOWS = 12
JOBS = 10

ONCE = "every job is counted once"
DONE = "every job is done"
SOON = "no workflow waits for a lost message for more than a day"

SOMETIMES = (
    "a job is tried again",
    "a job is done again and not counted",
    "a message is given up",
    "a message expires",
)


class Mill:
    """Counts what was ground, once per idempotency key."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.ground: dict[str, tuple[int, int]] = {}
        """Idempotency key -> workflow, job."""
        self.sacks: dict[tuple[int, int], int] = {}
        """Workflow, job -> sacks."""

    def grind(self, key: str, job: tuple[int, int]) -> None:
        """Do a job."""
        if self.is_done(key):
            sometimes(self.promises.sim, SOMETIMES[1])
            return
        self.ground[key] = job
        self.sacks[job] = self.sacks.get(job, 0) + 1
        if self.sacks[job] > 1:
            self.promises.broken(ONCE, f"job {job} was counted twice")

    def is_done(self, key: str) -> bool:
        """Was this very job done before?"""
        return key in self.ground


class Flood:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, mill: Mill) -> None:
        self.sim = sim
        self.mill = mill
        self.promises = mill.promises
        self.temporal = temporal = Temporal(namespace="queue-flood", task_queue="mill")

        @temporal.activity
        async def grind(number: int, job: int) -> int:
            facts = mill.attempts.begin()
            sometimes(sim, SOMETIMES[0], facts.attempt > 1)
            await takes(1 + job % 4)
            mill.grind(facts.idempotency_key, (number, job))
            return job

        @temporal.workflow("farmer")
        async def farmer(ctx: WorkflowContext, number: int) -> list[int]:
            async def deliver(job: int) -> int:
                return await ctx.activity(f"job {job}", grind, number, job, start_to_close_timeout="2m")

            flood = await asyncio.gather(*map(deliver, range(JOBS)))
            after = [await deliver(JOBS + job) for job in range(3)]
            return [*flood, *after]

        self.workflow = farmer
        self.worker = Worker(
            namespace="queue-flood", task_queue="mill", workflows=[farmer], activities=[grind]
        )

    async def run(self, number: int) -> None:
        """One workflow."""
        begun = self.sim.now()
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"farmer-{number}",
                args=[number],
                request_id=f"farmer-{number}",
            )
        )
        result = await insist(handle.result)
        jobs = list(range(JOBS + 3))
        self.promises.keep(DONE, result == jobs, f"workflow {number} reports {result}")
        missing = [job for job in jobs if not self.mill.sacks.get((number, job))]
        self.promises.keep(DONE, not missing, f"workflow {number} reports jobs {missing}; nobody did them")
        lasted = self.sim.now() - begun
        text = f"workflow {number} took {lasted}"
        self.promises.keep(SOON, lasted.total_seconds() < 86_400, text, kind=Kind.LIVENESS)


async def workload(sim: Simulation, *, make_mill: Callable[[Promises], Mill] = Mill) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    flood = Flood(sim, make_mill(Promises(sim, ONCE, DONE, SOON, Attempts.PROMISE)))
    sim.run(flood.worker)
    await side_by_side(*map(flood.run, range(WORKFLOWS)))
    sometimes(sim, SOMETIMES[2], sim.stats.get("fault_dead_letter"))
    sometimes(sim, SOMETIMES[3], sim.stats.get("fault_expired_message"))


SCENARIO = Scenario(
    name="queue_flood",
    workload=workload,
    summary="more jobs than the queue can carry, and dead letters",
    faults=(
        FaultPlan.queue(60_000)
        | FaultPlan(rates={"expired_message": 30_000, "dead_letter": 100_000})
        | FaultPlan.workers(20_000)
        | FaultPlan.crashes(3_000)
        | FaultPlan.network(3_000)
        | FaultPlan.crons()
    ),
    heal_after_ns=DAY,
    options=PROD,
)
