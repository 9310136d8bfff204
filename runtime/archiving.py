"""Where the archive of a closed run lies, and for how long.

Owns :class:`ArchivePolicy`, which travels with a run from its start to its archive, and how users say it. A
policy belongs to a run: its successors, its children and the runs of its schedules inherit it. Must not
import: an actor, a host.
"""

from __future__ import annotations

from typing import Final

from .durations import HOUR, DurationLike, format_duration, parse_duration
from .errors import InvalidArgumentError
from .records import record

STORE_BYTES: Final = 1024 * 1024
"""Closed histories of this size or more go to the object store."""
FOR_EVER: Final = "forever"
RETENTION_NS_MIN: Final = 72 * HOUR
"""So long a closed workflow itself is kept; no archive goes before it."""


@record
class ArchivePolicy:
    """``retention_ns``: how long after its end a run's archive is deleted (None: never). ``stored``: the
    archive goes to the object store whatever its size; otherwise from ``store_bytes`` on."""

    retention_ns: int | None = None
    stored: bool = False
    store_bytes: int = STORE_BYTES

    def stores(self, size_bytes: int) -> bool:
        """Does a history of this size go to the object store?"""
        return self.stored or size_bytes >= self.store_bytes


DEFAULT: Final = ArchivePolicy()


def archive_policy(retention: DurationLike | None, store_bytes: int | None) -> ArchivePolicy | None:
    """What ``Temporal(history_retention=, history_store_bytes=)`` say; None: nothing, so DEFAULT holds.

    ``retention``: "forever" (in the object store), a duration of 72 hours or more, or None (as long as the
    durable object that holds it). ``store_bytes``: from which size on the object store holds it. Raises
    InvalidArgumentError.
    """
    if store_bytes is not None and (type(store_bytes) is not int or store_bytes < 0):
        raise InvalidArgumentError(f"history_store_bytes is a number of bytes from 0 on, not {store_bytes!r}")
    if retention is None and store_bytes is None:
        return None
    size = STORE_BYTES if store_bytes is None else store_bytes
    if retention is None or retention == FOR_EVER:
        return ArchivePolicy(stored=retention is not None, store_bytes=size)
    try:
        retention_ns = parse_duration(retention, name="history_retention")
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{error}; or {FOR_EVER!r}") from None
    if retention_ns < RETENTION_NS_MIN:
        raise InvalidArgumentError(
            f"history_retention {format_duration(retention_ns)} is shorter than the "
            f"{format_duration(RETENTION_NS_MIN)} for which every closed workflow is kept; give more, or "
            f"{FOR_EVER!r}"
        )
    return ArchivePolicy(retention_ns=retention_ns, store_bytes=size)
