"""21. No wake-up is lost: every run is closed, or waits for something that has a name and will be told of it.

Source: the meaning of durable. A run may wait for a signal, an update, a worker; for a timer whose object's
alarm is set; for an activity or child that is not over. It may not wait for what has happened already.
"""

from __future__ import annotations

from typing import Any

from ...runtime.durations import MILLISECOND, SECOND
from ...runtime.history import EventType
from ...runtime.keys import ACTIVITY, WORKFLOW, activity_key, task_queue_key, workflow_key
from ..scenario import Kind, Violation
from .base import Checker
from .facts import RUNNING

TASK_EVENTS = (
    EventType.WORKFLOW_TASK_SCHEDULED,
    EventType.WORKFLOW_TASK_STARTED,
    EventType.WORKFLOW_TASK_COMPLETED,
    EventType.WORKFLOW_TASK_FAILED,
    EventType.WORKFLOW_TASK_TIMED_OUT,
)


class WakeUps(Checker):
    """Looks at every open run when the world has come to rest."""

    number = 21
    name = "wake-ups"
    kind = Kind.LIVENESS

    def finish(self) -> list[Violation]:
        if not self.settled or self.world is None:
            return self.violations
        for key in self.ledger.of_kind(WORKFLOW):
            if self._is_awake(key) or self._is_excused(key):
                continue
            for run_id, run in self.ledger.table(key, "run").items():
                if run.status == RUNNING:
                    self._open_run(key, run_id, run)
        for key in self.ledger.of_kind(ACTIVITY):
            self._activity(key)
        return self.violations

    def _is_awake(self, key: str) -> bool:
        """Is it about to deliver something?"""
        alarm_ns = self.ledger.alarms.get(key)
        return bool(self.ledger.table(key, "outbox")) and alarm_ns is not None and alarm_ns >= self.end_ns

    def _is_excused(self, key: str) -> bool:
        """A start that nobody has heard of may be lost with the alarm of its object."""
        return self.world is not None and self.world.gave_up and key in self.ledger.lost

    def _open_run(self, key: str, run_id: str, run: Any) -> None:
        start = self.ledger.get(key, "start", run_id)
        what = f"run {run_id} of {key}"
        if run.task_state in ("started", "backing_off", "delayed"):
            self._alarm(key, run.task_deadline_ns, f"{what}: its workflow task")
        elif run.task_state == "scheduled":
            if self.world is not None and self.world.deployment.polls_workflows(
                start.namespace, start.task_queue
            ):
                self.violated(f"{what} has a workflow task that nobody is given, though a worker runs")
        else:
            self._rests(key, run_id, what)
        for timer in self.ledger.table(key, "timer").values():
            self._alarm(key, timer.fire_ns, f"{what}: timer {timer.timer_id}")
        if run.expires_ns:
            self._alarm(key, run.expires_ns, f"{what}: its timeout")
        for row in self.ledger.table(key, "activity").values():
            activity = activity_key(start.namespace, run_id, row.activity_id)
            rows = self.ledger.table(activity, "activity")
            if "attempt" not in rows and not self._is_awake(activity):
                self.violated(f"{what} waits for activity {row.activity_id}, which is not running any more")
        for row in self.ledger.table(key, "child").values():
            self._child(start, run_id, row, what)

    def _rests(self, key: str, run_id: str, what: str) -> None:
        if self.ledger.table(key, "buffered"):
            self.violated(f"{what} rests, and something waits to enter its history")
        for row in self.ledger.table(key, "update").values():
            if row.run_id == run_id and row.stage == "admitted":
                self.violated(f"{what} rests, and update {row.update_id} waits for it")
        events = list(self.ledger.table(key, f"events:{run_id}").values())
        for event in reversed(events):
            if event.event_type == EventType.WORKFLOW_TASK_COMPLETED:
                return
            if (
                not getattr(event.attributes, "workflow_task_completed_event_id", 0)
                and event.event_type not in TASK_EVENTS
            ):
                self.violated(f"{what} rests, and its code has not seen event {event.event_id}")
                return

    def _child(self, start: Any, run_id: str, row: Any, what: str) -> None:
        child = workflow_key(start.namespace, row.workflow_id)
        if self._is_awake(child):
            return
        starts = self.ledger.table(child, "start")
        for other, run in self.ledger.table(child, "run").items():
            parent = starts[other].parent
            if (
                run.status == RUNNING
                and parent is not None
                and parent.initiated_event_id == row.initiated_event_id
            ):
                return
        self.violated(f"{what} waits for child {row.workflow_id!r}, which is not running any more")

    def _activity(self, key: str) -> None:
        attempt = self.ledger.get(key, "activity", "attempt")
        if attempt is None or self._is_awake(key) or self._is_excused(key):
            return
        parked = attempt.phase == "scheduled" and attempt.redispatch_ns is None
        if parked:
            self._parked(key, attempt)
        alarm_ns = None if key in self.ledger.lost else self.ledger.alarms.get(key)
        if alarm_ns is None and not parked and attempt.phase != "deferred":
            self.violated(f"attempt {attempt.number} of {key} is {attempt.phase} and nothing will wake it")

    def _parked(self, key: str, attempt: Any) -> None:
        """Its task queue must hold it: nobody else will ever hand it out."""
        spec = self.ledger.get(key, "activity", "spec")
        queue = task_queue_key(spec.namespace, spec.task_queue)
        held = self.ledger.get(queue, "activity", key)
        if (held is None or held.token != attempt.token) and not self._is_awake(queue):
            self.violated(f"attempt {attempt.number} of {key} is parked, and {queue} does not hold it")

    def _alarm(self, key: str, due_ns: int, what: str) -> None:
        alarm_ns = self.ledger.alarms.get(key)
        if key in self.ledger.lost:
            self.violated(f"{what} is due, and the alarm for it was lost and not set again")
        elif alarm_ns is None:
            self.violated(f"{what} is due, and no alarm is set for it")
        elif due_ns < self.end_ns - self.skew_ns - SECOND:
            self.violated(f"{what} was due {(self.end_ns - due_ns) / 1e9:g} s ago")
        elif alarm_ns > max(due_ns, self.end_ns + self.skew_ns) + MILLISECOND:
            self.violated(f"{what} is due before the alarm that is set: {(alarm_ns - due_ns) / 1e9:g} s")
