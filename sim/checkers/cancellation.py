"""24. Cancellation reaches everything that hangs on it; what was done is taken back once, in reverse order.

Source: parent close policies, activities of closed runs, cancel requests to activities. And the saga: an
activity called ``undo X`` (``undo_X``, ``undo-X``) takes back one completed ``X``; the last one done is taken
back first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...runtime.history import EventType
from ...runtime.keys import ACTIVITY, WORKFLOW, activity_key, workflow_key
from ..scenario import Violation
from .base import Checker
from .facts import ACTIVITY_ENDS, CHILD_ENDS, RUNNING

UNDO = ("undo ", "undo_", "undo-")


class Cancellation(Checker):
    """Looks at closed runs, and at what they left behind, when the world has come to rest."""

    number = 24
    name = "cancellation"

    def finish(self) -> list[Violation]:
        if not self.settled:
            return self.violations
        closed: dict[str, str] = {}
        for key in self.ledger.of_kind(WORKFLOW):
            starts = self.ledger.table(key, "start")
            was_reset = {origin.run_id for start in starts.values() for origin in start.origins}
            for run_id, run in self.ledger.table(key, "run").items():
                events = self.ledger.table(key, f"events:{run_id}")
                start = starts[run_id]
                self._cancelled_activities(start.namespace, run_id, events)
                if run.status != RUNNING:
                    closed[run_id] = run.status
                    self._compensations(run_id, events)
                    if run_id not in was_reset:
                        self._children(start, run_id, events)
        for key in self.ledger.of_kind(ACTIVITY):
            spec = self.ledger.get(key, "activity", "spec")
            if spec is not None and spec.run_id in closed and not self.ledger.table(key, "outbox"):
                self.violated(f"{key} goes on, and its run is closed")
        return self.violations

    def _cancelled_activities(self, namespace: str, run_id: str, events: Mapping[int, Any]) -> None:
        ended = {
            event.attributes.scheduled_event_id
            for event in events.values()
            if event.event_type in ACTIVITY_ENDS
        }
        for event in events.values():
            if event.event_type != EventType.ACTIVITY_TASK_CANCEL_REQUESTED:
                continue
            scheduled = event.attributes.scheduled_event_id
            if scheduled in ended or scheduled not in events:
                continue
            key = activity_key(namespace, run_id, events[scheduled].attributes.activity_id)
            attempt = self.ledger.get(key, "activity", "attempt")
            if attempt is not None and not attempt.cancel_requested and not self.ledger.table(key, "outbox"):
                self.violated(f"{key} was asked to stop and has not heard of it")

    def _children(self, start: Any, run_id: str, events: Mapping[int, Any]) -> None:
        opened: dict[int, Any] = {}
        for event in events.values():
            kind = event.event_type
            if kind == EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED:
                opened[event.event_id] = event.attributes
            elif kind in CHILD_ENDS or kind == EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED:
                opened.pop(event.attributes.initiated_event_id, None)
        for initiated, child in opened.items():
            if child.parent_close_policy == "PARENT_CLOSE_POLICY_ABANDON":
                continue
            key = workflow_key(start.namespace, child.workflow_id)
            starts = self.ledger.table(key, "start")
            for other, run in self.ledger.table(key, "run").items():
                parent = starts[other].parent
                if run.status != RUNNING or parent is None:
                    continue
                if (parent.run_id, parent.initiated_event_id) != (run_id, initiated):
                    continue
                gentle = child.parent_close_policy == "PARENT_CLOSE_POLICY_REQUEST_CANCEL"
                if not (gentle and run.cancel_requested):
                    self.violated(f"child {child.workflow_id!r} goes on, and its parent {run_id} is closed")

    def _compensations(self, run_id: str, events: Mapping[int, Any]) -> None:
        scheduled: dict[int, str] = {}
        done: list[str] = []
        undone: list[str] = []
        for event in events.values():
            if event.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
                name = event.attributes.activity_type.name
                scheduled[event.event_id] = name
                if name.startswith(UNDO):
                    undone.append(name[5:])
            elif event.event_type == EventType.ACTIVITY_TASK_COMPLETED:
                name = scheduled.get(event.attributes.scheduled_event_id, "")
                if not name.startswith(UNDO):
                    done.append(name)
        known = set(scheduled.values())
        undone = [name for name in undone if name in known]
        for name, count in Counter(undone).items():
            if count > max(done.count(name), 1):
                self.violated(
                    f"run {run_id} takes {name!r} back {count} times; it was done {done.count(name)}"
                )
                return
        order = [name for name in reversed(done) if name in undone]
        wanted = [name for name in undone if name in done]
        if len(order) == len(wanted) and order != wanted:
            self.violated(f"run {run_id} did {done} and took back {undone}: not in reverse order")
