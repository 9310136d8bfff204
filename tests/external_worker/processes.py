"""External workers as processes of a simulated world: they poll over the simulated host, and may be killed.

A killed process does nothing any more, not even its `finally` blocks; a while later another takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporal_do.edge_adapter.remote.worker import ExternalWorker
from temporal_do.runtime import Worker
from temporal_do.sim import Simulation
from temporal_do.sim.hosts import SimHost
from temporal_do.sim.lives import DEAD, LIVE

SECOND = 10**9
REPLACED_AFTER_NS = 3 * SECOND
NAME = "external"


class ProcessHost(SimHost):
    """The host as one process sees it; its calls are where it may die."""

    __slots__ = ("on_death",)

    def __init__(self, simulation: Simulation, number: int, on_death: Callable[[ProcessHost], None]) -> None:
        super().__init__(simulation.platform, NAME, number)
        self.on_death = on_death

    async def call(self, receiver: str, message: Any) -> Any:
        fault = self.platform.strike("worker", self.name)
        if fault == "worker_crash_before_call":
            self.kill()
        reply = await super().call(receiver, message)
        if fault:
            self.kill()
            await self.never()
        return reply

    def kill(self) -> None:
        """Stop the process where it is."""
        if self.state != DEAD:
            self.state = DEAD
            self.platform.trace.add(("dead", self.platform.now(), self.name, self.number, "killed"))
            self.on_death(self)


class Processes:
    """So many external workers, each replaced when it dies."""

    def __init__(self, simulation: Simulation, worker: Worker, count: int = 2, **options: Any) -> None:
        self.simulation = simulation
        self.worker = worker
        self.options = {"threads": False, "concurrency": 2, "poll_wait": "20s", **options}
        self.started = 0
        self.deaths = 0
        self.alive: dict[int, tuple[ProcessHost, ExternalWorker]] = {}
        for _ in range(count):
            self.start()

    def start(self) -> None:
        """One more process."""
        if self.simulation.platform.closed:
            return
        self.started += 1
        host = ProcessHost(self.simulation, self.started, self.died)
        worker = ExternalWorker(host, self.worker, identity=f"{NAME}-{self.started}", **self.options)
        self.alive[self.started] = (host, worker)
        host.run(worker.run())

    def died(self, host: ProcessHost) -> None:
        """One process less, for a while."""
        self.deaths += 1
        del self.alive[host.number]
        scheduler = self.simulation.platform.scheduler
        scheduler.at(self.simulation.platform.now() + REPLACED_AFTER_NS, self.start)

    def kill_all(self) -> None:
        """A power failure."""
        for host, _ in list(self.alive.values()):
            assert host.state == LIVE
            host.kill()
