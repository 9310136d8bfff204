"""Facts from other objects: how activities, children, signals and cancellations to others turned out.

Each names the event it answers. The pending row of that event is the guard: it is deleted with the answer,
so a fact that comes twice, late, or for a closed run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...actor import Ok, Turn
from ...history import (
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionStarted,
    ChildWorkflowExecutionTerminated,
    ChildWorkflowExecutionTimedOut,
    EventType,
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
    StartChildWorkflowExecutionFailed,
    TimerFired,
    WorkflowExecutionRecord,
    WorkflowType,
)
from ...messages.workflow import (
    ActivityResolved,
    ChildClosed,
    ChildStarted,
    ChildStartFailed,
    ExternalCancelResolved,
    ExternalSignalResolved,
)
from ...policies import WorkflowStatus
from . import tasks
from .events import BUFFERED, append, arrive, buffer
from .limits import Limits
from .rows import LateFact, PendingActivity, PendingChild, PendingExternal
from .state import Run, WorkflowState

OK = Ok()


def _run_meant(state: WorkflowState, message: Any, turn: Turn) -> Run | None:
    """The open run that a fact concerns: the one that asked, or what resets have made of it.

    A fact for a closed run is kept as long as that run: it may be reset.
    """
    run = state.open_run()
    if run is not None and run.writer_of(message.initiated_event_id) == message.run_id:
        return run
    closed = state.run(message.run_id) if message.run_id else None
    if closed is not None and not closed.is_open:
        order = 2 if type(message) is ChildClosed else 1
        key = f"{message.run_id}:{message.initiated_event_id:08}:{order}"
        if state.get("late", key) is None:
            turn.put("late", key, LateFact(run_id=message.run_id, fact=message))
    return None


def activity_resolved(state: WorkflowState, message: ActivityResolved, turn: Turn, limits: Limits) -> Ok:
    """An activity has ended: its last start and its end enter the history together."""
    run = state.open_run(message.run_id)
    pending: PendingActivity | None = state.get("activity", message.activity_id) if run else None
    if run is None or pending is None or pending.scheduled_event_id != message.scheduled_event_id:
        return OK
    turn.delete("activity", pending.activity_id)
    if _record_activity(state, run, turn, message, pending):
        tasks.schedule(state, run, turn, limits)
    return OK


def _record_activity(
    state: WorkflowState, run: Run, turn: Turn, message: ActivityResolved, pending: PendingActivity
) -> bool:
    scheduled_event_id = message.scheduled_event_id
    started_event_id = 0
    if message.started_ns is not None:
        started = ActivityTaskStarted(
            scheduled_event_id=scheduled_event_id,
            identity=message.identity,
            request_id=message.request_id,
            attempt=message.attempt,
            last_failure=message.last_failure,
        )
        if run.task_state == "started":
            buffer(run, turn, EventType.ACTIVITY_TASK_STARTED, started, message.started_ns)
            started_event_id = BUFFERED
        else:
            started_event_id = append(
                state, run, turn, EventType.ACTIVITY_TASK_STARTED, started, event_ns=message.started_ns
            )
    event_type, attributes = _ACTIVITY_ENDS[message.outcome](message, pending, started_event_id)
    return arrive(state, run, turn, event_type, attributes)


def _completed(message: ActivityResolved, pending: PendingActivity, started: int) -> tuple[str, Any]:
    return EventType.ACTIVITY_TASK_COMPLETED, ActivityTaskCompleted(
        result=message.result or None,
        scheduled_event_id=message.scheduled_event_id,
        started_event_id=started,
        identity=message.identity,
    )


def _failed(message: ActivityResolved, pending: PendingActivity, started: int) -> tuple[str, Any]:
    return EventType.ACTIVITY_TASK_FAILED, ActivityTaskFailed(
        failure=message.failure,
        scheduled_event_id=message.scheduled_event_id,
        started_event_id=started,
        identity=message.identity,
        retry_state=message.retry_state,
    )


def _timed_out(message: ActivityResolved, pending: PendingActivity, started: int) -> tuple[str, Any]:
    return EventType.ACTIVITY_TASK_TIMED_OUT, ActivityTaskTimedOut(
        failure=message.failure,
        scheduled_event_id=message.scheduled_event_id,
        started_event_id=started,
        retry_state=message.retry_state,
    )


def _canceled(message: ActivityResolved, pending: PendingActivity, started: int) -> tuple[str, Any]:
    return EventType.ACTIVITY_TASK_CANCELED, ActivityTaskCanceled(
        details=message.details or None,
        latest_cancel_requested_event_id=pending.cancel_requested_event_id,
        scheduled_event_id=message.scheduled_event_id,
        started_event_id=started,
        identity=message.identity,
    )


_ACTIVITY_ENDS = {
    "completed": _completed,
    "failed": _failed,
    "timed_out": _timed_out,
    "canceled": _canceled,
}


def child_started(state: WorkflowState, message: ChildStarted, turn: Turn, limits: Limits) -> Ok:
    """A child runs."""
    run = _run_meant(state, message, turn)
    child: PendingChild | None = state.get("child", message.initiated_event_id) if run else None
    if run is None or child is None or child.started_event_id:
        return OK
    attributes = ChildWorkflowExecutionStarted(
        namespace=run.start.namespace,
        initiated_event_id=child.initiated_event_id,
        workflow_execution=WorkflowExecutionRecord(
            workflow_id=child.workflow_id, run_id=message.child_run_id
        ),
        workflow_type=WorkflowType(name=child.workflow_type),
    )
    recorded = arrive(state, run, turn, EventType.CHILD_WORKFLOW_EXECUTION_STARTED, attributes)
    turn.put(
        "child",
        child.initiated_event_id,
        PendingChild(
            initiated_event_id=child.initiated_event_id,
            workflow_id=child.workflow_id,
            workflow_type=child.workflow_type,
            parent_close_policy=child.parent_close_policy,
            run_id=message.child_run_id,
            started_event_id=run.next_event_id - 1 if recorded else BUFFERED,
        ),
    )
    if recorded:
        tasks.schedule(state, run, turn, limits)
    return OK


def child_start_failed(state: WorkflowState, message: ChildStartFailed, turn: Turn, limits: Limits) -> Ok:
    """A child could not be started: its workflow id is taken."""
    run = _run_meant(state, message, turn)
    child: PendingChild | None = state.get("child", message.initiated_event_id) if run else None
    if run is None or child is None or child.started_event_id:
        return OK
    turn.delete("child", child.initiated_event_id)
    attributes = StartChildWorkflowExecutionFailed(
        namespace=run.start.namespace,
        workflow_id=child.workflow_id,
        workflow_type=WorkflowType(name=child.workflow_type),
        cause=message.cause,
        initiated_event_id=child.initiated_event_id,
    )
    if arrive(state, run, turn, EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED, attributes):
        tasks.schedule(state, run, turn, limits)
    return OK


_CHILD_ENDS: dict[str, tuple[str, Callable[..., Any], Callable[[ChildClosed], dict[str, Any]]]] = {
    WorkflowStatus.COMPLETED.value: (
        EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
        ChildWorkflowExecutionCompleted,
        lambda message: {"result": message.result or None},
    ),
    WorkflowStatus.FAILED.value: (
        EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
        ChildWorkflowExecutionFailed,
        lambda message: {"failure": message.failure, "retry_state": message.retry_state},
    ),
    WorkflowStatus.CANCELED.value: (
        EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
        ChildWorkflowExecutionCanceled,
        lambda message: {"details": message.details or None},
    ),
    WorkflowStatus.TIMED_OUT.value: (
        EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
        ChildWorkflowExecutionTimedOut,
        lambda message: {"retry_state": message.retry_state},
    ),
    WorkflowStatus.TERMINATED.value: (
        EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
        ChildWorkflowExecutionTerminated,
        lambda message: {},
    ),
}


def child_closed(state: WorkflowState, message: ChildClosed, turn: Turn, limits: Limits) -> Ok:
    """A child's whole chain of runs is over."""
    run = _run_meant(state, message, turn)
    child: PendingChild | None = state.get("child", message.initiated_event_id) if run else None
    if run is None or child is None:
        return OK
    turn.delete("child", child.initiated_event_id)
    event_type, kind, extra = _CHILD_ENDS[message.status]
    attributes = kind(
        namespace=run.start.namespace,
        workflow_execution=WorkflowExecutionRecord(
            workflow_id=child.workflow_id, run_id=message.child_run_id
        ),
        workflow_type=WorkflowType(name=child.workflow_type),
        initiated_event_id=child.initiated_event_id,
        started_event_id=child.started_event_id,
        **extra(message),
    )
    if arrive(state, run, turn, event_type, attributes):
        tasks.schedule(state, run, turn, limits)
    return OK


def external_signal_resolved(
    state: WorkflowState, message: ExternalSignalResolved, turn: Turn, limits: Limits
) -> Ok:
    """A signal to another workflow was delivered, or was not."""
    return _external_resolved(
        state,
        message,
        turn,
        limits,
        (EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, ExternalWorkflowExecutionSignaled),
        (EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, SignalExternalWorkflowExecutionFailed),
    )


def external_cancel_resolved(
    state: WorkflowState, message: ExternalCancelResolved, turn: Turn, limits: Limits
) -> Ok:
    """A cancel request to another workflow was delivered, or was not."""
    return _external_resolved(
        state,
        message,
        turn,
        limits,
        (EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED, ExternalWorkflowExecutionCancelRequested),
        (
            EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
            RequestCancelExternalWorkflowExecutionFailed,
        ),
    )


def _external_resolved(
    state: WorkflowState, message: Any, turn: Turn, limits: Limits, delivered: Any, failed: Any
) -> Ok:
    run = _run_meant(state, message, turn)
    pending: PendingExternal | None = state.get("external", message.initiated_event_id) if run else None
    if run is None or pending is None:
        return OK
    turn.delete("external", message.initiated_event_id)
    target = WorkflowExecutionRecord(workflow_id=pending.workflow_id, run_id=pending.run_id)
    fields: dict[str, Any] = {
        "initiated_event_id": message.initiated_event_id,
        "namespace": run.start.namespace,
        "workflow_execution": target,
    }
    event_type, kind = failed if message.cause else delivered
    if message.cause:
        fields["cause"] = message.cause
    if arrive(state, run, turn, event_type, kind(**fields)):
        tasks.schedule(state, run, turn, limits)
    return OK


def fire_timers(state: WorkflowState, run: Run, turn: Turn, limits: Limits) -> None:
    """Record every timer that is due, earliest first. Never early: the alarm is rounded up."""
    recorded = False
    while (timer := state.first_timer()) is not None and timer.fire_ns <= turn.now:
        turn.delete("timer", timer.timer_id)
        fired = TimerFired(timer_id=timer.timer_id, started_event_id=timer.started_event_id)
        recorded |= arrive(state, run, turn, EventType.TIMER_FIRED, fired)
    if recorded:
        tasks.schedule(state, run, turn, limits)
