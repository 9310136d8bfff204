"""The object store: whole values under keys.

Fault model. A put may fail with the data stored or not, or be refused because the key is written too often;
a get may fail. A put that is to store only where nothing is (compare and swap) has one winner: it may lose to
a superseded twin of its writer that has just stored the same, and after a lost answer it meets itself. What
was stored stays, unchanged, until it is replaced; a reader sees one whole value or another, never a mixture.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.durations import SECOND
from ..runtime.errors import HostError

if TYPE_CHECKING:
    from .hosts import SimHost
    from .platform import Platform

THROTTLE_NS = SECOND
"""A key takes one write in so long; a second one is refused until it is over."""


class ObjectStore:
    """All blobs of one simulation."""

    __slots__ = ("_blobs", "_platform", "_throttled_ns")

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._blobs: dict[str, bytes] = {}
        self._throttled_ns: dict[str, int] = {}

    def put(self, sender: SimHost, key: str, data: bytes, only_if_absent: bool = False) -> bool:
        """Store ``data``, replacing what was there; ``only_if_absent``: or else leave that, and return False.

        Raises HostError when a fault says so.
        """
        platform = self._platform
        fault = "" if platform.faults is None else platform.strike("put_blob", key)
        if fault == "throttled_put":
            self._throttled_ns[key] = platform.now() + THROTTLE_NS
        if self._throttled_ns and platform.now() < self._throttled_ns.get(key, 0):
            raise HostError(f"outcome unknown: storing {key!r} failed: too many requests", key=key)
        stored = fault != "lost_put" and not (only_if_absent and key in self._blobs)
        if stored:
            self._blobs[key] = bytes(data)
            platform.trace.add(("put_blob", platform.now(), sender.name, key, len(data)))
            if only_if_absent and platform.faults is not None and platform.strike("put_new_blob", key):
                stored = False  # it was the superseded twin's write, a moment before this one
        if fault:
            raise HostError(f"outcome unknown: storing {key!r} failed", key=key)
        return stored

    def get(self, sender: SimHost, key: str) -> bytes | None:
        """The bytes under ``key``, or None. Raises HostError when a fault says so."""
        platform = self._platform
        if platform.faults is not None and platform.strike("get_blob", key):
            raise HostError(f"outcome unknown: reading {key!r} failed", key=key)
        data = self._blobs.get(key)
        size = -1 if data is None else len(data)
        platform.trace.add(("get_blob", platform.now(), sender.name, key, size))
        return data

    def peek(self, key: str) -> bytes:
        """The bytes under ``key``, for whoever looks from outside: no step, no fault. KeyError: there are
        none."""
        return self._blobs[key]

    def keys(self) -> list[str]:
        """Every key that holds something, sorted."""
        return sorted(self._blobs)
