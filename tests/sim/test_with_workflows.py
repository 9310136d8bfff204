"""The simulator with the real engine on it: deployment, mocks, crashes, and what a stuck test is told."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from temporal_do.runtime import Temporal, Worker, WorkflowTaskFailedError
from temporal_do.runtime.errors import HostError, InvalidArgumentError
from temporal_do.sim import FaultPlan, Simulation, SimulationDeadlock

temporal = Temporal(namespace="shop")


@temporal.activities
class shop:
    async def charge(amount: int) -> str:  # type: ignore[misc]
        await asyncio.sleep(1)
        return f"charged {amount}"


@temporal.workflow("shipping")
async def shipping(ctx: Any, amount: int) -> int:
    await ctx.sleep("1h")
    return amount * 2


@temporal.workflow("order")
async def order(ctx: Any, amount: int) -> list[Any]:
    charged = await ctx.activity("charge", lambda: shop.charge(amount))
    await ctx.sleep("pause", "5m")
    approval = await ctx.wait_for_signal("approval", timeout="24h")
    return [charged, approval, await ctx.execute_child(shipping, amount)]


@temporal.workflow("broken")
async def broken(ctx: Any) -> Any:
    await ctx.sleep("1h")
    return [].pop()


@temporal.workflow("clock-reader")
async def clock_reader(ctx: Any) -> float:
    return time.time()


@temporal.workflow("patient")
async def patient(ctx: Any) -> Any:
    return await ctx.wait_for_signal("never")


@temporal.workflow("elsewhere")
async def elsewhere(ctx: Any) -> Any:
    return await ctx.activity("charge", lambda: shop.charge(1), task_queue="nowhere")


WORKER = Worker(
    namespace="shop",
    task_queue="orders",
    workflows=[order, shipping, broken, clock_reader, patient, elsewhere],
    activities=shop,
)


async def _start(workflow: Any, *args: Any, workflow_id: str = "o-1") -> Any:
    while True:
        try:
            return await temporal.start_workflow(
                workflow,
                workflow_id=workflow_id,
                task_queue="orders",
                args=list(args),
                id_conflict_policy="use_existing",
            )
        except HostError:
            pass  # nobody knows for two minutes whether it has begun: ask again


async def _order(sim: Simulation) -> Any:
    sim.run(WORKER)
    handle = await _start(order, 5)
    await sim.sleep("1h")
    await handle.signal("approval", "yes")
    return await handle.result()


EXPECTED = ["charged 5", "yes", 10]


def test_a_workflow_that_takes_hours_takes_none() -> None:
    with Simulation() as sim:
        assert sim.execute(_order(sim)) == EXPECTED
        assert sim.now().isoformat() == "2026-01-01T02:00:00+00:00"


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_the_result_is_the_same_and_so_is_the_digest_in_strict_mode(seed: int) -> None:
    digests = []
    for strict in (False, True):
        with Simulation(seed, faults=FaultPlan.everything(40_000), strict=strict) as sim:
            assert sim.execute(_order(sim)) == EXPECTED
        digests.append(sim.digest)
    assert digests[0] == digests[1]


@pytest.mark.soak
def test_a_storm_changes_no_result() -> None:
    for seed in range(100, 600):
        with Simulation(seed, faults=FaultPlan.everything(60_000)) as sim:
            assert sim.execute(_order(sim)) == EXPECTED, f"seed {seed}"


def test_an_activity_is_replaced_by_name() -> None:
    with Simulation() as sim:
        sim.mock_activity("charge", lambda amount: f"mocked {amount}")
        assert sim.execute(_order(sim))[0] == "mocked 5"
        with pytest.raises(InvalidArgumentError, match="takes a name and a function"):
            sim.mock_activity("charge", "no function")  # type: ignore[arg-type]


def test_a_workflow_is_killed_by_its_id_and_recovers() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await _start(order, 5)
            await sim.sleep("10m")
            assert sim.crash("o-1")
            await handle.signal("approval", "yes")
            assert await handle.result() == EXPECTED
            with pytest.raises(InvalidArgumentError, match="'o-2' is neither the key"):
                sim.crash("o-2")

        sim.execute(main())


def test_a_worker_that_dies_in_an_activity_is_replaced() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await _start(order, 5)
            await asyncio.sleep(0.5)
            assert sim.crash_worker() == 1
            await handle.signal("approval", "yes")
            assert await handle.result() == EXPECTED

        sim.execute(main())


def test_tasks_wait_until_a_worker_runs_and_again_when_it_has_stopped() -> None:
    with Simulation() as sim:

        async def main() -> None:
            handle = await _start(order, 5)
            await sim.sleep("1d")
            assert (await handle.describe()).status.name == "RUNNING"
            started = sim.now()
            sim.run(WORKER)
            await sim.sleep("1m")
            await sim.stop(WORKER)
            await handle.signal("approval", "yes")
            await sim.sleep("1d")
            sim.run(WORKER)
            assert await handle.result() == EXPECTED
            assert sim.now() - started >= timedelta(days=1)

        sim.execute(main())


def test_a_bug_in_workflow_code_is_raised_in_the_test_that_waits_for_it() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await _start(broken)
            with pytest.raises(WorkflowTaskFailedError, match="pop from empty list") as caught:
                await handle.result()
            assert isinstance(caught.value.__cause__, IndexError)

        sim.execute(main())


def test_workflow_code_that_reads_the_clock_is_refused_by_line() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            with pytest.raises(WorkflowTaskFailedError, match=r"test_with_workflows\.py:\d+.*time\.time"):
                await (await _start(clock_reader)).result()

        sim.execute(main())


def test_or_it_is_retried_until_the_code_is_mended_when_the_test_wants_that() -> None:
    with Simulation(raise_task_failures=False) as sim:

        async def main() -> None:
            sim.run(WORKER)
            handle = await _start(broken)
            await sim.sleep("3h")
            assert (await handle.describe()).status.name == "RUNNING"
            mended = Temporal(namespace="shop").define_workflow("broken", _mended)
            sim.run(Worker(namespace="shop", task_queue="orders", workflows=[mended]))
            assert await handle.result() == "mended"

        sim.execute(main())


async def _mended(ctx: Any) -> Any:
    await ctx.sleep("1h")
    return "mended"


@pytest.mark.parametrize(
    ("workflow", "deploy", "told"),
    [
        (patient, True, "'o-1' (patient) waits for a signal, an update or a condition"),
        (patient, True, "; it has received no signal"),
        (patient, False, "workflows runs for task queue 'orders' of namespace 'shop': deploy one"),
        (elsewhere, True, "activity 'charge' (id 1), scheduled, attempt 1, but no worker with activities"),
        (elsewhere, True, "the workers here run for 'orders' of 'shop'"),
        (elsewhere, True, "; task_queue= of Temporal(...), or of the call, says which one is asked"),
    ],
)
def test_a_deadlock_names_what_each_open_workflow_waits_for(workflow: Any, deploy: bool, told: str) -> None:
    with Simulation() as sim:

        async def main() -> None:
            if deploy:
                sim.run(WORKER)
            handle = await _start(workflow)
            with pytest.raises(SimulationDeadlock) as caught:
                await handle.result()
            assert told in str(caught.value)
            assert "test_with_workflows.py:" in str(caught.value)

        sim.execute(main())


def test_an_activity_that_fails_for_ever_is_told_with_its_last_error() -> None:
    async def declined(amount: int) -> str:
        raise ValueError("card declined")

    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            sim.mock_activity("charge", declined)
            handle = await _start(order, 5)
            with pytest.raises(
                SimulationDeadlock, match=r"activity 'charge' .*it failed with: .*card declined"
            ):
                await handle.result()

        sim.execute(main())


def test_two_simulations_run_the_same_application_at_the_same_time() -> None:
    with Simulation(1) as one:
        with Simulation(2, faults=FaultPlan.crashes(50_000)) as two:
            assert two.execute(_order(two)) == EXPECTED
        assert one.execute(_order(one)) == EXPECTED
        assert one.now().isoformat() == "2026-01-01T02:00:00+00:00"
