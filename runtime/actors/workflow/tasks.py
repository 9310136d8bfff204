"""The workflow task: when the workflow's code runs, and what happens when it can't.

    state        event                     next state
    -----------  ------------------------  -----------------------------------------------
    none         something to look at      scheduled, then started at once if a worker polls
    delayed      the start delay is over   scheduled
    scheduled    a worker polls            started
    started      completed                 none, or scheduled again (new events, updates, more)
    started      failed                    backing_off
    started      deadline passed           scheduled (next attempt)
    backing_off  deadline passed           scheduled (next attempt)
    any          the run closes            none

Only the first attempt is written to the history when it is scheduled and started. A later attempt exists in
the run's row alone (its events are shown to the executor as if they were there) and is written when it
completes, so that a workflow whose code fails for a week does not fill its history with failures.
"""

from __future__ import annotations

from ...actor import Turn
from ...durations import SECOND
from ...history import (
    EventType,
    Failure,
    HistoryEvent,
    TaskQueueRecord,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
)
from ...keys import task_queue_key
from ...messages.task_queue import ParkWorkflowTask
from ...workflow_task import AdmittedUpdate, Query, WorkflowTask
from .events import append, flush_buffer
from .limits import Limits
from .state import Run, WorkflowState

TASK_TIMEOUT_NS = 10 * SECOND
RETRY_DELAY_NS = SECOND
RETRY_DELAY_MAX_NS = 60 * SECOND
IDENTITY = "temporal-do"


def schedule(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """There is something for the workflow's code to look at."""
    if run.task_state != "none":
        return
    run.task_state = "scheduled"
    run.task_attempt = 1
    run.dirty = True
    run.task_scheduled_event_id = append(state, run, turn, EventType.WORKFLOW_TASK_SCHEDULED, _scheduled(run))
    start(state, run, turn, limits)


def start(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """Hand the scheduled task out if a worker polls its queue; else park it until one does."""
    if run.task_state != "scheduled":
        return
    task_queue = run.start.task_queue
    if not turn.worker_polls(run.start.namespace, task_queue):
        turn.send(task_queue_key(run.start.namespace, task_queue), ParkWorkflowTask(workflow_key=state.key))
        return
    run.task_state = "started"
    run.task_started_ns = turn.now
    run.dirty = True
    run.task_deadline_ns = turn.now + (run.start.task_timeout_ns or TASK_TIMEOUT_NS)
    virtual: tuple[HistoryEvent, ...] = ()
    if run.task_attempt == 1:
        started = _started(run, run.task_scheduled_event_id, limits)
        run.task_started_event_id = append(state, run, turn, EventType.WORKFLOW_TASK_STARTED, started)
    else:
        virtual = _virtual_events(run, turn.now, limits)
        run.task_scheduled_event_id, run.task_started_event_id = (event.event_id for event in virtual)
    turn.execute(
        WorkflowTask(
            namespace=run.start.namespace,
            workflow_id=run.start.workflow_id,
            run_id=run.run_id,
            workflow_type=run.start.workflow_type,
            task_queue=task_queue,
            events=state.slice(run, virtual),
            started_event_id=run.task_started_event_id,
            attempt=run.task_attempt,
            updates=tuple(
                AdmittedUpdate(
                    update_id=update.update_id,
                    name=update.name,
                    args=update.args,
                    header=update.header,
                    identity=update.identity,
                )
                for update in state.table("update").values()
                if update.stage == "admitted" and update.run_id == run.run_id
            ),
        )
    )


def write_virtual_attempt(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """Record the scheduling and start of an attempt that was not the first, now that it completes: just as
    the executor saw them."""
    if run.task_attempt > 1:
        for event in _virtual_events(run, run.task_started_ns, limits):
            append(state, run, turn, event.event_type, event.attributes, event_ns=event.event_time)


def fail(
    state: WorkflowState,
    run: Run,
    turn: Turn,
    cause: str,
    failure: Failure | None,
    limits: Limits,
    *,
    at_once: bool = False,
) -> None:
    """The started task failed: look again later (``at_once``: now, with what arrived meanwhile)."""
    if run.task_attempt == 1:
        attributes = WorkflowTaskFailed(
            scheduled_event_id=run.task_scheduled_event_id,
            started_event_id=run.task_started_event_id,
            cause=cause,
            failure=failure,
            identity=IDENTITY,
        )
        append(state, run, turn, EventType.WORKFLOW_TASK_FAILED, attributes)
    run.last_task_failure = failure
    if at_once:
        run.task_state = "none"
        flush_buffer(state, run, turn)
        schedule(state, run, turn, limits)
        return
    _next_attempt(state, run, turn, "backing_off")
    pause = min(RETRY_DELAY_NS << min(run.task_attempt - 2, 6), RETRY_DELAY_MAX_NS)
    run.task_deadline_ns = turn.now + pause


def time_out(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """The deadline of the started task passed: whoever ran it is gone."""
    if run.task_attempt == 1:
        attributes = WorkflowTaskTimedOut(
            scheduled_event_id=run.task_scheduled_event_id,
            started_event_id=run.task_started_event_id,
            timeout_type="TIMEOUT_TYPE_START_TO_CLOSE",
        )
        append(state, run, turn, EventType.WORKFLOW_TASK_TIMED_OUT, attributes)
    _next_attempt(state, run, turn, "scheduled")
    start(state, run, turn, limits)


def deadline_passed(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """Whatever the task waited for by the clock is due."""
    if run.task_state == "started":
        time_out(state, run, turn, limits)
    elif run.task_state == "backing_off":
        run.task_state = "scheduled"
        run.dirty = True
        start(state, run, turn, limits)
    elif run.task_state == "delayed":
        run.task_state = "none"
        schedule(state, run, turn, limits)


def dispatch_queries(state: WorkflowState, run: Run, turn: Turn) -> None:
    """Hand waiting queries out, if the workflow's code rests."""
    if not state.queries or not run.last_completed_event_id or run.task_state == "started":
        return
    waiting, state.queries = state.queries, []
    turn.execute(query_task(state, run, waiting))


def query_task(state: WorkflowState, run: Run, queries: list[Query]) -> WorkflowTask:
    """A task that only answers queries, from the history as it is."""
    return WorkflowTask(
        namespace=run.start.namespace,
        workflow_id=run.start.workflow_id,
        run_id=run.run_id,
        workflow_type=run.start.workflow_type,
        task_queue=run.start.task_queue,
        events=state.slice(run),
        queries=tuple(queries),
    )


def _next_attempt(state: WorkflowState, run: Run, turn: Turn, task_state: str) -> None:
    run.task_attempt += 1
    run.task_state = task_state
    run.dirty = True
    flush_buffer(state, run, turn)


def _scheduled(run: Run) -> WorkflowTaskScheduled:
    return WorkflowTaskScheduled(
        task_queue=TaskQueueRecord(name=run.start.task_queue, kind="TASK_QUEUE_KIND_NORMAL"),
        start_to_close_timeout=run.start.task_timeout_ns or TASK_TIMEOUT_NS,
        attempt=run.task_attempt,
    )


def _started(run: Run, scheduled_event_id: int, limits: Limits) -> WorkflowTaskStarted:
    return WorkflowTaskStarted(
        scheduled_event_id=scheduled_event_id,
        identity=IDENTITY,
        request_id=f"{run.run_id}:{scheduled_event_id}:{run.task_attempt}",
        suggest_continue_as_new=limits.suggests_continue_as_new(run.next_event_id, run.history_size_bytes),
        history_size_bytes=run.history_size_bytes,
    )


def _virtual_events(run: Run, now: int, limits: Limits) -> tuple[HistoryEvent, HistoryEvent]:
    scheduled_event_id = run.next_event_id
    return (
        HistoryEvent(
            event_id=scheduled_event_id,
            event_time=now,
            event_type=EventType.WORKFLOW_TASK_SCHEDULED,
            attributes=_scheduled(run),
        ),
        HistoryEvent(
            event_id=scheduled_event_id + 1,
            event_time=now,
            event_type=EventType.WORKFLOW_TASK_STARTED,
            attributes=_started(run, scheduled_event_id, limits),
        ),
    )
