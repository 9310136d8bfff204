"""Chaos scenarios: a workload, the faults it runs under, and what must hold whatever strikes.

    >>> from temporal_do import scenarios
    >>> print(scenarios.run("order_saga", seeds=range(3)))  # doctest: +ELLIPSIS
    order_saga: 3 seeds, ... faults struck, every promise held

Owns the list of scenarios (``SCENARIOS``, name -> Scenario, each loaded when it is first asked for) and
``run``, which runs one in this process, seed by seed. Each is a module of its own; what they share is in
``world``. Imports the simulator and the runtime, no host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from ..runtime.errors import InvalidArgumentError

if TYPE_CHECKING:
    from ..sim.faults import FaultPlan
    from ..sim.scenario import Scenario
    from .report import Report, ScenarioFailedError

__all__ = ["SCENARIOS", "Report", "ScenarioFailedError", "location", "run"]

_HOME = {
    "order_saga": ".order_saga",
    "onboarding": ".onboarding",
    "approval_race": ".approval_race",
    "child_fanout": ".child_fanout",
    "schedule_storm": ".schedule_storm",
    "long_poll": ".long_poll",
    "continue_as_new_marathon": ".continue_as_new_marathon",
    "queue_flood": ".queue_flood",
    "deploy_in_the_middle": ".deploy_in_the_middle",
    "region_outage": ".region_outage",
    "clock_skew": ".clock_skew",
    "poison_activity": ".poison_activity",
}


class _Scenarios(Mapping[str, "Scenario"]):
    """Name -> scenario. Going through the names loads nothing."""

    def __getitem__(self, name: str) -> Scenario:
        found: Scenario = import_module(_HOME[name], __name__).SCENARIO
        return found

    def __contains__(self, name: object) -> bool:
        return name in _HOME

    def __iter__(self) -> Iterator[str]:
        return iter(_HOME)

    def __len__(self) -> int:
        return len(_HOME)


SCENARIOS: Mapping[str, Scenario] = _Scenarios()
"""Every scenario there is."""


def location(name: str) -> str:
    """Where the scenario called ``name`` is, as ``module:NAME``: how another process finds it."""
    return f"{__name__}.{_known(name)}:SCENARIO"


def run(
    name: str, *, seeds: Iterable[int] = range(10), faults: FaultPlan | None = None, strict: bool = False
) -> Report:
    """Run a scenario once per seed, here and now, and report what did not hold.

    ``faults`` replaces the scenario's own plan; ``strict`` encodes and decodes every row and message. One
    seed is one run, the same on every machine; ``report.check()`` raises if anything was violated. Raises
    InvalidArgumentError for a name that is none.
    """
    from .report import run_seeds

    return run_seeds(SCENARIOS[_known(name)], seeds, faults=faults, strict=strict)


def _known(name: str) -> str:
    if name not in _HOME:
        raise InvalidArgumentError(f"no scenario is called {name!r}; there are: {', '.join(_HOME)}")
    return name


def __getattr__(name: str) -> object:
    if name not in ("Report", "ScenarioFailedError"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(".report", __name__), name)
    return value
