"""The schedule from its end: what was chosen after the failure was certain explains nothing.

A choice of the schedule means something else when one before it is gone, but not when one after it is. So the
shortest beginning that still fails is found by halving, at the price of a few runs.
"""

from __future__ import annotations

from .candidate import Group
from .trial import Trial


def cut_tail(trial: Trial) -> None:
    """Keep only the first of the schedule's deviations, as few as halving finds."""
    low = 0
    while True:
        schedule = trial.best.within(Group.SCHEDULE)
        high = len(schedule)
        if low >= high:
            return
        middle = (low + high) // 2
        if not trial.attempt(trial.best.without(schedule[middle:])):
            low = middle + 1
