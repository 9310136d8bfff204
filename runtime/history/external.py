"""Attributes of the history events about other workflows: signals and cancellations sent out.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .messages import Header, WorkflowExecutionRecord
    from .values import (
        CancelExternalWorkflowExecutionFailedCauseName,
        Int64,
        Payloads,
        SignalExternalWorkflowExecutionFailedCauseName,
    )


@record
class RequestCancelExternalWorkflowExecutionInitiated(Message):
    """The workflow asked another one to stop."""

    workflow_task_completed_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    control: str = ""
    child_workflow_only: bool = False
    reason: str = ""


@record
class RequestCancelExternalWorkflowExecutionFailed(Message):
    """The other workflow could not be asked to stop."""

    cause: CancelExternalWorkflowExecutionFailedCauseName = ""
    workflow_task_completed_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    initiated_event_id: Int64 = 0
    control: str = ""


@record
class ExternalWorkflowExecutionCancelRequested(Message):
    """The other workflow has been asked to stop."""

    initiated_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None


@record
class SignalExternalWorkflowExecutionInitiated(Message):
    """The workflow sent a signal to another one."""

    workflow_task_completed_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    signal_name: str = ""
    input: Payloads = None
    control: str = ""
    child_workflow_only: bool = False
    header: Header | None = None


@record
class SignalExternalWorkflowExecutionFailed(Message):
    """The signal could not be delivered."""

    cause: SignalExternalWorkflowExecutionFailedCauseName = ""
    workflow_task_completed_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    initiated_event_id: Int64 = 0
    control: str = ""


@record
class ExternalWorkflowExecutionSignaled(Message):
    """The signal was delivered."""

    initiated_event_id: Int64 = 0
    namespace: str = ""
    namespace_id: str = ""
    workflow_execution: WorkflowExecutionRecord | None = None
    control: str = ""
