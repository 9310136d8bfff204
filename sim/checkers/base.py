"""What a checker is: it reads the steps of one run's trace and says what was promised and not kept.

Invariants: a checker knows the published form of a step (see ``trace``) and what the records in it mean, and
nothing of the engine's or the platform's insides; it changes nothing; it is made anew for every run.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..scenario import Kind, Violation
from ..trace import Step
from .ledger import Ledger
from .world import World

VIOLATIONS_MAX = 5
"""So many violations of one checker are told; one cause often breaks a promise many times."""


class Checker:
    """One invariant.

    ``kinds``: the kinds of steps that ``step`` wants to see. ``tables``: the rows of commits that ``row``
    wants to see, as ``"WorkflowDO.run"``; the event tables of all runs are ``"WorkflowDO.events"``.
    """

    number: ClassVar[int] = 0
    name: ClassVar[str] = ""
    kind: ClassVar[Kind] = Kind.SAFETY
    kinds: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.ledger = Ledger()
        """The rows of all objects as they were before the step that is being read; at the end, the last."""
        self.world: World | None = None
        """What is known beside the trace; None where nobody has told."""
        self.violations: list[Violation] = []

    def step(self, number: int, step: Step) -> None:
        """Read the ``number``-th step of the run."""

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        """Read one row that the commit ``step`` writes; ``row`` None: deletes."""

    def finish(self) -> list[Violation]:
        """The run is over: everything that was found."""
        return self.violations

    @property
    def settled(self) -> bool:
        """Has the world come to rest, so that what has not happened never will?"""
        return self.world is not None and self.world.settled

    @property
    def end_ns(self) -> int:
        """The virtual time at the end of the run."""
        return 0 if self.world is None else self.world.end_ns

    @property
    def skew_ns(self) -> int:
        """By so much the clock of an object may differ from virtual time."""
        return 0 if self.world is None else self.world.skew_ns

    @property
    def is_punctual(self) -> bool:
        """Could nothing be late in this run, so that what is late was planned so?"""
        return self.world is not None and self.world.punctual

    def violated(self, message: str, *steps: int, **fields: Any) -> None:
        """Note one broken promise, shown by ``steps``."""
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(
                Violation(checker=self.name, kind=self.kind, message=message, steps=steps, **fields)
            )
