"""What a user's tests import: the simulation, its faults and its errors.

Every name is loaded when it is first used. Imports the runtime, never an edge adapter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        ActorCrashed,
        BudgetExceeded,
        SimulationDeadlock,
        SimulationError,
        TapeError,
        TimeStandsStill,
    )
    from .faults import FaultPlan, Placement
    from .simulation import Simulation
    from .tape import Tape
    from .trace import Trace

_HOME = {
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
    "FaultPlan",
    "Placement",
    "Simulation",
    "SimulationDeadlock",
    "SimulationError",
    "Tape",
    "TapeError",
    "TimeStandsStill",
    "Trace",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
