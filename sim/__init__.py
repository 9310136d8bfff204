"""What a user's tests import: the simulation, its faults and its errors.

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
    from .faults import FaultPlan, Placement
    from .replayer import Replayer, replay_corpus
    from .simulation import Simulation
    from .tape import Tape
    from .trace import Trace

_HOME = {
    "replay_corpus": ".replayer",
    "Verdict": ".corpus",
    "Replayer": ".replayer",
    "ReplayedHistory": ".corpus",
    "ReplayReport": ".corpus",
    "ReplayFailedError": ".corpus",
    "EmptyCorpusError": ".corpus",
    "ActorCrashed": ".errors",
    "BudgetExceeded": ".errors",
    "FaultPlan": ".faults",
    "Placement": ".faults",
    "Simulation": ".simulation",
    "SimulationDeadlock": ".errors",
    "SimulationError": ".errors",
    "Tape": ".tape",
    "TapeError": ".errors",
    "TimeStandsStill": ".errors",
    "Trace": ".trace",
}

__all__ = [
    "ActorCrashed",
    "BudgetExceeded",
    "EmptyCorpusError",
    "FaultPlan",
    "Placement",
    "ReplayFailedError",
    "ReplayReport",
    "ReplayedHistory",
    "Replayer",
    "Simulation",
    "SimulationDeadlock",
    "SimulationError",
    "Tape",
    "TapeError",
    "TimeStandsStill",
    "Trace",
    "Verdict",
    "replay_corpus",
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
