"""What clients and other workflows ask of a workflow: signal, cancel, terminate, query, and reading."""

from __future__ import annotations

from ...actor import AfterDelivery, Deferred, Ok, Refusal, Turn
from ...history import (
    EventType,
    HistoryEvent,
    WorkflowExecutionCancelRequested,
)
from ...messages.workflow import (
    AwaitClose,
    DescribeWorkflow,
    ExternalCancelResolved,
    ExternalSignalResolved,
    HistoryReply,
    PendingActivityInfo,
    PendingChildInfo,
    PendingTimerInfo,
    QueryReply,
    QueryWorkflow,
    ReadHistory,
    RequestCancelWorkflow,
    SignalWorkflow,
    TerminateWorkflow,
    WorkflowDescription,
)
from ...policies import WorkflowStatus, status_word
from ...workflow_task import Query
from . import tasks
from .closing import closed_reply, pending_registration, terminate
from .events import arrive
from .limits import Limits
from .rows import RequestRow
from .starting import deliver_signal
from .state import Run, WorkflowState

OK = Ok()
READ_PAGE_EVENTS = 2_000


def _find(state: WorkflowState, run_id: str, child_of_run_id: str = "") -> Run | Refusal:
    """The open run that is meant, or why there is none."""
    run = state.run("" if child_of_run_id else run_id)
    if run is None or (child_of_run_id and not _is_child(run, child_of_run_id, run_id)):
        return Refusal(code="not_found", message="no such workflow run")
    if not run.is_open:
        return Refusal(
            code="closed",
            message=f"the workflow is closed ({status_word(run.status)})",
            fields={"status": run.status, "run_id": run.run_id},
        )
    return run


def _is_child(run: Run, parent_run_id: str, first_run_id: str) -> bool:
    """Does ``run`` belong to the child of that run, whose chain of runs began with ``first_run_id``?"""
    start = run.start
    if start.parent is None or start.parent.run_id != parent_run_id:
        return False
    return first_run_id in ("", start.first_run_id)


def handle_signal(state: WorkflowState, message: SignalWorkflow, turn: Turn, limits: Limits) -> object:
    """Record a signal, exactly once per request id."""
    reply: Ok | Refusal = OK
    if state.get("request", message.signal.request_id) is None:
        run = _find(state, message.run_id, message.child_of_run_id)
        if isinstance(run, Refusal):
            reply = run
        else:
            deliver_signal(state, run, turn, message.signal, limits)
    if message.reply_to:
        cause = "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"
        turn.send(
            message.reply_to,
            ExternalSignalResolved(
                run_id=message.reply_run_id,
                initiated_event_id=message.reply_initiated_event_id,
                cause=cause if isinstance(reply, Refusal) else "",
            ),
        )
    return reply


def handle_cancel(state: WorkflowState, message: RequestCancelWorkflow, turn: Turn, limits: Limits) -> object:
    """Ask the workflow's code to stop. A second request changes nothing."""
    reply: Ok | Refusal = OK
    if state.get("request", message.request_id) is None:
        run = _find(state, message.run_id, message.child_of_run_id)
        if isinstance(run, Refusal):
            reply = run
        else:
            turn.put("request", message.request_id, RequestRow(kind="cancel", run_id=run.run_id))
            if not run.cancel_requested:
                run.cancel_requested = True
                run.dirty = True
                attributes = WorkflowExecutionCancelRequested(
                    cause=message.reason,
                    external_workflow_execution=message.external_execution,
                    identity=message.identity,
                )
                if arrive(state, run, turn, EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED, attributes):
                    tasks.schedule(state, run, turn, limits)
    if message.reply_to:
        cause = "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"
        turn.send(
            message.reply_to,
            ExternalCancelResolved(
                run_id=message.reply_run_id,
                initiated_event_id=message.reply_initiated_event_id,
                cause=cause if isinstance(reply, Refusal) else "",
            ),
        )
    return reply


def handle_terminate(state: WorkflowState, message: TerminateWorkflow, turn: Turn, limits: Limits) -> object:
    """Close the run at once, without asking its code."""
    if state.get("request", message.request_id) is not None:
        return OK
    run = _find(state, message.run_id, message.child_of_run_id)
    if isinstance(run, Refusal):
        return run
    turn.put("request", message.request_id, RequestRow(kind="terminate", run_id=run.run_id))
    terminate(
        state, run, turn, limits, reason=message.reason, details=message.details, identity=message.identity
    )
    return OK


def handle_query(state: WorkflowState, message: QueryWorkflow, turn: Turn, limits: Limits) -> object:
    """Hand a query to the workflow's code. Writes nothing."""
    run = state.run(message.run_id)
    if run is None:
        return Refusal(code="not_found", message="no such workflow run")
    rejected = not run.is_open and (
        message.reject_condition == "not_open"
        or (
            message.reject_condition == "not_completed_cleanly"
            and run.status != WorkflowStatus.COMPLETED.value
        )
    )
    if rejected:
        return QueryReply(rejected_status=run.status)
    if not turn.worker_polls(run.start.namespace, run.start.task_queue):
        return Refusal(
            code="no_worker",
            message=f"no worker polls task queue {run.start.task_queue!r}, so nobody can answer the query",
        )
    if not any(query.query_id == message.query_id for query in state.queries):
        query = Query(
            query_id=message.query_id, query_type=message.query_type, args=message.args, header=message.header
        )
        if run.is_open:
            state.queries.append(query)
            tasks.dispatch_queries(state, run, turn)
        else:
            turn.execute(tasks.query_task(state, run, [query]))
    return Deferred(f"query:{message.query_id}")


def handle_await_close(state: WorkflowState, message: AwaitClose, turn: Turn, limits: Limits) -> object:
    """Answer when the run is closed and its record can be found."""
    run = state.run(message.run_id)
    if run is None:
        return Refusal(code="not_found", message="no such workflow run")
    if run.is_open:
        return Deferred(f"close:{run.run_id}")
    return AfterDelivery(pending_registration(state, run.run_id), closed_reply(run))


def handle_read_history(state: WorkflowState, message: ReadHistory, turn: Turn, limits: Limits) -> object:
    """A page of the run's events."""
    run = state.run(message.run_id)
    if run is None:
        if message.run_id:
            return HistoryReply(run_id=message.run_id, archived=True)
        return Refusal(code="not_found", message="no such workflow run")
    table = state.table(run.events_table)
    first = message.after_event_id + 1
    last = min(run.next_event_id, first + READ_PAGE_EVENTS)
    events: tuple[HistoryEvent, ...] = tuple(table[event_id] for event_id in range(first, last))
    return HistoryReply(run_id=run.run_id, workflow_id=run.start.workflow_id, events=events)


def handle_describe(state: WorkflowState, message: DescribeWorkflow, turn: Turn, limits: Limits) -> object:
    """What is known of a run, and what it waits for."""
    run = state.run(message.run_id)
    if run is None:
        return Refusal(code="not_found", message="no such workflow run")
    start = run.start
    pending = run.is_open
    return WorkflowDescription(
        namespace=start.namespace,
        workflow_id=start.workflow_id,
        run_id=run.run_id,
        workflow_type=start.workflow_type,
        task_queue=start.task_queue,
        status=run.status,
        start_ns=start.start_ns,
        close_ns=run.close_ns or None,
        history_length=run.next_event_id - 1,
        history_size_bytes=run.history_size_bytes,
        attempt=start.attempt,
        parent=start.parent,
        memo=run.memo,
        search_attributes=run.search_attributes,
        pending_activities=tuple(
            PendingActivityInfo(
                activity_id=row.activity_id,
                activity_type=row.activity_type,
                scheduled_ns=row.scheduled_ns,
                task_queue=row.task_queue,
            )
            for row in state.table("activity").values()
            if pending
        ),
        pending_children=tuple(
            PendingChildInfo(
                workflow_id=row.workflow_id,
                run_id=row.run_id,
                workflow_type=row.workflow_type,
                initiated_event_id=row.initiated_event_id,
            )
            for row in state.table("child").values()
            if pending
        ),
        pending_timers=tuple(
            PendingTimerInfo(timer_id=row.timer_id, fire_ns=row.fire_ns, summary=row.summary)
            for row in state.table("timer").values()
            if pending
        ),
        workflow_task_state="" if run.task_state == "none" else run.task_state,
        workflow_task_attempt=run.task_attempt if run.task_state != "none" else 0,
        last_workflow_task_failure=run.last_task_failure,
        cancel_requested=run.cancel_requested,
        first_run_id=start.first_run_id,
    )
