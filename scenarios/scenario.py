"""What a scenario is, and how one is run: data, a workload, invariants.

A run has two phases. While the faults are on, only safety is asked for: nothing forbidden may happen. Then
they are healed and everything must come to its end; what has not after ``patience`` of virtual time hangs.
The invariants know the workload's own records and the histories, never the engine's insides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import attrs

from ..runtime.definitions import Worker
from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import TemporalError
from ..runtime.history import History
from ..sim.errors import SimulationError
from ..sim.faults import FaultPlan
from ..sim.simulation import Simulation


class Workload(Protocol):
    """The business of one run: made anew for each seed, so that runs share nothing."""

    @property
    def worker(self) -> Worker:
        """What is deployed."""
        ...

    async def drive(self) -> None:
        """Be the clients: make every request, and return when every answer is there."""
        ...

    async def histories(self) -> Mapping[str, History]:
        """The history of every workflow, by id, read after the end."""
        ...


@attrs.frozen(kw_only=True)
class Evidence:
    """What the invariants look at after a run."""

    workload: Any
    histories: Mapping[str, History]
    ended: bool
    """Did every client get its answers?"""


GOES_ON = "the run goes on"
"""The invariant of every scenario: nothing hangs, and no error leaves the engine."""

Check = Callable[[Evidence], Iterable[str]]
"""One sentence per violation."""


@attrs.frozen(kw_only=True)
class Scenario:
    """A scenario as data. ``faults`` are on for ``safety``; after the healing there is ``patience`` left."""

    name: str
    what: str
    faults: FaultPlan
    make_workload: Callable[[], Workload]
    invariants: Mapping[str, Check]
    safety: DurationLike = "2d"
    patience: DurationLike = "30d"


@attrs.frozen
class Violation:
    """One invariant that did not hold in the run of ``seed``."""

    seed: int
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.invariant}: {self.text}"


class ScenarioFailedError(AssertionError):
    """An invariant was violated; ``report`` has them all."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@attrs.frozen(kw_only=True)
class Report:
    """What came of the runs. ``digests``: seed -> digest over every step; ``stats``: counts over all seeds,
    each fault that struck included."""

    scenario: str
    digests: Mapping[int, str]
    stats: Mapping[str, int]
    violations: tuple[Violation, ...] = ()

    @property
    def ok(self) -> bool:
        """Did every invariant hold in every run?"""
        return not self.violations

    @property
    def faults(self) -> int:
        """How often a fault struck."""
        return sum(count for name, count in self.stats.items() if name.startswith("fault_"))

    def check(self) -> Report:
        """Itself, if everything held. Raises ScenarioFailedError."""
        if self.violations:
            raise ScenarioFailedError(self)
        return self

    def __str__(self) -> str:
        head = f"{self.scenario}: {len(self.digests)} seeds, {self.faults} faults struck"
        if not self.violations:
            return f"{head}, every invariant held"
        seeds = sorted({violation.seed for violation in self.violations})
        lines = [
            f"{head}, {len(self.violations)} violations in {len(seeds)} seeds",
            *map(str, self.violations),
        ]
        lines.append(f"again: temporal_do.scenarios.run({self.scenario!r}, seeds=[{seeds[0]}])")
        return "\n".join(lines)


def run_scenario(
    scenario: Scenario, seeds: Iterable[int], *, faults: FaultPlan | None = None, strict: bool = False
) -> Report:
    """Run ``scenario`` once per seed. See ``scenarios.run``."""
    digests: dict[int, str] = {}
    stats: dict[str, int] = {}
    violations: list[Violation] = []
    for seed in seeds:
        with Simulation(
            seed, faults=scenario.faults if faults is None else faults, strict=strict
        ) as simulation:
            found = simulation.execute(_play(simulation, scenario))
            violations += [Violation(seed, name, text) for name, text in found]
            digests[seed] = simulation.digest
            for name, count in simulation.stats.items():
                stats[name] = stats.get(name, 0) + count
    return Report(scenario=scenario.name, digests=digests, stats=stats, violations=tuple(violations))


def _over(simulation: Simulation, business: asyncio.Task[None], end: datetime) -> bool:
    return business.done() or simulation.now() >= end


async def _play(simulation: Simulation, scenario: Scenario) -> list[tuple[str, str]]:
    workload = scenario.make_workload()
    found: list[tuple[str, str]] = []
    histories: Mapping[str, History] = {}
    ended = False
    simulation.run(workload.worker)
    business = asyncio.get_running_loop().create_task(workload.drive())
    try:
        for phase in (scenario.safety, scenario.patience):
            end = simulation.now() + timedelta(microseconds=parse_duration(phase) // 1_000)
            await simulation.run_until(partial(_over, simulation, business, end))
            simulation.heal()
        ended = business.done()
        if ended:
            await business
    except (SimulationError, TemporalError) as error:
        found.append((GOES_ON, f"{type(error).__name__}: {error}"))
    business.cancel()
    simulation.heal()
    try:
        histories = await workload.histories()
    except (SimulationError, TemporalError) as error:
        found.append((GOES_ON, f"the histories cannot be read: {type(error).__name__}: {error}"))
    evidence = Evidence(workload=workload, histories=histories, ended=ended)
    for name, check in scenario.invariants.items():
        found += [(name, text) for text in check(evidence)]
    return found
