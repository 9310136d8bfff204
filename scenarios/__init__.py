"""Chaos scenarios: a workload, the faults it runs under, and what must hold whatever strikes.

    >>> from temporal_do import scenarios
    >>> print(scenarios.run("order_saga", seeds=range(3)))  # doctest: +ELLIPSIS
    order_saga: 3 seeds, ... faults struck, every invariant held

Owns the list of scenarios. Each is a module of its own; what they share is in ``scenario``. They run in the
simulator, in your tests and your CI, as they are. Imports the simulator and the runtime, no host.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from ..runtime.errors import InvalidArgumentError
from ..sim.faults import FaultPlan
from .scenario import Report, Scenario, ScenarioFailedError, Violation, run_scenario

__all__ = ["NAMES", "Report", "Scenario", "ScenarioFailedError", "Violation", "find", "run"]

_HOME = {"order_saga": ".order_saga"}

NAMES: tuple[str, ...] = tuple(_HOME)
"""Every scenario there is."""


def find(name: str) -> Scenario:
    """The scenario called ``name``. Raises InvalidArgumentError."""
    if name not in _HOME:
        raise InvalidArgumentError(f"no scenario is called {name!r}; there are: {', '.join(NAMES)}")
    found: Scenario = import_module(_HOME[name], __name__).SCENARIO
    return found


def run(
    name: str, *, seeds: Iterable[int] = range(10), faults: FaultPlan | None = None, strict: bool = False
) -> Report:
    """Run a scenario once per seed and report what did not hold.

    ``faults`` replaces the scenario's own plan; ``strict`` encodes and decodes every row and message. One
    seed is one run, the same on every machine; ``report.check()`` raises if anything was violated. Raises
    InvalidArgumentError for a name that is none.
    """
    return run_scenario(find(name), seeds, faults=faults, strict=strict)
