"""Failures as history records them.

Owns: the Failure record and what it carries per kind. The exceptions are in `failure_errors`, the conversion
in `failures`. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .messages import ActivityType, Payload, WorkflowExecutionRecord, WorkflowType
    from .values import (
        ApplicationErrorCategoryName,
        Duration,
        Int64,
        Json,
        Payloads,
        RetryStateName,
        TimeoutTypeName,
    )


@record
class ApplicationFailureInfo(Message):
    """A failure of user code."""

    type: str = ""
    non_retryable: bool = False
    details: Payloads = None
    next_retry_delay: Duration | None = None
    category: ApplicationErrorCategoryName = ""


@record
class TimeoutFailureInfo(Message):
    """A timeout."""

    timeout_type: TimeoutTypeName = ""
    last_heartbeat_details: Payloads = None


@record
class CanceledFailureInfo(Message):
    """A cancellation."""

    details: Payloads = None
    identity: str = ""


@record
class TerminatedFailureInfo(Message):
    """A termination."""

    identity: str = ""


@record
class ServerFailureInfo(Message):
    """A failure of the service."""

    non_retryable: bool = False


@record
class ActivityFailureInfo(Message):
    """An activity that failed; its reason is the cause."""

    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    identity: str = ""
    activity_type: ActivityType | None = None
    activity_id: str = ""
    retry_state: RetryStateName = ""


@record
class ChildWorkflowExecutionFailureInfo(Message):
    """A child workflow that failed; its reason is the cause."""

    namespace: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0
    retry_state: RetryStateName = ""


@record
class Failure(Message):
    """A failure and, in `cause`, what led to it; one of the infos says of which kind it is."""

    message: str = ""
    source: str = ""
    stack_trace: str = ""
    encoded_attributes: Payload | None = None
    cause: Failure | None = None
    application_failure_info: ApplicationFailureInfo | None = None
    timeout_failure_info: TimeoutFailureInfo | None = None
    canceled_failure_info: CanceledFailureInfo | None = None
    terminated_failure_info: TerminatedFailureInfo | None = None
    server_failure_info: ServerFailureInfo | None = None
    reset_workflow_failure_info: Json = attrs.field(default=None, hash=False)
    activity_failure_info: ActivityFailureInfo | None = None
    child_workflow_execution_failure_info: ChildWorkflowExecutionFailureInfo | None = None
    nexus_operation_execution_failure_info: Json = attrs.field(default=None, hash=False)
    nexus_handler_failure_info: Json = attrs.field(default=None, hash=False)
