"""Commands that close the run."""

from __future__ import annotations

from ...commands import (
    CancelWorkflow,
    CompleteWorkflow,
    ContinueAsNew,
    FailWorkflow,
)
from ...history import (
    EventType,
    TaskQueueRecord,
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowType,
)
from ...messages.workflow import (
    SignalInput,
)
from ...policies import WorkflowStatus
from . import retrying
from .application import Application
from .closing import close, successor_run_id
from .starting import begin, succeed


def complete_workflow(app: Application, command: CompleteWorkflow) -> None:
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


def fail_workflow(app: Application, command: FailWorkflow) -> None:
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


def cancel_workflow(app: Application, command: CancelWorkflow) -> None:
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


def continue_as_new(app: Application, command: ContinueAsNew) -> None:
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
