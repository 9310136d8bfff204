"""Random exploration: one seed after the other, each with the scenario's own faults.

Must not import: the runner.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ..scenario import Scenario
from .case import Case
from .strategy import Strategy


class RandomSeeds(Strategy):
    """Seed after seed."""

    name = "random"

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy."""
        for number in count(start, stride):
            yield Case(number=number, seed=first_seed + number)
