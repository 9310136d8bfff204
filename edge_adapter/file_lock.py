"""A file as a lock between processes of one machine.

Owns how a file is locked on each operating system, which unlocks it when the owner closes it or ends, however
it ends. Whoever locks a file leaves it where it is: removing it would let two processes lock two files of one
name.

Must not import: a part of this package.
"""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    # Far behind any text: what is locked there cannot be read by others.
    _LOCKED_BYTE = 1 << 30

    def try_lock(file: IO[str]) -> bool:
        """Lock the open ``file`` until it is closed, and go to its start; False: another has it."""
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

    def try_lock(file: IO[str]) -> bool:
        """Lock the open ``file`` until it is closed, and go to its start; False: another has it."""
        file.seek(0)
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
