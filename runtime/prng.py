"""Pseudo-random numbers that are the same on every Python, forever.

Owns: `Stream` (splitmix64 over a state mixed from a seed and a label), `uuid4_from`, and the way to
`WorkflowRandom` (the standard library's distributions on top of a stream). What `ctx.random`,
`ctx.uuid4()` and the simulator's choices are made of.

Invariants: the numbers of a stream depend on its seed and label alone, so that drawing from one stream never
shifts another; the algorithms here are pinned by known answers in the tests and must never change, because
recorded histories were made with them. Not for secrets.

Must not import: entropy. (`random` and `uuid` are imported late, for their algorithms.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import InvalidArgumentError, invariant

if TYPE_CHECKING:
    from uuid import UUID

    from .workflow_random import WorkflowRandom

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15  # splitmix64's increment (Steele, Lea, Flood 2014)
_FLOAT_UNIT = 2.0**-53


class Stream:
    """An independent sequence of numbers, named by a seed and a label.

    `seed` is bytes, a string or an integer of any size and sign (1, "1" and b"1" are three seeds).
    """

    __slots__ = ("_state",)

    def __init__(self, seed: bytes | int | str, label: str = "") -> None:
        from hashlib import blake2b

        if isinstance(seed, bool) or not isinstance(seed, bytes | int | str):
            raise InvalidArgumentError(f"a seed is bytes, an integer or a string, not {seed!r}", seed=seed)
        if isinstance(seed, int):
            material = b"i%x" % seed if seed >= 0 else b"n%x" % -seed
        else:
            material = b"s" + seed.encode() if isinstance(seed, str) else b"b" + seed
        mixed = blake2b(label.encode(), key=blake2b(material, digest_size=32).digest(), digest_size=8)
        self._state = int.from_bytes(mixed.digest(), "big")

    def next_u64(self) -> int:
        """The next integer of [0, 2**64)."""
        self._state = z = (self._state + _GAMMA) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def bits(self, count: int) -> int:
        """An integer of [0, 2**count); `count` may be 0 or exceed 64."""
        if count <= 64:
            if count <= 0:
                invariant(count == 0, "a number of bits is not negative", count=count)
                return 0
            return self.next_u64() >> (64 - count)
        value, left = 0, count
        while left > 64:
            value, left = value << 64 | self.next_u64(), left - 64
        return value << left | self.bits(left)

    def below(self, n: int) -> int:
        """An integer of [0, n), every one equally likely; `n` is at least 1. One draw, nearly always."""
        if n <= _MASK:
            invariant(n > 0, "below() needs a positive bound", n=n)
            # Lemire's multiplication: the high half is the answer, unless the low half is in the uneven rest.
            product = self.next_u64() * n
            low = product & _MASK
            if low < n:
                uneven = (_MASK + 1 - n) % n
                while low < uneven:
                    product = self.next_u64() * n
                    low = product & _MASK
            return product >> 64
        count = n.bit_length()
        value = self.bits(count)
        while value >= n:
            value = self.bits(count)
        return value

    def random(self) -> float:
        """A float of [0, 1) with 53 random bits."""
        return (self.next_u64() >> 11) * _FLOAT_UNIT

    def bytes(self, count: int) -> bytes:
        """`count` random bytes."""
        return self.bits(8 * count).to_bytes(count, "big")

    def getstate(self) -> int:
        """The position in the sequence, for `setstate`."""
        return self._state

    def setstate(self, state: int) -> None:
        """Continue from a position that `getstate` returned."""
        self._state = state & _MASK

    def __repr__(self) -> str:
        return f"<Stream at {self._state:#018x}>"


def uuid4_from(stream: Stream) -> UUID:
    """A version 4 UUID made of the stream's next 128 bits."""
    from uuid import UUID

    return UUID(int=stream.bits(128), version=4)


def workflow_random(stream: Stream) -> WorkflowRandom:
    """A `random.Random` on top of a stream. It weighs 2.6 KB, so make it when it is first asked for."""
    from .workflow_random import WorkflowRandom

    return WorkflowRandom(stream)


def __getattr__(name: str) -> Any:
    # `random` draws entropy when it is imported, which a host may forbid at start: not earlier.
    if name == "WorkflowRandom":
        from .workflow_random import WorkflowRandom

        return WorkflowRandom
    raise AttributeError(name)
