"""Moving: the same thing, but sooner. The first commit rather than the seventh.

What happens earlier has less before it, and a story about it is shorter. Placements move to earlier
occurrences, deviations to earlier choices under their label.
"""

from __future__ import annotations

import attrs

from ..faults import Placement
from .candidate import Item
from .trial import Trial


def move_earlier(trial: Trial) -> None:
    """Move each item to the first place where the failure still happens, or halfway."""
    position = 0
    while position < len(trial.best.items):
        item = trial.best.items[position]
        at = item.occurrence if isinstance(item, Placement) else item.n
        first = 1 if isinstance(item, Placement) else 0
        for target in dict.fromkeys((first, (first + at) // 2, at - 1)):
            if first <= target < at and trial.attempt(trial.best.replaced(item, _at(item, target))):
                break
        position += 1


def _at(item: Item, place: int) -> Item:
    if isinstance(item, Placement):
        return attrs.evolve(item, occurrence=place)
    return attrs.evolve(item, n=place)
