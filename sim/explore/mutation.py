"""Mutating tapes: runs that begin like one that got somewhere, and go on differently.

Owns the ways in which a tape changes: choices go, choices repeat elsewhere, values change, choices of another
tape come in. Every change is drawn from a Choices of its own: a mutant is a function of (tapes, number).

Must not import: the runner.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..choices import Choices, Deviations
from ..tape import Tape

CHANGES_MAX = 4


def mutate(tape: Tape, others: Sequence[Tape], draws: Choices) -> Tape:
    """A changed ``tape``, with its seed and faults."""
    deviations = {label: dict(values) for label, values in tape.deviations.items()}
    for _ in range(1 + draws.draw("changes", CHANGES_MAX)):
        way = draws.draw("way", 5)
        if way == 0:
            _thin(deviations, draws)
        elif way == 1:
            _cut(deviations, draws)
        elif way == 2:
            _repeat(deviations, draws)
        elif way == 3:
            _change(deviations, draws)
        elif others:
            _splice(deviations, others[draws.draw("other", len(others))].deviations, draws)
    return attrs.evolve(tape, deviations={label: values for label, values in deviations.items() if values})


def _pick(deviations: dict[str, dict[int, int]], draws: Choices) -> str | None:
    labels = sorted(label for label, values in deviations.items() if values)
    return labels[draws.draw("label", len(labels))] if labels else None


def _thin(deviations: dict[str, dict[int, int]], draws: Choices) -> None:
    """Under one label, every other choice or so becomes benign."""
    label = _pick(deviations, draws)
    if label is not None:
        deviations[label] = {
            n: value for n, value in deviations[label].items() if draws.chance("thin", 500_000)
        }


def _cut(deviations: dict[str, dict[int, int]], draws: Choices) -> None:
    """Everything after some point of a label becomes benign."""
    label = _pick(deviations, draws)
    if label is not None:
        end = draws.draw("cut", 1 + max(deviations[label]))
        deviations[label] = {n: value for n, value in deviations[label].items() if n < end}


def _repeat(deviations: dict[str, dict[int, int]], draws: Choices) -> None:
    """What was chosen once is chosen again nearby."""
    label = _pick(deviations, draws)
    if label is not None:
        values = deviations[label]
        known = sorted(values)
        n = known[draws.draw("which", len(known))]
        values[max(0, n + draws.draw("shift", 9) - 4)] = values[n]


def _change(deviations: dict[str, dict[int, int]], draws: Choices) -> None:
    """Another value: another fault of the same point, another lane, another delay."""
    label = _pick(deviations, draws)
    if label is not None:
        values = deviations[label]
        known = sorted(values)
        n = known[draws.draw("which", len(known))]
        values[n] = 1 + draws.draw("value", max(8, 2 * values[n]))


def _splice(deviations: dict[str, dict[int, int]], other: Deviations, draws: Choices) -> None:
    """Some labels as the other tape has them."""
    for label in sorted(other):
        if draws.chance("splice", 300_000):
            deviations[label] = dict(other[label])
