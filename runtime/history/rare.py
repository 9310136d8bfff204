"""Attributes of the history events about Nexus operations, pauses, time skipping, changes from outside.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import EMPTY, record
from .values import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .failure import Failure
    from .messages import Memo, Payload, Priority, RetryPolicyRecord
    from .values import Duration, Int64, Json, Timestamp


@record
class WorkflowPropertiesModifiedExternally(Message):
    """Somebody changed properties of the run."""

    new_task_queue: str = ""
    new_workflow_task_timeout: Duration | None = None
    new_workflow_run_timeout: Duration | None = None
    new_workflow_execution_timeout: Duration | None = None
    upserted_memo: Memo | None = None


@record
class ActivityPropertiesModifiedExternally(Message):
    """Somebody changed properties of an activity."""

    scheduled_event_id: Int64 = 0
    new_retry_policy: RetryPolicyRecord | None = None


@record
class NexusOperationScheduled(Message):
    """The workflow asked for a Nexus operation."""

    endpoint: str = ""
    service: str = ""
    operation: str = ""
    input: Payload | None = None
    schedule_to_close_timeout: Duration | None = None
    nexus_header: Mapping[str, str] = attrs.field(default=EMPTY, hash=False)
    workflow_task_completed_event_id: Int64 = 0
    request_id: str = ""
    endpoint_id: str = ""
    schedule_to_start_timeout: Duration | None = None
    start_to_close_timeout: Duration | None = None


@record
class NexusOperationStarted(Message):
    """The operation runs."""

    scheduled_event_id: Int64 = 0
    operation_id: str = ""
    request_id: str = ""
    operation_token: str = ""


@record
class NexusOperationCompleted(Message):
    """The operation returned."""

    scheduled_event_id: Int64 = 0
    result: Payload | None = None
    request_id: str = ""


@record
class NexusOperationFailed(Message):
    """The operation failed."""

    scheduled_event_id: Int64 = 0
    failure: Failure | None = None
    request_id: str = ""


@record
class NexusOperationCanceled(Message):
    """The operation stopped on request."""

    scheduled_event_id: Int64 = 0
    failure: Failure | None = None
    request_id: str = ""


@record
class NexusOperationTimedOut(Message):
    """The operation timed out."""

    scheduled_event_id: Int64 = 0
    failure: Failure | None = None
    request_id: str = ""


@record
class NexusOperationCancelRequested(Message):
    """The workflow asked the operation to stop."""

    scheduled_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0


@record
class WorkflowExecutionOptionsUpdated(Message):
    """Somebody changed options of the run."""

    versioning_override: Json = attrs.field(default=None, hash=False)
    unset_versioning_override: bool = False
    attached_request_id: str = ""
    attached_completion_callbacks: tuple[Json, ...] = attrs.field(default=(), hash=False)
    identity: str = ""
    priority: Priority | None = None
    time_skipping_config: Json = attrs.field(default=None, hash=False)
    time_skipping_config_updated: bool = False
    workflow_update_options: tuple[Json, ...] = attrs.field(default=(), hash=False)


@record
class NexusOperationCancelRequestCompleted(Message):
    """The request to stop was delivered."""

    requested_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0
    scheduled_event_id: Int64 = 0


@record
class NexusOperationCancelRequestFailed(Message):
    """The request to stop could not be delivered."""

    requested_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0
    failure: Failure | None = None
    scheduled_event_id: Int64 = 0


@record
class WorkflowExecutionPaused(Message):
    """The run was paused."""

    identity: str = ""
    reason: str = ""
    request_id: str = ""


@record
class WorkflowExecutionUnpaused(Message):
    """The run goes on."""

    identity: str = ""
    reason: str = ""
    request_id: str = ""


@record
class WorkflowExecutionTimeSkippingTransitioned(Message):
    """The service skipped time for the run."""

    target_time: Timestamp | None = None
    disabled_after_fast_forward: bool = False
    wall_clock_time: Timestamp | None = None
