"""The shop on the platform's own binary, which is killed while it works: everything completes, nothing is
done or recorded twice, and every history replays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from examples.shop.pace import use_pace
from examples.shop.worker import worker
from examples.shop.workflows import nightly_report
from temporal_do.edge_adapter.tooling.platform import Platform
from temporal_do.runtime import Temporal
from temporal_do.sim import Replayer

from .customers import EVERYBODY, insist
from .proof import Run, executions_beyond_leases, problems
from .shop import QUICK, Shop, open_shop

SWEEP_SECONDS = 10.0
"""In production a cron trigger sweeps; on a laptop nothing fires it."""


async def histories(temporal: Temporal) -> list[Run]:
    """Every history there is, of open runs too."""
    found = []
    for each in await temporal.list_workflows():
        handle = temporal.get_handle(each.workflow_id, each.run_id)
        found.append(
            Run(workflow_id=each.workflow_id, run_id=each.run_id, history=await handle.fetch_history())
        )
    return found


@asynccontextmanager
async def sweeping(shop: Shop) -> AsyncIterator[None]:
    """Let the recovery sweep come now, and then from time to time."""

    async def sweep() -> None:
        while True:
            assert await shop.edge.trigger_cron() == "ok"
            await asyncio.sleep(SWEEP_SECONDS)

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def business(shop: Shop, kills: int, random: Random, finish_seconds: float) -> str:
    """Have people come in while the platform is killed ``kills`` times; wait for the last; look at it all.
    Returns what it measured."""
    began = time.monotonic()
    reports = await shop.temporal.schedule_workflow(nightly_report, schedule_id="reports", interval="3s")
    people: dict[str, asyncio.Future[bool]] = {}
    earlier: list[Run] = []
    rounds = max(kills, len(EVERYBODY) // 2)
    for round in range(rounds):
        for _ in range(2):
            person = EVERYBODY[len(people) % len(EVERYBODY)]
            name = f"{person.__name__}:{len(people)}"
            number = str(1000 + len(people))
            people[name] = asyncio.ensure_future(person(shop.temporal, number, Random(number)))
        await asyncio.sleep(random.uniform(0.02, 4.0))
        if round < kills:
            await shop.kill()
        if round == kills // 2:
            earlier = await insist(lambda: histories(shop.temporal))
    back = time.monotonic()
    async with sweeping(shop):
        _, late = await asyncio.wait(people.values(), timeout=finish_seconds)
        recovered = time.monotonic() - back
        if late:
            open_runs = await shop.temporal.list_workflows(status="running")
            pytest.fail(f"after {finish_seconds:g} s still open: {[each.workflow_id for each in open_runs]}")
        for name, task in people.items():
            if task.exception() is not None:
                raise AssertionError(name) from task.exception()
        await reports.delete()
        async with asyncio.timeout(120):
            while await shop.temporal.list_workflows(status="running"):  # reports
                await asyncio.sleep(0.5)
        runs = await histories(shop.temporal)
    look_at_everything(shop, people, runs, earlier)
    events = sum(len(each.history.events) for each in runs)
    executions = sum(shop.outside.visits.values())
    return (
        f"{len(people)} people, {len(runs)} runs, {events} events, {executions} executions; "
        f"{kills} kills, {sum(shop.restarts) / max(kills, 1):.2f} s until the next start; "
        f"all ended {recovered:.1f} s after the last one; {time.monotonic() - began:.0f} s in all"
    )


def look_at_everything(
    shop: Shop, people: dict[str, asyncio.Future[bool]], runs: list[Run], earlier: list[Run]
) -> None:
    """Everything that was promised, at the end."""
    names = {each.workflow_id for each in runs}
    world = shop.outside.world
    for name, person in people.items():
        number = 1000 + int(name.rpartition(":")[2])
        customer, has_paid = f"customer-{number}", person.result()
        assert world.balance(customer) == (900 if has_paid else 0), name
        if has_paid:
            assert f"shipping-{number}" in names
            assert sum(to == customer for to, _ in world.mails) == 1, name
    paid = [name for name, person in people.items() if person.result()]
    assert paid
    assert sum(each.workflow_id.startswith("reports") for each in runs) >= 2
    assert world.stock["tea"] == 1000 - 2 * sum(name.startswith("gets_tea:") for name in paid)
    assert problems(runs, earlier) == []
    assert executions_beyond_leases(runs, shop.outside.visits) == []
    with use_pace(QUICK):
        assert len(Replayer(worker).replay([each.history for each in runs]).histories) == len(runs)


def test_the_shop_is_killed_three_times(platform: Platform, bundle: Path, tmp_path: Path) -> None:
    async def main() -> str:
        async with open_shop(platform, bundle, tmp_path) as shop:
            return await business(shop, 3, Random(), finish_seconds=150)

    print(asyncio.run(main()))


@pytest.mark.soak
@pytest.mark.parametrize("eager", ["on", "off"])
def test_the_shop_is_killed_at_fifty_moments(
    platform: Platform, bundle: Path, tmp_path: Path, eager: str
) -> None:
    async def main() -> str:
        async with open_shop(platform, bundle, tmp_path, TEMPORAL_DO_EAGER=eager) as shop:
            return await business(shop, 50, Random(), finish_seconds=400)

    print(asyncio.run(main()))
