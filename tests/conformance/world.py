"""What the suite asks of a host beside the port itself: a small driver, written once per host.

A new host joins by adding its runner to ``RUNNERS``; every test of this folder then runs on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from temporal_do.edge_adapter.local import LocalHost
from temporal_do.runtime.host import Host, ObjectHost, Tables
from temporal_do.sim import Simulation
from tests.sim.toys import TOYS

from .actors import SUITE_ACTORS

T = TypeVar("T")

ACTORS = {**TOYS, **SUITE_ACTORS}


class World(Protocol):
    """One host without faults, and the hands to move it."""

    @property
    def host(self) -> Host:
        """The host of a client."""
        ...

    def incarnation(self, key: str) -> ObjectHost:
        """The host as the living incarnation of ``key`` sees it; a new one if there is none."""
        ...

    def kill(self, key: str) -> bool:
        """Lose the memory of ``key``; False: it had none."""
        ...

    def rows(self, key: str) -> Tables:
        """The committed rows of ``key``."""
        ...

    def consume(self, queue: str, consumer: Callable[[Any, Any, Any], Awaitable[object]]) -> None:
        """Give the messages of ``queue`` to ``consumer``."""
        ...

    async def pass_time(self, milliseconds: int) -> None:
        """Let so much time go by."""
        ...


class SimulatedWorld:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.host: Host = simulation.host

    def incarnation(self, key: str) -> ObjectHost:
        platform = self._simulation.platform
        return platform.incarnation(platform.object(key))

    def kill(self, key: str) -> bool:
        return self._simulation.platform.crash(key)

    def rows(self, key: str) -> Tables:
        platform = self._simulation.platform
        return platform.object(key).read(platform.strict)

    def consume(self, queue: str, consumer: Callable[[Any, Any, Any], Awaitable[object]]) -> None:
        self._simulation.platform.queues.consume(queue, consumer)

    async def pass_time(self, milliseconds: int) -> None:
        await self._simulation.sleep(milliseconds / 1000)


class SqliteWorld:
    def __init__(self, host: LocalHost) -> None:
        self._host = host
        self.host: Host = host

    def incarnation(self, key: str) -> ObjectHost:
        return self._host._objects.activate(key)

    def kill(self, key: str) -> bool:
        return self._host.evict(key)

    def rows(self, key: str) -> Tables:
        return self._host._database.load(key)

    def consume(self, queue: str, consumer: Callable[[Any, Any, Any], Awaitable[object]]) -> None:
        self._host.consume(queue, consumer)

    async def pass_time(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)


Scenario = Callable[[World], Awaitable[T]]


def run_simulated(scenario: Scenario[T], *, strict: bool = False) -> T:
    crashes: list[BaseException] = []
    with Simulation(actors=ACTORS, strict=strict) as simulation:
        # Actors that raise are part of the suite; a user's test would be told.
        simulation.platform.on_crash = lambda life, error: crashes.append(error)

        async def main() -> T:
            return await scenario(SimulatedWorld(simulation))

        return simulation.execute(main())


def run_strictly_simulated(scenario: Scenario[T]) -> T:
    return run_simulated(scenario, strict=True)


def run_sqlite(scenario: Scenario[T]) -> T:
    async def main() -> T:
        async with LocalHost(actors=ACTORS) as host:
            return await asyncio.wait_for(scenario(SqliteWorld(host)), 30)

    return asyncio.run(main())


Runner = Callable[[Scenario[Any]], Any]

RUNNERS: Mapping[str, Runner] = {
    "simulator": run_simulated,
    "strict-simulator": run_strictly_simulated,
    "sqlite": run_sqlite,
}


async def until(world: World, holds: Callable[[], bool], *, within_ms: int = 5_000) -> None:
    """Wait until something is so."""
    for _ in range(within_ms // 5):
        if holds():
            return
        await world.pass_time(5)
    raise AssertionError(f"not so within {within_ms} ms")
