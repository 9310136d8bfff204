"""Deleting: delta debugging over the items of a group, big chunks first, from the end.

Every chunk that the failure does not need goes; the size of the chunks halves down to single items, and
single items are tried until none can go.
"""

from __future__ import annotations

from .candidate import Item
from .trial import Trial


def delete_chunks(trial: Trial, *groups: str) -> None:
    """Delete what the failure does not need of these groups."""
    items = trial.best.within(*groups)
    size = max(1, len(items) // 2)
    while items:
        shrunk = _delete_once(trial, groups, size)
        items = trial.best.within(*groups)
        if size == 1 and not shrunk:
            return
        if not shrunk or size > len(items):
            size = max(1, min(size, len(items)) // 2)


def _delete_once(trial: Trial, groups: tuple[str, ...], size: int) -> bool:
    """One round over all chunks of ``size``; did any go?"""
    shrunk = False
    end = len(trial.best.within(*groups))
    while end > 0:
        items: tuple[Item, ...] = trial.best.within(*groups)
        end = min(end, len(items))
        start = max(0, end - size)
        if start < end and trial.attempt(trial.best.without(items[start:end])):
            shrunk = True
        end = start
    return shrunk
