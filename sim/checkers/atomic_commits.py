"""19. A commit is all or nothing: whoever loads an object finds the sum of its commits, no more and no less.

Source: the platform's storage contract, across crashes at any point. The engine counts on it twice: the rows
of a turn belong together, and what a turn sends is in the same commit as the rows that say it was sent.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history import EventType
from ..trace import Step
from .base import Checker


class AtomicCommits(Checker):
    """Adds commits up and compares with what is loaded; looks for halves of what belongs together."""

    number = 19
    name = "atomic-commits"
    kinds = ("load",)
    tables = ("WorkflowDO.events",)

    def step(self, number: int, step: Step) -> None:
        _, _, key, incarnation, version, rows = step
        expected = self.ledger.versions.get(key, 0)
        if version != expected:
            self.violated(
                f"incarnation {incarnation} of {key} finds version {version} after {expected} commits", number
            )
        elif rows != self.ledger.rows(key):
            self.violated(
                f"incarnation {incarnation} of {key} finds {rows} rows; its commits make "
                f"{self.ledger.rows(key)}",
                number,
            )

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None or row.event_type not in _TOGETHER or self.ledger.get(step[2], table, key) is not None:
            return
        pending, wanted = _TOGETHER[row.event_type]
        if any(name == "start" and each is not None and each.origins for name, _, each in step[5]):
            return  # copied from another run
        found = {
            type(each.body).__name__ for name, _, each in step[5] if name == "outbox" and each is not None
        }
        rows = {name for name, _, each in step[5] if each is not None}
        closes = any(name == "run" and each is not None and each.close_ns for name, _, each in step[5])
        if wanted and wanted not in found:
            self.violated(
                f"event {key} ({row.event_type}) of {step[2]} is committed without its message", number
            )
        elif pending not in rows and not closes:
            self.violated(f"event {key} ({row.event_type}) of {step[2]} is committed without its row", number)


# event type -> the table of what it opens, the message that tells the other side
_TOGETHER = {
    EventType.ACTIVITY_TASK_SCHEDULED: ("activity", "ScheduleActivityTask"),
    EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED: ("child", "StartWorkflow"),
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: ("external", "SignalWorkflow"),
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: ("external", "RequestCancelWorkflow"),
    EventType.TIMER_STARTED: ("timer", ""),
}
