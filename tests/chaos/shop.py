"""A small shop as chaos scenarios: one that holds, and one for each way to fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.runtime.durations import DAY
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.properties import sometimes
from temporal_do.sim.scenario import Scenario

temporal = Temporal(namespace="shop")


@temporal.activity
async def charge(amount: int) -> str:
    raise RuntimeError("the test replaces this")


@temporal.workflow("order")
async def order(ctx: WorkflowContext, amount: int) -> Any:
    await ctx.sleep("cool down", "2d")
    return await ctx.activity("charge", lambda: charge(amount))


@temporal.workflow("waits")
async def waits(ctx: WorkflowContext) -> None:
    await ctx.wait_for_signal("never")


numbers = itertools.count(1)


@temporal.workflow("fickle")
async def fickle(ctx: WorkflowContext) -> None:
    for _ in range(3):
        await ctx.sleep("a while", f"{next(numbers)}h")


@temporal.workflow("marathon")
async def marathon(ctx: WorkflowContext) -> None:
    for lap in range(1, 41):
        await ctx.sleep(f"lap {lap}", "1h")


worker = Worker(
    namespace="shop", task_queue="main", workflows=[order, waits, fickle, marathon], activities=[charge]
)

FAULTS = FaultPlan.workers(100_000) | FaultPlan.crashes(10_000) | FaultPlan.network(10_000)


def scenario(name: str, workload: Callable[[Simulation], Any], faults: FaultPlan = FAULTS) -> Scenario:
    return Scenario(
        name=name, workload=workload, summary=f"the {name} shop", faults=faults, heal_after_ns=30 * DAY
    )


async def good(sim: Simulation) -> None:
    sim.run(worker)
    sim.mock_activity("charge", lambda amount: f"charged {amount}")
    handle = await temporal.start_workflow(order, workflow_id="order-7", args=[5], request_id="once")
    assert await handle.result() == "charged 5"


def charging_again(sim: Simulation) -> list[int]:
    """Run the worker with a provider that charges whenever it is asked; gives back what it charged."""
    book: list[int] = []

    def charge_again(amount: int) -> str:
        book.append(amount)
        return "charged"

    sim.run(worker)
    sim.mock_activity("charge", charge_again)
    return book


async def careless(sim: Simulation) -> None:
    book = charging_again(sim)
    handle = await temporal.start_workflow(order, workflow_id="order-7", args=[5], request_id="once")
    await handle.result()
    assert len(book) == 1, f"order 7 was charged {len(book)} times"


async def two_at_once(sim: Simulation) -> None:
    book = charging_again(sim)
    first = await temporal.start_workflow(order, workflow_id="order-1", args=[1], request_id="first")
    await sim.sleep("1h")
    second = await temporal.start_workflow(order, workflow_id="order-2", args=[2], request_id="second")
    await first.result()
    await second.result()
    assert sorted(book) == [1, 2], f"it charged {sorted(book)}"


async def stuck(sim: Simulation) -> None:
    sim.run(worker)
    handle = await temporal.start_workflow(waits, workflow_id="waiting-1", request_id="once")
    await handle.result()


async def changing(sim: Simulation) -> None:
    sim.run(worker)
    handle = await temporal.start_workflow(fickle, workflow_id="fickle-1", request_id="once")
    await sim.sleep("30m")
    sim.crash("fickle-1")
    await handle.result()


async def broken(sim: Simulation) -> None:
    print("a scenario that talks")
    raise RuntimeError("the scenario has a bug")


async def never(sim: Simulation) -> None:
    sometimes(sim, "pigs fly", False)
    await good(sim)


async def tiring(sim: Simulation) -> None:
    sim.run(worker)
    await temporal.execute_workflow(marathon, workflow_id="marathon-1", request_id="once")
    raise AssertionError("marathon 1 took too long")


async def leaving(sim: Simulation) -> None:
    raise SystemExit(0)


GOOD = scenario("good", good)
CARELESS = scenario("careless", careless)
TWO_AT_ONCE = scenario("two at once", two_at_once)
STUCK = scenario("stuck", stuck, FaultPlan())
CHANGING = scenario("changing", changing, FaultPlan())
BROKEN = scenario("broken", broken)
NEVER = scenario("never", never)
TIRING = scenario("tiring", tiring, FaultPlan())
QUIET = attrs.evolve(CARELESS, name="quiet", faults=FaultPlan())
LEAVING = scenario("leaving", leaving)
