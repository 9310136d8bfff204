"""One process at a time: the lock beside a database file.

Owns ``<database>.lock``, whose text names the owner, for the error that the next one gets. The file stays
when it is unlocked.
"""

from __future__ import annotations

import os

from ...runtime.errors import TemporalError
from ..file_lock import try_lock


class DatabaseInUseError(TemporalError):
    """Another host has this database open. Fields: ``path``, ``owner`` (which process, as it wrote it)."""

    fault = "user"


class DatabaseLock:
    """Held from its creation until ``release``, or the end of the process."""

    def __init__(self, path: str) -> None:
        """Lock the database at ``path``. Raises DatabaseInUseError, OSError."""
        self._file = open(f"{path}.lock", "a+", encoding="utf-8")
        if not try_lock(self._file):
            owner = self._file.readline().strip() or "a process that is just starting"
            self._file.close()
            raise DatabaseInUseError(
                f"{path} is in use by {owner}; one process at a time may open it. Stop that one, or give "
                "this one a database of its own",
                path=path,
                owner=owner,
            )
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the next process in."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
