"""Commands about other workflows: children, signals and cancel requests to them."""

from __future__ import annotations

from ...commands import (
    RequestCancelExternalWorkflow,
    SignalExternalWorkflow,
    StartChildWorkflow,
)
from ...history import (
    EventType,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionInitiated,
    TaskQueueRecord,
    WorkflowExecutionRecord,
    WorkflowType,
)
from ...keys import workflow_key
from ...messages.workflow import (
    ParentLink,
    RequestCancelWorkflow,
    SignalInput,
    SignalWorkflow,
    StartWorkflow,
)
from .application import Application
from .closing import successor_run_id
from .rows import PendingChild, PendingExternal


def start_child(app: Application, command: StartChildWorkflow) -> None:
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
        archive=start.archive,
    )
    app.turn.send(workflow_key(start.namespace, command.workflow_id), message)


def signal_external(app: Application, command: SignalExternalWorkflow) -> None:
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
            child_of_run_id=_parent_run_id(app, command.workflow_id) if command.child_workflow_only else "",
            reply_to=app.state.key,
            reply_run_id=app.run.run_id,
            reply_initiated_event_id=event_id,
        ),
    )


def cancel_external(app: Application, command: RequestCancelExternalWorkflow) -> None:
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
            child_of_run_id=_parent_run_id(app, command.workflow_id) if command.child_workflow_only else "",
            reply_to=app.state.key,
            reply_run_id=app.run.run_id,
            reply_initiated_event_id=event_id,
        ),
    )


def _parent_run_id(app: Application, workflow_id: str) -> str:
    """The run that the child ``workflow_id`` knows as its parent: not this one if a reset took it over."""
    for child in app.state.table("child").values():
        if child.workflow_id == workflow_id:
            return app.run.writer_of(child.initiated_event_id)
    return app.run.run_id


def _await_outcome(app: Application, event_id: int, kind: str, workflow_id: str, run_id: str) -> None:
    pending = PendingExternal(initiated_event_id=event_id, kind=kind, workflow_id=workflow_id, run_id=run_id)
    app.turn.put("external", event_id, pending)
