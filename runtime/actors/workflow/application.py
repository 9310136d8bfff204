"""What the commands of one completed workflow task are applied to: its run, its turn, its event."""

from __future__ import annotations

from typing import Any

from ...actor import Turn
from .events import append
from .limits import Limits
from .state import Run, WorkflowState


class Application:
    """One completed workflow task: its run, and the turn that records it."""

    __slots__ = ("completed_event_id", "limits", "run", "state", "turn")

    def __init__(
        self, state: WorkflowState, run: Run, turn: Turn, limits: Limits, completed_event_id: int
    ) -> None:
        self.state = state
        self.run = run
        self.turn = turn
        self.limits = limits
        self.completed_event_id = completed_event_id

    def append(self, event_type: str, attributes: Any, summary: str = "") -> int:
        """Append one event to the run."""
        return append(self.state, self.run, self.turn, event_type, attributes, summary=summary)
