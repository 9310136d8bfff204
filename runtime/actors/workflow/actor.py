"""The table of a WorkflowDO: which handler takes which message. No behaviour of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...actor import Actor, Alarm, Refusal, Turn
from ...host import Tables
from ...keys import WORKFLOW
from ...messages.workflow import (
    ActivityResolved,
    AwaitClose,
    ChildClosed,
    ChildStarted,
    ChildStartFailed,
    DescribeWorkflow,
    ExternalCancelResolved,
    ExternalSignalResolved,
    Poke,
    QueryWorkflow,
    ReadHistory,
    RequestCancelWorkflow,
    ResetWorkflow,
    SignalWorkflow,
    StartWorkflow,
    TerminateWorkflow,
    UpdateWorkflow,
    WorkerAvailable,
)
from ...workflow_task import CompleteWorkflowTask, FailWorkflowTask
from . import completing, facts, requests, resetting, starting, updates, waking
from .limits import Limits
from .state import WorkflowState

HANDLERS: dict[type, Callable[[WorkflowState, Any, Turn, Limits], Any]] = {
    StartWorkflow: starting.handle_start,
    SignalWorkflow: requests.handle_signal,
    RequestCancelWorkflow: requests.handle_cancel,
    TerminateWorkflow: requests.handle_terminate,
    QueryWorkflow: requests.handle_query,
    DescribeWorkflow: requests.handle_describe,
    ReadHistory: requests.handle_read_history,
    AwaitClose: requests.handle_await_close,
    UpdateWorkflow: updates.handle_update,
    ResetWorkflow: resetting.handle_reset,
    CompleteWorkflowTask: completing.handle_completed,
    FailWorkflowTask: completing.handle_failed,
    ActivityResolved: facts.activity_resolved,
    ChildStarted: facts.child_started,
    ChildStartFailed: facts.child_start_failed,
    ChildClosed: facts.child_closed,
    ExternalSignalResolved: facts.external_signal_resolved,
    ExternalCancelResolved: facts.external_cancel_resolved,
    WorkerAvailable: waking.handle_worker_available,
    Poke: waking.handle_poke,
    Alarm: waking.handle_wake,
}


class WorkflowActor(Actor[WorkflowState]):
    """The behaviour of every WorkflowDO, for given limits."""

    kind = WORKFLOW

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def load(self, key: str, tables: Tables) -> WorkflowState:
        """Build the state from its rows."""
        return WorkflowState(key, tables)

    def next_alarm(self, state: WorkflowState) -> int | None:
        """See :func:`waking.next_alarm`."""
        return waking.next_alarm(state)

    def receive(self, state: WorkflowState, message: Any, turn: Turn) -> Any:
        """Apply one message, then write back the run it changed."""
        handler = HANDLERS.get(type(message))
        if handler is None:
            return Refusal(
                code="unknown_message", message=f"{self.kind} does not take {type(message).__name__}"
            )
        latest_ns = state.latest_ns
        if turn.now < latest_ns:
            # The machine before had a clock that is ahead of this one's. The time of a run never goes back.
            turn.now = latest_ns
        reply = handler(state, message, turn, self.limits)
        state.write_back(turn)
        return reply
