"""What a chaos run is given and what it gives back. Data only.

A :class:`Scenario` is an async function over a simulation with the faults it is run under. A
:class:`RunResult` is everything worth keeping of one run: it can be pickled, written as JSON, and repeated
from its tape. Imports no runner, no checker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from ..runtime.durations import HOUR, SECOND
from .faults import FaultPlan
from .tape import Tape

if TYPE_CHECKING:
    from .simulation import Simulation

Workload = Callable[["Simulation"], Awaitable[None]]


class Kind(str, Enum):
    """What sort of failure: it decides the exit code of the command line."""

    SAFETY = "safety"
    LIVENESS = "liveness"
    NONDETERMINISM = "nondeterminism"
    HARNESS = "harness"


@attrs.frozen(kw_only=True)
class Scenario:
    """A workload and how it is put under stress.

    ``workload`` makes its own world (workers, stubs) in the simulation it is given, so that runs share
    nothing; an assertion that fails in it is a safety violation. ``faults`` act from the start until
    ``heal_after_ns`` of virtual time, or until the workload ends; then nothing fails any more and everything
    must converge within ``settle_ns``. A plan of nothing but faults at exact places acts until
    then. ``step_budget`` (events) and ``time_budget_ns`` bound the whole run.
    """

    name: str
    workload: Workload
    summary: str = ""
    faults: FaultPlan = attrs.field(factory=FaultPlan)
    heal_after_ns: int = 600 * SECOND
    settle_ns: int = 24 * HOUR
    step_budget: int = 200_000
    time_budget_ns: int = 10_000 * HOUR
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """Further arguments of the Simulation."""


@attrs.frozen(kw_only=True)
class Violation:
    """One broken promise: which checker found it, what is wrong, and the trace's steps that show it."""

    checker: str
    kind: Kind
    message: str
    steps: tuple[int, ...] = ()
    location: str = ""
    """file:line in the user's code, where there is one."""


@attrs.frozen(kw_only=True)
class RunResult:
    """One run of one scenario."""

    scenario: str
    seed: int | str
    tape: Tape
    digest: str
    violations: tuple[Violation, ...] = ()
    stats: Mapping[str, int] = attrs.field(factory=dict)
    reached: frozenset[str] = frozenset()
    """Names of the ``sometimes`` states the run reached."""
    virtual_ns: int = 0

    @property
    def passed(self) -> bool:
        """Did every promise hold?"""
        return not self.violations
