"""What a checker is: it reads the steps of one run's trace and says what was promised and not kept.

Invariants: a checker knows the published form of a step (see ``trace``) and what the records in it mean, and
nothing of the engine's or the platform's insides; it changes nothing; it is made anew for every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ..scenario import Kind, Violation
from ..trace import Step

if TYPE_CHECKING:
    from .world import World

VIOLATIONS_MAX = 5
"""So many violations of one checker are told; one cause often breaks a promise many times."""


class Checker:
    """One invariant. ``kinds`` are the kinds of steps it wants to see (empty: all of them)."""

    number: ClassVar[int] = 0
    name: ClassVar[str] = ""
    kind: ClassVar[Kind] = Kind.SAFETY
    kinds: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.world: World | None = None
        """What is known beside the trace; set by the runner before the first step, None in plain tests."""
        self.violations: list[Violation] = []

    def step(self, number: int, step: Step) -> None:
        """Read the ``number``-th step of the run."""

    def finish(self) -> list[Violation]:
        """The run is over: everything that was found."""
        return self.violations

    def violated(self, message: str, *steps: int, **fields: Any) -> None:
        """Note one broken promise, shown by ``steps``."""
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(
                Violation(checker=self.name, kind=self.kind, message=message, steps=steps, **fields)
            )
