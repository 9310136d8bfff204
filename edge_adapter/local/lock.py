"""One process at a time: the lock beside a database file.

Owns ``<database>.lock``, which the operating system unlocks when its process ends, however it ends. Its text
names the owner, for the error that the next one gets. The file stays when it is unlocked: removing it would
let two processes lock two files of one name.
"""

from __future__ import annotations

import os
import sys
from typing import IO

from ...runtime.errors import TemporalError

if sys.platform == "win32":
    import msvcrt

    # Far behind the text: what is locked there cannot be read by others.
    _LOCKED_BYTE = 1 << 30

    def _try_lock(file: IO[str]) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0)
        return True

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class DatabaseInUseError(TemporalError):
    """Another host has this database open. Fields: ``path``, ``owner`` (which process, as it wrote it)."""

    fault = "user"


class DatabaseLock:
    """Held from its creation until ``release``, or the end of the process."""

    def __init__(self, path: str) -> None:
        """Lock the database at ``path``. Raises DatabaseInUseError, OSError."""
        self._file = open(f"{path}.lock", "a+", encoding="utf-8")
        self._file.seek(0)
        if not _try_lock(self._file):
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
