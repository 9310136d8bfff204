"""What workflow code can ask for: Temporal's commands, as data.

Ids are the workflow's own (``timer_id`` and ``activity_id`` count from 1 per kind, in the order the code
asked), never event ids: when a command is issued its event does not exist yet. ``summary`` is the step
name the user gave; it is recorded as ``userMetadata.summary``. Imports no engine part.
"""

from __future__ import annotations

from collections.abc import Mapping

from .history import Failure, Header, Memo, Payload, RetryPolicyRecord, SearchAttributes
from .records import record

Payloads = tuple[Payload, ...]


@record
class StartTimer:
    timer_id: str
    duration_ns: int
    summary: str = ""


@record
class CancelTimer:
    timer_id: str


@record
class ScheduleActivity:
    activity_id: str
    activity_type: str
    task_queue: str
    input: Payloads = ()
    schedule_to_close_timeout_ns: int | None = None
    schedule_to_start_timeout_ns: int | None = None
    start_to_close_timeout_ns: int | None = None
    heartbeat_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None
    header: Header | None = None
    summary: str = ""


@record
class RequestCancelActivity:
    activity_id: str


@record
class RecordMarker:
    """A fact computed by the workflow's worker: local activity, side effect, patch.

    ``details`` are in Temporal Core's form (marker names ``core_local_activity``, ``core_patch``).
    """

    marker_name: str
    details: Mapping[str, Payloads] = {}
    failure: Failure | None = None
    summary: str = ""


@record
class StartChildWorkflow:
    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Payloads = ()
    execution_timeout_ns: int | None = None
    run_timeout_ns: int | None = None
    task_timeout_ns: int | None = None
    parent_close_policy: str = "PARENT_CLOSE_POLICY_TERMINATE"
    id_reuse_policy: str = "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE"
    retry_policy: RetryPolicyRecord | None = None
    header: Header | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    summary: str = ""


@record
class SignalExternalWorkflow:
    """``number`` counts from 1 in command order; it ties the outcome to the caller."""

    number: int
    workflow_id: str
    signal_name: str
    namespace: str = ""
    run_id: str = ""
    input: Payloads = ()
    child_workflow_only: bool = False
    header: Header | None = None


@record
class RequestCancelExternalWorkflow:
    """Also how a child is asked to cancel (``child_workflow_only``)."""

    number: int
    workflow_id: str
    namespace: str = ""
    run_id: str = ""
    child_workflow_only: bool = False
    reason: str = ""


@record
class UpsertSearchAttributes:
    search_attributes: SearchAttributes


@record
class ModifyProperties:
    upserted_memo: Memo


@record
class AcceptUpdate:
    """The validator let update ``update_id`` pass; recorded with the whole request."""

    update_id: str


@record
class RejectUpdate:
    """The validator turned update ``update_id`` down; leaves no event."""

    update_id: str
    failure: Failure


@record
class CompleteUpdate:
    update_id: str
    result: Payloads = ()
    failure: Failure | None = None


@record
class CompleteWorkflow:
    result: Payloads = ()


@record
class FailWorkflow:
    failure: Failure


@record
class CancelWorkflow:
    details: Payloads = ()


@record
class ContinueAsNew:
    """``unconsumed_signal_event_ids``: signals that the code never received; the next run gets them."""

    workflow_type: str
    task_queue: str
    input: Payloads = ()
    run_timeout_ns: int | None = None
    task_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None
    header: Header | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    unconsumed_signal_event_ids: tuple[int, ...] = ()


Command = (
    StartTimer
    | CancelTimer
    | ScheduleActivity
    | RequestCancelActivity
    | RecordMarker
    | StartChildWorkflow
    | SignalExternalWorkflow
    | RequestCancelExternalWorkflow
    | UpsertSearchAttributes
    | ModifyProperties
    | AcceptUpdate
    | RejectUpdate
    | CompleteUpdate
    | CompleteWorkflow
    | FailWorkflow
    | CancelWorkflow
    | ContinueAsNew
)
CLOSING = (CompleteWorkflow, FailWorkflow, CancelWorkflow, ContinueAsNew)
