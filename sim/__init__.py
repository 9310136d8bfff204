"""What a user's tests import: the simulation, its faults and errors, replay, scenarios and campaigns.

Every name is loaded when it is first used. Imports the runtime, never an edge adapter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .corpus import EmptyCorpusError, ReplayedHistory, ReplayFailedError, ReplayReport, Verdict
    from .errors import (
        ActorCrashed,
        BudgetExceeded,
        SimulationDeadlock,
        SimulationError,
        TapeError,
        TimeStandsStill,
    )
    from .explore import Campaign
    from .faults import FaultPlan, Placement
    from .properties import always, eventually, sometimes
    from .replayer import Replayer, replay_corpus
    from .runner import run_scenario
    from .scenario import RunResult, Scenario, Violation
    from .simulation import Simulation
    from .strategies import draw_from, draw_integer, simulations
    from .tape import Tape
    from .trace import Trace

_HOME = {
    "ActorCrashed": ".errors",
    "BudgetExceeded": ".errors",
    "Campaign": ".explore",
    "EmptyCorpusError": ".corpus",
    "FaultPlan": ".faults",
    "Placement": ".faults",
    "ReplayFailedError": ".corpus",
    "ReplayReport": ".corpus",
    "ReplayedHistory": ".corpus",
    "Replayer": ".replayer",
    "RunResult": ".scenario",
    "Scenario": ".scenario",
    "Simulation": ".simulation",
    "SimulationDeadlock": ".errors",
    "SimulationError": ".errors",
    "Tape": ".tape",
    "TapeError": ".errors",
    "TimeStandsStill": ".errors",
    "Trace": ".trace",
    "Verdict": ".corpus",
    "Violation": ".scenario",
    "always": ".properties",
    "draw_from": ".strategies",
    "draw_integer": ".strategies",
    "eventually": ".properties",
    "replay_corpus": ".replayer",
    "run_scenario": ".runner",
    "simulations": ".strategies",
    "sometimes": ".properties",
}

__all__ = [
    "ActorCrashed",
    "BudgetExceeded",
    "Campaign",
    "EmptyCorpusError",
    "FaultPlan",
    "Placement",
    "ReplayFailedError",
    "ReplayReport",
    "ReplayedHistory",
    "Replayer",
    "RunResult",
    "Scenario",
    "Simulation",
    "SimulationDeadlock",
    "SimulationError",
    "Tape",
    "TapeError",
    "TimeStandsStill",
    "Trace",
    "Verdict",
    "Violation",
    "always",
    "draw_from",
    "draw_integer",
    "eventually",
    "replay_corpus",
    "run_scenario",
    "simulations",
    "sometimes",
]


if not TYPE_CHECKING:  # a checker must see only the names above

    def __getattr__(name: str) -> Any:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(home, __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
