"""3. Every event that completes something names an earlier event that opened it and is still open.

Source: Temporal's state machines of activities, timers, children, signals and cancellations to others,
workflow tasks and updates. An end without its beginning, a second end, or a start of what has ended, would
fail every replayer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...runtime.history import EventType
from ..trace import Step
from .base import Checker
from .facts import ACTIVITY_ENDS, CHILD_ENDS, TASK_ENDS, TIMER_ENDS, run_of, short

OPENS: Mapping[str, str] = {
    EventType.ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.TIMER_STARTED: "timer",
    EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child",
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "external signal",
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "external cancellation",
    EventType.WORKFLOW_TASK_SCHEDULED: "workflow task",
    EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
}
# event type -> what it is about, the attribute that names the opening event, does it close it
NAMES: Mapping[str, tuple[str, str, bool]] = {
    EventType.ACTIVITY_TASK_STARTED: ("activity", "scheduled_event_id", False),
    **dict.fromkeys(ACTIVITY_ENDS, ("activity", "scheduled_event_id", True)),
    EventType.ACTIVITY_TASK_CANCEL_REQUESTED: ("activity", "scheduled_event_id", False),
    **dict.fromkeys(TIMER_ENDS, ("timer", "started_event_id", True)),
    EventType.CHILD_WORKFLOW_EXECUTION_STARTED: ("child", "initiated_event_id", False),
    EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED: ("child", "initiated_event_id", True),
    **dict.fromkeys(CHILD_ENDS, ("child", "initiated_event_id", True)),
    EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: ("external signal", "initiated_event_id", True),
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: ("external signal", "initiated_event_id", True),
    EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: (
        "external cancellation",
        "initiated_event_id",
        True,
    ),
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: (
        "external cancellation",
        "initiated_event_id",
        True,
    ),
    EventType.WORKFLOW_TASK_STARTED: ("workflow task", "scheduled_event_id", False),
    **dict.fromkeys(TASK_ENDS, ("workflow task", "scheduled_event_id", True)),
    EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED: ("update", "accepted_event_id", True),
}
# The start that an end names has to be there, and be the start of the same thing.
STARTED_BY: Mapping[str, str] = {
    **dict.fromkeys(ACTIVITY_ENDS, EventType.ACTIVITY_TASK_STARTED),
    **dict.fromkeys(CHILD_ENDS, EventType.CHILD_WORKFLOW_EXECUTION_STARTED),
    **dict.fromkeys(TASK_ENDS, EventType.WORKFLOW_TASK_STARTED),
}


class OpenCause(Checker):
    """Keeps what is open in every run."""

    number = 3
    name = "open-cause"
    tables = ("WorkflowDO.events",)

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, dict[int, str]] = {}
        self._starts: dict[tuple[str, int], tuple[str, int]] = {}
        self._completed: dict[str, set[int]] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        run = run_of(table)
        kind = row.event_type
        open_now = self._open.setdefault(run, {})
        if kind == EventType.WORKFLOW_TASK_COMPLETED:
            self._completed.setdefault(run, set()).add(key)
        opens = OPENS.get(kind)
        if opens is not None:
            open_now[key] = opens
        else:
            found = NAMES.get(kind)
            if found is not None:
                self._named(number, run, row, open_now, *found)
        command = getattr(row.attributes, "workflow_task_completed_event_id", 0)
        if command and command not in self._completed.get(run, ()):
            self.violated(
                f"event {key} ({short(kind)}) of run {run} is a command of event {command}, which is no "
                "completed workflow task",
                number,
            )

    def _named(
        self, number: int, run: str, row: Any, open_now: dict[int, str], what: str, name: str, closes: bool
    ) -> None:
        opener = getattr(row.attributes, name)
        if open_now.get(opener) != what:
            self.violated(
                f"event {row.event_id} ({short(row.event_type)}) of run {run} names event {opener}, "
                f"and no {what} is open under that number",
                number,
            )
            return
        if not closes:
            self._starts[run, row.event_id] = (row.event_type, opener)
            return
        del open_now[opener]
        wanted = STARTED_BY.get(row.event_type)
        started = getattr(row.attributes, "started_event_id", 0) if wanted else 0
        if started and self._starts.get((run, started)) != (wanted, opener):
            self.violated(
                f"event {row.event_id} ({short(row.event_type)}) of run {run} names event {started} as its "
                "start, which it is not",
                number,
            )
