"""Attributes of the history events about workflow tasks.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .failure import Failure
    from .messages import SdkMetadata, TaskQueueRecord
    from .values import (
        Duration,
        Int64,
        Json,
        SuggestContinueAsNewReasonName,
        TimeoutTypeName,
        VersioningBehaviorName,
        WorkflowTaskFailedCauseName,
    )


@record
class WorkflowTaskScheduled(Message):
    """There is something for the workflow code to see."""

    task_queue: TaskQueueRecord | None = None
    start_to_close_timeout: Duration | None = None
    attempt: int = 0


@record
class WorkflowTaskStarted(Message):
    """An executor took the task; `history_size_bytes` and the suggestion are as of now."""

    scheduled_event_id: Int64 = 0
    identity: str = ""
    request_id: str = ""
    suggest_continue_as_new: bool = False
    suggest_continue_as_new_reasons: tuple[SuggestContinueAsNewReasonName, ...] = ()
    target_worker_deployment_version_changed: bool = False
    history_size_bytes: Int64 = 0
    worker_version: Json = attrs.field(default=None, hash=False)
    build_id_redirect_counter: Int64 = 0


@record
class WorkflowTaskCompleted(Message):
    """The executor answered with commands; they are the events that follow."""

    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    identity: str = ""
    binary_checksum: str = ""
    worker_version: Json = attrs.field(default=None, hash=False)
    sdk_metadata: SdkMetadata | None = None
    metering_metadata: Json = attrs.field(default=None, hash=False)
    deployment: Json = attrs.field(default=None, hash=False)
    versioning_behavior: VersioningBehaviorName = ""
    worker_deployment_version: str = ""
    worker_deployment_name: str = ""
    deployment_version: Json = attrs.field(default=None, hash=False)


@record
class WorkflowTaskTimedOut(Message):
    """No answer came in time; the task is scheduled again."""

    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    timeout_type: TimeoutTypeName = ""


@record
class WorkflowTaskFailed(Message):
    """The executor could not run the task; it is retried."""

    scheduled_event_id: Int64 = 0
    started_event_id: Int64 = 0
    cause: WorkflowTaskFailedCauseName = ""
    failure: Failure | None = None
    identity: str = ""
    base_run_id: str = ""
    new_run_id: str = ""
    fork_event_version: Int64 = 0
    binary_checksum: str = ""
    worker_version: Json = attrs.field(default=None, hash=False)
