"""What the platform loses for good is found again by the recovery sweep, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime import RetryPolicy, Temporal, Worker
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.keys import ACTIVITY, kind_of
from temporal_do.runtime.messages.activity import ACTIVITY_QUEUE
from temporal_do.runtime.sweep import PAGE_SIZE, shards_of, sweep
from temporal_do.sim import FaultPlan, Simulation, SimulationError

from .laws import check_nothing_is_kept, check_nothing_is_stuck

temporal = Temporal(namespace="shop")

failures: list[str] = []


@temporal.activity
async def charge(amount: int) -> int:
    if failures:
        raise RuntimeError(failures.pop())
    return amount


@temporal.workflow("shipping")
async def shipping(ctx: Any, amount: int) -> int:
    await ctx.sleep("the van", "30m")
    return amount * 2


@temporal.workflow("order")
async def order(ctx: Any, amount: int) -> int:
    await ctx.sleep("think it over", "10m")
    charged = await ctx.activity(
        "charge", charge, amount, retry=RetryPolicy(initial_interval="20s"), start_to_close_timeout="5m"
    )
    return int(await ctx.execute_child(shipping, charged, workflow_id="ship-1"))


@temporal.workflow("parent")
async def parent(ctx: Any) -> str:
    await ctx.start_child(shipping, 1, workflow_id="ship-1")
    return "gone"


WORKER = Worker(namespace="shop", task_queue="main", workflows=[order, shipping, parent], activities=[charge])

ORDER = "WorkflowDO/shop/o-1"
SHIPPING = "WorkflowDO/shop/ship-1"
PARENT = "WorkflowDO/shop/p-1"


async def _order(sim: Simulation) -> Any:
    sim.run(WORKER)
    handle = await temporal.start_workflow(order, workflow_id="o-1", task_queue="main", args=[5])
    return await handle.result()


def always(fault: str, key: str, times: int = 6) -> FaultPlan:
    plan = FaultPlan()
    for occurrence in range(1, times + 1):
        plan = plan | FaultPlan.at(fault, key, occurrence)
    return plan


STUCK_ACTIVITY = always("stuck_alarm", "ActivityDO/*")

LOSSES = {
    "the alarm of a workflow, stuck": always("stuck_alarm", ORDER),
    "the alarm of a workflow, exhausted": always("exhausted_alarm", ORDER),
    "the alarm of a child": always("stuck_alarm", SHIPPING),
    "the alarm of a retry": STUCK_ACTIVITY,
    "the alarm of a lease whose worker died": STUCK_ACTIVITY | FaultPlan.at("worker_crash_after_call"),
    "a message that expired": STUCK_ACTIVITY | FaultPlan.at("expired_message", ACTIVITY_QUEUE),
    "a message without retries left": (
        STUCK_ACTIVITY
        | FaultPlan.at("worker_crash_before_call")
        | FaultPlan.at("dead_letter", ACTIVITY_QUEUE)
    ),
    "the redelivery of what a workflow sent": always("lost_request", ORDER, 2) | always("stuck_alarm", ORDER),
    "the redelivery of what a child sent": always("lost_request", SHIPPING) | always("stuck_alarm", SHIPPING),
    "the redelivery of what an activity sent": always("lost_request", "ActivityDO/*") | STUCK_ACTIVITY,
    "every second alarm and message": FaultPlan.losses(500_000),
}


def _run(plan: FaultPlan, seed: int, profile: str, *, swept: bool = True) -> Simulation:
    failures[:] = ["the card reader is broken"]
    with Simulation(seed, faults=plan, profile=profile, time_budget="400d") as sim:
        if not swept:
            sim.platform.cron.sweeper = None
        assert sim.execute(_order(sim)) == 10
        sim.heal()
        sim.execute(sim.sleep("1h"))
        check_nothing_is_stuck(sim)
        sim.execute(sim.sleep("100d"))
        check_nothing_is_kept(sim)
    return sim


@pytest.mark.parametrize("profile", ["local", "prod"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_workflow_ends_whatever_was_lost(loss: str, profile: str) -> None:
    for seed in range(3):
        sim = _run(LOSSES[loss], seed, profile)
        assert "cron" in {step["kind"] for step in sim.trace.steps()}


@pytest.mark.parametrize("loss", LOSSES)
def test_without_the_sweep_it_does_not(loss: str) -> None:
    with pytest.raises((SimulationError, HostError, AssertionError)):
        for seed in range(3):
            _run(LOSSES[loss], seed, "local", swept=False)


@pytest.mark.parametrize("swept", [True, False])
def test_a_schedule_goes_on_after_its_alarms_were_lost(swept: bool) -> None:
    with Simulation(faults=always("stuck_alarm", "TimerDO/*", 10)) as sim:
        if not swept:
            sim.platform.cron.sweeper = None

        async def main() -> int:
            sim.run(WORKER)
            await temporal.schedule_workflow(
                shipping, schedule_id="hourly", interval="1h", task_queue="main", args=[1]
            )
            await sim.sleep("12h30m")
            return await temporal.count_workflows(workflow_type="shipping")

        assert sim.execute(main()) == (12 if swept else 0)


@pytest.mark.parametrize("swept", [True, False])
def test_the_last_will_of_a_closed_parent_is_carried_out(swept: bool) -> None:
    ended = set()
    for occurrence in range(2, 9):
        plan = FaultPlan.at("lost_request", PARENT, occurrence) | always("stuck_alarm", PARENT)
        with Simulation(faults=plan) as sim:
            if not swept:
                sim.platform.cron.sweeper = None

            async def main(sim: Simulation = sim) -> str:
                sim.run(WORKER)
                handle = await temporal.start_workflow(parent, workflow_id="p-1", task_queue="main")
                assert await handle.result() == "gone"
                await sim.sleep("20m")
                return (await temporal.get_handle("ship-1").describe()).status.name

            try:
                ended.add(sim.execute(main()))
            except (HostError, SimulationError):
                ended.add("STUCK")
    assert ended == {"TERMINATED"} if swept else "RUNNING" in ended


def test_a_sweep_with_nothing_overdue_changes_nothing() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await temporal.start_workflow(order, workflow_id="o-1", task_queue="main", args=[5])
            await sim.sleep("5m")
            before = _rows(sim)
            report = await sim.deployment.sweep(sim.host)
            assert report.is_complete
            assert report.poked == 1
            assert _rows(sim) == before
            assert await handle.result() == 10

        failures.clear()
        sim.execute(main())
        assert "cron" not in {step["kind"] for step in sim.trace.steps()}, "and so it did not run by itself"


def test_a_sweep_that_does_not_reach_a_shard_or_an_object_says_so() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            await temporal.start_workflow(order, workflow_id="o-1", task_queue="main", args=[5])
            for key in ("VisibilityDO/shop/*", ORDER):
                sim.place("overload", key)
                report = await sim.deployment.sweep(sim.host)
                assert report.unreached == 1
                assert not report.is_complete
            assert (await sim.deployment.sweep(sim.host)).is_complete

        failures.clear()
        sim.execute(main())


def test_a_sweep_goes_through_the_index_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_do.runtime.sweep.PAGE_SIZE", 3)
    assert PAGE_SIZE > 3
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            for number in range(40):
                await temporal.start_workflow(
                    shipping, workflow_id=f"s-{number}", task_queue="main", args=[1]
                )
            seen = len([step for step in sim.trace.steps() if step["kind"] == "call"])
            assert (await sweep(sim.host, shards_of(["shop"]))).poked == 40
            calls = [step for step in sim.trace.steps() if step["kind"] == "call"][seen:]
            poked = [step["receiver"] for step in calls if type(step["message"]).__name__ == "Poke"]
            assert sorted(poked) == sorted(f"WorkflowDO/shop/s-{number}" for number in range(40))

        sim.execute(main())


def test_what_has_come_to_rest_is_swept_once_more_and_then_never() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await temporal.start_workflow(order, workflow_id="o-1", task_queue="main", args=[5])
            await handle.result()
            await sim.sleep("1m")
            assert [(await sim.deployment.sweep(sim.host)).poked for _ in range(3)] == [4, 0, 0]
            await sim.sleep("26h")
            assert [(await sim.deployment.sweep(sim.host)).poked for _ in range(3)] == [4, 0, 0]
            assert not any(kind_of(key) == ACTIVITY for key, _, _ in _rows(sim))

        failures.clear()
        sim.execute(main())


def _rows(sim: Simulation) -> set[tuple[str, str, Any]]:
    """Every row there is: object, table, key."""
    return {
        (key, name, row)
        for key, found in sim.platform.objects.items()
        for name, table in found.tables.items()
        for row in table
    }
