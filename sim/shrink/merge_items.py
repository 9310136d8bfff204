"""Merging: one thing instead of two. Two faults of one object, often, are one fault in between.

For each two neighbours under one label, one of them takes the place of both; where neither is enough, a
fault at a place between them.
"""

from __future__ import annotations

import attrs

from .candidate import Deviation
from .trial import Trial


def merge_items(trial: Trial) -> None:
    """Try to replace neighbours by one choice."""
    position = 0
    while position + 1 < len(trial.best.deviations):
        first, second = trial.best.deviations[position : position + 2]
        if first.label == second.label and _merge(trial, first, second):
            continue
        position += 1


def _merge(trial: Trial, first: Deviation, second: Deviation) -> bool:
    """Deleting either was tried by another pass; here the one becomes the other, or they meet."""
    rest = trial.best.without((second,))
    meeting = attrs.evolve(first, n=(first.n + second.n) // 2)
    for merged in (
        attrs.evolve(first, value=second.value),
        attrs.evolve(second, value=first.value),
        meeting,
        attrs.evolve(meeting, value=second.value),
    ):
        if trial.attempt(rest.replaced(first, merged)):
            return True
    return False
