"""The scenario that is measured beside simloop's job queue: the same shape, as durable workflows.

Three activity workers, two clients with four workflows each, three activities per workflow, some of them
poisoned; three partitions, crashes of objects and workers, messages that come twice; 600 virtual seconds.

The scenario's own promises are those of the peer's: every start that was acknowledged comes to an end, and
nothing takes effect twice. What the engine's checkers find is on top of that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from temporal_do.runtime import (
    ActivityError,
    ApplicationError,
    RetryPolicy,
    Temporal,
    Worker,
    WorkflowContext,
)
from temporal_do.runtime.durations import MILLISECOND, SECOND
from temporal_do.runtime.errors import HostError
from temporal_do.sim.choices import Choices
from temporal_do.sim.faults import FaultPlan, Storm
from temporal_do.sim.runner import run_and_keep
from temporal_do.sim.scenario import Scenario

if TYPE_CHECKING:
    from temporal_do.sim.simulation import Simulation

NAMESPACE = "campaign"
CLIENTS, JOBS = 2, 4
ATTEMPTS_MAX = 3
POISONED_PERCENT = 15
RUN_NS = 600 * SECOND
STEPS = ("reserve", "charge", "ship")

PARTITION = {"lost_request": 500_000, "lost_reply": 500_000}
"""What is said while a partition lasts, per million."""

ALWAYS = (
    FaultPlan.crashes(2_000)
    | FaultPlan.workers(20_000)
    | FaultPlan(rates={"duplicate_message": 50_000, "lost_ack": 50_000, "slow_request": 5_000})
)
"""What happens besides: objects and workers die, messages come twice and late."""

effects: ContextVar[Counter[str]] = ContextVar("effects")
"""The outside world of one run: what took effect under which idempotency key, and how often."""

temporal = Temporal(namespace=NAMESPACE, task_queue="jobs")


async def _act(step: str, job: int, takes_s: float) -> str:
    await asyncio.sleep(takes_s)
    key = f"{step}-{job}"
    if key not in effects.get():  # the outside world knows what it has done
        effects.get()[key] += 1
    return key


@temporal.activity
async def reserve(job: int, takes_s: float) -> str:
    """The first step."""
    return await _act("reserve", job, takes_s)


@temporal.activity
async def charge(job: int, takes_s: float, poisoned: bool) -> str:
    """The second step; a poisoned one always fails."""
    if poisoned:
        await asyncio.sleep(takes_s)
        raise ApplicationError("poisoned")
    return await _act("charge", job, takes_s)


@temporal.activity
async def ship(job: int, takes_s: float) -> str:
    """The third step."""
    return await _act("ship", job, takes_s)


RETRY = RetryPolicy(initial_interval="500ms", maximum_attempts=ATTEMPTS_MAX)
OPTIONS: dict[str, Any] = {"retry": RETRY, "start_to_close_timeout": "10s"}


@temporal.workflow("job")
async def job_workflow(ctx: WorkflowContext, job: int, takes_s: float, poisoned: bool) -> str:
    """Three activities, one after the other, each on a worker of its own."""
    try:
        await ctx.activity("reserve", reserve, job, takes_s, task_queue="reserve", **OPTIONS)
        await ctx.activity("charge", charge, job, takes_s, poisoned, task_queue="charge", **OPTIONS)
        await ctx.activity("ship", ship, job, takes_s, task_queue="ship", **OPTIONS)
    except ActivityError:
        return "dead"
    return "done"


WORKERS = (
    Worker(namespace=NAMESPACE, task_queue="jobs", workflows=[job_workflow]),
    Worker(namespace=NAMESPACE, task_queue="reserve", activities=[reserve]),
    Worker(namespace=NAMESPACE, task_queue="charge", activities=[charge]),
    Worker(namespace=NAMESPACE, task_queue="ship", activities=[ship]),
)


def faults_of(seed: int) -> FaultPlan:
    """The faults of one seed: three partitions at times that are drawn, and whatever always happens."""
    choices = Choices(f"partitions:{seed}")
    at_ns = 0
    storms = []
    for _ in range(3):
        at_ns += 500 * MILLISECOND + MILLISECOND * choices.draw("pause", 2_500)
        length_ns = 500 * MILLISECOND + MILLISECOND * choices.draw("length", 3_500)
        storms.append(Storm(rates=PARTITION, start_ns=at_ns, length_ns=length_ns))
        at_ns += length_ns
    return ALWAYS | FaultPlan(storms=tuple(storms))


def count_of(seed: int) -> Counter[str]:
    """What happens in the run of one seed. ``messages``: requests, replies and queue messages delivered."""
    result, simulation = run_and_keep(SCENARIO, seed=seed, faults=faults_of(seed), checkers=())
    steps = Counter(step[0] for step in simulation.trace.tuples())
    struck = sum(count for name, count in result.stats.items() if name.startswith("fault_"))
    return Counter(
        messages=steps["deliver"] + steps["reply"] + steps["consume"],
        commits=steps["commit"],
        steps=steps.total(),
        faults=struck + steps["storm"] // 2,
        virtual_ms=result.virtual_ns // MILLISECOND,
    )


async def _insist(ask: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        try:
            return await ask()
        except HostError:
            continue


async def _run_job(simulation: Simulation, job: int) -> None:
    draw = simulation.platform.choices.draw
    takes_s = (50 + draw("workload:takes", 950)) / 1000
    poisoned = draw("workload:poisoned", 100) < POISONED_PERCENT
    name = f"job-{job}"
    handle = await _insist(
        lambda: temporal.start_workflow(
            job_workflow, workflow_id=name, args=[job, takes_s, poisoned], request_id=name
        )
    )
    result = await _insist(handle.result)
    done = [step for step in STEPS if f"{step}-{job}" in effects.get()]
    assert result == "dead" or done == list(STEPS)


async def _client(simulation: Simulation, number: int) -> None:
    await asyncio.gather(*(_run_job(simulation, number * JOBS + job) for job in range(JOBS)))


async def workload(simulation: Simulation) -> None:
    """One run: both clients, then the rest of the ten minutes."""
    effects.set(Counter())
    for worker in WORKERS:
        simulation.run(worker)
    await asyncio.gather(*(_client(simulation, number) for number in range(CLIENTS)))
    assert set(effects.get().values()) == {1}
    await simulation.sleep_until_ns(max(simulation.platform.now(), simulation.start_ns + RUN_NS))


SCENARIO = Scenario(
    name="campaign", workload=workload, faults=ALWAYS, heal_after_ns=RUN_NS, settle_ns=3600 * SECOND
)
