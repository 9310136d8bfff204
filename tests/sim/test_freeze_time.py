"""Ordinary clocks show virtual time when asked for, and cost nothing when not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.sim import Simulation

from .toys import busy_world, check_busy_world, toy_simulation


def test_datetime_and_time_follow_the_virtual_clock_in_tests_and_activities() -> None:
    seen: list[datetime] = []

    async def consume(worker: Any, body: Any, run: Any) -> None:
        await asyncio.sleep(60)
        seen.append(datetime.now(UTC))

    with toy_simulation(freeze_time=True) as sim:
        sim.platform.queues.consume("toys", consume)

        async def main() -> None:
            assert datetime.now(UTC) == sim.now() == datetime(2026, 1, 1, tzinfo=UTC)
            stamp, ticks = time.time(), time.monotonic()
            await sim.sleep("7d")
            assert datetime.now(UTC) == sim.now() == datetime(2026, 1, 8, tzinfo=UTC)
            assert date.today() == date(2026, 1, 8)
            assert time.time() - stamp == time.monotonic() - ticks == 7 * 86_400
            await sim.host.enqueue("toys", 1)
            await sim.sleep("1h")
            async with asyncio.timeout(5):
                await asyncio.sleep(1)

        sim.execute(main())
        assert datetime.now(UTC) == sim.now()
    assert seen == [datetime(2026, 1, 8, 0, 1, tzinfo=UTC)]
    assert abs(datetime.now(UTC).timestamp() - time.time()) < 60
    assert datetime.now(UTC) - datetime(2026, 1, 8, 1, tzinfo=UTC) != timedelta(0)


temporal = Temporal(namespace="frozen")


@temporal.activity
async def stamp(day: date) -> datetime:
    assert day == date(2026, 1, 6)
    return datetime.now(UTC)


@temporal.workflow("stamped")
async def stamped(ctx: WorkflowContext) -> datetime:
    await ctx.sleep("5d")
    return await ctx.activity("stamp", lambda: stamp(ctx.now().date()))


WORKER = Worker(namespace="frozen", task_queue="q", workflows=[stamped], activities=[stamp])


@pytest.mark.parametrize("frozen", [True, False, True])
def test_activities_and_workflows_pass_datetimes_frozen_or_not(frozen: bool) -> None:
    with Simulation(freeze_time=frozen) as sim:

        async def main() -> datetime:
            sim.run(WORKER)
            handle = await temporal.start_workflow(stamped, workflow_id="w", task_queue="q")
            return await handle.result()

        result = sim.execute(main())
    assert isinstance(result, datetime)
    assert (result == datetime(2026, 1, 6, tzinfo=UTC)) is frozen


def test_a_script_that_only_executes_is_frozen_while_it_runs() -> None:
    sim = toy_simulation(freeze_time=True, start="2040-01-01T00:00:00Z")

    async def main() -> int:
        return datetime.now(UTC).year

    assert sim.execute(main()) == 2040
    assert datetime.now(UTC).year != 2040
    sim.close()


def test_freezing_changes_nothing_in_the_run_itself() -> None:
    digests = []
    for freeze in (False, True):
        with toy_simulation(8, freeze_time=freeze) as sim:
            sim.execute(busy_world(sim))
        check_busy_world(sim)
        digests.append(sim.digest)
    assert digests[0] == digests[1]


def test_freezegun_is_not_even_imported_when_nobody_asks_for_it() -> None:
    script = "import sys, temporal_do.sim as s; s.Simulation(); print('freezegun' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "False"
