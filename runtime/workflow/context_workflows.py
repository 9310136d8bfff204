"""The part of the context about other workflows: children, signals, cancellations, continue-as-new."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from ..commands import ContinueAsNew as ContinueAsNewCommand
from ..definitions import WorkflowDefinition, check_arguments
from ..durations import DurationLike
from ..errors import ContinueAsNew
from ..policies import RetryPolicy
from ..search_attributes import encode_search_attributes
from .children import ChildHandle, ExternalHandle, execute_child, send_cancel, send_signal, start_child
from .location import caller
from .options import (
    ChildOptions,
    checked_name,
    child_command,
    memo_record,
    retry_record,
    timeout_ns,
    workflow_type_of,
)

if TYPE_CHECKING:
    from .instance import WorkflowRun


class WorkflowMethods:
    """Methods of the context; the class itself is :class:`~.context.WorkflowContext`."""

    __slots__ = ()

    _run: WorkflowRun

    def execute_child(
        self, workflow: WorkflowDefinition | str, /, *positional: Any, **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, Any]:
        """Run a child workflow and await its result.

        Arguments of the workflow: positional ones, or ``args=[...]``. ``workflow_id``: by default made of
        this workflow's id, the child's type and a number. The other options: see `ChildOptions`. Raises
        ChildWorkflowError, its cause says why; asyncio.CancelledError when the awaiting task is cancelled.
        """
        command, how = child_command(self._run, workflow, positional, **options)
        return execute_child(self._run, command, _function(workflow), how, caller())

    def start_child(
        self, workflow: WorkflowDefinition | str, /, *positional: Any, **options: Unpack[ChildOptions]
    ) -> Coroutine[Any, Any, ChildHandle[Any]]:
        """Start a child workflow, await its start and return a handle; see ``execute_child``."""
        command, how = child_command(self._run, workflow, positional, **options)
        return start_child(self._run, command, _function(workflow), how, caller())

    def signal_workflow(
        self, workflow_id: str, name: str, *args: Any, run_id: str = ""
    ) -> Coroutine[Any, Any, None]:
        """Send a signal to another workflow; returns when it is delivered. Raises ApplicationError if it
        can't be.
        """
        checked_name(workflow_id, "workflow (its id)")
        payloads = self._run.converter.to_payloads(args)
        return send_signal(self._run, workflow_id, run_id, checked_name(name, "signal"), payloads, caller())

    def cancel_workflow(
        self, workflow_id: str, *, run_id: str = "", reason: str = ""
    ) -> Coroutine[Any, Any, None]:
        """Ask another workflow to cancel; returns when it was told. Raises ApplicationError otherwise."""
        checked_name(workflow_id, "workflow (its id)")
        return send_cancel(self._run, workflow_id, run_id, reason, caller())

    def get_external_handle(self, workflow_id: str, *, run_id: str = "") -> ExternalHandle:
        """A handle for another workflow."""
        return ExternalHandle(self._run, checked_name(workflow_id, "workflow (its id)"), run_id)

    def continue_as_new(
        self,
        *args: Any,
        workflow: WorkflowDefinition | str | None = None,
        task_queue: str | None = None,
        run_timeout: DurationLike | None = None,
        retry: RetryPolicy | None = None,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
    ) -> NoReturn:
        """End this run and go on as a new one with ``args`` and a fresh history.

        Never returns. Signals that nobody received go along. ``memo`` and ``search_attributes``: by default
        those of this run.
        """
        run = self._run
        run.check_writable("continue_as_new")
        if task_queue is not None:
            checked_name(task_queue, "task queue")
        successor = run.definition if workflow is None else workflow
        if isinstance(successor, WorkflowDefinition):
            check_arguments(successor, args)
        attributes = encode_search_attributes(search_attributes)
        raise ContinueAsNew(
            ContinueAsNewCommand(
                workflow_type=workflow_type_of(successor),
                task_queue=task_queue or run.task_queue,
                input=run.converter.to_payloads(args),
                run_timeout_ns=timeout_ns(run_timeout, "run_timeout"),
                retry_policy=retry_record(retry),
                memo=None if memo is None else memo_record(run, memo),
                search_attributes=attributes,
            )
        )


def _function(workflow: WorkflowDefinition | str) -> Callable[..., Any] | None:
    return workflow.fn if isinstance(workflow, WorkflowDefinition) else None


# What Python says was never awaited, when somebody forgets to.
execute_child.__qualname__ = "ctx.execute_child"
start_child.__qualname__ = "ctx.start_child"
send_signal.__qualname__ = "ctx.signal_workflow"
send_cancel.__qualname__ = "ctx.cancel_workflow"
