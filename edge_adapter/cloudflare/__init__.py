"""The Worker: the engine on Durable Objects, Queues and R2. Runs inside Pyodide.

Every name is loaded when it is first asked for: the laptop's tools read names and tables from here without
the Worker's SDK. Imports the runtime and the API; never the simulator, never another adapter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .entry import (
        ActivityDO,
        ActivityRunner,
        Edge,
        HistoryDO,
        TaskQueueDO,
        TimerDO,
        VisibilityDO,
        WorkflowDO,
    )

__all__ = [
    "ActivityDO",
    "ActivityRunner",
    "Edge",
    "HistoryDO",
    "TaskQueueDO",
    "TimerDO",
    "VisibilityDO",
    "WorkflowDO",
]

if not TYPE_CHECKING:  # a checker must see only the names above

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(".entry", __name__), name)
