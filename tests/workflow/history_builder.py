"""Plays the server for one workflow: turns commands into events, resolves what a test tells it to.

Every event a real server would write is written, so that the histories made here can be replayed. Nothing
here imports an actor: the tests of the workflow side stand on the seam alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from temporal_do.runtime import commands as c
from temporal_do.runtime.definitions import WorkflowDefinition
from temporal_do.runtime.durations import SECOND, parse_duration
from temporal_do.runtime.failures import failure_from_exception
from temporal_do.runtime.history import (
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    ActivityType,
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionStarted,
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    History,
    HistoryEvent,
    MarkerRecorded,
    RequestCancelExternalWorkflowExecutionFailed,
    RequestCancelExternalWorkflowExecutionInitiated,
    SdkMetadata,
    SignalExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionFailed,
    StartChildWorkflowExecutionInitiated,
    TaskQueueRecord,
    TimerCanceled,
    TimerFired,
    TimerStarted,
    UpdateInput,
    UpdateMeta,
    UpdateOutcome,
    UpdateRequest,
    UpsertWorkflowSearchAttributes,
    UserMetadata,
    WorkflowExecutionCanceled,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowExecutionRecord,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
    WorkflowPropertiesModified,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
    WorkflowType,
)
from temporal_do.runtime.history.events import ATTRIBUTES
from temporal_do.runtime.payloads import DEFAULT_CONVERTER
from temporal_do.runtime.workflow.executor import InlineExecutor
from temporal_do.runtime.workflow_task import (
    AdmittedUpdate,
    CompleteWorkflowTask,
    FailWorkflowTask,
    Query,
    WorkflowTask,
)

EVENT_TYPES = {name: event_type for event_type, (_, name) in ATTRIBUTES.items()}
START_NS = 1_767_225_600 * SECOND
QUEUE = TaskQueueRecord(name="orders", kind="TASK_QUEUE_KIND_NORMAL")


class View:
    """The seam's read access to a list of events."""

    def __init__(self, events: list[HistoryEvent]) -> None:
        self._events = events

    @property
    def last_event_id(self) -> int:
        return len(self._events)

    def after(self, event_id: int) -> Sequence[HistoryEvent]:
        return self._events[event_id:]


class HistoryBuilder:
    """Writes events, one after another, on a clock of its own."""

    def __init__(
        self, workflow_type: str, *args: Any, workflow_id: str = "wf-1", run_id: str = "run-1"
    ) -> None:
        self.events: list[HistoryEvent] = []
        self.now_ns = START_NS
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.workflow_type = workflow_type
        self.convert = DEFAULT_CONVERTER
        self.by_id: dict[tuple[str, str], int] = {}
        """("timer", timer id) or ("activity", activity id) or ("child", workflow id) -> event id."""
        self.number_of: dict[int, int] = {}
        self.closed = False
        self.rejected: list[c.RejectUpdate] = []
        self.update_requests: dict[str, AdmittedUpdate] = {}
        self.accepted: dict[str, int] = {}
        self.add(
            WorkflowExecutionStarted(
                workflow_type=WorkflowType(name=workflow_type),
                task_queue=QUEUE,
                input=self.convert.to_payloads(args) or None,
                workflow_task_timeout=10 * SECOND,
                original_execution_run_id=run_id,
                first_execution_run_id=run_id,
                attempt=1,
                workflow_id=workflow_id,
            )
        )

    def add(self, attributes: Any, summary: str = "") -> int:
        """Append an event; its id."""
        event_id = len(self.events) + 1
        metadata = UserMetadata(summary=self.convert.to_payload(summary)) if summary else None
        self.events.append(
            HistoryEvent(
                event_id=event_id,
                event_time=self.now_ns,
                event_type=EVENT_TYPES[type(attributes).__name__],
                attributes=attributes,
                user_metadata=metadata,
            )
        )
        return event_id

    def history(self) -> History:
        return History(events=tuple(self.events), workflow_id=self.workflow_id)

    def pass_time(self, duration: Any) -> None:
        self.now_ns += parse_duration(duration)

    # --- workflow tasks ---

    def start_task(self) -> int:
        """Schedule and start a workflow task; the id of its start."""
        scheduled = self.add(
            WorkflowTaskScheduled(task_queue=QUEUE, start_to_close_timeout=10 * SECOND, attempt=1)
        )
        return self.add(WorkflowTaskStarted(scheduled_event_id=scheduled))

    def complete_task(self, started: int, commands: Sequence[c.Command], sdk_version: str = "") -> int:
        """Record a completed workflow task and what it asked for."""
        completed = self.add(
            WorkflowTaskCompleted(
                scheduled_event_id=started - 1,
                started_event_id=started,
                sdk_metadata=SdkMetadata(sdk_name="temporal-do", sdk_version=sdk_version),
            )
        )
        for command in commands:
            self.record(command, completed)
        return completed

    def fail_task(self, started: int) -> None:
        self.add(WorkflowTaskFailed(scheduled_event_id=started - 1, started_event_id=started))

    def time_out_task(self, started: int) -> None:
        self.add(WorkflowTaskTimedOut(scheduled_event_id=started - 1, started_event_id=started))

    def record(self, command: c.Command, completed: int) -> None:
        """Write the event that records ``command``."""
        RECORDERS[type(command)](self, command, completed)
        if isinstance(command, c.CLOSING):
            self.closed = True

    # --- outcomes ---

    def scheduled(self, activity: str) -> int:
        """The event id of the newest activity with this id, type or step name."""
        for event in reversed(self.events):
            attributes = event.attributes
            if isinstance(attributes, ActivityTaskScheduled):
                summary = event.user_metadata and event.user_metadata.summary
                step = self.convert.from_payload(summary) if summary else ""
                if activity in (attributes.activity_id, attributes.activity_type.name, step):
                    return event.event_id
        raise AssertionError(f"no activity {activity!r} is scheduled")

    def complete_activity(self, activity: str, result: Any = None) -> None:
        scheduled = self.scheduled(activity)
        started = self.add(ActivityTaskStarted(scheduled_event_id=scheduled, attempt=1))
        self.add(
            ActivityTaskCompleted(
                scheduled_event_id=scheduled,
                started_event_id=started,
                result=(self.convert.to_payload(result),),
            )
        )

    def fail_activity(self, activity: str, error: BaseException) -> None:
        scheduled = self.scheduled(activity)
        started = self.add(ActivityTaskStarted(scheduled_event_id=scheduled, attempt=1))
        self.add(
            ActivityTaskFailed(
                scheduled_event_id=scheduled,
                started_event_id=started,
                failure=failure_from_exception(error),
                retry_state="RETRY_STATE_NON_RETRYABLE_FAILURE",
            )
        )

    def time_out_activity(self, activity: str, error: BaseException) -> None:
        scheduled = self.scheduled(activity)
        self.add(ActivityTaskTimedOut(scheduled_event_id=scheduled, failure=failure_from_exception(error)))

    def cancel_activity(self, activity: str) -> None:
        self.add(ActivityTaskCanceled(scheduled_event_id=self.scheduled(activity)))

    def fire_timer(self, timer_id: str) -> None:
        """Fire a timer by id or step name; the clock moves to its time."""
        for event in reversed(self.events):
            if isinstance(event.attributes, TimerStarted):
                summary = event.user_metadata and event.user_metadata.summary
                step = self.convert.from_payload(summary) if summary else ""
                if timer_id in (event.attributes.timer_id, step):
                    due = event.event_time + (event.attributes.start_to_fire_timeout or 0)
                    self.now_ns = max(self.now_ns, due)
                    self.add(TimerFired(timer_id=event.attributes.timer_id, started_event_id=event.event_id))
                    return
        raise AssertionError(f"no timer {timer_id!r} was started")

    def open_timers(self) -> list[HistoryEvent]:
        ended = {
            event.attributes.started_event_id
            for event in self.events
            if isinstance(event.attributes, (TimerFired, TimerCanceled))
        }
        return [
            event
            for event in self.events
            if isinstance(event.attributes, TimerStarted) and event.event_id not in ended
        ]

    def open_activities(self) -> list[HistoryEvent]:
        ends = (ActivityTaskCompleted, ActivityTaskFailed, ActivityTaskTimedOut, ActivityTaskCanceled)
        ended = {
            event.attributes.scheduled_event_id for event in self.events if isinstance(event.attributes, ends)
        }
        return [
            event
            for event in self.events
            if isinstance(event.attributes, ActivityTaskScheduled) and event.event_id not in ended
        ]

    def open_children(self) -> list[HistoryEvent]:
        ends = (ChildWorkflowExecutionCompleted, ChildWorkflowExecutionFailed, ChildWorkflowExecutionCanceled)
        ended = {
            event.attributes.initiated_event_id for event in self.events if isinstance(event.attributes, ends)
        }
        return [
            event
            for event in self.events
            if isinstance(event.attributes, StartChildWorkflowExecutionInitiated)
            and event.event_id not in ended
        ]

    def signal(self, name: str, *args: Any) -> int:
        return self.add(
            WorkflowExecutionSignaled(signal_name=name, input=self.convert.to_payloads(args) or None)
        )

    def request_cancel(self) -> None:
        self.add(WorkflowExecutionCancelRequested(cause="test"))

    def initiated(self, kind: type[Any], workflow_id: str) -> int:
        for event in reversed(self.events):
            attributes = event.attributes
            if isinstance(attributes, kind):
                execution = getattr(attributes, "workflow_execution", None)
                found = execution.workflow_id if execution is not None else attributes.workflow_id
                if found == workflow_id:
                    return event.event_id
        raise AssertionError(f"no {kind.__name__} for {workflow_id!r}")

    def child_initiated(self, workflow_id: str) -> int:
        return self.initiated(StartChildWorkflowExecutionInitiated, workflow_id)

    def start_child(self, workflow_id: str, run_id: str = "child-run") -> None:
        self.add(
            ChildWorkflowExecutionStarted(
                initiated_event_id=self.child_initiated(workflow_id),
                workflow_execution=WorkflowExecutionRecord(workflow_id=workflow_id, run_id=run_id),
            )
        )

    def fail_child_start(self, workflow_id: str) -> None:
        self.add(
            StartChildWorkflowExecutionFailed(
                initiated_event_id=self.child_initiated(workflow_id),
                workflow_id=workflow_id,
                cause="START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS",
            )
        )

    def complete_child(self, workflow_id: str, result: Any = None) -> None:
        self.add(
            ChildWorkflowExecutionCompleted(
                initiated_event_id=self.child_initiated(workflow_id),
                result=(self.convert.to_payload(result),),
                workflow_execution=WorkflowExecutionRecord(workflow_id=workflow_id, run_id="child-run"),
            )
        )

    def fail_child(self, workflow_id: str, error: BaseException) -> None:
        self.add(
            ChildWorkflowExecutionFailed(
                initiated_event_id=self.child_initiated(workflow_id),
                failure=failure_from_exception(error),
                workflow_execution=WorkflowExecutionRecord(workflow_id=workflow_id, run_id="child-run"),
            )
        )

    def cancel_child(self, workflow_id: str) -> None:
        self.add(ChildWorkflowExecutionCanceled(initiated_event_id=self.child_initiated(workflow_id)))

    def deliver_signal(self, workflow_id: str, *, fails: bool = False) -> None:
        initiated = self.initiated(SignalExternalWorkflowExecutionInitiated, workflow_id)
        if fails:
            cause = "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"
            self.add(SignalExternalWorkflowExecutionFailed(initiated_event_id=initiated, cause=cause))
        else:
            self.add(ExternalWorkflowExecutionSignaled(initiated_event_id=initiated))

    def deliver_cancel(self, workflow_id: str, *, fails: bool = False) -> None:
        initiated = self.initiated(RequestCancelExternalWorkflowExecutionInitiated, workflow_id)
        if fails:
            cause = "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"
            self.add(RequestCancelExternalWorkflowExecutionFailed(initiated_event_id=initiated, cause=cause))
        else:
            self.add(ExternalWorkflowExecutionCancelRequested(initiated_event_id=initiated))


# --- how each command is recorded -------------------------------------------------------------------------


def _timer(b: HistoryBuilder, x: c.StartTimer, completed: int) -> None:
    attributes = TimerStarted(
        timer_id=x.timer_id, start_to_fire_timeout=x.duration_ns, workflow_task_completed_event_id=completed
    )
    b.by_id["timer", x.timer_id] = b.add(attributes, x.summary)


def _cancel_timer(b: HistoryBuilder, x: c.CancelTimer, completed: int) -> None:
    b.add(
        TimerCanceled(
            timer_id=x.timer_id,
            started_event_id=b.by_id["timer", x.timer_id],
            workflow_task_completed_event_id=completed,
        )
    )


def _activity(b: HistoryBuilder, x: c.ScheduleActivity, completed: int) -> None:
    attributes = ActivityTaskScheduled(
        activity_id=x.activity_id,
        activity_type=ActivityType(name=x.activity_type),
        task_queue=TaskQueueRecord(name=x.task_queue),
        input=x.input or None,
        schedule_to_close_timeout=x.schedule_to_close_timeout_ns,
        schedule_to_start_timeout=x.schedule_to_start_timeout_ns,
        start_to_close_timeout=x.start_to_close_timeout_ns,
        heartbeat_timeout=x.heartbeat_timeout_ns,
        retry_policy=x.retry_policy,
        workflow_task_completed_event_id=completed,
    )
    b.by_id["activity", x.activity_id] = b.add(attributes, x.summary)


def _cancel_activity(b: HistoryBuilder, x: c.RequestCancelActivity, completed: int) -> None:
    b.add(
        ActivityTaskCancelRequested(
            scheduled_event_id=b.by_id["activity", x.activity_id], workflow_task_completed_event_id=completed
        )
    )


def _marker(b: HistoryBuilder, x: c.RecordMarker, completed: int) -> None:
    attributes = MarkerRecorded(
        marker_name=x.marker_name,
        details=x.details,
        failure=x.failure,
        workflow_task_completed_event_id=completed,
    )
    b.add(attributes, x.summary)


def _child(b: HistoryBuilder, x: c.StartChildWorkflow, completed: int) -> None:
    b.add(
        StartChildWorkflowExecutionInitiated(
            workflow_id=x.workflow_id,
            workflow_type=WorkflowType(name=x.workflow_type),
            task_queue=TaskQueueRecord(name=x.task_queue),
            input=x.input or None,
            parent_close_policy=x.parent_close_policy,
            workflow_run_timeout=x.run_timeout_ns,
            workflow_execution_timeout=x.execution_timeout_ns,
            workflow_task_completed_event_id=completed,
        )
    )


def _signal(b: HistoryBuilder, x: c.SignalExternalWorkflow, completed: int) -> None:
    b.add(
        SignalExternalWorkflowExecutionInitiated(
            workflow_execution=WorkflowExecutionRecord(workflow_id=x.workflow_id, run_id=x.run_id),
            signal_name=x.signal_name,
            input=x.input or None,
            child_workflow_only=x.child_workflow_only,
            workflow_task_completed_event_id=completed,
        )
    )


def _cancel_external(b: HistoryBuilder, x: c.RequestCancelExternalWorkflow, completed: int) -> None:
    b.add(
        RequestCancelExternalWorkflowExecutionInitiated(
            workflow_execution=WorkflowExecutionRecord(workflow_id=x.workflow_id, run_id=x.run_id),
            child_workflow_only=x.child_workflow_only,
            workflow_task_completed_event_id=completed,
        )
    )


def _accept(b: HistoryBuilder, x: c.AcceptUpdate, completed: int) -> None:
    request = b.update_requests[x.update_id]
    b.accepted[x.update_id] = b.add(
        WorkflowExecutionUpdateAccepted(
            protocol_instance_id=x.update_id,
            accepted_request=UpdateRequest(
                meta=UpdateMeta(update_id=x.update_id),
                input=UpdateInput(name=request.name, args=request.args or None),
            ),
        )
    )


def _complete_update(b: HistoryBuilder, x: c.CompleteUpdate, completed: int) -> None:
    b.add(
        WorkflowExecutionUpdateCompleted(
            meta=UpdateMeta(update_id=x.update_id),
            accepted_event_id=b.accepted[x.update_id],
            outcome=UpdateOutcome(success=x.result or None, failure=x.failure),
        )
    )


def _continue(b: HistoryBuilder, x: c.ContinueAsNew, completed: int) -> None:
    b.add(
        WorkflowExecutionContinuedAsNew(
            new_execution_run_id="run-2",
            workflow_type=WorkflowType(name=x.workflow_type),
            task_queue=TaskQueueRecord(name=x.task_queue),
            input=x.input or None,
            workflow_task_completed_event_id=completed,
        )
    )


RECORDERS: dict[type[Any], Callable[[HistoryBuilder, Any, int], object]] = {
    c.StartTimer: _timer,
    c.CancelTimer: _cancel_timer,
    c.ScheduleActivity: _activity,
    c.RequestCancelActivity: _cancel_activity,
    c.RecordMarker: _marker,
    c.StartChildWorkflow: _child,
    c.SignalExternalWorkflow: _signal,
    c.RequestCancelExternalWorkflow: _cancel_external,
    c.UpsertSearchAttributes: lambda b, x, completed: b.add(
        UpsertWorkflowSearchAttributes(
            search_attributes=x.search_attributes, workflow_task_completed_event_id=completed
        )
    ),
    c.ModifyProperties: lambda b, x, completed: b.add(
        WorkflowPropertiesModified(upserted_memo=x.upserted_memo, workflow_task_completed_event_id=completed)
    ),
    c.AcceptUpdate: _accept,
    c.RejectUpdate: lambda b, x, completed: b.rejected.append(x),
    c.CompleteUpdate: _complete_update,
    c.CompleteWorkflow: lambda b, x, completed: b.add(
        WorkflowExecutionCompleted(result=x.result, workflow_task_completed_event_id=completed)
    ),
    c.FailWorkflow: lambda b, x, completed: b.add(
        WorkflowExecutionFailed(failure=x.failure, workflow_task_completed_event_id=completed)
    ),
    c.CancelWorkflow: lambda b, x, completed: b.add(
        WorkflowExecutionCanceled(workflow_task_completed_event_id=completed)
    ),
    c.ContinueAsNew: _continue,
}


class NullGuard:
    """Guards nothing: what these tests are about is not what workflow code must not call."""

    strict = False

    def __enter__(self) -> NullGuard:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def for_workflow(self, function: Any) -> NullGuard:
        return self

    def take_violation(self) -> None: ...

    def close(self) -> None: ...


class WorkflowTester(HistoryBuilder):
    """A server and an executor for one workflow. ``drop_cache``: rebuild from history before every task."""

    def __init__(
        self,
        workflow: WorkflowDefinition,
        *args: Any,
        drop_cache: bool = False,
        workflow_id: str = "wf-1",
        run_id: str = "run-1",
        **options: Any,
    ) -> None:
        super().__init__(workflow.name, *args, workflow_id=workflow_id, run_id=run_id)
        self.workflow = workflow
        self.errors: list[BaseException] = []
        self.executor = InlineExecutor(
            lambda namespace, task_queue, name: workflow if name == workflow.name else None,
            registered=lambda namespace, task_queue: (workflow.name,),
            on_task_failed=lambda task, message, error: self.errors.append(error),
            **{"guard": NullGuard(), **options},
        )
        self.drop_cache = drop_cache
        self.issued: list[tuple[c.Command, ...]] = []
        self.updates: list[AdmittedUpdate] = []

    def task(self, *queries: Query, started: int | None = None) -> CompleteWorkflowTask | FailWorkflowTask:
        """Run one workflow task and record its outcome."""
        if self.drop_cache:
            self.executor.evict("key")
        started = self.start_task() if started is None else started
        updates, self.updates = tuple(self.updates), []
        message = self.execute(self.make_task(started, queries, updates))
        if isinstance(message, FailWorkflowTask):
            self.fail_task(started)
            return message
        self.issued.append(message.commands)
        self.complete_task(started, message.commands, message.sdk_version)
        return message

    def make_task(
        self, started: int, queries: Sequence[Query] = (), updates: Sequence[AdmittedUpdate] = ()
    ) -> WorkflowTask:
        return WorkflowTask(
            namespace="default",
            workflow_id=self.workflow_id,
            run_id=self.run_id,
            workflow_type=self.workflow_type,
            task_queue="orders",
            events=View(self.events),
            started_event_id=started,
            queries=tuple(queries),
            updates=tuple(updates),
        )

    def execute(self, task: WorkflowTask) -> CompleteWorkflowTask | FailWorkflowTask:
        """Run the executor; on a loop only if it suspends."""
        coro = self.executor.execute("key", task)
        return drive(coro)

    def commands(self) -> list[c.Command]:
        """Run a task and return its commands; raises what failed it."""
        message = self.task()
        if isinstance(message, FailWorkflowTask):
            raise self.errors[-1]
        return list(message.commands)

    def query(self, name: str, *args: Any) -> Any:
        """Ask a query through a task that only answers queries."""
        if self.drop_cache:
            self.executor.evict("key")
        query = Query(query_id="q", query_type=name, args=self.convert.to_payloads(args))
        message = self.execute(self.make_task(0, (query,)))
        answer = message.answers[0]
        if answer.failure is not None:
            raise AssertionError(answer.failure.message)
        return self.convert.from_payload(answer.result[0])

    def update(self, update_id: str, name: str, *args: Any) -> None:
        """Hand an update to the next task."""
        update = AdmittedUpdate(update_id=update_id, name=name, args=self.convert.to_payloads(args))
        self.update_requests[update_id] = update
        self.updates.append(update)

    def result(self) -> Any:
        """The result in the last event."""
        attributes = self.events[-1].attributes
        assert isinstance(attributes, WorkflowExecutionCompleted), attributes
        return self.convert.from_payload(attributes.result[0])


def drive(coro: Any) -> Any:
    """Run a coroutine, with an event loop only if it needs one."""

    async def main() -> Any:
        return await coro

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


def without_suspending(coro: Any) -> Any:
    """The result of a coroutine that must not suspend at all."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it suspended")
