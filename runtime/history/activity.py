"""Attributes of the history events about activities.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .failure import Failure
    from .messages import ActivityType, Header, Priority, RetryPolicyRecord, TaskQueueRecord
    from .values import ActivityTaskFailedCauseName, Duration, Int64, Json, Payloads, RetryStateName


@record
class ActivityTaskScheduled(Message):
    """The workflow asked for an activity."""

    activity_id: str = ""
    activity_type: ActivityType | None = None
    task_queue: TaskQueueRecord | None = None
    header: Header | None = None
    input: Payloads = None
    schedule_to_close_timeout: Duration | None = None
    schedule_to_start_timeout: Duration | None = None
    start_to_close_timeout: Duration | None = None
    heartbeat_timeout: Duration | None = None
    workflow_task_completed_event_id: Int64 = 0
    retry_policy: RetryPolicyRecord | None = None
    use_workflow_build_id: bool = False
    priority: Priority | None = None


@record
class ActivityTaskStarted(Message):
    """A worker took the last attempt (written when that attempt ends)."""

    scheduled_event_id: Int64 = 0
    identity: str = ""
    request_id: str = ""
    attempt: int = 0
    last_failure: Failure | None = None
    worker_version: Json = attrs.field(default=None, hash=False)
    build_id_redirect_counter: Int64 = 0


@record
class ActivityTaskCompleted(Message):
    """The activity returned."""

    result: Payloads = None
    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    identity: str = ""
    worker_version: Json = attrs.field(default=None, hash=False)


@record
class ActivityTaskFailed(Message):
    """The activity failed for good."""

    failure: Failure | None = None
    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    identity: str = ""
    retry_state: RetryStateName = ""
    worker_version: Json = attrs.field(default=None, hash=False)
    cause: ActivityTaskFailedCauseName = ""


@record
class ActivityTaskTimedOut(Message):
    """The activity timed out for good."""

    failure: Failure | None = None
    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    retry_state: RetryStateName = ""


@record
class ActivityTaskCancelRequested(Message):
    """The workflow asked the activity to stop."""

    scheduled_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0


@record
class ActivityTaskCanceled(Message):
    """The activity stopped on request."""

    details: Payloads = None
    latest_cancel_requested_event_id: Int64 = 0
    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    identity: str = ""
    worker_version: Json = attrs.field(default=None, hash=False)
