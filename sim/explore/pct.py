"""PCT: the schedule follows priorities, and changes its mind a few times.

Every receiver of messages gets a random priority; the one with the highest goes first, always, except at a
few random points where the highest falls below all others. A bug that needs d orderings of events is found
with a probability that depends on d and the length of the run, not on luck at every single step (Burckhardt
et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs"). How long a run is is not
known before it; the seed draws a horizon within which the changes lie.

What was chosen is noted under the label of the plain schedule, so the tape of such a run replays without this
file. Faults are drawn as ever.

Must not import: the runner, before a case is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from ..choices import Choices, Stream
from ..scenario import Scenario
from .case import Case
from .strategy import Checkers, Play, Played, Strategy

if TYPE_CHECKING:
    from ..scheduler import Lane
    from ..simulation import Simulation

HORIZON_BITS = (4, 15)
"""Horizons are powers of 2 with these exponents, choices of the schedule."""


@attrs.frozen
class Pct(Strategy):
    """``depth``: how many orderings of events it is after; one less is how often priorities change."""

    depth: int = 3

    name = "pct"

    @property
    def play(self) -> Play:
        """See Strategy."""
        return play_by_priorities

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy."""
        for number in count(start, stride):
            yield attrs.evolve(self.case_of(scenario, first_seed + number), number=number)

    def case_of(self, scenario: Scenario, seed: int | str) -> Case:
        """See Strategy."""
        return Case(number=0, seed=seed, options={"depth": self.depth})

    def describe(self) -> str:
        """See Strategy."""
        return f"{self.name} of depth {self.depth}"


def play_by_priorities(scenario: Scenario, case: Case, strict: bool, checkers: Checkers) -> Played:
    """Run the case with a schedule by priorities."""
    from ..runner import run_scenario

    async def directed(simulation: Simulation) -> None:
        direct(simulation, case.options["depth"])
        await scenario.workload(simulation)

    result = run_scenario(
        attrs.evolve(scenario, workload=directed),
        seed=case.seed,
        faults=case.faults,
        strict=strict,
        checkers=checkers,
    )
    return result, {}


def direct(simulation: Simulation, depth: int) -> None:
    """Let priorities decide the schedule of ``simulation`` from now on."""
    simulation.platform.scheduler.pick = Priorities(Choices(simulation.seed).stream("pct"), depth).pick


class Priorities:
    """The priorities of receivers, and when they change."""

    __slots__ = ("_changes", "_draws", "_next_low", "_priorities")

    def __init__(self, draws: Stream, depth: int) -> None:
        self._draws = draws
        self._priorities: dict[Any, int] = {}
        low, high = HORIZON_BITS
        horizon = 1 << (low + draws.draw(high - low + 1))
        self._changes = {draws.draw(horizon) for _ in range(depth - 1)}
        self._next_low = 0

    def pick(self, lanes: Sequence[Lane], number: int) -> int:
        """The position of the lane whose receiver has the highest priority; see ``Scheduler.pick``."""
        ranks = [self._priority(lane) for lane in lanes]
        value = _highest(ranks)
        if number in self._changes:
            self._next_low -= 1
            self._priorities[_receiver(lanes[value])] = ranks[value] = self._next_low
            value = _highest(ranks)
        return value

    def _priority(self, lane: Lane) -> int:
        who = _receiver(lane)
        found = self._priorities.get(who)
        if found is None:
            found = self._priorities[who] = 1 + self._draws.draw(1 << 32)
        return found


def _highest(ranks: Sequence[int]) -> int:
    """The position of the highest, the first of equal ones."""
    return max(range(len(ranks)), key=lambda position: (ranks[position], -position))


def _receiver(lane: Lane) -> Any:
    """Messages between objects lie in lanes (sender, receiver); everything else has a lane of its own."""
    return lane[1] if isinstance(lane, tuple) else lane
