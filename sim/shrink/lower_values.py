"""Lowering: smaller values for what cannot be deleted.

A delay gets shorter, a fault becomes one that stands earlier in the table, an input becomes smaller. The
smallest value comes first, then halving.
"""

from __future__ import annotations

import attrs

from .candidate import Deviation
from .trial import Trial


def lower_values(trial: Trial) -> None:
    """Lower each value as far as the failure lets it."""
    position = 0
    while position < len(trial.best.deviations):
        _lower(trial, position)
        position += 1


def _lower(trial: Trial, position: int) -> None:
    def attempt(value: int) -> bool:
        deviations = trial.best.deviations
        if position >= len(deviations):
            return False
        old: Deviation = deviations[position]
        return value < old.value and trial.attempt(trial.best.replaced(old, attrs.evolve(old, value=value)))

    if attempt(1):
        return
    low = 1
    while position < len(trial.best.deviations):
        middle = (low + trial.best.deviations[position].value) // 2
        if middle <= low:
            return
        if not attempt(middle):
            low = middle
