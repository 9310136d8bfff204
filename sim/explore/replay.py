"""Replay: recorded runs, one after the other, choice by choice.

Must not import: the runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import attrs

from ..faults import FaultPlan
from ..scenario import Scenario
from ..tape import Tape
from .case import Case
from .strategy import Strategy


def _read(given: Tape | str | Path | Iterable[Tape | str | Path]) -> tuple[Tape, ...]:
    if isinstance(given, Tape | str | Path):
        given = (given,)
    return tuple(each if isinstance(each, Tape) else Tape.read(each) for each in given)


@attrs.frozen
class Replay(Strategy):
    """``tapes`` are tapes or their files. Raises TapeError for a file that is none."""

    tapes: tuple[Tape, ...] = attrs.field(converter=_read)

    name = "replay"
    endless = False
    judges_reach = False

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy; ``first_seed`` plays no part."""
        for number, tape in islice(enumerate(self.tapes), start, None, stride):
            yield Case(number=number, seed=tape.seed, tape=tape, note=f"tape {number + 1}")

    def refuses(self, faults: FaultPlan) -> str:
        """See Strategy."""
        return "a tape has its own faults"

    def describe(self) -> str:
        """See Strategy."""
        return f"replay of {len(self.tapes)} tapes"
