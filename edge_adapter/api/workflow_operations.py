"""The rows of the table that address one workflow: start, signal, query, update, result, and the rest.

Owns their paths, fields and replies. Must not import: a host, a server, a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...runtime.actor import Ok
from ...runtime.archiving import ArchivePolicy
from ...runtime.keys import WORKFLOW
from ...runtime.messages.workflow import (
    AwaitClose,
    Closed,
    DescribeWorkflow,
    ParentLink,
    PendingActivityInfo,
    PendingChildInfo,
    PendingTimerInfo,
    QueryReply,
    QueryWorkflow,
    RequestCancelWorkflow,
    ResetWorkflow,
    SignalInput,
    SignalWorkflow,
    Started,
    StartWorkflow,
    TerminateWorkflow,
    UpdateReply,
    UpdateWorkflow,
    WorkflowDescription,
)
from ...runtime.policies import IdConflictPolicy, IdReusePolicy
from .kinds import ANY_TEXT, COUNT, DURATION, FLAG, NOTE, TEXT, TIME, WORD, choice, integer, many, one_of
from .shapes import object_kind
from .table import FRESH, NAMESPACE, Operation, Receiver, body_field, made_field, path_field, query_field
from .temporal_kinds import (
    FAILURE,
    MEMO,
    MEMO_OUT,
    PAYLOADS,
    PAYLOADS_OUT,
    RETRY_POLICY,
    SEARCH_ATTRIBUTES,
    SEARCH_ATTRIBUTES_OUT,
)

if TYPE_CHECKING:
    pass

TASK_QUEUE_DEFAULT: Final = "main"
IDENTITY_DEFAULT: Final = "http"

OK: Final = object_kind(Ok, reply=True)
PATH: Final = "/namespaces/{namespace}/workflows/{workflowId}"
WORKFLOW_RECEIVER: Final = Receiver(kind=WORKFLOW, parameters=("workflow_id",))
HERE: Final = (NAMESPACE, path_field("workflow_id"))
_SAYS_RUN: Final = "One run of the workflow; the newest if absent."
_RUN_IN_BODY: Final = body_field("run_id", ANY_TEXT, "", _SAYS_RUN)
RUN_IN_QUERY: Final = query_field("run_id", ANY_TEXT, "", _SAYS_RUN)
_SAYS_REQUEST: Final = "The same id again gets the same outcome and changes nothing."
_REQUEST: Final = body_field("request_id", TEXT, FRESH, _SAYS_REQUEST)
_IDENTITY: Final = body_field("identity", ANY_TEXT, IDENTITY_DEFAULT, "Who asks; recorded in the history.")


# --- start ------------------------------------------------------------------------------------------------

ARCHIVE_POLICY: Final = object_kind(ArchivePolicy, retention_ns=DURATION, stored=FLAG, store_bytes=integer())
SIGNAL_INPUT: Final = object_kind(
    SignalInput,
    component="SignalToStartWith",
    defaults={"request_id": "", "identity": IDENTITY_DEFAULT},
    signal_name=TEXT,
    input=PAYLOADS,
    request_id=ANY_TEXT,
    identity=ANY_TEXT,
)


def _build_start(parameters: dict[str, Any]) -> StartWorkflow:
    signal: SignalInput | None = parameters["signal"]
    if signal is not None and not signal.request_id:
        from ...runtime.records import evolve

        parameters["signal"] = evolve(signal, request_id=f"{parameters['request_id']}:signal")
    return StartWorkflow(**parameters)


START: Final = Operation(
    name="startWorkflow",
    method="POST",
    path="/namespaces/{namespace}/workflows",
    summary="Start a workflow; with `signal`, signal the running one or start it with the signal as its "
    "first event. The workflow is durable when this is answered.",
    receiver=WORKFLOW_RECEIVER,
    message=StartWorkflow,
    fields=(
        NAMESPACE,
        body_field("workflow_id", TEXT, FRESH, "Names the workflow for ever; a new id if absent."),
        body_field("workflow_type", says="The name under which a worker knows the workflow."),
        body_field("task_queue", TEXT, TASK_QUEUE_DEFAULT),
        body_field("input", PAYLOADS, (), "The arguments."),
        _REQUEST,
        body_field("execution_timeout_ns", DURATION, None, "Bounds the whole chain of runs."),
        body_field("run_timeout_ns", DURATION, None, "Bounds each run."),
        body_field("task_timeout_ns", DURATION, None),
        body_field("retry_policy", RETRY_POLICY, None),
        body_field(
            "id_reuse_policy",
            choice(IdReusePolicy),
            IdReusePolicy.ALLOW_DUPLICATE.value,
            "May the id of a closed workflow be used again?",
        ),
        body_field(
            "id_conflict_policy",
            choice(IdConflictPolicy),
            IdConflictPolicy.FAIL.value,
            "What if a workflow with this id is running?",
        ),
        body_field("memo", MEMO, None),
        body_field("search_attributes", SEARCH_ATTRIBUTES, None),
        body_field("start_delay_ns", DURATION, 0),
        body_field("archive", ARCHIVE_POLICY, None),
        _IDENTITY,
        body_field("signal", SIGNAL_INPUT, None),
        made_field("run_id"),
    ),
    reply=object_kind(Started, reply=True, run_id=WORD, started=FLAG),
    refusals=("already_started",),
    build=_build_start,
)


# --- what a workflow is told ------------------------------------------------------------------------------


def _build_signal(parameters: dict[str, Any]) -> SignalWorkflow:
    return SignalWorkflow(
        signal=SignalInput(
            request_id=parameters["request_id"],
            signal_name=parameters["signal_name"],
            input=parameters["input"],
            identity=parameters["identity"],
        ),
        run_id=parameters["run_id"],
    )


def _take_signal(message: SignalWorkflow) -> dict[str, Any]:
    signal = message.signal
    return {
        "request_id": signal.request_id,
        "signal_name": signal.signal_name,
        "input": signal.input,
        "identity": signal.identity,
        "run_id": message.run_id,
    }


SIGNAL: Final = Operation(
    name="signalWorkflow",
    method="POST",
    path=f"{PATH}/signal",
    summary="Send a signal; it is recorded once when this is answered.",
    receiver=WORKFLOW_RECEIVER,
    message=SignalWorkflow,
    fields=(
        *HERE,
        body_field("signal_name"),
        body_field("input", PAYLOADS, ()),
        _RUN_IN_BODY,
        _REQUEST,
        _IDENTITY,
    ),
    reply=OK,
    refusals=("not_found", "closed"),
    build=_build_signal,
    take=_take_signal,
)

CANCEL: Final = Operation(
    name="cancelWorkflow",
    method="POST",
    path=f"{PATH}/cancel",
    summary="Ask the workflow to stop; its code may clean up first.",
    receiver=WORKFLOW_RECEIVER,
    message=RequestCancelWorkflow,
    fields=(*HERE, _RUN_IN_BODY, body_field("reason", NOTE, ""), _REQUEST, _IDENTITY),
    reply=OK,
    refusals=("not_found", "closed"),
)

TERMINATE: Final = Operation(
    name="terminateWorkflow",
    method="POST",
    path=f"{PATH}/terminate",
    summary="Close the workflow at once; its code is not asked.",
    receiver=WORKFLOW_RECEIVER,
    message=TerminateWorkflow,
    fields=(
        *HERE,
        _RUN_IN_BODY,
        body_field("reason", NOTE, ""),
        body_field("details", PAYLOADS, ()),
        _REQUEST,
        _IDENTITY,
    ),
    reply=OK,
    refusals=("not_found", "closed"),
)

RESET: Final = Operation(
    name="resetWorkflow",
    method="POST",
    path=f"{PATH}/reset",
    summary="Start a new run from this run's history up to the workflow task of `eventId`; the open run is "
    "terminated.",
    receiver=WORKFLOW_RECEIVER,
    message=ResetWorkflow,
    fields=(
        *HERE,
        body_field(
            "event_id",
            integer(1, 2**31 - 1),
            says="A WorkflowTaskCompleted, -Failed, -TimedOut or -Started event.",
        ),
        _RUN_IN_BODY,
        body_field("reason", NOTE, ""),
        _REQUEST,
        _IDENTITY,
        made_field("new_run_id"),
    ),
    reply=object_kind(Started, reply=True, run_id=WORD, started=FLAG),
    refusals=("not_found", "invalid"),
)


# --- what a workflow is asked -----------------------------------------------------------------------------

QUERY: Final = Operation(
    name="queryWorkflow",
    method="POST",
    path=f"{PATH}/query",
    summary="Ask the workflow's query handler. Writes nothing.",
    receiver=WORKFLOW_RECEIVER,
    message=QueryWorkflow,
    fields=(
        *HERE,
        body_field("query_type", says="The name of the query."),
        body_field("args", PAYLOADS, ()),
        _RUN_IN_BODY,
        body_field(
            "reject_condition",
            one_of("", "not_open", "not_completed_cleanly"),
            "",
            "Do not ask workflows that are closed, or closed without having completed.",
        ),
        body_field("query_id", TEXT, FRESH),
    ),
    reply=object_kind(QueryReply, reply=True, result=PAYLOADS_OUT, failure=FAILURE, rejected_status=WORD),
    refusals=("not_found", "no_worker"),
)

UPDATE: Final = Operation(
    name="updateWorkflow",
    method="POST",
    path=f"{PATH}/update",
    summary="Run an update handler and wait for what it returns (`waitFor` completed) or for its "
    "validator (accepted).",
    receiver=WORKFLOW_RECEIVER,
    message=UpdateWorkflow,
    fields=(
        *HERE,
        body_field("name", says="The name of the update."),
        body_field("args", PAYLOADS, ()),
        _RUN_IN_BODY,
        body_field("update_id", TEXT, FRESH, _SAYS_REQUEST),
        body_field("wait_for", one_of("accepted", "completed"), "completed"),
        _IDENTITY,
    ),
    reply=object_kind(
        UpdateReply,
        reply=True,
        update_id=WORD,
        run_id=WORD,
        stage=WORD,
        result=PAYLOADS_OUT,
        failure=FAILURE,
    ),
    refusals=("not_found", "closed"),
    long_poll=True,
)

RESULT: Final = Operation(
    name="awaitWorkflow",
    method="GET",
    path=f"{PATH}/result",
    summary="Wait for the end of a run: how it ended, with its result or failure. `newRunId` is the run that "
    "continues it.",
    receiver=WORKFLOW_RECEIVER,
    message=AwaitClose,
    fields=(*HERE, RUN_IN_QUERY),
    reply=object_kind(
        Closed,
        reply=True,
        run_id=WORD,
        status=WORD,
        result=PAYLOADS_OUT,
        failure=FAILURE,
        new_run_id=WORD,
        workflow_type=WORD,
    ),
    refusals=("not_found",),
    long_poll=True,
)

_PARENT: Final = object_kind(
    ParentLink,
    reply=True,
    namespace=WORD,
    workflow_id=WORD,
    run_id=WORD,
    initiated_event_id=COUNT,
    parent_close_policy=WORD,
    root_workflow_id=WORD,
    root_run_id=WORD,
)
_PENDING_ACTIVITY: Final = object_kind(
    PendingActivityInfo,
    reply=True,
    activity_id=WORD,
    activity_type=WORD,
    scheduled_ns=TIME,
    task_queue=WORD,
)
_PENDING_CHILD: Final = object_kind(
    PendingChildInfo,
    reply=True,
    workflow_id=WORD,
    run_id=WORD,
    workflow_type=WORD,
    initiated_event_id=COUNT,
)
_PENDING_TIMER: Final = object_kind(PendingTimerInfo, reply=True, timer_id=WORD, fire_ns=TIME, summary=WORD)

DESCRIBE: Final = Operation(
    name="describeWorkflow",
    method="GET",
    path=PATH,
    summary="A run as it is now, and what it waits for.",
    receiver=WORKFLOW_RECEIVER,
    message=DescribeWorkflow,
    fields=(*HERE, RUN_IN_QUERY),
    reply=object_kind(
        WorkflowDescription,
        reply=True,
        namespace=WORD,
        workflow_id=WORD,
        run_id=WORD,
        workflow_type=WORD,
        task_queue=WORD,
        status=WORD,
        start_ns=TIME,
        close_ns=TIME,
        execution_ns=TIME,
        history_length=COUNT,
        history_size_bytes=COUNT,
        attempt=COUNT,
        parent=_PARENT,
        memo=MEMO_OUT,
        search_attributes=SEARCH_ATTRIBUTES_OUT,
        pending_activities=many(_PENDING_ACTIVITY),
        pending_children=many(_PENDING_CHILD),
        pending_timers=many(_PENDING_TIMER),
        workflow_task_state=WORD,
        workflow_task_attempt=COUNT,
        last_workflow_task_failure=FAILURE,
        cancel_requested=FLAG,
        first_run_id=WORD,
    ),
    refusals=("not_found",),
)


OPERATIONS: Final = (
    START,
    DESCRIBE,
    RESULT,
    SIGNAL,
    QUERY,
    UPDATE,
    CANCEL,
    TERMINATE,
    RESET,
)
