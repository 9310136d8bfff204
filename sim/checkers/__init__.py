"""The checkers: one invariant a file, fed by the trace only.

Owns: the table of all of them, in the order of their numbers, and feeding them a trace. Must not import: the
simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..scenario import Violation
from ..trace import FIELDS, Step, Trace
from .base import Checker
from .world import World

__all__ = ["CHECKERS", "Checker", "World", "check_trace"]

CHECKERS: tuple[type[Checker], ...] = ()


def check_trace(
    trace: Trace, checkers: Iterable[type[Checker]] = CHECKERS, *, world: World | None = None
) -> tuple[Violation, ...]:
    """Feed every kept step of ``trace`` to new instances of ``checkers``; what they found, in their order."""
    instances = [checker() for checker in checkers]
    readers: dict[str, list[Callable[[int, Step], None]]] = {kind: [] for kind in FIELDS}
    for instance in instances:
        instance.world = world
        for kind in instance.kinds or FIELDS:
            readers[kind].append(instance.step)
    for number, step in enumerate(trace.tuples(), trace.first_kept):
        for read in readers[step[0]]:
            read(number, step)
    return tuple(violation for instance in instances for violation in instance.finish())
