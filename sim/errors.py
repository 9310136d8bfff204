"""The simulator's own errors: a run that can't go on, and tapes that can't be read.

Owns: nothing but the classes. They derive from the engine's TemporalError, so that they carry fields and say
whose fault they are. Must not import: the rest of the simulator.
"""

from __future__ import annotations

from typing import ClassVar

from ..runtime.errors import Fault, TemporalError


class SimulationError(TemporalError):
    """Base of everything the simulator raises on purpose."""

    fault: ClassVar[Fault] = "user"


class SimulationDeadlock(SimulationError):
    """The test waits for something, and nothing is left that could make it happen."""


class TimeStandsStill(SimulationDeadlock):
    """What the test waits for needs time to pass, but time skipping is off and nobody sleeps."""


class BudgetExceeded(SimulationError):
    """The run took more steps, or more virtual time, than it was given: most likely it goes in circles."""


class ActorCrashed(SimulationError):
    """A durable object, a consumer or the executor raised what it must not raise: a bug in the engine."""

    fault = "engine"


class TapeError(SimulationError):
    """A tape that cannot be read or does not fit; the message names the file and the reason."""
