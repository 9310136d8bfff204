"""8. Nothing that waits for a time happens before it, on the clock of the object that waits.

Source: a durable timer sleeps at least as long as it was told; the same holds for the timeouts of workflow
tasks and runs, and for start delays. Late is allowed, early never is.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history import EventType
from ..trace import Step
from .base import Checker
from .facts import run_of


class TimersEarly(Checker):
    """Compares the times that histories record with the durations they record."""

    number = 8
    name = "timers-early"
    tables = ("WorkflowDO.events", "WorkflowDO.buffered")

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[tuple[str, int], int] = {}
        self._delayed: dict[str, int] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        kind = row.event_type
        attributes = row.attributes
        if table == "buffered":
            if kind == EventType.TIMER_FIRED:
                self._compare(number, step[2], "", attributes.started_event_id, row.event_ns, "a timer")
            return
        run = run_of(table)
        if kind == EventType.TIMER_STARTED:
            self._due[run, key] = row.event_time + (attributes.start_to_fire_timeout or 0)
        elif kind == EventType.TIMER_FIRED:
            self._compare(number, run, run, attributes.started_event_id, row.event_time, "a timer")
        elif kind == EventType.WORKFLOW_TASK_SCHEDULED:
            limit = attributes.start_to_close_timeout or 0
            self._due[run, -key] = limit
            starts_ns = self._delayed.pop(run, 0)
            if row.event_time < starts_ns:
                early = (starts_ns - row.event_time) / 1e9
                self.violated(f"run {run} begins {early:g} s before the delay of its start is over", number)
        elif kind == EventType.WORKFLOW_TASK_STARTED:
            limit = self._due.get((run, -attributes.scheduled_event_id), 0)
            self._due[run, key] = row.event_time + limit
        elif kind == EventType.WORKFLOW_TASK_TIMED_OUT:
            self._compare(
                number, run, run, attributes.started_event_id, row.event_time, "a workflow task's timeout"
            )
        elif kind == EventType.WORKFLOW_EXECUTION_STARTED:
            self._started(run, row)
        elif kind == EventType.WORKFLOW_EXECUTION_TIMED_OUT:
            self._compare(number, run, run, 1, row.event_time, "the run's timeout")

    def _started(self, run: str, row: Any) -> None:
        attributes = row.attributes
        delay = attributes.first_workflow_task_backoff or 0
        if delay:
            self._delayed[run] = row.event_time + delay
        dues = []
        if attributes.workflow_run_timeout:
            dues.append(row.event_time + delay + attributes.workflow_run_timeout)
        if attributes.workflow_execution_expiration_time:
            dues.append(attributes.workflow_execution_expiration_time)
        self._due[run, 1] = min(dues, default=0)

    def _compare(self, number: int, where: str, run: str, opened: int, at_ns: int, what: str) -> None:
        if run:
            due_ns = self._due.get((run, opened))
        else:
            # A buffered event does not say whose it is: the object has one open run.
            due_ns = self._due_of_open(where, opened)
        if due_ns is not None and at_ns < due_ns:
            self.violated(
                f"{what} of {where} (event {opened}) fired {(due_ns - at_ns) / 1e9:g} s early", number
            )

    def _due_of_open(self, key: str, opened: int) -> int | None:
        current = self.ledger.get(key, "meta", "current")
        return None if current is None else self._due.get((current.run_id, opened))
