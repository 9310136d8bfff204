"""The bare simulator beside SimPy: the same delays, as callbacks and as processes that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from temporal_do.sim import Simulation
from temporal_do.sim.choices import Choices
from temporal_do.sim.scheduler import Scheduler

from .measuring import Effort
from .results import Result, rate

PROCESSES = 100


def _delay(process: int, step: int) -> int:
    return (process * 7919 + step * 104_729) % 9_973 + 1


def our_callbacks(steps: int) -> int:
    """A chain of timers per process; returns how many fired."""
    scheduler = Scheduler(0, Choices(1).stream("schedule"))
    fired = 0

    def tick(process: int, step: int) -> None:
        nonlocal fired
        fired += 1
        if step < steps:
            scheduler.at(scheduler.now() + _delay(process, step), tick, process, step + 1)

    for process in range(PROCESSES):
        scheduler.at(_delay(process, 0), tick, process, 1)
    while (event := scheduler.take()) is not None:
        event[1](*event[2])
    return fired


def simpy_callbacks(steps: int) -> int:
    """The same in SimPy."""
    import simpy

    environment = simpy.Environment()
    fired = 0

    def tick(event: Any) -> None:
        nonlocal fired
        fired += 1
        process, step = event.value
        if step < steps:
            following = environment.timeout(_delay(process, step), (process, step + 1))
            following.callbacks.append(tick)

    for process in range(PROCESSES):
        environment.timeout(_delay(process, 0), (process, 1)).callbacks.append(tick)
    environment.run()
    return fired


def our_processes(steps: int) -> int:
    """A task per process that sleeps again and again; returns how often one woke."""
    woken = 0

    async def process(number: int) -> None:
        nonlocal woken
        for step in range(steps):
            await asyncio.sleep(_delay(number, step))
            woken += 1

    async def live() -> None:
        tasks = [asyncio.ensure_future(process(number)) for number in range(PROCESSES)]
        await simulation.sleep(9_973 * (steps + 1))
        assert all(task.done() for task in tasks)

    with Simulation(seed=1) as simulation:
        simulation.execute(live())
    return woken


def simpy_processes(steps: int) -> int:
    """The same in SimPy."""
    import simpy

    environment = simpy.Environment()
    woken = 0

    def process(number: int) -> Generator[Any, Any, None]:
        nonlocal woken
        for step in range(steps):
            yield environment.timeout(_delay(number, step))
            woken += 1

    for number in range(PROCESSES):
        environment.process(process(number))
    environment.run()
    return woken


def run(effort: Effort) -> list[Result]:
    """Measure each form in turns with SimPy's."""
    import simpy  # noqa: F401 - not to be measured with the first run

    steps = effort.size(2_000, 10)
    results = []
    for name, ours, theirs in (
        ("scheduler events (callbacks)", our_callbacks, simpy_callbacks),
        ("waking processes (asyncio.sleep)", our_processes, simpy_processes),
    ):
        mine, peers = effort.measure_in_turns(
            (name, lambda f=ours: f(steps)),
            (f"SimPy: {name}", lambda f=theirs: f(steps)),  # type: ignore[misc]
        )
        count = PROCESSES * steps
        assert mine.outcome == peers.outcome == count, (mine.outcome, peers.outcome)
        results.append(
            rate(
                name,
                mine,
                count,
                "event",
                peer="SimPy",
                peer_value=count / peers.wall_s,
                ratio=peers.wall_s / mine.wall_s,
            )
        )
    return results
