"""The port between the engine and the world it runs in.

Owns what the engine asks of a host, and nothing else: ten methods, defined by their consumer. The
simulator, the SQLite host and the Cloudflare host each implement it; one conformance suite runs
against all of them.

Contract
- Time is integer nanoseconds since the Unix epoch.
- ``call``, ``enqueue`` and the blob methods raise :class:`~.errors.HostError` and nothing else, and it
  means *outcome unknown*: the receiver may or may not have acted. Refusals are ordinary replies.
- ``commit`` makes rows, outbox and alarm durable together or not at all. When it raises, the
  incarnation is dead: nothing of it may be used again, its cache included.
- A message or row is an immutable record (``records.record``); a host may keep it as an object or as
  the bytes ``records.encode`` makes of it, and the engine can't tell which.

Imports no implementation.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

RowKey = str | int
Row = Any
Tables = Mapping[str, Mapping[RowKey, Row]]


Change = tuple[str, RowKey, Row | None]
"""One row written or deleted: (table, row key, new value or None). A bare tuple: every turn makes some."""


class Commit(NamedTuple):
    """What one turn makes durable: its rows, and the one alarm of the object (None: no alarm)."""

    changes: tuple[Change, ...]
    alarm_ns: int | None


class Host(Protocol):
    """What clients, workers and objects alike may ask of the world."""

    def now(self) -> int:
        """The current time, ns since the Unix epoch."""
        ...

    def entropy(self, size: int) -> bytes:
        """``size`` unpredictable bytes (in the simulator: bytes of the choice sequence)."""
        ...

    async def call(self, receiver: str, message: Any) -> Any:
        """Deliver ``message`` to the object with key ``receiver`` and return its reply."""
        ...

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """Put ``body`` on a queue: at least once, in no particular order, after ``delay_ns``."""
        ...

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Store ``data`` under ``key`` in the object store, replacing what was there.

        ``only_if_absent``: store it only if nothing is there. False: something is, and it was left as it is;
        it may be what an earlier call of unknown outcome has stored.
        """
        ...

    async def get_blob(self, key: str) -> bytes | None:
        """The bytes stored under ``key``, or None."""
        ...


class ObjectHost(Host, Protocol):
    """A host as one incarnation of one object sees it."""

    async def load(self) -> Tables:
        """All committed rows of this object, each table in key order."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Make ``commit`` durable, all or nothing; raises when it is not known to be durable. Each row is
        named once."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` beside the object's turns; it dies with the incarnation."""
        ...

    def abort(self, reason: str) -> None:
        """Kill this incarnation: memory and calls in flight are lost, committed rows stay."""
        ...
