"""What a WorkflowDO is told and what it answers. Records only.

Every message names the run it means (``run_id``; "" is the current one). Requests carry the caller's
``request_id``: the same id again gets the same outcome and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..actor import Poke as Poke  # the shell knows it too
from ..archiving import ArchivePolicy
from ..history import (
    Failure,
    Header,
    HistoryEvent,
    Memo,
    Payload,
    RetryPolicyRecord,
    SearchAttributes,
    WorkflowExecutionRecord,
)
from ..records import record

Payloads = tuple[Payload, ...]


@record
class ParentLink:
    """Who started a child: the parent's run and the event that initiated it."""

    namespace: str
    workflow_id: str
    run_id: str
    initiated_event_id: int
    parent_close_policy: str = "PARENT_CLOSE_POLICY_TERMINATE"
    root_workflow_id: str = ""
    root_run_id: str = ""


@record
class SignalInput:
    """One signal, before it is an event."""

    request_id: str
    signal_name: str
    input: Payloads = ()
    header: Header | None = None
    identity: str = ""
    external_execution: WorkflowExecutionRecord | None = None


@record
class StartWorkflow:
    """Start a run of ``workflow_id``. ``run_id`` is the caller's proposal for the new run's id.

    Answered by :class:`Started` (acknowledged only once the run is registered), or by a Refusal with code
    ``already_started``. A child's outcome goes to its parent as ChildStarted / ChildStartFailed as well.
    """

    request_id: str
    run_id: str
    namespace: str
    workflow_id: str
    workflow_type: str
    task_queue: str
    input: Payloads = ()
    execution_timeout_ns: int | None = None
    run_timeout_ns: int | None = None
    task_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None
    id_reuse_policy: str = "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE"
    id_conflict_policy: str = "WORKFLOW_ID_CONFLICT_POLICY_FAIL"
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    header: Header | None = None
    parent: ParentLink | None = None
    schedule_key: str = ""
    """Key of the TimerDO that started this run and wants to hear of its end."""
    start_delay_ns: int = 0
    identity: str = ""
    signal: SignalInput | None = None
    """Signal-with-start: delivered to the running workflow, or to the new one as its first event."""
    archive: ArchivePolicy | None = None
    """Where the history is to lie after the end, and for how long (None: the default)."""


@record
class Started:
    """``started`` is False when a running workflow was used instead (policy use_existing, or a repeat)."""

    run_id: str
    started: bool = True


@record
class SignalWorkflow:
    signal: SignalInput
    run_id: str = ""
    child_of_run_id: str = ""
    """Only if this is a child of that run (``child_workflow_only``)."""
    reply_to: str = ""
    """Key of the workflow whose code sent the signal; it hears the outcome as ExternalSignalResolved."""
    reply_run_id: str = ""
    reply_initiated_event_id: int = 0


@record
class RequestCancelWorkflow:
    request_id: str
    run_id: str = ""
    reason: str = ""
    identity: str = ""
    external_execution: WorkflowExecutionRecord | None = None
    child_of_run_id: str = ""
    reply_to: str = ""
    reply_run_id: str = ""
    reply_initiated_event_id: int = 0


@record
class TerminateWorkflow:
    request_id: str
    run_id: str = ""
    reason: str = ""
    details: Payloads = ()
    identity: str = ""
    child_of_run_id: str = ""


@record
class QueryWorkflow:
    query_id: str
    query_type: str
    args: Payloads = ()
    run_id: str = ""
    header: Header | None = None
    reject_condition: str = ""
    """"", ``not_open`` or ``not_completed_cleanly``."""


@record
class QueryReply:
    result: Payloads = ()
    failure: Failure | None = None
    rejected_status: str = ""


@record
class UpdateWorkflow:
    """Run an update; answered when it reached ``wait_for``: ``accepted`` or ``completed``."""

    update_id: str
    name: str
    args: Payloads = ()
    run_id: str = ""
    header: Header | None = None
    identity: str = ""
    wait_for: str = "completed"


@record
class UpdateReply:
    """``stage`` reached: accepted, completed or rejected; ``failure`` for rejected and failed updates."""

    update_id: str
    run_id: str
    stage: str
    result: Payloads = ()
    failure: Failure | None = None


@record
class DescribeWorkflow:
    run_id: str = ""


@record
class PendingActivityInfo:
    activity_id: str
    activity_type: str
    scheduled_ns: int
    task_queue: str = ""


@record
class PendingChildInfo:
    workflow_id: str
    run_id: str
    workflow_type: str
    initiated_event_id: int


@record
class PendingTimerInfo:
    timer_id: str
    fire_ns: int
    summary: str = ""


@record
class WorkflowDescription:
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: str
    start_ns: int
    close_ns: int | None = None
    execution_ns: int | None = None
    history_length: int = 0
    history_size_bytes: int = 0
    attempt: int = 1
    parent: ParentLink | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    pending_activities: tuple[PendingActivityInfo, ...] = ()
    pending_children: tuple[PendingChildInfo, ...] = ()
    pending_timers: tuple[PendingTimerInfo, ...] = ()
    workflow_task_state: str = ""
    """"", ``scheduled``, ``started`` or ``backing_off``."""
    workflow_task_attempt: int = 0
    last_workflow_task_failure: Failure | None = None
    cancel_requested: bool = False
    first_run_id: str = ""


@record
class ReadHistory:
    """Events after ``after_event_id``; the whole history of an open or not yet archived run."""

    run_id: str = ""
    after_event_id: int = 0


@record
class HistoryReply:
    """``archived``: this object holds the run no more; ask the run's HistoryDO."""

    run_id: str
    workflow_id: str = ""
    events: tuple[HistoryEvent, ...] = ()
    archived: bool = False


@record
class AwaitClose:
    """Answered by :class:`Closed` when the run is closed."""

    run_id: str = ""


@record
class Closed:
    """How a run ended. ``new_run_id``: the run that continues it (continue-as-new, retry, reset)."""

    run_id: str
    status: str
    """Temporal's ``WORKFLOW_EXECUTION_STATUS_...``."""
    result: Payloads = ()
    failure: Failure | None = None
    new_run_id: str = ""
    workflow_type: str = ""


@record
class ResetWorkflow:
    """Start a new run whose history is this run's up to (and without) the completion of the workflow task
    that ``event_id`` (a WorkflowTaskCompleted/Failed/TimedOut/Started event) belongs to; later signals are
    re-applied. The open run is terminated."""

    request_id: str
    event_id: int
    new_run_id: str
    run_id: str = ""
    reason: str = ""
    identity: str = ""


# --- facts from other objects ---


@record
class ActivityResolved:
    """From an ActivityDO, once: how the activity ended, and its last attempt."""

    run_id: str
    activity_id: str
    scheduled_event_id: int
    outcome: str
    """completed | failed | timed_out | canceled"""
    attempt: int = 1
    started_ns: int | None = None
    identity: str = ""
    request_id: str = ""
    last_failure: Failure | None = None
    result: Payloads = ()
    failure: Failure | None = None
    details: Payloads = ()
    retry_state: str = ""


@record
class ChildStarted:
    run_id: str
    initiated_event_id: int
    child_workflow_id: str
    child_run_id: str
    workflow_type: str


@record
class ChildStartFailed:
    run_id: str
    initiated_event_id: int
    cause: str = "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS"


@record
class ChildClosed:
    """The child's whole chain of runs is over."""

    run_id: str
    initiated_event_id: int
    child_workflow_id: str
    child_run_id: str
    workflow_type: str
    status: str
    result: Payloads = ()
    failure: Failure | None = None
    details: Payloads = ()
    retry_state: str = ""


@record
class ExternalSignalResolved:
    """``cause`` "" means delivered."""

    run_id: str
    initiated_event_id: int
    cause: str = ""


@record
class ExternalCancelResolved:
    run_id: str
    initiated_event_id: int
    cause: str = ""


@record
class WorkerAvailable:
    """From the TaskQueueDO: a worker polls ``task_queue`` now."""

    task_queue: str


REFUSALS: Mapping[str, str] = {
    "not_found": "no run with this id",
    "already_started": "a run with this workflow id exists and the policy forbids another",
    "closed": "the run is closed",
    "invalid": "the request can't be carried out as it is",
}
