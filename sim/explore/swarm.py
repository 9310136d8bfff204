"""Swarm: each seed draws which faults are on, and how hard, before it draws anything else.

Most bugs need a few kinds of faults often, and the absence of others: a plan in which everything is on a
little seldom shows them. The drawn plan is part of the run's tape.

Must not import: the runner.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import attrs

from ..choices import Choices
from ..faults import FaultPlan
from ..scenario import Scenario
from .case import Case
from .strategy import Strategy


@attrs.frozen
class Swarm(Strategy):
    """``names`` are the faults to draw from; None: those that the scenario's own plan has, or else all."""

    names: tuple[str, ...] | None = None

    name = "swarm"

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy."""
        for number in count(start, stride):
            yield attrs.evolve(self.case_of(scenario, first_seed + number), number=number)

    def case_of(self, scenario: Scenario, seed: int | str) -> Case:
        """See Strategy."""
        names = (_names_in(scenario.faults) or None) if self.names is None else self.names
        drawn = FaultPlan.swarm(Choices(seed), names=names)
        plan = attrs.evolve(scenario.faults, rates=drawn.rates, storms=drawn.storms)
        return Case(number=0, seed=seed, faults=plan, note=_note(plan))

    def refuses(self, faults: FaultPlan) -> str:
        """See Strategy."""
        has_some = self.names or _names_in(faults)
        return "" if has_some else "it draws from the faults of a plan, and there are none"


def _names_in(faults: FaultPlan) -> tuple[str, ...]:
    rates = (faults.rates, *(storm.rates for storm in faults.storms))
    return tuple(dict.fromkeys(name for each in rates for name in each))


def _note(plan: FaultPlan) -> str:
    storm = " and a storm" if plan.storms else ""
    return f"{len(plan.rates)} kinds of faults{storm}"
