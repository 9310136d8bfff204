"""Cases in the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import temporal_do.sim.objects as sim_objects
from temporal_do.sim import Simulation
from temporal_do.sim.errors import SimulationDeadlock

from .app import ports
from .cases import Case


@contextmanager
def ports_for_shells() -> Iterator[None]:
    """Simulated objects get what the Worker's objects get."""
    shell = sim_objects.Shell
    sim_objects.Shell = ports.make_shell  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        ports.io_pause = None
        sim_objects.Shell = shell  # type: ignore[misc]


IO_NS = ((0, 0, 1, 2, 3, 20), (1, 2, 3, 20), (20, 50, 200), (0, 0, 0, 1))
"""One of these for each seed in turn: what is likely in one is not in another."""
QUEUE_NS = (0, 1, 5, 20, 60, 200)


def pauses(simulation: Simulation, seed: int) -> Any:
    """The time that I/O takes on the platform, and a message on a queue: none with the first seed, as
    ever in the simulator without faults; with another one as many nanoseconds as it draws."""
    if not seed:
        return None
    platform = simulation.platform

    async def pause(host: Any) -> None:
        delays = QUEUE_NS if host.name == "worker" else IO_NS[seed % len(IO_NS)]
        delay_ns = delays[platform.choices.draw(f"io:{host.name}", len(delays))]
        if delay_ns:
            await platform.delay(delay_ns)

    return pause


def simulate(
    case: Case, seed: int = 0, *, strict: bool = False, plant: Callable[[Any], None] | None = None
) -> list[Any]:
    """What each part of the case sees. ``plant`` is told the platform, to break it on purpose."""
    with ports_for_shells(), Simulation(seed, actors=ports.ACTORS, strict=strict) as simulation:
        platform = simulation.platform
        platform.on_crash = lambda life, error: None  # scripts fail on purpose
        platform.queues.consume(ports.QUEUE, ports.consume)
        if plant is not None:
            plant(platform)
        ports.io_pause = pauses(simulation, seed)
        seen: list[Any] = []
        for part in case.parts:
            ports.LEDGERS.pop(case.name, None)
            driver = ports.Driver(simulation.host, case.name)
            asked = ports.frozen([part.steps, case.names, part.across])
            try:
                seen.append(simulation.execute(driver.part(*asked)))
            except (TimeoutError, SimulationDeadlock) as error:
                seen.append({"error": str(error)})
                break
            for key in list(platform.objects):
                platform.crash(key, "the process was killed")
        ports.LEDGERS.pop(case.name, None)
    return seen
