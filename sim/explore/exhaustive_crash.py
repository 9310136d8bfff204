"""Exhaustive: one fault at every boundary of a workload where a crash makes a difference, one by one.

The boundaries are counted in a run without faults: every durable write (the object dies before it, or after
it with nobody told), every answer (it dies with the answer ready), every request and queue message on its way
(lost; for a queue, stored and reported as lost), every call of a worker process. Up to the place where its
fault strikes, a case is the same run, so single faults miss no boundary. ``CrashPairs`` goes on with two
faults, neighbours first, as many as it is allowed.

The boundaries are those of the whole run, up to the moment when all is at rest: what follows the workload
(archives, the index, what is deleted when its retention ends) is tried as well.

Must not import: the runner, before there is something to count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from ...runtime.errors import InvalidArgumentError
from ..faults import FaultPlan, Faults, Placement
from ..scenario import Scenario
from .case import Case
from .strategy import Strategy

if TYPE_CHECKING:
    from ..simulation import Simulation

BOUNDARIES: dict[str, tuple[str, ...]] = {
    "commit": ("crash_before_commit", "crash_after_commit"),
    "reply": ("crash_before_reply",),
    "request": ("lost_request",),
    "enqueue": ("lost_send", "ambiguous_send"),
    "worker": ("worker_crash_before_call", "worker_crash_after_call"),
}
"""Choice point -> the faults that are tried whenever it is come to."""

PAIRS_MAX = 2_000


@attrs.frozen
class Boundary:
    """The ``occurrence``-th time (from 1) that anything came to ``point``; ``key`` is what came."""

    point: str
    occurrence: int
    key: str


class _Counting(Faults):
    """Faults that never strike and note where they could have."""

    __slots__ = ("boundaries", "seen")

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(FaultPlan(), simulation.platform.choices)
        self.boundaries: list[Boundary] = []
        self.seen: dict[str, int] = dict.fromkeys(BOUNDARIES, 0)

    def strike(self, point: str, key: str) -> str:
        if point in self.seen:
            self.seen[point] += 1
            self.boundaries.append(Boundary(point, self.seen[point], key))
        return ""


def boundaries_of(scenario: Scenario, seed: int | str = 0) -> list[Boundary]:
    """Every boundary of the workload as ``seed`` schedules it, in the order of time.

    Raises InvalidArgumentError if the workload fails without any fault.
    """
    from ..runner import run_scenario

    found: list[_Counting] = []

    async def counted(simulation: Simulation) -> None:
        counting = _Counting(simulation)
        found.append(counting)
        simulation.platform.faults = counting
        await scenario.workload(simulation)

    # A fault that never strikes: the run has the same phases as those with one that does.
    idle = attrs.evolve(scenario.faults, rates={}, storms=(), placements=(Placement("evict", "*", 1 << 60),))
    result = run_scenario(attrs.evolve(scenario, workload=counted), seed=seed, faults=idle, checkers=())
    if result.violations:
        raise InvalidArgumentError(f"{scenario.name} fails without any fault: {result.violations[0].message}")
    return found[0].boundaries


@attrs.frozen
class ExhaustiveCrash(Strategy):
    """Every boundary with every fault that belongs to it; ``points`` keeps some of them only."""

    points: tuple[str, ...] = tuple(BOUNDARIES)

    name = "exhaustive"
    endless = False
    judges_reach = False

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy; every case has the seed ``first_seed``."""
        everything = self._all(scenario, first_seed)
        for number, placements in islice(enumerate(everything), start, None, stride):
            yield _case(number, first_seed, scenario, *placements)

    def case_of(self, scenario: Scenario, seed: int | str) -> Case:
        """See Strategy; raises InvalidArgumentError."""
        raise InvalidArgumentError(f"strategy {self.name!r} goes by places, not by seeds: {seed!r} is none")

    def refuses(self, faults: FaultPlan) -> str:
        """See Strategy."""
        return "it places its faults itself" if faults else ""

    def _all(self, scenario: Scenario, seed: int) -> Iterator[tuple[tuple[Placement, str], ...]]:
        for placed in self._singles(scenario, seed):
            yield (placed,)

    def _singles(self, scenario: Scenario, seed: int) -> list[tuple[Placement, str]]:
        return [
            (Placement(fault, "*", boundary.occurrence), boundary.key)
            for boundary in boundaries_of(scenario, seed)
            if boundary.point in self.points
            for fault in BOUNDARIES[boundary.point]
        ]


@attrs.frozen
class CrashPairs(ExhaustiveCrash):
    """Pairs of such faults, those that are close in time first, ``pairs_max`` at most.

    The second boundary is counted in the run without faults as well; what the first fault changes may shift
    it.
    """

    pairs_max: int = PAIRS_MAX

    name = "pairs"

    def _all(self, scenario: Scenario, seed: int) -> Iterator[tuple[tuple[Placement, str], ...]]:
        return islice(_pairs(self._singles(scenario, seed)), self.pairs_max)

    def describe(self) -> str:
        """See Strategy."""
        return f"{self.name}, {self.pairs_max} at most"


def _pairs(
    singles: list[tuple[Placement, str]],
) -> Iterator[tuple[tuple[Placement, str], ...]]:
    for distance in range(1, len(singles)):
        for position in range(len(singles) - distance):
            yield (singles[position], singles[position + distance])


def _case(number: int, seed: int, scenario: Scenario, *placed: tuple[Placement, str]) -> Case:
    placements = tuple(placement for placement, _ in placed)
    return Case(
        number=number,
        seed=seed,
        faults=attrs.evolve(scenario.faults, rates={}, storms=(), placements=placements),
        note=" and ".join(f"{each.fault} {each.occurrence} at {key}" for each, key in placed),
    )
