"""What a WorkflowDO does by itself: timers, deadlines, timeouts, retention; and what wakes it."""

from __future__ import annotations

from ...actor import Ok, Poke, Turn
from ...history import EventType, WorkflowExecutionTimedOut
from ...keys import activity_key, history_key, task_queue_key, workflow_key
from ...messages.workflow import WorkerAvailable
from ...policies import WorkflowStatus
from . import retrying, tasks
from .closing import end_retention
from .facts import fire_timers
from .limits import Limits
from .state import Run, WorkflowState

OK = Ok()


def next_alarm(state: WorkflowState) -> int | None:
    """When the object next has something to do by itself."""
    moments = []
    run = state.current
    if run is not None and run.is_open:
        timer = state.first_timer()
        if timer is not None:
            moments.append(timer.fire_ns)
        if run.task_state in ("started", "backing_off", "delayed"):
            moments.append(run.task_deadline_ns)
        if run.expires_ns:
            moments.append(run.expires_ns)
    for row in state.table("run").values():
        if row.retained_until_ns:
            moments.append(row.retained_until_ns)
    return min(moments, default=None)


def handle_wake(state: WorkflowState, message: object, turn: Turn, limits: Limits) -> Ok:
    """Do everything that is due, each thing once."""
    run = state.open_run()
    if run is not None and run.expires_ns and run.expires_ns <= turn.now:
        turn.evicts = True
        retry = retrying.decide(run, turn.now, None)
        attributes = WorkflowExecutionTimedOut(retry_state=retry.state, new_execution_run_id=retry.run_id)
        retrying.close_and_retry(
            state,
            run,
            turn,
            limits,
            retry,
            WorkflowStatus.TIMED_OUT,
            EventType.WORKFLOW_EXECUTION_TIMED_OUT,
            attributes,
            None,
        )
        run = None
    if run is not None:
        fire_timers(state, run, turn, limits)
        if run.task_state in ("started", "backing_off", "delayed") and run.task_deadline_ns <= turn.now:
            tasks.deadline_passed(state, run, turn, limits)
    for row in list(state.table("run").values()):
        if row.retained_until_ns and row.retained_until_ns <= turn.now:
            end_retention(state, turn, row.run_id, limits)
    return OK


def handle_poke(state: WorkflowState, message: Poke, turn: Turn, limits: Limits) -> tuple[str, ...]:
    """The recovery sweep suspects that an alarm was lost: do what is due, and name those whose answers the
    open run waits for. They may have lost theirs."""
    handle_wake(state, message, turn, limits)
    found: dict[str, None] = {}
    run = state.run(message.closed_run_id) if message.closed_run_id else None
    if run is not None and not run.is_open:
        _addressed(state, run, found)
    run = state.open_run()
    if run is None:
        return tuple(found)
    if message.thorough:
        _addressed(state, run, found)
    namespace = run.start.namespace
    if run.task_state == "scheduled":
        tasks.start(state, run, turn, limits)
        found[task_queue_key(namespace, run.start.task_queue)] = None
    for activity in state.table("activity").values():
        found[activity_key(namespace, run.run_id, activity.activity_id)] = None
    for pending in (*state.table("child").values(), *state.table("external").values()):
        found[workflow_key(namespace, pending.workflow_id)] = None
    return tuple(found)


def _addressed(state: WorkflowState, run: Run, found: dict[str, None]) -> None:
    """Every object that this run has sent anything to: nobody else may know of them any more."""
    namespace = run.start.namespace
    found[task_queue_key(namespace, run.start.task_queue)] = None
    policy = run.start.archive
    if not run.is_open and policy is not None and policy.retention_ns is not None:
        found[history_key(namespace, run.run_id)] = None  # it has an end to register
    for event in state.table(run.events_table).values():
        kind, attributes = event.event_type, event.attributes
        if kind == EventType.ACTIVITY_TASK_SCHEDULED:
            found[activity_key(namespace, run.run_id, attributes.activity_id)] = None
            if attributes.task_queue is not None:
                found[task_queue_key(namespace, attributes.task_queue.name)] = None
        elif kind == EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            found[workflow_key(namespace, attributes.workflow_id)] = None
        elif kind in _TO_OTHERS and attributes.workflow_execution is not None:
            found[workflow_key(namespace, attributes.workflow_execution.workflow_id)] = None


_TO_OTHERS = (
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
)


def handle_worker_available(state: WorkflowState, message: WorkerAvailable, turn: Turn, limits: Limits) -> Ok:
    """A worker polls now: start what is scheduled."""
    run = state.open_run()
    if run is not None:
        tasks.start(state, run, turn, limits)
    return OK
