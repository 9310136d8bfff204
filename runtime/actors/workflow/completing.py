"""What the executor gives back: a completed or failed workflow task, or answers to queries."""

from __future__ import annotations

from ...actor import Ok, Refusal, Turn
from ...commands import CLOSING
from ...history import EventType, Failure, SdkMetadata, WorkflowTaskCompleted
from ...messages.workflow import QueryReply
from ...workflow_task import CompleteWorkflowTask, FailWorkflowTask, QueryAnswer
from . import tasks, updates
from .application import Application
from .closing import terminate
from .commands import apply
from .events import append, flush_buffer
from .limits import Limits
from .state import Run, WorkflowState

OK = Ok()
STALE = Refusal(code="stale_task", message="this workflow task is over")


def handle_completed(
    state: WorkflowState, message: CompleteWorkflowTask, turn: Turn, limits: Limits
) -> object:
    """Record a workflow task's commands. A refusal tells the executor to forget what it cached."""
    _answer_queries(message.answers, turn)
    if not message.started_event_id:
        return _answered(state, message.run_id)
    run = _task_run(state, message.run_id, message.started_event_id, message.attempt)
    if run is None:
        return STALE
    closing = bool(message.commands) and isinstance(message.commands[-1], CLOSING)
    if closing and state.table("buffered"):
        # Something arrived that the workflow has not seen: it must look again before it closes.
        cause = "WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND"
        tasks.fail(state, run, turn, cause, None, limits, at_once=True)
        return Refusal(code="unhandled_command", message="new events arrived before the workflow closed")
    tasks.write_virtual_attempt(state, run, turn, limits)
    completed = WorkflowTaskCompleted(
        scheduled_event_id=run.task_scheduled_event_id,
        started_event_id=run.task_started_event_id,
        identity=tasks.IDENTITY,
        sdk_metadata=SdkMetadata(sdk_name="temporal-do", sdk_version=message.sdk_version),
    )
    completed_event_id = append(state, run, turn, EventType.WORKFLOW_TASK_COMPLETED, completed)
    run.task_state = "none"
    run.last_completed_event_id = completed_event_id
    run.last_task_failure = None
    application = Application(state, run, turn, limits, completed_event_id)
    for command in message.commands:
        apply(application, command)
    if not run.is_open:
        return OK
    if limits.refuses(run.next_event_id - 1, run.history_size_bytes):
        reason = (
            f"the history has {run.next_event_id - 1} events and {run.history_size_bytes} bytes; the limits "
            f"are {limits.refuse_events} and {limits.refuse_bytes}: continue as new before that"
        )
        terminate(state, run, turn, limits, reason=reason)
        return OK
    unseen = flush_buffer(state, run, turn) or updates.waiting(state, run.run_id)
    if not unseen:  # a query sees what came before it; a long local activity (``more``) does not hold it up
        tasks.dispatch_queries(state, run, turn)
    if unseen or message.more:
        tasks.schedule(state, run, turn, limits)
    return OK


def handle_failed(state: WorkflowState, message: FailWorkflowTask, turn: Turn, limits: Limits) -> object:
    """Note why the workflow's code could not run; it is tried again."""
    _answer_queries(message.answers, turn)
    if not message.started_event_id:
        return _answered(state, message.run_id)
    run = _task_run(state, message.run_id, message.started_event_id, message.attempt)
    if run is None:
        return STALE
    tasks.fail(state, run, turn, message.cause, message.failure, limits)
    why = message.failure.message if message.failure is not None else message.cause
    failure = Failure(message=f"the workflow can't answer: its code fails: {why}")
    for query in state.queries:
        turn.resolve(f"query:{query.query_id}", QueryReply(failure=failure))
    state.queries = []
    return OK


def _answered(state: WorkflowState, run_id: str) -> object:
    """Queries were answered; a run that closed meanwhile need not be kept for more of them."""
    return OK if state.open_run(run_id) is not None else STALE


def _task_run(state: WorkflowState, run_id: str, started_event_id: int, attempt: int) -> Run | None:
    run = state.open_run(run_id)
    if run is None or run.task_state != "started":
        return None
    if run.task_started_event_id != started_event_id or run.task_attempt != attempt:
        return None
    return run


def _answer_queries(answers: tuple[QueryAnswer, ...], turn: Turn) -> None:
    for answer in answers:
        turn.resolve(f"query:{answer.query_id}", QueryReply(result=answer.result, failure=answer.failure))
