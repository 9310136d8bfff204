"""Reset: a new run that begins with a prefix of another run's history.

The prefix ends with the start of the workflow task that the caller named; that task is recorded as failed by
the reset. What the prefix left open is open in the new run: timers keep their fire time, activities are
scheduled anew, children and requests to other workflows go on. What became of these after the prefix is
recorded again, also when it was heard only after the run had closed; so are the signals that came after it,
to the run or to those that continued it. The open run, if there is one, is terminated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from ...actor import AfterDelivery, Refusal, Turn
from ...history import (
    EventType,
    HistoryEvent,
    WorkflowTaskFailed,
)
from ...keys import activity_key
from ...messages.activity import ScheduleActivityTask
from ...messages.workflow import (
    ChildClosed,
    ChildStarted,
    ChildStartFailed,
    ExternalCancelResolved,
    ExternalSignalResolved,
    ResetWorkflow,
    Started,
)
from ...records import evolve
from . import facts, tasks
from .closing import record_visibility, terminate
from .events import append
from .limits import Limits
from .rows import (
    CurrentRun,
    Origin,
    PendingActivity,
    PendingChild,
    PendingExternal,
    PendingTimer,
    RequestRow,
    RunRow,
)
from .state import RUNNING, Run, WorkflowState

TASK_EVENTS = (
    EventType.WORKFLOW_TASK_STARTED,
    EventType.WORKFLOW_TASK_COMPLETED,
    EventType.WORKFLOW_TASK_FAILED,
    EventType.WORKFLOW_TASK_TIMED_OUT,
)
CHILD_ENDS = (
    EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
    EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
    EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
    EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
    EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED,
)
EXTERNAL_STARTS = {
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "signal",
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "cancel",
}
EXTERNAL_ENDS = (
    EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED,
    EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
    EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
    EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
)
FACTS: dict[type, Callable[[WorkflowState, Any, Turn, Limits], Any]] = {
    ChildStarted: facts.child_started,
    ChildStartFailed: facts.child_start_failed,
    ChildClosed: facts.child_closed,
    ExternalSignalResolved: facts.external_signal_resolved,
    ExternalCancelResolved: facts.external_cancel_resolved,
}
ACTIVITY_ENDS = (
    EventType.ACTIVITY_TASK_COMPLETED,
    EventType.ACTIVITY_TASK_FAILED,
    EventType.ACTIVITY_TASK_TIMED_OUT,
    EventType.ACTIVITY_TASK_CANCELED,
)


@attrs.define
class Opened:
    """What a prefix of a history leaves open."""

    timers: dict[str, PendingTimer] = attrs.Factory(dict)
    activities: dict[int, HistoryEvent] = attrs.Factory(dict)
    children: dict[int, PendingChild] = attrs.Factory(dict)
    externals: dict[int, PendingExternal] = attrs.Factory(dict)
    cancel_requested: bool = False


def handle_reset(state: WorkflowState, message: ResetWorkflow, turn: Turn, limits: Limits) -> object:
    """Start the new run. Refused when the event is not one of a workflow task of the run."""
    repeated = state.get("request", message.request_id)
    if repeated is not None:
        return Started(run_id=repeated.run_id, started=False)
    base = state.run(message.run_id)
    if base is None:
        return Refusal(code="not_found", message="no such workflow run")
    history = state.table(base.events_table)
    started_event_id = _task_start(history.get(message.event_id))
    if not started_event_id:
        first = [str(event.event_id) for event in history.values() if event.event_type in TASK_EVENTS[1:]]
        return Refusal(
            code="invalid",
            message=f"event {message.event_id} is not the end of a workflow task; those of this run are "
            + (", ".join(first) or "none yet"),
        )
    prefix = [history[event_id] for event_id in range(1, started_event_id + 1)]
    opened = _replay_prefix(prefix)
    current = state.current
    if current is not None and current.is_open:
        terminate(
            state,
            current,
            turn,
            limits,
            reason=message.reason or "reset",
            identity=message.identity,
            new_run_id=message.new_run_id,
            keep_children=frozenset(opened.children) if current is base else frozenset(),
        )
    # Only now: what waited for a workflow task of the run has entered its history with its end.
    later = [history[event_id] for event_id in range(started_event_id + 1, base.next_event_id)]
    late = [row.fact for _, row in sorted(state.table("late").items()) if row.run_id == base.run_id]
    run = _copy(state, base, message, turn, prefix, opened)
    cause = "WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW"
    failed = WorkflowTaskFailed(
        scheduled_event_id=prefix[-1].attributes.scheduled_event_id,
        started_event_id=started_event_id,
        cause=cause,
        identity=message.identity,
        base_run_id=base.run_id,
        new_run_id=run.run_id,
    )
    append(state, run, turn, EventType.WORKFLOW_TASK_FAILED, failed)
    for event in (*later, *_signals_of_successors(state, base, run)):
        _record_again(state, run, turn, event, opened)
    _reopen(state, run, turn, opened)
    turn.put("request", message.request_id, RequestRow(kind="reset", run_id=run.run_id))
    for fact in late:
        FACTS[type(fact)](state, fact, turn, limits)
    tasks.schedule(state, run, turn, limits)
    return AfterDelivery(record_visibility(state, run, turn), Started(run_id=run.run_id))


def _signals_of_successors(state: WorkflowState, base: Run, new: Run) -> list[HistoryEvent]:
    """The signals to the runs that continued ``base``, but for those that were carried over to them."""
    found = []
    run = state.run(base.new_run_id) if base.new_run_id else None
    while run is not None and run is not new:
        for event in state.table(run.events_table).values():
            if event.event_type == EventType.WORKFLOW_EXECUTION_SIGNALED:
                if not event.attributes.request_id.startswith("carried:"):
                    found.append(event)
        run = state.run(run.new_run_id) if run.new_run_id else None
    return found


def _record_again(state: WorkflowState, run: Run, turn: Turn, event: HistoryEvent, opened: Opened) -> None:
    """Tell the new run what came after the prefix, if it concerns it."""
    attributes = event.attributes
    kind = event.event_type
    if kind == EventType.WORKFLOW_EXECUTION_SIGNALED:
        append(state, run, turn, kind, attributes)
    elif kind in EXTERNAL_ENDS:
        if opened.externals.pop(attributes.initiated_event_id, None) is not None:
            append(state, run, turn, kind, attributes)
    elif kind == EventType.CHILD_WORKFLOW_EXECUTION_STARTED or kind in CHILD_ENDS:
        child = opened.children.get(attributes.initiated_event_id)
        if child is None:
            return
        if kind == EventType.CHILD_WORKFLOW_EXECUTION_STARTED:
            event_id = append(state, run, turn, kind, attributes)
            opened.children[child.initiated_event_id] = evolve(
                child, run_id=attributes.workflow_execution.run_id, started_event_id=event_id
            )
            return
        del opened.children[child.initiated_event_id]
        if kind != EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED:
            attributes = evolve(attributes, started_event_id=child.started_event_id)
        append(state, run, turn, kind, attributes)


def _task_start(event: HistoryEvent | None) -> int:
    if event is None or event.event_type not in TASK_EVENTS:
        return 0
    if event.event_type == EventType.WORKFLOW_TASK_STARTED:
        return event.event_id
    started: int = event.attributes.started_event_id
    return started


def _copy(
    state: WorkflowState,
    base: Run,
    message: ResetWorkflow,
    turn: Turn,
    prefix: list[HistoryEvent],
    opened: Opened,
) -> Run:
    start = evolve(
        base.start, run_id=message.new_run_id, origins=_origins(base, len(prefix)), start_ns=turn.now
    )
    row = RunRow(
        run_id=message.new_run_id,
        status=RUNNING,
        next_event_id=len(prefix) + 1,
        last_completed_event_id=max(
            (event.event_id for event in prefix if event.event_type == EventType.WORKFLOW_TASK_COMPLETED),
            default=0,
        ),
        expires_ns=turn.now + start.run_timeout_ns if start.run_timeout_ns else 0,
        cancel_requested=opened.cancel_requested,
        search_attributes=base.search_attributes,
        memo=base.memo,
    )
    turn.put("meta", "current", CurrentRun(run_id=start.run_id))
    turn.put("start", start.run_id, start)
    run = state.add_run(row, start)
    for event in prefix:
        turn.put(run.events_table, event.event_id, event)
    return run


def _origins(base: Run, length: int) -> tuple[Origin, ...]:
    """Who wrote the first ``length`` events of ``base``."""
    found = []
    for origin in (*base.start.origins, Origin(last_event_id=length, run_id=base.run_id)):
        found.append(evolve(origin, last_event_id=min(origin.last_event_id, length)))
        if origin.last_event_id >= length:
            break
    return tuple(found)


def _reopen(state: WorkflowState, run: Run, turn: Turn, opened: Opened) -> None:
    for timer in opened.timers.values():
        state.add_timer(turn, timer)
    for child in opened.children.values():
        turn.put("child", child.initiated_event_id, child)
    for external in opened.externals.values():
        turn.put("external", external.initiated_event_id, external)
    start = run.start
    for event in opened.activities.values():
        scheduled = event.attributes
        pending = PendingActivity(
            activity_id=scheduled.activity_id,
            scheduled_event_id=event.event_id,
            activity_type=scheduled.activity_type.name,
            task_queue=scheduled.task_queue.name,
            scheduled_ns=turn.now,
        )
        turn.put("activity", scheduled.activity_id, pending)
        turn.send(
            activity_key(start.namespace, run.run_id, scheduled.activity_id),
            ScheduleActivityTask(
                namespace=start.namespace,
                workflow_key=state.key,
                workflow_id=start.workflow_id,
                run_id=run.run_id,
                workflow_type=start.workflow_type,
                activity_id=scheduled.activity_id,
                scheduled_event_id=event.event_id,
                activity_type=scheduled.activity_type.name,
                task_queue=scheduled.task_queue.name,
                scheduled_ns=turn.now,
                input=scheduled.input or (),
                header=scheduled.header,
                retry_policy=scheduled.retry_policy,
                schedule_to_close_timeout_ns=scheduled.schedule_to_close_timeout,
                schedule_to_start_timeout_ns=scheduled.schedule_to_start_timeout,
                start_to_close_timeout_ns=scheduled.start_to_close_timeout,
                heartbeat_timeout_ns=scheduled.heartbeat_timeout,
            ),
        )


def _replay_prefix(prefix: list[HistoryEvent]) -> Opened:
    opened = Opened()
    for event in prefix:
        attributes = event.attributes
        if event.event_type == EventType.TIMER_STARTED:
            opened.timers[attributes.timer_id] = PendingTimer(
                timer_id=attributes.timer_id,
                started_event_id=event.event_id,
                fire_ns=event.event_time + (attributes.start_to_fire_timeout or 0),
            )
        elif event.event_type in (EventType.TIMER_FIRED, EventType.TIMER_CANCELED):
            opened.timers.pop(attributes.timer_id, None)
        elif event.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
            opened.activities[event.event_id] = event
        elif event.event_type in ACTIVITY_ENDS:
            opened.activities.pop(attributes.scheduled_event_id, None)
        elif event.event_type == EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            opened.children[event.event_id] = PendingChild(
                initiated_event_id=event.event_id,
                workflow_id=attributes.workflow_id,
                workflow_type=attributes.workflow_type.name,
                parent_close_policy=attributes.parent_close_policy,
            )
        elif event.event_type == EventType.CHILD_WORKFLOW_EXECUTION_STARTED:
            child = opened.children.get(attributes.initiated_event_id)
            if child is not None:
                opened.children[child.initiated_event_id] = evolve(
                    child, run_id=attributes.workflow_execution.run_id, started_event_id=event.event_id
                )
        elif event.event_type in CHILD_ENDS:
            opened.children.pop(attributes.initiated_event_id, None)
        elif event.event_type in EXTERNAL_STARTS:
            opened.externals[event.event_id] = PendingExternal(
                initiated_event_id=event.event_id,
                kind=EXTERNAL_STARTS[event.event_type],
                workflow_id=attributes.workflow_execution.workflow_id,
                run_id=attributes.workflow_execution.run_id,
            )
        elif event.event_type in EXTERNAL_ENDS:
            opened.externals.pop(attributes.initiated_event_id, None)
        elif event.event_type == EventType.WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            opened.cancel_requested = True
    return opened
