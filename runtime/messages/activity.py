"""What an ActivityDO is told and what it answers. Records only.

An attempt is fenced by its ``token``: a lease, heartbeat or result that carries the token of another
attempt is refused with code ``stale_token``.
"""

from __future__ import annotations

from ..history import Failure, Header, Payload, RetryPolicyRecord
from ..records import record

Payloads = tuple[Payload, ...]

ACTIVITY_QUEUE = "activities"
"""The shared queue that carries every ActivityTask; the task queue's name is a field of the message."""


@record
class ScheduleActivityTask:
    """From the WorkflowDO: run this activity until it ends, then tell ``workflow_key`` (ActivityResolved)."""

    namespace: str
    workflow_key: str
    workflow_id: str
    run_id: str
    workflow_type: str
    activity_id: str
    scheduled_event_id: int
    activity_type: str
    task_queue: str
    scheduled_ns: int
    input: Payloads = ()
    header: Header | None = None
    retry_policy: RetryPolicyRecord | None = None
    schedule_to_close_timeout_ns: int | None = None
    schedule_to_start_timeout_ns: int | None = None
    start_to_close_timeout_ns: int | None = None
    heartbeat_timeout_ns: int | None = None


@record
class CancelActivityTask:
    """From the WorkflowDO: ask the activity to stop; it learns of it through its next heartbeat."""

    run_id: str
    scheduled_event_id: int


@record
class AbandonActivityTask:
    """From the WorkflowDO: the run is closed; no one waits for this activity any more."""

    run_id: str
    scheduled_event_id: int


@record
class ActivityTask:
    """What travels on the queue: a reference, never the input. ``attempt`` tells an old copy from a newer."""

    namespace: str
    task_queue: str
    activity_key: str
    token: str
    attempt: int = 0


@record
class LeaseActivity:
    """From a worker that took the task: may I run it?

    A repeat with the same non-empty ``request_id`` is granted again: the first answer was lost, and nobody
    has begun to run the attempt.
    """

    token: str
    identity: str = ""
    request_id: str = ""


@record
class Leased:
    """Everything an attempt needs. Renew within ``lease_ns``."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    activity_id: str
    activity_type: str
    task_queue: str
    attempt: int
    token: str
    lease_ns: int
    scheduled_ns: int
    attempt_scheduled_ns: int
    started_ns: int
    input: Payloads = ()
    header: Header | None = None
    heartbeat_details: Payloads = ()
    start_to_close_timeout_ns: int | None = None
    schedule_to_close_timeout_ns: int | None = None
    heartbeat_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None


@record
class RenewLease:
    """From the worker that runs the attempt: it is alive. Answered by :class:`AttemptStatus`."""

    token: str


@record
class RecordHeartbeat:
    """From the activity itself; ``details`` are handed to the next attempt.

    Answered by :class:`AttemptStatus`.
    """

    token: str
    details: Payloads = ()


@record
class AttemptStatus:
    """Answer to a renewal or heartbeat."""

    cancel_requested: bool = False


@record
class CompleteActivity:
    """The attempt returned."""

    token: str
    result: Payloads = ()
    identity: str = ""


@record
class FailActivity:
    """The attempt raised; the retry policy decides what follows."""

    token: str
    failure: Failure
    identity: str = ""


@record
class ReportActivityCanceled:
    """The attempt gave way to a cancellation; refused with ``cancel_not_requested`` if there was none."""

    token: str
    details: Payloads = ()
    identity: str = ""


@record
class DeferActivity:
    """The attempt goes on outside any worker; it will be completed by its token (asynchronous completion)."""

    token: str


@record
class ActivityParked:
    """From the TaskQueueDO ``parked_with``: it holds the task of this attempt until a worker takes it; stop
    redispatching it, and say so when the attempt waits no longer (ActivityUnparked)."""

    token: str
    parked_with: str = ""


@record
class DispatchActivity:
    """From a TaskQueueDO: a worker polls now; put the task of this attempt back on the queue."""

    token: str
