"""Exploring: campaigns of runs, and the strategies that say which runs are worth making.

    >>> from temporal_do.sim.explore import Campaign
    >>> report = Campaign("shop.chaos:ORDERS", seeds=1_000, jobs=4).run()  # doctest: +SKIP

Owns the table of strategies: random, swarm, pct, exhaustive, double_run, coverage, replay. Each is a module
of its own, loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ...runtime.errors import InvalidArgumentError
from .campaign import Campaign, Progress
from .case import Case, Outcome
from .naming import find_scenario
from .replay import Replay
from .report import CampaignReport, merge_results
from .results import compare_digests, read_results

if TYPE_CHECKING:
    from .strategy import Strategy

__all__ = [
    "STRATEGIES",
    "Campaign",
    "CampaignReport",
    "Case",
    "Outcome",
    "Progress",
    "Replay",
    "compare_digests",
    "find_scenario",
    "make_strategy",
    "merge_results",
    "read_results",
]

_HOME = {
    "random": (".seeds", "RandomSeeds"),
    "swarm": (".swarm", "Swarm"),
    "pct": (".pct", "Pct"),
    "exhaustive": (".exhaustive_crash", "ExhaustiveCrash"),
    "pairs": (".exhaustive_crash", "CrashPairs"),
    "double_run": (".double_run", "DoubleRun"),
    "coverage": (".steered", "CoverageSteered"),
}

STRATEGIES: tuple[str, ...] = tuple(_HOME)
"""The strategies that can be asked for by name; ``Replay`` takes tapes."""


def make_strategy(strategy: Strategy | str) -> Strategy:
    """The strategy of that name, with its own defaults; a strategy is given back. Raises
    InvalidArgumentError."""
    if not isinstance(strategy, str):
        return strategy
    if strategy not in _HOME:
        raise InvalidArgumentError(f"no strategy is called {strategy!r}; there are: {', '.join(STRATEGIES)}")
    home, name = _HOME[strategy]
    made: Strategy = getattr(import_module(home, __name__), name)()
    return made
