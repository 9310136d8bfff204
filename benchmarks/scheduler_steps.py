"""Raw steps of the simulator's scheduler beside SimPy's events, in one run on one machine.

Three shapes: timers that were all set beforehand, processes that sleep again and again, and messages between
lanes at one instant (which SimPy has no counterpart for: its events of one instant keep their order). `python
benchmarks/scheduler_steps.py [COUNT]` prints events per second, best of five.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from temporal_do.sim.choices import Choices
from temporal_do.sim.loop import SimulationLoop
from temporal_do.sim.scheduler import Scheduler

ROUNDS = 5
PROCESSES = 100


def _scheduler() -> Scheduler:
    return Scheduler(0, Choices(1).stream("schedule"))


def _drain(scheduler: Scheduler) -> int:
    steps = 0
    while (event := scheduler.take()) is not None:
        event[1](*event[2])
        steps += 1
    return steps


def timers_ours(count: int) -> int:
    """Set `count` timers at scattered times, then fire them all."""
    scheduler = _scheduler()
    for index in range(count):
        scheduler.at(index * 7919 % count, _nothing)
    return _drain(scheduler)


def timers_simpy(count: int) -> int:
    """The same with SimPy's timeouts."""
    import simpy

    environment = simpy.Environment()
    for index in range(count):
        environment.timeout(index * 7919 % count)
    environment.run()
    return count


def processes_ours(count: int) -> int:
    """Coroutines on the simulation's event loop that sleep one second again and again."""
    scheduler = _scheduler()
    new_loop: Any = SimulationLoop
    loop = new_loop(scheduler, on_blocked=lambda: RuntimeError("blocked"), on_check=lambda: None)
    loop.check_at = count * 10

    async def process() -> None:
        for _ in range(count // PROCESSES):
            await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.gather(*(process() for _ in range(PROCESSES)))

    loop.execute(main())
    loop.close_tasks()
    return int(loop.events)


def processes_simpy(count: int) -> int:
    """The same with SimPy's processes."""
    import simpy

    environment = simpy.Environment()

    def process() -> Iterator[Any]:
        for _ in range(count // PROCESSES):
            yield environment.timeout(1)

    for _ in range(PROCESSES):
        environment.process(process())
    environment.run()
    return count


def lanes_ours(count: int) -> int:
    """Messages on 16 lanes at one instant; each sends the next, and the seed chooses among the lanes."""
    scheduler = _scheduler()
    left = [count]

    def deliver(lane: tuple[str, str]) -> None:
        if left[0] > 0:
            left[0] -= 1
            scheduler.post(lane, deliver, lane)

    for index in range(16):
        lane = (f"sender-{index}", "receiver")
        scheduler.post(lane, deliver, lane)
    return _drain(scheduler)


def _nothing() -> None:
    pass


def rate(work: Callable[[int], int], count: int) -> float:
    """Steps per second of this process's own time, the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        began = time.process_time()
        steps = work(count)
        best = max(best, steps / (time.process_time() - began))
    return best


def main(count: int = 100_000) -> dict[str, float]:
    """Measure and print; returns steps per second by name."""
    found = {
        work.__name__: rate(work, count)
        for work in (timers_ours, timers_simpy, processes_ours, processes_simpy, lanes_ours)
    }
    for name, steps in found.items():
        print(f"{name:16} {steps:12,.0f} steps/s")
    for shape in ("timers", "processes"):
        ratio = found[f"{shape}_ours"] / found[f"{shape}_simpy"]
        print(f"{shape}: {ratio:.2f} times SimPy's events/s")
    return found


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
