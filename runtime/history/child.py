"""Attributes of the history events about child workflows.

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
        Duration,
        Int64,
        Json,
        ParentClosePolicyName,
        Payloads,
        RetryStateName,
        StartChildWorkflowExecutionFailedCauseName,
        WorkflowIdReusePolicyName,
    )


@record
class StartChildWorkflowExecutionInitiated(Message):
    """The workflow asked for a child workflow."""

    namespace: str = ""
    namespace_id: str = ""
    workflow_id: str = ""
    workflow_type: WorkflowType | None = None
    task_queue: TaskQueueRecord | None = None
    input: Payloads = None
    workflow_execution_timeout: Duration | None = None
    workflow_run_timeout: Duration | None = None
    workflow_task_timeout: Duration | None = None
    parent_close_policy: ParentClosePolicyName = ""
    control: str = ""
    workflow_task_completed_event_id: Int64 = 0
    workflow_id_reuse_policy: WorkflowIdReusePolicyName = ""
    retry_policy: RetryPolicyRecord | None = None
    cron_schedule: str = ""
    header: Header | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    inherit_build_id: bool = False
    priority: Priority | None = None
    time_skipping_config: Json = attrs.field(default=None, hash=False)
    time_skipping_state_propagation: Json = attrs.field(default=None, hash=False)
    versioning_override: Json = attrs.field(default=None, hash=False)


@record
class StartChildWorkflowExecutionFailed(Message):
    """The child could not be started."""

    namespace: str = ""
    namespace_id: str = ""
    workflow_id: str = ""
    workflow_type: WorkflowType | None = None
    cause: StartChildWorkflowExecutionFailedCauseName = ""
    control: str = ""
    initiated_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0


@record
class ChildWorkflowExecutionStarted(Message):
    """The child runs."""

    namespace: str = ""
    namespace_id: str = ""
    initiated_event_id: Int64 = 0
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    header: Header | None = None


@record
class ChildWorkflowExecutionCompleted(Message):
    """The child returned."""

    result: Payloads = None
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0


@record
class ChildWorkflowExecutionFailed(Message):
    """The child failed."""

    failure: Failure | None = None
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0
    retry_state: RetryStateName = ""


@record
class ChildWorkflowExecutionCanceled(Message):
    """The child stopped on request."""

    details: Payloads = None
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0


@record
class ChildWorkflowExecutionTimedOut(Message):
    """The child timed out."""

    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0
    retry_state: RetryStateName = ""


@record
class ChildWorkflowExecutionTerminated(Message):
    """The child was ended from outside."""

    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    workflow_type: WorkflowType | None = None
    initiated_event_id: Int64 = 0
    started_event_id: Int64 = 0
