"""Attributes of the history events about the run as a whole.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .failure import Failure
    from .messages import (
        Header,
        Memo,
        Priority,
        RetryPolicyRecord,
        SearchAttributes,
        TaskQueueRecord,
        WorkflowExecutionRecord,
        WorkflowType,
    )
    from .values import (
        ContinueAsNewInitiatorName,
        ContinueAsNewVersioningBehaviorName,
        Duration,
        Int64,
        Json,
        Payloads,
        RetryStateName,
        Timestamp,
    )


@record
class WorkflowExecutionStarted(Message):
    """The run began; everything the first workflow task needs to know."""

    workflow_type: WorkflowType | None = None
    parent_workflow_namespace: str = ""
    parent_workflow_namespace_id: str = ""
    parent_workflow_execution: WorkflowExecutionRecord | None = None
    parent_initiated_event_id: Int64 = 0
    task_queue: TaskQueueRecord | None = None
    input: Payloads = None
    workflow_execution_timeout: Duration | None = None
    workflow_run_timeout: Duration | None = None
    workflow_task_timeout: Duration | None = None
    continued_execution_run_id: str = ""
    initiator: ContinueAsNewInitiatorName = ""
    continued_failure: Failure | None = None
    last_completion_result: Payloads = None
    original_execution_run_id: str = ""
    identity: str = ""
    first_execution_run_id: str = ""
    retry_policy: RetryPolicyRecord | None = None
    attempt: int = 0
    workflow_execution_expiration_time: Timestamp | None = None
    cron_schedule: str = ""
    first_workflow_task_backoff: Duration | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    prev_auto_reset_points: Json = attrs.field(default=None, hash=False)
    header: Header | None = None
    parent_initiated_event_version: Int64 = 0
    workflow_id: str = ""
    source_version_stamp: Json = attrs.field(default=None, hash=False)
    completion_callbacks: tuple[Json, ...] = attrs.field(default=(), hash=False)
    root_workflow_execution: WorkflowExecutionRecord | None = None
    inherited_build_id: str = ""
    versioning_override: Json = attrs.field(default=None, hash=False)
    parent_pinned_worker_deployment_version: str = ""
    priority: Priority | None = None
    inherited_pinned_version: Json = attrs.field(default=None, hash=False)
    inherited_auto_upgrade_info: Json = attrs.field(default=None, hash=False)
    eager_execution_accepted: bool = False
    declined_target_version_upgrade: Json = attrs.field(default=None, hash=False)
    time_skipping_config: Json = attrs.field(default=None, hash=False)
    time_skipping_state_propagation: Json = attrs.field(default=None, hash=False)
    propagated_nexus_serialization_context: Json = attrs.field(default=None, hash=False)


@record
class WorkflowExecutionCompleted(Message):
    """The workflow function returned."""

    result: Payloads = None
    workflow_task_completed_event_id: Int64 = 0
    new_execution_run_id: str = ""


@record
class WorkflowExecutionFailed(Message):
    """The workflow function raised a failure that ends the run."""

    failure: Failure | None = None
    retry_state: RetryStateName = ""
    workflow_task_completed_event_id: Int64 = 0
    new_execution_run_id: str = ""


@record
class WorkflowExecutionTimedOut(Message):
    """The run or execution timeout passed."""

    retry_state: RetryStateName = ""
    new_execution_run_id: str = ""


@record
class WorkflowExecutionSignaled(Message):
    """A signal arrived."""

    signal_name: str = ""
    input: Payloads = None
    identity: str = ""
    header: Header | None = None
    skip_generate_workflow_task: bool = False
    external_workflow_execution: WorkflowExecutionRecord | None = None
    request_id: str = ""


@record
class WorkflowExecutionTerminated(Message):
    """The run was ended from outside."""

    reason: str = ""
    details: Payloads = None
    identity: str = ""


@record
class WorkflowExecutionCancelRequested(Message):
    """Somebody asked the workflow to stop."""

    cause: str = ""
    external_initiated_event_id: Int64 = 0
    external_workflow_execution: WorkflowExecutionRecord | None = None
    identity: str = ""


@record
class WorkflowExecutionCanceled(Message):
    """The workflow stopped on request."""

    workflow_task_completed_event_id: Int64 = 0
    details: Payloads = None


@record
class WorkflowExecutionContinuedAsNew(Message):
    """The run ended and another took over."""

    new_execution_run_id: str = ""
    workflow_type: WorkflowType | None = None
    task_queue: TaskQueueRecord | None = None
    input: Payloads = None
    workflow_run_timeout: Duration | None = None
    workflow_task_timeout: Duration | None = None
    workflow_task_completed_event_id: Int64 = 0
    backoff_start_interval: Duration | None = None
    initiator: ContinueAsNewInitiatorName = ""
    failure: Failure | None = None
    last_completion_result: Payloads = None
    header: Header | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    inherit_build_id: bool = False
    initial_versioning_behavior: ContinueAsNewVersioningBehaviorName = ""
