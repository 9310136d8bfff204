"""The one choice sequence: every random decision of a simulation comes from here.

Owns: the labelled streams of choices and the deviations (the sparse map ``(label, n) -> value``) that force
some of them. Invariants:

- 0 is always the benign choice. A choice is drawn only where there is one (more than one option, a rate > 0).
- Each label has its own counter and its own stream, so an extra draw under one label shifts nothing
  elsewhere.
- While exploring, an absent choice is drawn from the seed; otherwise (replaying or shrinking a tape) it is 0.
- The numbers are the same on every Python: they are taken from blake2b over (seed, label, n).
- ``entropy`` is a function of (seed, label, n) in both modes and never recorded: identifiers stay distinct
  while a tape shrinks.

Must not import: ``random``, a clock, anything of the engine.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import Struct

Deviations = Mapping[str, Mapping[int, int]]
"""label -> n -> the value of the n-th choice under that label."""

MILLION = 1_000_000

_unpack = Struct("<16I").unpack


class Stream:
    """The choices under one label. ``count`` is how many were made; ``taken`` holds n, value, n, value, ...

    of those that were not 0.
    """

    __slots__ = ("_block", "_explore", "_forced", "_prefix", "count", "taken")

    def __init__(self, prefix: bytes, explore: bool, forced: Mapping[int, int] | None) -> None:
        self._prefix = prefix
        self._explore = explore
        self._forced = forced or None
        self._block: tuple[int, ...] = ()
        self.count = 0
        self.taken = array("Q")

    def draw(self, options: int) -> int:
        """One of ``options`` values, 0 first; no draw at all when there is only one."""
        if options <= 1:
            return 0
        n = self.count
        self.count = n + 1
        if self._explore:
            index = n & 15
            if not index:
                self._block = _unpack(blake2b(self._prefix + n.to_bytes(8, "little")).digest())
            value = self._block[index] * options >> 32
        else:
            value = 0
        if self._forced is not None:
            value = min(self._forced.get(n, value), options - 1)
        if value:
            self.taken.append(n)
            self.taken.append(value)
        return value

    def note(self, value: int) -> int:
        """A choice that somebody else has made: count it, and keep it like a drawn one."""
        if value:
            self.taken.append(self.count)
            self.taken.append(value)
        self.count += 1
        return value

    def weighted(self, weights: Sequence[int]) -> int:
        """0, or i + 1 with a probability of ``weights[i]`` per million; no draw when all weights are 0."""
        total = sum(weights)
        return self.weighed(weights, total) if total else 0

    def weighed(self, weights: Sequence[int], total: int) -> int:
        """As ``weighted``, for a hot place that knows the sum of its weights, which is not 0."""
        n = self.count
        self.count = n + 1
        value = 0
        if self._explore:
            index = n & 15
            if not index:
                self._block = _unpack(blake2b(self._prefix + n.to_bytes(8, "little")).digest())
            point = self._block[index] * MILLION >> 32
            if point < total:  # seldom
                for position, weight in enumerate(weights):
                    point -= weight
                    if point < 0:
                        value = position + 1
                        break
        if self._forced is not None:
            value = min(self._forced.get(n, value), len(weights))
        if value:
            self.taken.append(n)
            self.taken.append(value)
        return value


class Choices:
    """All choices of one run.

    ``seed`` names the run; ``deviations`` force single choices; with ``explore`` false every other choice is
    0.
    """

    __slots__ = ("_deviations", "_entropy", "_seed_bytes", "_streams", "explore", "seed")

    def __init__(
        self, seed: int | str = 0, deviations: Deviations | None = None, *, explore: bool = True
    ) -> None:
        self.seed = seed
        self.explore = explore
        self._seed_bytes = f"{type(seed).__name__}:{seed}".encode()
        self._deviations: Deviations = deviations or {}
        self._streams: dict[str, Stream] = {}
        self._entropy: dict[str, int] = {}

    def stream(self, label: str) -> Stream:
        """The stream of ``label``; hot places keep it."""
        found = self._streams.get(label)
        if found is None:
            prefix = blake2b(self._seed_bytes + b"\0" + label.encode(), digest_size=32).digest()
            found = self._streams[label] = Stream(prefix, self.explore, self._deviations.get(label))
        return found

    def draw(self, label: str, options: int) -> int:
        """Choose one of ``options`` under ``label``: 0 is the benign one. Not counted when options <= 1."""
        return self.stream(label).draw(options) if options > 1 else 0

    def chance(self, label: str, per_million: int) -> bool:
        """True with a probability of ``per_million``. Not counted when it is 0."""
        return bool(self.stream(label).weighted((per_million,))) if per_million else False

    def integer(self, label: str, bound: int) -> int:
        """A number in [0, bound); above 2**32 it comes in steps of bound / 2**32."""
        return self.draw(label, bound)

    def entropy(self, label: str, size: int) -> bytes:
        """``size`` bytes that no other (label, n) of this seed gets."""
        n = self._entropy.get(label, 0)
        self._entropy[label] = n + 1
        text = b"%s\0entropy\0%s\0%d" % (self._seed_bytes, label.encode(), n)
        if size <= 64:
            return blake2b(text, digest_size=size).digest() if size else b""
        parts = (
            blake2b(text + b"\0%d" % part, digest_size=min(64, size - 64 * part)).digest()
            for part in range(-(-size // 64))
        )
        return b"".join(parts)

    def taken(self) -> dict[str, dict[int, int]]:
        """Every choice so far that was not 0: label -> n -> value, labels sorted."""
        found: dict[str, dict[int, int]] = {}
        for label in sorted(self._streams):
            pairs = self._streams[label].taken
            if pairs:
                found[label] = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return found

    def counts(self) -> dict[str, int]:
        """How many choices were made under each label, labels sorted."""
        return {label: self._streams[label].count for label in sorted(self._streams)}
