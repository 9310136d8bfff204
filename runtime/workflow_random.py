"""`ctx.random`: the standard library's distributions on top of a deterministic stream.

Owns: `WorkflowRandom`. Its own are `random()`, `getrandbits()`, `seed()` and the integers below a bound; what
is built on those (choice, shuffle, sample, gauss ...) is the standard library's, pinned by known answers in
the tests on every Python.

Imported lazily (by `prng`), because importing `random` draws entropy. Must not import: anything else.
"""

from __future__ import annotations

import random
from typing import Any

from .errors import InvalidArgumentError
from .prng import Stream


class WorkflowRandom(random.Random):
    """A `random.Random` whose numbers come from a Stream and are the same in every replay."""

    def __new__(cls, stream: Stream) -> WorkflowRandom:
        # Any seed: without one the C class would ask the system for entropy.
        return super().__new__(cls, 0)  # type: ignore[call-arg]

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.gauss_next: float | None = None

    def random(self) -> float:
        """A float of [0, 1)."""
        return self.stream.random()

    def getrandbits(self, k: int, /) -> int:
        """An integer of [0, 2**k)."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        return self.stream.bits(k)

    def _randbelow(self, n: int) -> int:
        return self.stream.below(n)

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Restart from a seed of the caller's (bytes, string, integer); None is refused, it means entropy."""
        if a is None:
            raise InvalidArgumentError("ctx.random.seed() needs a seed; without one it would draw entropy")
        self.stream = Stream(a if isinstance(a, bytes | int | str) else repr(a), "seeded by the workflow")
        self.gauss_next = None

    def getstate(self) -> tuple[Any, ...]:
        """The position in the sequence."""
        return ("temporal-do", self.stream.getstate(), self.gauss_next)

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Continue from a position that `getstate` returned."""
        name, position, self.gauss_next = state
        if name != "temporal-do":
            raise InvalidArgumentError("not a state of a WorkflowRandom")
        self.stream.setstate(position)

    def __reduce__(self) -> Any:
        raise TypeError("a WorkflowRandom belongs to its run and cannot be copied or pickled")
