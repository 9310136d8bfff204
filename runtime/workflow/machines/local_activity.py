"""Local activities: run by the workflow's own executor between turns, recorded as one marker.

=========  ======  ========  =============================================================
state      event   next      what happens
=========  ======  ========  =============================================================
requested  start   running   the executor runs attempts; never during replay
requested  finish  finished  replay: the marker is there, the thunk is not called
running    finish  finished  the marker goes out, then the coroutine goes on
finished   record  recorded
requested  cancel  canceled  no marker, no result
running    cancel  canceled  the executor stops the attempt
(later)    cancel  (same)    too late, nothing to do
=========  ======  ========  =============================================================

The marker has Temporal Core's name and details. Its ``seq`` and ``activity_id`` are the number of the
``ctx.activity`` call, which local activities share with remote ones. Imports nothing but the frame and the
commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...commands import RecordMarker
from ...durations import SECOND
from .base import Machine
from .marker import read_json

if TYPE_CHECKING:
    from ...history import Failure, Payload, RetryPolicyRecord
    from ...history.marker import MarkerRecorded
    from ...loop_futures import Future
    from ..instance import WorkflowRun
    from ..location import Location

LOCAL_ACTIVITY = "core_local_activity"


class LocalOutcome:
    """How a local activity ended: a result, a failure, or a failure to be retried in ``backoff_ns``."""

    __slots__ = ("attempt", "backoff_ns", "failure", "result")

    def __init__(
        self,
        result: Payload | None = None,
        failure: Failure | None = None,
        attempt: int = 1,
        backoff_ns: int | None = None,
    ) -> None:
        self.result = result
        self.failure = failure
        self.attempt = attempt
        self.backoff_ns = backoff_ns


class LocalActivityMachine(Machine):
    """One local activity. ``future`` gets its LocalOutcome."""

    __slots__ = (
        "activity_type",
        "call",
        "first",
        "first_attempt",
        "future",
        "number",
        "retry_policy",
        "run",
        "schedule_to_close_timeout_ns",
        "scheduled_ns",
        "start_to_close_timeout_ns",
        "step",
        "task",
        "where",
    )

    transitions = {
        ("requested", "start"): "running",
        ("requested", "finish"): "finished",
        ("running", "finish"): "finished",
        ("finished", "record"): "recorded",
        ("requested", "cancel"): "canceled",
        ("running", "cancel"): "canceled",
        ("finished", "cancel"): "finished",
        ("recorded", "cancel"): "recorded",
        ("canceled", "cancel"): "canceled",
    }

    def __init__(
        self,
        run: WorkflowRun,
        number: int,
        step: str,
        activity_type: str,
        call: Callable[[], Any],
        where: Location,
        *,
        retry_policy: RetryPolicyRecord,
        start_to_close_timeout_ns: int | None = None,
        schedule_to_close_timeout_ns: int | None = None,
        first_attempt: int = 1,
        scheduled_ns: int = 0,
    ) -> None:
        self.state = "requested"
        self.run = run
        self.number = number
        self.step = step
        self.activity_type = activity_type
        self.call = call
        self.where = where
        self.retry_policy = retry_policy
        self.start_to_close_timeout_ns = start_to_close_timeout_ns
        self.schedule_to_close_timeout_ns = schedule_to_close_timeout_ns
        self.first_attempt = first_attempt
        self.scheduled_ns = scheduled_ns or run.now_ns
        self.first: Any = None
        """What calling the thunk gave, if it was called while deciding what it is: (kind, value)."""
        self.task: Any = None
        """The attempt in progress, on the executor's loop."""
        self.future: Future = run.loop.create_future()

    def finish(self, outcome: LocalOutcome, complete_ns: int) -> None:
        """Record the outcome and wake the coroutine."""
        self.to("finish")
        self.call = self.first = self.task = None  # type: ignore[assignment]
        self.run.issue(marker_command(self, outcome, complete_ns), self, self.where)
        if not self.future.done():
            self.future.set_result(outcome)

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self.to("cancel")
        self.run.drop_local(self.number)
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
        discard(self)


def discard(machine: LocalActivityMachine) -> None:
    """Close a coroutine that was made and never run."""
    first, machine.first = machine.first, None
    if first is not None and first[0] == "coroutine":
        first[1].close()


def marker_command(machine: LocalActivityMachine, outcome: LocalOutcome, complete_ns: int) -> RecordMarker:
    """The marker that records ``outcome``."""
    data = {
        "seq": machine.number,
        "attempt": outcome.attempt,
        "activity_id": str(machine.number),
        "activity_type": machine.activity_type,
        "complete_time": _split(complete_ns),
        "backoff": None if outcome.backoff_ns is None else _split(outcome.backoff_ns),
        "original_schedule_time": _split(machine.scheduled_ns),
    }
    details: dict[str, tuple[Payload, ...]] = {"data": (machine.run.converter.to_payload(data),)}
    if outcome.result is not None:
        details["result"] = (outcome.result,)
    return RecordMarker(
        marker_name=LOCAL_ACTIVITY, details=details, failure=outcome.failure, summary=machine.step
    )


def local_number(marker: MarkerRecorded | RecordMarker) -> int | None:
    """The number of the local activity that a marker records; None for any other marker."""
    if marker.marker_name != LOCAL_ACTIVITY:
        return None
    data = read_json(marker, "data")
    return data.get("seq") if isinstance(data, dict) else None


def outcome_of(marker: MarkerRecorded) -> tuple[LocalOutcome, int]:
    """The recorded outcome and the time of its completion (ns)."""
    data = read_json(marker, "data") or {}
    result = marker.details.get("result")
    backoff = data.get("backoff")
    outcome = LocalOutcome(
        result=result[0] if result else None,
        failure=marker.failure,
        attempt=data.get("attempt") or 1,
        backoff_ns=None if backoff is None else _join(backoff),
    )
    return outcome, _join(data.get("complete_time") or {})


def _split(time_ns: int) -> dict[str, int]:
    seconds, nanos = divmod(time_ns, SECOND)
    return {"seconds": seconds, "nanos": nanos}


def _join(parts: dict[str, int]) -> int:
    return int(parts.get("seconds", 0)) * SECOND + int(parts.get("nanos", 0))
