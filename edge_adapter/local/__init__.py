"""One machine over SQLite: the host for a laptop, a test bench or a small server.

Imports the runtime; never the simulator, never another adapter.
"""

from __future__ import annotations

from .host import LocalHost
from .lock import DatabaseInUseError

__all__ = ["DatabaseInUseError", "LocalHost"]
