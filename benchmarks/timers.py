"""100,000 timers set and fired: the simulator's own, `asyncio.sleep` on the simulated loop, and durable ones
inside workflows."""

from __future__ import annotations

import asyncio
from typing import Any

from temporal_do.sim import Simulation
from temporal_do.sim.choices import Choices
from temporal_do.sim.scheduler import Scheduler

from .measuring import Effort
from .results import Goal, Result, duration
from .workflows import temporal, timers, unlimited_actors, worker

SPREAD = 1_000
_SECOND = 1_000_000_000


def _raw(count: int) -> int:
    scheduler = Scheduler(0, Choices(1).stream("schedule"))
    fired: list[int] = []
    for number in range(count):
        scheduler.at((number % SPREAD + 1) * _SECOND, fired.append, number)
    while (event := scheduler.take()) is not None:
        event[1](*event[2])
    return len(fired)


def _sleeps(count: int) -> int:
    async def live() -> int:
        fired: list[int] = []

        async def sleep(number: int) -> None:
            await asyncio.sleep(number % SPREAD + 1)
            fired.append(number)

        tasks = [asyncio.ensure_future(sleep(number)) for number in range(count)]
        await simulation.sleep(SPREAD + 1)
        assert all(task.done() for task in tasks)
        return len(fired)

    with Simulation(seed=1) as simulation:
        return simulation.execute(live())


def _durable(workflows: int, each: int, spread_seconds: int) -> dict[str, int]:
    async def live() -> None:
        simulation.run(worker)
        handles = [
            await temporal.start_workflow(timers, workflow_id=f"timers-{number}", args=[each, spread_seconds])
            for number in range(workflows)
        ]
        for handle in handles:
            await handle.result()

    options: dict[str, Any] = {"actors": unlimited_actors()}
    with Simulation(seed=1, **options) as simulation:
        simulation.execute(live())
    return simulation.stats


def run(effort: Effort) -> list[Result]:
    """Set and fire timers at every level."""
    count = effort.size(100_000, 1_000)
    goal = Goal(2.0)

    def check(work: Any) -> None:
        assert work() == count

    results = [
        duration(
            f"{count:,} timers of the scheduler",
            effort.measure("timers of the scheduler", lambda: check(lambda: _raw(count)), runs=3),
            goal=goal,
        ),
        duration(
            f"{count:,} times asyncio.sleep",
            effort.measure("asyncio.sleep", lambda: check(lambda: _sleeps(count)), runs=3),
            goal=goal,
        ),
    ]
    each = effort.size(100, 10)
    durable = (
        (f"{count:,} durable timers, {count // each:,} workflows, one instant", count // each, each, 0),
        (f"{count:,} durable timers, {count // each:,} workflows, an instant each", count // each, each, 1),
        (f"{count:,} durable timers in one workflow, one instant", 1, count, 0),
        (f"{count // 20:,} durable timers in one workflow, an instant each", 1, count // 20, 1),
    )
    for name, workflows, in_each, spread in durable:
        timing = effort.measure(name, lambda w=workflows, e=in_each, s=spread: _durable(w, e, s), runs=1)  # type: ignore[misc]
        stats = timing.outcome
        note = (
            f"{stats['commits']:,} commits, {timing.cpu_s / workflows / in_each * 1e6:.0f} us of CPU a timer"
        )
        results.append(duration(name, timing, note=note))
    return results
