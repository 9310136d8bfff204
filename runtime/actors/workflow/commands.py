"""From commands to events: what each thing the workflow's code asked for does to its run.

One function per command, in the table at the end. Each appends the command's event (ids in command order),
notes what is pending, and posts what must leave. Closing commands come last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...actor import Turn
from ...commands import (
    AcceptUpdate,
    CancelTimer,
    CancelWorkflow,
    Command,
    CompleteUpdate,
    CompleteWorkflow,
    ContinueAsNew,
    FailWorkflow,
    ModifyProperties,
    RecordMarker,
    RejectUpdate,
    RequestCancelActivity,
    RequestCancelExternalWorkflow,
    ScheduleActivity,
    SignalExternalWorkflow,
    StartChildWorkflow,
    StartTimer,
    UpsertSearchAttributes,
)
from ...history import (
    ActivityTaskCancelRequested,
    ActivityTaskScheduled,
    ActivityType,
    EventType,
    MarkerRecorded,
    Memo,
    RequestCancelExternalWorkflowExecutionInitiated,
    SearchAttributes,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionInitiated,
    TaskQueueRecord,
    TimerCanceled,
    TimerStarted,
    UpsertWorkflowSearchAttributes,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowExecutionRecord,
    WorkflowPropertiesModified,
    WorkflowType,
)
from ...keys import activity_key, workflow_key
from ...messages.activity import CancelActivityTask, ScheduleActivityTask
from ...messages.workflow import (
    ParentLink,
    RequestCancelWorkflow,
    SignalInput,
    SignalWorkflow,
    StartWorkflow,
)
from ...policies import WorkflowStatus
from . import retrying, updates
from .closing import close, record_visibility, successor_run_id
from .events import append
from .limits import Limits
from .rows import PendingActivity, PendingChild, PendingExternal, PendingTimer
from .starting import begin, succeed
from .state import Run, WorkflowState

DEFAULT_START_TO_CLOSE_NS = 600 * 10**9


class Application:
    """Applying the commands of one completed workflow task."""

    __slots__ = ("completed_event_id", "limits", "run", "state", "turn")

    def __init__(
        self, state: WorkflowState, run: Run, turn: Turn, limits: Limits, completed_event_id: int
    ) -> None:
        self.state = state
        self.run = run
        self.turn = turn
        self.limits = limits
        self.completed_event_id = completed_event_id

    def append(self, event_type: str, attributes: Any, summary: str = "") -> int:
        """Append one event to the run."""
        return append(self.state, self.run, self.turn, event_type, attributes, summary=summary)

    def apply(self, command: Command) -> None:
        """Carry one command out."""
        _APPLY[type(command)](self, command)


def _start_timer(app: Application, command: StartTimer) -> None:
    attributes = TimerStarted(
        timer_id=command.timer_id,
        start_to_fire_timeout=command.duration_ns,
        workflow_task_completed_event_id=app.completed_event_id,
    )
    event_id = app.append(EventType.TIMER_STARTED, attributes, command.summary)
    app.state.add_timer(
        app.turn,
        PendingTimer(
            timer_id=command.timer_id,
            started_event_id=event_id,
            fire_ns=app.turn.now + command.duration_ns,
            summary=command.summary,
        ),
    )


def _cancel_timer(app: Application, command: CancelTimer) -> None:
    timer: PendingTimer | None = app.state.get("timer", command.timer_id)
    if timer is None:
        _drop_buffered_fire(app, command.timer_id)
    else:
        app.turn.delete("timer", command.timer_id)
    attributes = TimerCanceled(
        timer_id=command.timer_id,
        started_event_id=timer.started_event_id if timer else _timer_started_id(app, command.timer_id),
        workflow_task_completed_event_id=app.completed_event_id,
        identity="temporal-do",
    )
    app.append(EventType.TIMER_CANCELED, attributes)


def _drop_buffered_fire(app: Application, timer_id: str) -> None:
    """The timer fired while the task that cancels it was running: the cancellation wins, as in Temporal."""
    for row in list(app.state.table("buffered").values()):
        if row.event_type == EventType.TIMER_FIRED and row.attributes.timer_id == timer_id:
            app.turn.delete("buffered", row.number)


def _timer_started_id(app: Application, timer_id: str) -> int:
    events = app.state.table(app.run.events_table)
    for event_id in range(app.run.next_event_id - 1, 0, -1):
        event = events[event_id]
        if event.event_type == EventType.TIMER_STARTED and event.attributes.timer_id == timer_id:
            return event_id
    return 0


def _schedule_activity(app: Application, command: ScheduleActivity) -> None:
    run, start = app.run, app.run.start
    task_queue = command.task_queue or start.task_queue
    start_to_close_ns = command.start_to_close_timeout_ns
    if start_to_close_ns is None and command.schedule_to_close_timeout_ns is None:
        start_to_close_ns = DEFAULT_START_TO_CLOSE_NS
    event_id = app.append(
        EventType.ACTIVITY_TASK_SCHEDULED,
        ActivityTaskScheduled(
            activity_id=command.activity_id,
            activity_type=ActivityType(name=command.activity_type),
            task_queue=TaskQueueRecord(name=task_queue, kind="TASK_QUEUE_KIND_NORMAL"),
            header=command.header,
            input=command.input or None,
            schedule_to_close_timeout=command.schedule_to_close_timeout_ns,
            schedule_to_start_timeout=command.schedule_to_start_timeout_ns,
            start_to_close_timeout=start_to_close_ns,
            heartbeat_timeout=command.heartbeat_timeout_ns,
            workflow_task_completed_event_id=app.completed_event_id,
            retry_policy=command.retry_policy,
        ),
        command.summary,
    )
    pending = PendingActivity(
        activity_id=command.activity_id,
        scheduled_event_id=event_id,
        activity_type=command.activity_type,
        task_queue=task_queue,
        scheduled_ns=app.turn.now,
    )
    app.turn.put("activity", command.activity_id, pending)
    task = ScheduleActivityTask(
        namespace=start.namespace,
        workflow_key=app.state.key,
        workflow_id=start.workflow_id,
        run_id=run.run_id,
        workflow_type=start.workflow_type,
        activity_id=command.activity_id,
        scheduled_event_id=event_id,
        activity_type=command.activity_type,
        task_queue=task_queue,
        scheduled_ns=app.turn.now,
        input=command.input,
        header=command.header,
        retry_policy=command.retry_policy,
        schedule_to_close_timeout_ns=command.schedule_to_close_timeout_ns,
        schedule_to_start_timeout_ns=command.schedule_to_start_timeout_ns,
        start_to_close_timeout_ns=start_to_close_ns,
        heartbeat_timeout_ns=command.heartbeat_timeout_ns,
    )
    app.turn.send(activity_key(start.namespace, run.run_id, command.activity_id), task)


def _cancel_activity(app: Application, command: RequestCancelActivity) -> None:
    pending: PendingActivity | None = app.state.get("activity", command.activity_id)
    scheduled_event_id = pending.scheduled_event_id if pending else _scheduled_id(app, command.activity_id)
    attributes = ActivityTaskCancelRequested(
        scheduled_event_id=scheduled_event_id, workflow_task_completed_event_id=app.completed_event_id
    )
    event_id = app.append(EventType.ACTIVITY_TASK_CANCEL_REQUESTED, attributes)
    if pending is None:  # it ended while the task was running; its end is in the buffer
        return
    app.turn.put(
        "activity",
        command.activity_id,
        PendingActivity(
            activity_id=pending.activity_id,
            scheduled_event_id=pending.scheduled_event_id,
            activity_type=pending.activity_type,
            task_queue=pending.task_queue,
            scheduled_ns=pending.scheduled_ns,
            cancel_requested_event_id=event_id,
        ),
    )
    app.turn.send(
        activity_key(app.run.start.namespace, app.run.run_id, command.activity_id),
        CancelActivityTask(run_id=app.run.run_id, scheduled_event_id=pending.scheduled_event_id),
    )


def _scheduled_id(app: Application, activity_id: str) -> int:
    events = app.state.table(app.run.events_table)
    for event_id in range(app.run.next_event_id - 1, 0, -1):
        event = events[event_id]
        if (
            event.event_type == EventType.ACTIVITY_TASK_SCHEDULED
            and event.attributes.activity_id == activity_id
        ):
            return event_id
    return 0


def _record_marker(app: Application, command: RecordMarker) -> None:
    attributes = MarkerRecorded(
        marker_name=command.marker_name,
        details=command.details,
        workflow_task_completed_event_id=app.completed_event_id,
        failure=command.failure,
    )
    app.append(EventType.MARKER_RECORDED, attributes, command.summary)


def _start_child(app: Application, command: StartChildWorkflow) -> None:
    start = app.run.start
    task_queue = command.task_queue or start.task_queue
    event_id = app.append(
        EventType.START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        StartChildWorkflowExecutionInitiated(
            namespace=start.namespace,
            workflow_id=command.workflow_id,
            workflow_type=WorkflowType(name=command.workflow_type),
            task_queue=TaskQueueRecord(name=task_queue, kind="TASK_QUEUE_KIND_NORMAL"),
            input=command.input or None,
            workflow_execution_timeout=command.execution_timeout_ns,
            workflow_run_timeout=command.run_timeout_ns,
            workflow_task_timeout=command.task_timeout_ns,
            parent_close_policy=command.parent_close_policy,
            workflow_task_completed_event_id=app.completed_event_id,
            workflow_id_reuse_policy=command.id_reuse_policy,
            retry_policy=command.retry_policy,
            header=command.header,
            memo=command.memo,
            search_attributes=command.search_attributes,
        ),
        command.summary,
    )
    child = PendingChild(
        initiated_event_id=event_id,
        workflow_id=command.workflow_id,
        workflow_type=command.workflow_type,
        parent_close_policy=command.parent_close_policy,
    )
    app.turn.put("child", event_id, child)
    parent = start.parent
    message = StartWorkflow(
        request_id=f"child:{app.run.run_id}:{event_id}",
        run_id=successor_run_id(app.run.run_id, f"child:{event_id}"),
        namespace=start.namespace,
        workflow_id=command.workflow_id,
        workflow_type=command.workflow_type,
        task_queue=task_queue,
        input=command.input,
        execution_timeout_ns=command.execution_timeout_ns,
        run_timeout_ns=command.run_timeout_ns,
        task_timeout_ns=command.task_timeout_ns,
        retry_policy=command.retry_policy,
        id_reuse_policy=command.id_reuse_policy,
        memo=command.memo,
        search_attributes=command.search_attributes,
        header=command.header,
        parent=ParentLink(
            namespace=start.namespace,
            workflow_id=start.workflow_id,
            run_id=app.run.run_id,
            initiated_event_id=event_id,
            parent_close_policy=command.parent_close_policy,
            root_workflow_id=parent.root_workflow_id if parent else start.workflow_id,
            root_run_id=parent.root_run_id if parent else start.first_run_id,
        ),
        identity="temporal-do",
    )
    app.turn.send(workflow_key(start.namespace, command.workflow_id), message)


def _signal_external(app: Application, command: SignalExternalWorkflow) -> None:
    start = app.run.start
    namespace = command.namespace or start.namespace
    target = WorkflowExecutionRecord(workflow_id=command.workflow_id, run_id=command.run_id)
    event_id = app.append(
        EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        SignalExternalWorkflowExecutionInitiated(
            workflow_task_completed_event_id=app.completed_event_id,
            namespace=namespace,
            workflow_execution=target,
            signal_name=command.signal_name,
            input=command.input or None,
            child_workflow_only=command.child_workflow_only,
            header=command.header,
        ),
    )
    _await_outcome(app, event_id, "signal", command.workflow_id, command.run_id)
    app.turn.send(
        workflow_key(namespace, command.workflow_id),
        SignalWorkflow(
            signal=SignalInput(
                request_id=f"signal:{app.run.run_id}:{event_id}",
                signal_name=command.signal_name,
                input=command.input,
                header=command.header,
                identity="temporal-do",
                external_execution=WorkflowExecutionRecord(
                    workflow_id=start.workflow_id, run_id=app.run.run_id
                ),
            ),
            run_id=command.run_id,
            child_of_run_id=app.run.run_id if command.child_workflow_only else "",
            reply_to=app.state.key,
            reply_run_id=app.run.run_id,
            reply_initiated_event_id=event_id,
        ),
    )


def _cancel_external(app: Application, command: RequestCancelExternalWorkflow) -> None:
    start = app.run.start
    namespace = command.namespace or start.namespace
    event_id = app.append(
        EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        RequestCancelExternalWorkflowExecutionInitiated(
            workflow_task_completed_event_id=app.completed_event_id,
            namespace=namespace,
            workflow_execution=WorkflowExecutionRecord(
                workflow_id=command.workflow_id, run_id=command.run_id
            ),
            child_workflow_only=command.child_workflow_only,
            reason=command.reason,
        ),
    )
    _await_outcome(app, event_id, "cancel", command.workflow_id, command.run_id)
    app.turn.send(
        workflow_key(namespace, command.workflow_id),
        RequestCancelWorkflow(
            request_id=f"cancel:{app.run.run_id}:{event_id}",
            run_id=command.run_id,
            reason=command.reason,
            external_execution=WorkflowExecutionRecord(workflow_id=start.workflow_id, run_id=app.run.run_id),
            child_of_run_id=app.run.run_id if command.child_workflow_only else "",
            reply_to=app.state.key,
            reply_run_id=app.run.run_id,
            reply_initiated_event_id=event_id,
        ),
    )


def _await_outcome(app: Application, event_id: int, kind: str, workflow_id: str, run_id: str) -> None:
    pending = PendingExternal(initiated_event_id=event_id, kind=kind, workflow_id=workflow_id, run_id=run_id)
    app.turn.put("external", event_id, pending)


def _upsert_search_attributes(app: Application, command: UpsertSearchAttributes) -> None:
    attributes = UpsertWorkflowSearchAttributes(
        workflow_task_completed_event_id=app.completed_event_id, search_attributes=command.search_attributes
    )
    app.append(EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, attributes)
    old = app.run.search_attributes.indexed_fields if app.run.search_attributes else {}
    app.run.search_attributes = SearchAttributes(
        indexed_fields={**old, **command.search_attributes.indexed_fields}
    )
    _changed_visibly(app)


def _modify_properties(app: Application, command: ModifyProperties) -> None:
    attributes = WorkflowPropertiesModified(
        workflow_task_completed_event_id=app.completed_event_id, upserted_memo=command.upserted_memo
    )
    app.append(EventType.WORKFLOW_PROPERTIES_MODIFIED, attributes)
    old = app.run.memo.fields if app.run.memo else {}
    app.run.memo = Memo(fields={**old, **command.upserted_memo.fields})
    _changed_visibly(app)


def _changed_visibly(app: Application) -> None:
    app.run.version += 1
    app.run.dirty = True
    record_visibility(app.state, app.run, app.turn)


def _complete_workflow(app: Application, command: CompleteWorkflow) -> None:
    attributes = WorkflowExecutionCompleted(
        result=command.result or None, workflow_task_completed_event_id=app.completed_event_id
    )
    close(
        app.state,
        app.run,
        app.turn,
        app.limits,
        WorkflowStatus.COMPLETED,
        EventType.WORKFLOW_EXECUTION_COMPLETED,
        attributes,
        result=command.result,
    )


def _fail_workflow(app: Application, command: FailWorkflow) -> None:
    retry = retrying.decide(app.run, app.turn.now, command.failure)
    attributes = WorkflowExecutionFailed(
        failure=command.failure,
        retry_state=retry.state,
        workflow_task_completed_event_id=app.completed_event_id,
        new_execution_run_id=retry.run_id,
    )
    retrying.close_and_retry(
        app.state,
        app.run,
        app.turn,
        app.limits,
        retry,
        WorkflowStatus.FAILED,
        EventType.WORKFLOW_EXECUTION_FAILED,
        attributes,
        command.failure,
    )


def _cancel_workflow(app: Application, command: CancelWorkflow) -> None:
    attributes = WorkflowExecutionCanceled(
        workflow_task_completed_event_id=app.completed_event_id, details=command.details or None
    )
    close(
        app.state,
        app.run,
        app.turn,
        app.limits,
        WorkflowStatus.CANCELED,
        EventType.WORKFLOW_EXECUTION_CANCELED,
        attributes,
        details=command.details,
    )


def _continue_as_new(app: Application, command: ContinueAsNew) -> None:
    """The close of this run and the start of the next are one commit; unconsumed signals go along."""
    run, turn = app.run, app.turn
    new_run_id = successor_run_id(run.run_id, "continued")
    start = succeed(
        run,
        turn,
        new_run_id,
        workflow_type=command.workflow_type,
        task_queue=command.task_queue,
        input=command.input,
        run_timeout_ns=command.run_timeout_ns,
        task_timeout_ns=command.task_timeout_ns,
        retry_policy=command.retry_policy,
        memo=command.memo,
        header=command.header,
    )
    search_attributes = command.search_attributes or run.search_attributes
    events = app.state.table(run.events_table)
    carried = tuple(
        SignalInput(
            request_id=f"carried:{new_run_id}:{event_id}",
            signal_name=events[event_id].attributes.signal_name,
            input=events[event_id].attributes.input or (),
            header=events[event_id].attributes.header,
            identity=events[event_id].attributes.identity,
            external_execution=events[event_id].attributes.external_workflow_execution,
        )
        for event_id in command.unconsumed_signal_event_ids
    )
    attributes = WorkflowExecutionContinuedAsNew(
        new_execution_run_id=new_run_id,
        workflow_type=WorkflowType(name=start.workflow_type),
        task_queue=TaskQueueRecord(name=start.task_queue, kind="TASK_QUEUE_KIND_NORMAL"),
        input=start.input or None,
        workflow_run_timeout=start.run_timeout_ns,
        workflow_task_timeout=start.task_timeout_ns,
        workflow_task_completed_event_id=app.completed_event_id,
        initiator="CONTINUE_AS_NEW_INITIATOR_WORKFLOW",
        memo=start.memo,
        search_attributes=search_attributes,
        header=start.header,
    )
    close(
        app.state,
        run,
        turn,
        app.limits,
        WorkflowStatus.CONTINUED_AS_NEW,
        EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        attributes,
        new_run_id=new_run_id,
    )
    begin(
        app.state,
        turn,
        app.limits,
        start,
        search_attributes=search_attributes,
        first_signals=carried,
        continued_from=run.run_id,
        initiator="CONTINUE_AS_NEW_INITIATOR_WORKFLOW",
    )


_APPLY: dict[type, Callable[[Application, Any], None]] = {
    StartTimer: _start_timer,
    CancelTimer: _cancel_timer,
    ScheduleActivity: _schedule_activity,
    RequestCancelActivity: _cancel_activity,
    RecordMarker: _record_marker,
    StartChildWorkflow: _start_child,
    SignalExternalWorkflow: _signal_external,
    RequestCancelExternalWorkflow: _cancel_external,
    UpsertSearchAttributes: _upsert_search_attributes,
    ModifyProperties: _modify_properties,
    AcceptUpdate: updates.accept,
    RejectUpdate: updates.reject,
    CompleteUpdate: updates.complete,
    CompleteWorkflow: _complete_workflow,
    FailWorkflow: _fail_workflow,
    CancelWorkflow: _cancel_workflow,
    ContinueAsNew: _continue_as_new,
}
