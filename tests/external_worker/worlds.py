"""Workflows whose activities run in external workers only, and the laws of their runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import attrs

from temporal_do.runtime import ApplicationError, RetryPolicy, Temporal, Worker, WorkflowContext, activity
from temporal_do.runtime.history import EventType
from temporal_do.runtime.keys import TASK_QUEUE, kind_of
from temporal_do.runtime.messages.activity import Leased
from temporal_do.scenarios.world import insist
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.checkers import CHECKERS
from temporal_do.sim.fault_table import LOSSES
from temporal_do.sim.runner import run_and_keep
from temporal_do.sim.scenario import Scenario
from tests.engine.laws import (
    check_every_history_replays,
    check_history,
    check_nothing_is_stuck,
    histories_of,
)

from .processes import Processes

NAMESPACE = "external"
SOON = RetryPolicy(initial_interval="1s", maximum_interval="30s")
ORDERS = 6


@attrs.frozen(kw_only=True)
class Outcome:
    """One run that was as it should be."""

    digest: str
    stats: Any
    deaths: int
    results: tuple[Any, ...]


class Shop:
    """The application: workflows that run inside, activities that do not."""

    def __init__(self, orders: int = ORDERS) -> None:
        self.orders = orders
        self.executions: Counter[tuple[str, int]] = Counter()
        self.results: list[Any] = []
        self.processes: Processes | None = None
        temporal = self.temporal = Temporal(namespace=NAMESPACE)

        @temporal.activity
        async def charge(order: int) -> int:
            self.count()
            await asyncio.sleep(3)
            return order

        @temporal.activity
        async def pack(order: int) -> str:
            if self.count() == 1 and order % 2:
                raise ApplicationError("no box")
            for beat in range(4):
                activity.heartbeat(beat)
                await asyncio.sleep(20)
            return f"packed {order}"

        @temporal.activity
        def stamp(order: int) -> int:
            self.count()
            return order * 10

        @temporal.workflow("order")
        async def order(ctx: WorkflowContext, number: int) -> list[Any]:
            async def outside(step: str, function: Any) -> Any:
                return await ctx.activity(
                    step, function, number, task_queue="native", retry=SOON, start_to_close_timeout="5m"
                )

            first = await outside("charge", charge)
            both = await asyncio.gather(outside("pack", pack), outside("stamp", stamp))
            return [first, *both]

        self.order = order
        self.inside = Worker(namespace=NAMESPACE, task_queue="main", workflows=[order])
        self.outside = Worker(namespace=NAMESPACE, task_queue="native", activities=[charge, pack, stamp])

    def count(self) -> int:
        """Note one execution; the number of its attempt."""
        info = activity.info()
        self.executions[info.idempotency_key, info.attempt] += 1
        return info.attempt

    async def workload(self, simulation: Simulation) -> None:
        """All orders at once."""
        simulation.run(self.inside)
        self.processes = Processes(simulation, self.outside)

        async def client(number: int) -> Any:
            start = partial(
                self.temporal.start_workflow,
                self.order,
                workflow_id=f"order-{number}",
                request_id=f"order-{number}",
                task_queue="main",
                args=[number],
            )
            handle = await insist(start)
            return await insist(handle.result)

        self.results = await asyncio.gather(*map(client, range(self.orders)))


def play(seed: int, faults: FaultPlan | None = None, *, strict: bool = False, **options: Any) -> Outcome:
    """One run under ``faults``, and every law about it. Raises AssertionError."""
    shop = Shop()
    scenario = Scenario(
        name="external",
        workload=shop.workload,
        summary="activities outside",
        faults=faults or FaultPlan(),
        step_budget=20_000,
        options=options,
    )
    result, simulation = run_and_keep(scenario, seed=seed, strict=strict, checkers=CHECKERS)
    assert not result.violations, "\n".join(map(str, result.violations))
    check(shop, simulation, losses=any(name in LOSSES for name in scenario.faults.rates))
    assert shop.processes is not None
    return Outcome(
        digest=result.digest,
        stats=result.stats,
        deaths=shop.processes.deaths,
        results=tuple(map(tuple, shop.results)),
    )


def check(shop: Shop, simulation: Simulation, *, losses: bool = False) -> None:
    """Everything ran, nothing was recorded twice, nothing is left over. A finished activity whose alarm is
    lost for good (``losses``) may still have to tell its task queue."""
    expected = [[number, f"packed {number}", number * 10] for number in range(shop.orders)]
    assert shop.results == expected
    leased = {
        (reply.token, reply.attempt)
        for step in simulation.trace.tuples()
        if step[0] == "reply" and type(reply := step[5]) is Leased
    }
    assert sum(shop.executions.values()) <= len(leased)
    assert all(count == 1 for count in shop.executions.values()), shop.executions
    histories = histories_of(simulation)
    for history in histories:
        check_history(history)
        completed = [e for e in history.events if e.event_type == EventType.ACTIVITY_TASK_COMPLETED]
        assert len(completed) == 3
    check_every_history_replays(histories, [shop.order])
    if not losses:
        check_nothing_is_stuck(simulation)
        check_nothing_stays_parked(simulation)


def check_nothing_stays_parked(simulation: Simulation) -> None:
    """Every task that a task queue holds belongs to an activity that waits."""
    for key, found in simulation.platform.objects.items():
        if kind_of(key) == TASK_QUEUE:
            tables = found.read(simulation.platform.strict)
            assert not tables.get("activity"), tables["activity"]
