"""What a checker may know of a run beside its trace: the workflow code that was deployed, and how it ended.

Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ...runtime.deployment import Deployment
    from ...runtime.workflow.replay import ReplayResult


@attrs.frozen(kw_only=True)
class World:
    """``settled``: the liveness phase came to its end, so what has not happened never will."""

    deployment: Deployment
    start_ns: int
    end_ns: int
    settled: bool
    stuck: bool = False
    """Nothing at all was left that could happen."""
    gave_up: bool = False
    """The workload ended without hearing what became of its last request, so nothing was promised for it."""
    skew_ns: int = 0
    """How far the clock of an object may be off."""
    punctual: bool = False
    """Nothing in the run could be late: there were no faults that delay anything."""
    cached: tuple[str, ...] = ()
    """The runs whose coroutine an executor keeps at the end, by run id."""
    replays: dict[tuple[str, int], ReplayResult] = attrs.field(factory=dict)
    """(run id, events replayed) -> its replay, for the checker that comes next."""
