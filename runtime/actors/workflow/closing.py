"""The end of a run: its last event, and everyone who must hear of it.

Owns: the close of the open run (once: the status is the guard), what happens to its children and activities,
its successor if it has one, the archive, and the end of retention. Closed runs accept no events.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

from ...actor import OUTBOX, Turn
from ...history import EventType, Failure, WorkflowExecutionTerminated
from ...keys import activity_key, history_key, visibility_key, visibility_shard, workflow_key
from ...messages.activity import AbandonActivityTask
from ...messages.history import AppendEvents
from ...messages.schedule import ScheduledRunClosed
from ...messages.visibility import ExecutionRecord, ForgetExecution, RecordExecution
from ...messages.workflow import (
    ChildClosed,
    Closed,
    QueryReply,
    RequestCancelWorkflow,
    TerminateWorkflow,
)
from ...policies import WorkflowStatus
from .events import append, flush_buffer
from .limits import Limits
from .state import Run, WorkflowState
from .updates import ENDED, closed_over

ARCHIVE_BATCH_EVENTS = 1_000

PER_RUN_TABLES = ("timer", "activity", "child", "external", "buffered")

FAILURE_OF_STATUS = {
    WorkflowStatus.TERMINATED: "workflow was terminated",
    WorkflowStatus.TIMED_OUT: "workflow timed out",
    WorkflowStatus.CANCELED: "workflow was canceled",
}


def close(
    state: WorkflowState,
    run: Run,
    turn: Turn,
    limits: Limits,
    status: WorkflowStatus,
    event_type: str,
    attributes: Any,
    *,
    result: Any = (),
    failure: Failure | None = None,
    details: Any = (),
    new_run_id: str = "",
    retry_state: str = "",
    keep_children: frozenset[int] = frozenset(),
) -> None:
    """Write the close event and let go of everything the run held.

    ``new_run_id`` names the successor that the caller starts in the same turn: parents and schedules then
    wait for that one. ``keep_children`` are initiated event ids of children that a reset takes over.
    """
    if run.task_state == "started":
        run.task_state = "none"
        flush_buffer(state, run, turn)
    append(state, run, turn, event_type, attributes)
    run.status = status.value
    run.task_state = "none"
    run.close_ns = turn.now
    run.retained_until_ns = turn.now + limits.retention_ns
    run.new_run_id = new_run_id
    run.result, run.failure = result or (), failure
    run.version += 1

    _let_go_of_children(state, run, turn, keep_children)
    for activity in state.table("activity").values():
        turn.send(
            activity_key(run.start.namespace, run.run_id, activity.activity_id),
            AbandonActivityTask(run_id=run.run_id, scheduled_event_id=activity.scheduled_event_id),
        )
    for table in PER_RUN_TABLES:
        turn.drop_table(table)
    _end_updates(state, run, turn)
    for query in state.queries:
        turn.resolve(f"query:{query.query_id}", QueryReply(failure=Failure(message="the workflow closed")))
    state.queries = []

    archive(state, run, turn)
    registered = record_visibility(state, run, turn)
    if not new_run_id:
        _tell_starter(run, turn, status, result, failure, details, retry_state)
    turn.resolve(f"close:{run.run_id}", closed_reply(run), after=registered)


def terminate(
    state: WorkflowState,
    run: Run,
    turn: Turn,
    limits: Limits,
    *,
    reason: str,
    details: Any = (),
    identity: str = "",
    new_run_id: str = "",
    keep_children: frozenset[int] = frozenset(),
) -> None:
    """Close the run from outside, at once."""
    turn.evicts = True
    close(
        state,
        run,
        turn,
        limits,
        WorkflowStatus.TERMINATED,
        EventType.WORKFLOW_EXECUTION_TERMINATED,
        WorkflowExecutionTerminated(reason=reason, details=details or None, identity=identity),
        failure=Failure(message=reason or FAILURE_OF_STATUS[WorkflowStatus.TERMINATED]),
        details=details,
        new_run_id=new_run_id,
        keep_children=keep_children,
    )


def closed_reply(run: Run) -> Closed:
    """How a closed run ended."""
    return Closed(
        run_id=run.run_id,
        status=run.status,
        result=run.result,
        failure=run.failure,
        new_run_id=run.new_run_id,
        workflow_type=run.start.workflow_type,
    )


def successor_run_id(run_id: str, label: str) -> str:
    """The id of the run that follows ``run_id``: derived, so that a repeated turn derives the same."""
    return str(UUID(bytes=blake2b(f"{run_id}/{label}".encode(), digest_size=16).digest(), version=4))


def record_visibility(state: WorkflowState, run: Run, turn: Turn) -> int:
    """Send the run's current summary to its visibility shard; the outbox number."""
    start = run.start
    return turn.send(
        visibility_key(start.namespace, visibility_shard(start.workflow_id)),
        RecordExecution(
            execution=ExecutionRecord(
                namespace=start.namespace,
                workflow_id=start.workflow_id,
                run_id=run.run_id,
                workflow_type=start.workflow_type,
                task_queue=start.task_queue,
                status=run.status,
                start_ns=start.start_ns,
                version=run.version,
                close_ns=run.close_ns or None,
                history_length=run.next_event_id - 1,
                parent_workflow_id=start.parent.workflow_id if start.parent else "",
                parent_run_id=start.parent.run_id if start.parent else "",
                memo=run.memo,
                search_attributes=run.search_attributes,
            )
        ),
    )


def pending_registration(state: WorkflowState, run_id: str) -> int:
    """The outbox number of the run's newest summary that no shard has acknowledged yet; 0 for none."""
    return max(
        (
            entry.number
            for entry in state.table(OUTBOX).values()
            if type(entry.body) is RecordExecution and entry.body.execution.run_id == run_id
        ),
        default=0,
    )


def archive(state: WorkflowState, run: Run, turn: Turn) -> None:
    """Send the whole history of a closed run to its HistoryDO."""
    events = tuple(state.table(run.events_table).values())
    key = history_key(run.start.namespace, run.run_id)
    for first in range(0, len(events), ARCHIVE_BATCH_EVENTS):
        batch = events[first : first + ARCHIVE_BATCH_EVENTS]
        last = first + ARCHIVE_BATCH_EVENTS >= len(events)
        turn.send(
            key,
            AppendEvents(
                namespace=run.start.namespace,
                workflow_id=run.start.workflow_id,
                run_id=run.run_id,
                events=batch,
                closed=last,
                size_bytes=run.history_size_bytes if last else 0,
                archive=run.start.archive if last else None,
            ),
        )


def end_retention(state: WorkflowState, turn: Turn, run_id: str, limits: Limits) -> None:
    """Delete the rows of a closed run, unless its archive is still on its way."""
    run = state.run(run_id)
    if run is None or run.is_open or run.retained_until_ns > turn.now:
        return
    key = history_key(run.start.namespace, run_id)
    if any(entry.receiver == key for entry in state.table(OUTBOX).values()):
        run.retained_until_ns = turn.now + limits.retention_ns
        run.dirty = True
        return
    turn.drop_table(run.events_table)
    turn.delete("run", run_id)
    turn.delete("start", run_id)
    for table in ("request", "update", "late"):
        for key_, row in list(state.table(table).items()):
            if row.run_id == run_id:
                turn.delete(table, key_)
    shard = visibility_shard(run.start.workflow_id)
    turn.send(visibility_key(run.start.namespace, shard), ForgetExecution(run_id=run_id))
    current = state.get("meta", "current")
    if current is not None and current.run_id == run_id:
        turn.delete("meta", "current")
    state.forget_run(run_id)


def _let_go_of_children(state: WorkflowState, run: Run, turn: Turn, keep: frozenset[int]) -> None:
    for child in state.table("child").values():
        if child.initiated_event_id in keep:
            continue
        receiver = workflow_key(run.start.namespace, child.workflow_id)
        request_id = f"parent-close:{run.run_id}:{child.initiated_event_id}"
        known_as = run.writer_of(child.initiated_event_id)
        if child.parent_close_policy == "PARENT_CLOSE_POLICY_REQUEST_CANCEL":
            request = RequestCancelWorkflow(
                request_id=request_id, reason="parent workflow closed", child_of_run_id=known_as
            )
            turn.send(receiver, request)
        elif child.parent_close_policy != "PARENT_CLOSE_POLICY_ABANDON":
            turn.send(
                receiver,
                TerminateWorkflow(
                    request_id=request_id, reason="by parent close policy", child_of_run_id=known_as
                ),
            )


def _end_updates(state: WorkflowState, run: Run, turn: Turn) -> None:
    for update in list(state.table("update").values()):
        if update.run_id == run.run_id and update.stage not in ENDED:
            for stage in ("accepted", "completed"):
                turn.resolve(f"update:{update.update_id}:{stage}", closed_over(update))


def _tell_starter(
    run: Run,
    turn: Turn,
    status: WorkflowStatus,
    result: Any,
    failure: Failure | None,
    details: Any,
    retry_state: str,
) -> None:
    start = run.start
    if start.parent is not None:
        turn.send(
            workflow_key(start.parent.namespace, start.parent.workflow_id),
            ChildClosed(
                run_id=start.parent.run_id,
                initiated_event_id=start.parent.initiated_event_id,
                child_workflow_id=start.workflow_id,
                child_run_id=run.run_id,
                workflow_type=start.workflow_type,
                status=status.value,
                result=result or (),
                failure=failure,
                details=details or (),
                retry_state=retry_state,
            ),
        )
    if start.schedule_key:
        turn.send(
            start.schedule_key,
            ScheduledRunClosed(
                workflow_id=start.workflow_id,
                run_id=run.run_id,
                status=status.value,
                first_run_id=start.first_run_id,
            ),
        )
