"""Jobs that take their worker with them, among jobs that are well.

Workload: twelve jobs arrive over an hour, four at a time. One of each four is poison: the first kills its
worker and every other that is busy, the second never comes back, the third fails in a way that cannot be
retried. Poison has four attempts with a growing pause between them; then its workflow puts it into
quarantine. The jobs that are well run beside it on the same queue.

Faults: workers die at their calls as well, the queue loses, delays and doubles, objects die now and then,
alarms are late.

Promises: a job that is well is done once; poison is in quarantine in the end and was tried no more than four
times; no pause is shorter than the policy says; poison starves nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import ActivityError, ApplicationError, RetryPolicy, Temporal, Worker, WorkflowContext
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Attempts, Promises, choose, declare, insist, side_by_side, takes

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

JOBS = 12
ATTEMPTS_MAX = 4
PAUSE_SECONDS = 5
KINDS = (
    "well",
    "well",
    "well",
    "deadly",
    "well",
    "well",
    "well",
    "endless",
    "well",
    "well",
    "well",
    "refused",
)

ONCE = "a job that is well is done once"
QUARANTINE = "poison ends in quarantine"
FEW = "no job is tried more often than its policy says"
PAUSES = "no pause is shorter than the policy says"
FAIR = "poison starves nobody"

SOMETIMES = (
    "a worker is killed by its job",
    "an attempt times out",
    "a job that is well is tried again",
    "a job dies with a neighbour",
    "what cannot be retried is tried once",
)


class Ward:
    """What was done with each job."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.begun: dict[int, list[datetime]] = {job: [] for job in range(JOBS)}
        """Job -> when each attempt began."""
        self.done: dict[str, int] = {}
        """Idempotency key -> job."""
        self.quarantine: set[int] = set()

    def begin(self, job: int) -> str:
        """An attempt begins; returns its idempotency key."""
        facts = self.attempts.begin()
        begun, promises = self.begun[job], self.promises
        begun.append(promises.sim.now())
        if KINDS[job] != "well" and facts.attempt > ATTEMPTS_MAX:
            promises.broken(FEW, f"attempt {facts.attempt} of job {job}")
        if len(begun) > 1:
            pause = begun[-1] - begun[-2]
            # By the policy: 5, 10, 20, ... seconds from the end of an attempt, so at least from its begin.
            least = timedelta(seconds=min(PAUSE_SECONDS * 2 ** (facts.attempt - 2), 100 * PAUSE_SECONDS))
            if pause < least:
                promises.broken(PAUSES, f"attempt {facts.attempt} of job {job} came after {pause}")
        return facts.idempotency_key

    def isolate(self, job: int) -> None:
        """Put a job into quarantine."""
        self.quarantine.add(job)

    def do(self, key: str, job: int) -> None:
        """Do a job, once per key."""
        if key not in self.done and job in self.done.values():
            self.promises.broken(ONCE, f"job {job} was done twice")
        self.done[key] = job


class Hospital:
    """The workflow of one run, and its clients."""

    def __init__(self, sim: Simulation, ward: Ward) -> None:
        self.sim = sim
        self.ward = ward
        self.promises = ward.promises
        self.temporal = temporal = Temporal(namespace="poison", task_queue="ward")
        policy = RetryPolicy(initial_interval=PAUSE_SECONDS, maximum_attempts=ATTEMPTS_MAX)
        patient = RetryPolicy(initial_interval=PAUSE_SECONDS)

        @temporal.activity
        async def treat(job: int, kind: str) -> str:
            key = ward.begin(job)
            sometimes(sim, SOMETIMES[2], kind == "well" and len(ward.begun[job]) > 1)
            if kind == "refused":
                raise ApplicationError("no such treatment", type="Refused", non_retryable=True)
            await takes(2)
            if kind == "deadly":
                sometimes(sim, SOMETIMES[0])
                sometimes(sim, SOMETIMES[3], sim.crash_worker() > 1)
            if kind == "endless":
                await takes(86_400)
            ward.do(key, job)
            return "done"

        @temporal.activity
        async def isolate(job: int) -> str:
            ward.attempts.begin()
            ward.isolate(job)
            return "quarantine"

        @temporal.workflow("job")
        async def job(ctx: WorkflowContext, number: int, kind: str) -> str:
            retry = patient if kind == "well" else policy
            try:
                return await ctx.activity(
                    "treat", treat, number, kind, retry=retry, start_to_close_timeout="1m"
                )
            except ActivityError:
                pass
            return await ctx.activity("isolate", isolate, number, start_to_close_timeout="5m")

        self.workflow = job
        self.worker = Worker(
            namespace="poison", task_queue="ward", workflows=[job], activities=[treat, isolate]
        )

    async def run(self, number: int) -> None:
        """One job."""
        sim, ward, keep = self.sim, self.ward, self.promises.keep
        await sim.sleep(f"{number // 4 * 20}m{choose(sim, 'arrive', 4)}s")
        begun = sim.now()
        kind = KINDS[number]
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"job-{number}",
                args=[number, kind],
                request_id=f"job-{number}",
            )
        )
        result = await insist(handle.result)
        tried = len(ward.begun[number])
        sometimes(sim, SOMETIMES[1], kind == "endless" and tried > 1)
        if kind == "well":
            keep(ONCE, result == "done", f"job {number} ended in {result}")
            keep(ONCE, list(ward.done.values()).count(number) == 1, f"job {number} was not done once")
        else:
            keep(QUARANTINE, result == "quarantine" and number in ward.quarantine, f"job {number}: {result}")
            # What cannot be retried is tried again only if its worker dies before it has said so.
            keep(FEW, tried <= ATTEMPTS_MAX, f"job {number}, which is {kind}, was tried {tried} times")
            sometimes(sim, SOMETIMES[4], kind == "refused" and tried == 1)
        lasted = (sim.now() - begun).total_seconds()
        keep(FAIR, lasted < 6 * 3600, f"job {number}, {kind}, took {lasted} s", kind=Kind.LIVENESS)


async def workload(sim: Simulation, *, make_ward: Callable[[Promises], Ward] = Ward) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    hospital = Hospital(sim, make_ward(Promises(sim, ONCE, QUARANTINE, FEW, PAUSES, FAIR, Attempts.PROMISE)))
    sim.run(hospital.worker)
    await side_by_side(*map(hospital.run, range(JOBS)))


SCENARIO = Scenario(
    name="poison_activity",
    workload=workload,
    summary="jobs that take their worker with them",
    faults=(
        FaultPlan.workers(20_000)
        | FaultPlan.queue(30_000)
        | FaultPlan.crashes(5_000)
        | FaultPlan.alarms(20_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
