"""Commands about the run's own work: timers, activities, markers, memo and search attributes."""

from __future__ import annotations

from ...commands import (
    CancelTimer,
    ModifyProperties,
    RecordMarker,
    RequestCancelActivity,
    ScheduleActivity,
    StartTimer,
    UpsertSearchAttributes,
)
from ...durations import SECOND
from ...history import (
    ActivityTaskCancelRequested,
    ActivityTaskScheduled,
    ActivityType,
    EventType,
    MarkerRecorded,
    Memo,
    SearchAttributes,
    TaskQueueRecord,
    TimerCanceled,
    TimerStarted,
    UpsertWorkflowSearchAttributes,
    WorkflowPropertiesModified,
)
from ...keys import activity_key
from ...messages.activity import CancelActivityTask, ScheduleActivityTask
from .application import Application
from .closing import record_visibility
from .rows import PendingActivity, PendingTimer

DEFAULT_START_TO_CLOSE_NS = 600 * SECOND


def start_timer(app: Application, command: StartTimer) -> None:
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


def cancel_timer(app: Application, command: CancelTimer) -> None:
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


def schedule_activity(app: Application, command: ScheduleActivity) -> None:
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


def cancel_activity(app: Application, command: RequestCancelActivity) -> None:
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


def record_marker(app: Application, command: RecordMarker) -> None:
    attributes = MarkerRecorded(
        marker_name=command.marker_name,
        details=command.details,
        workflow_task_completed_event_id=app.completed_event_id,
        failure=command.failure,
    )
    app.append(EventType.MARKER_RECORDED, attributes, command.summary)


def upsert_search_attributes(app: Application, command: UpsertSearchAttributes) -> None:
    attributes = UpsertWorkflowSearchAttributes(
        workflow_task_completed_event_id=app.completed_event_id, search_attributes=command.search_attributes
    )
    app.append(EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, attributes)
    old = app.run.search_attributes.indexed_fields if app.run.search_attributes else {}
    app.run.search_attributes = SearchAttributes(
        indexed_fields={**old, **command.search_attributes.indexed_fields}
    )
    _changed_visibly(app)


def modify_properties(app: Application, command: ModifyProperties) -> None:
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
