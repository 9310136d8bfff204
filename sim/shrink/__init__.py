"""Shrinking: from a run that failed to the shortlex-smallest tape that still fails the same way.

    >>> from temporal_do.sim.shrink import shrink
    >>> small = shrink(scenario, failure)  # doctest: +SKIP
    >>> small.tape.write("failure.tape")  # doctest: +SKIP

Each pass is a module of its own; ``shrinker`` says in which order they go.
"""

from __future__ import annotations

from .candidate import Size, size_of
from .shrinker import Shrunk, shrink, shrink_report

__all__ = ["Shrunk", "Size", "shrink", "shrink_report", "size_of"]
