"""Child workflows and other workflows, as workflow code sees them.

A cancelled ``await`` raises asyncio.CancelledError; what else happens is the child's cancellation type. A
child that does not complete raises ChildWorkflowError with the reason as its cause. Durations are
nanoseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..commands import RequestCancelExternalWorkflow, SignalExternalWorkflow, StartChildWorkflow
from ..history.child import (
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionTerminated,
    StartChildWorkflowExecutionFailed,
)
from ..history.external import (
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
)
from ..policies import CancellationType
from .location import caller
from .machines.child import ChildMachine
from .machines.external import ExternalMachine
from .options import checked_name

if TYPE_CHECKING:
    from ..history import Payload
    from .instance import WorkflowRun
    from .location import Location

R = TypeVar("R")


class ChildHandle(Generic[R]):
    """A child workflow that has started."""

    __slots__ = ("_cancellation_type", "_function", "_machine", "_run")

    def __init__(
        self,
        run: WorkflowRun,
        machine: ChildMachine,
        function: Callable[..., Any] | None,
        cancellation_type: CancellationType,
    ) -> None:
        self._run = run
        self._machine = machine
        self._function = function
        self._cancellation_type = cancellation_type

    @property
    def workflow_id(self) -> str:
        """The child's workflow id."""
        return self._machine.command.workflow_id

    @property
    def run_id(self) -> str:
        """The id of the child's first run."""
        return self._machine.run_id

    def result(self) -> Coroutine[Any, Any, R]:
        """Await the child's end. Raises ChildWorkflowError."""
        return child_result(self._run, self._machine, self._function, self._cancellation_type, caller())

    def signal(self, name: str, *args: Any) -> Coroutine[Any, Any, None]:
        """Send the child a signal."""
        payloads = self._run.converter.to_payloads(args)
        return send_signal(
            self._run, self.workflow_id, "", checked_name(name, "signal"), payloads, caller(), True
        )

    def cancel(self, reason: str = "") -> None:
        """Ask the child to cancel; returns at once, ``result()`` tells how it ended."""
        self._run.check_writable("cancel")
        self._machine.cancel(caller(), reason)


class ExternalHandle:
    """Another workflow, by id."""

    __slots__ = ("_run", "run_id", "workflow_id")

    def __init__(self, run: WorkflowRun, workflow_id: str, run_id: str = "") -> None:
        self._run = run
        self.workflow_id = workflow_id
        self.run_id = run_id

    def signal(self, name: str, *args: Any) -> Coroutine[Any, Any, None]:
        """Send a signal; returns when it is delivered. Raises ApplicationError when there is no such
        workflow.
        """
        payloads = self._run.converter.to_payloads(args)
        signal_name = checked_name(name, "signal")
        return send_signal(self._run, self.workflow_id, self.run_id, signal_name, payloads, caller())

    def cancel(self, reason: str = "") -> Coroutine[Any, Any, None]:
        """Ask it to cancel; returns when it was told. Raises ApplicationError when there is none."""
        return send_cancel(self._run, self.workflow_id, self.run_id, reason, caller())


# --- children ---------------------------------------------------------------------------------------------


async def start_child(
    run: WorkflowRun,
    command: StartChildWorkflow,
    function: Callable[..., Any] | None,
    cancellation_type: CancellationType,
    where: Location,
) -> ChildHandle[Any]:
    """Start a child and await its start."""
    machine = ChildMachine(run, command, where)
    try:
        attributes = await machine.start
    except asyncio.CancelledError:
        if cancellation_type is not CancellationType.ABANDON:
            machine.cancel(run.locate())
        raise
    if type(attributes) is StartChildWorkflowExecutionFailed:
        raise child_error(run, command, attributes)
    return ChildHandle(run, machine, function, cancellation_type)


async def execute_child(
    run: WorkflowRun,
    command: StartChildWorkflow,
    function: Callable[..., Any] | None,
    cancellation_type: CancellationType,
    where: Location,
) -> Any:
    """Start a child and await its end."""
    machine = ChildMachine(run, command, where)
    return await child_result(run, machine, function, cancellation_type, where)


async def child_result(
    run: WorkflowRun,
    machine: ChildMachine,
    function: Callable[..., Any] | None,
    cancellation_type: CancellationType,
    where: Location,
) -> Any:
    """Await the end of a child; several may await it."""
    waiter = run.loop.create_future()
    wake_with(machine.end, waiter)
    try:
        attributes = await waiter
    except asyncio.CancelledError:
        if cancellation_type is CancellationType.ABANDON:
            raise
        machine.cancel(run.locate())
        if (
            cancellation_type is CancellationType.TRY_CANCEL
            or machine.end.done()
            or machine.state == "dropped"
        ):
            raise
        attributes = await _outlast(run, machine)
        if type(attributes) is ChildWorkflowExecutionCanceled:
            raise
    if type(attributes) is ChildWorkflowExecutionCompleted:
        if not attributes.result:
            return None
        hint = Any
        if function is not None:
            from ..type_hints import hints_of

            hint = hints_of(function)[1]
        return run.converter.from_payload(
            attributes.result[0], hint, where=f"the result of child {machine.command.workflow_id!r}"
        )
    raise child_error(run, machine.command, attributes)


def wake_with(source: Any, waiter: Any) -> None:
    """Give ``waiter`` the result of ``source``, so that cancelling one waiter leaves the source alone."""

    def hand_on(done: Any) -> None:
        if not waiter.done():
            waiter.set_result(done.result())

    if source.done():
        waiter.set_result(source.result())
    else:
        source.add_done_callback(hand_on)


async def _outlast(run: WorkflowRun, machine: ChildMachine) -> Any:
    while True:
        waiter = run.loop.create_future()
        wake_with(machine.end, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if machine.end.done():
                raise


def child_error(run: WorkflowRun, command: StartChildWorkflow, attributes: Any) -> BaseException:
    """The exception for a child that did not complete."""
    from ..failures import (
        ApplicationError,
        CancelledError,
        ChildWorkflowError,
        RetryState,
        TerminatedError,
        TimeoutType,
        exception_from_failure,
    )
    from ..failures import TimeoutError as TimeoutFailure

    kind = type(attributes)
    cause: BaseException | None
    if kind is StartChildWorkflowExecutionFailed:
        if "ALREADY_EXISTS" in attributes.cause:
            text = f"a workflow with the id {command.workflow_id!r} exists already"
            cause = ApplicationError(text, type="WorkflowAlreadyStarted", non_retryable=True)
        else:
            cause = ApplicationError(attributes.cause, type="ChildStartFailed", non_retryable=True)
    elif kind is ChildWorkflowExecutionFailed:
        failure = attributes.failure
        cause = exception_from_failure(failure, run.converter) if failure is not None else None
    elif kind is ChildWorkflowExecutionCanceled:
        cause = CancelledError("Child workflow cancelled", *run.converter.from_payloads(attributes.details))
    elif kind is ChildWorkflowExecutionTerminated:
        cause = TerminatedError("Child workflow terminated")
    else:
        cause = TimeoutFailure("Child workflow timed out", timeout_type=TimeoutType.START_TO_CLOSE)
    execution = getattr(attributes, "workflow_execution", None)
    retry_state = getattr(attributes, "retry_state", "")
    error = ChildWorkflowError(
        f"child workflow {command.workflow_id!r} ({command.workflow_type}) did not complete: {cause}",
        namespace=attributes.namespace,
        workflow_id=command.workflow_id,
        run_id=execution.run_id if execution is not None else "",
        workflow_type=command.workflow_type,
        initiated_event_id=attributes.initiated_event_id,
        started_event_id=getattr(attributes, "started_event_id", 0),
        retry_state=RetryState(retry_state) if retry_state else None,
    )
    error.__cause__ = cause
    return error


# --- other workflows --------------------------------------------------------------------------------------


async def send_signal(
    run: WorkflowRun,
    workflow_id: str,
    run_id: str,
    name: str,
    payloads: tuple[Payload, ...],
    where: Location,
    child_workflow_only: bool = False,
) -> None:
    """Send a signal to another workflow and await its delivery."""
    command = SignalExternalWorkflow(
        number=run.external_count + 1,
        workflow_id=workflow_id,
        run_id=run_id,
        namespace=run.namespace,
        signal_name=name,
        input=payloads,
        child_workflow_only=child_workflow_only,
    )
    attributes = await _outcome(run, command, where)
    if type(attributes) is SignalExternalWorkflowExecutionFailed:
        raise _unreachable(f"can't signal workflow {workflow_id!r}", attributes.cause)


async def send_cancel(run: WorkflowRun, workflow_id: str, run_id: str, reason: str, where: Location) -> None:
    """Ask another workflow to cancel and await that it was told."""
    command = RequestCancelExternalWorkflow(
        number=run.external_count + 1,
        workflow_id=workflow_id,
        run_id=run_id,
        namespace=run.namespace,
        reason=reason,
    )
    attributes = await _outcome(run, command, where)
    if type(attributes) is RequestCancelExternalWorkflowExecutionFailed:
        raise _unreachable(f"can't cancel workflow {workflow_id!r}", attributes.cause)


async def _outcome(
    run: WorkflowRun, command: SignalExternalWorkflow | RequestCancelExternalWorkflow, where: Location
) -> Any:
    machine = ExternalMachine(run, command, where)
    try:
        return await machine.future
    except BaseException:
        machine.withdraw()
        raise


def _unreachable(text: str, cause: str) -> BaseException:
    from ..failures import ApplicationError

    if "NOT_FOUND" in cause:
        return ApplicationError(f"{text}: there is none running", type="ExternalWorkflowNotFound")
    return ApplicationError(f"{text}: {cause}", type="ExternalWorkflowUnreachable")
