"""The main coroutine of a run, and what its end means.

===========================================  ==========================================
the user's function                          the run
===========================================  ==========================================
returns                                      completes
raises ContinueAsNew                         continues as new
raises a cancellation, one was requested     is canceled
raises a FailureError or a TimeoutError      fails
raises anything else                         stays open: the workflow task fails
===========================================  ==========================================

Imports no executor.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..commands import CancelWorkflow, Command, CompleteWorkflow, FailWorkflow
from ..commands import ContinueAsNew as ContinueAsNewCommand
from ..errors import ContinueAsNew, ControlSignal, InvalidArgumentError
from ..failure_errors import FailureError
from .location import Location, of_traceback
from .machines.base import Machine

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from .instance import WorkflowRun
    from .issued import Issued


class CloseMachine(Machine):
    """The command that ends the run."""

    __slots__ = ()

    transitions = {("issued", "record"): "recorded"}

    def __init__(self) -> None:
        self.state = "issued"

    def recorded(self, event: HistoryEvent) -> None:
        """The run is closed in the history too. A repeat (the first completion was refused) is fine."""
        self.state = "recorded"


async def main(run: WorkflowRun) -> None:
    """Run the user's function to its end."""
    try:
        result = await run.definition.fn(run.context, *_arguments(run))
        command = CompleteWorkflow(result=(run.converter.to_payload(result, where=_result_name(run)),))
    except (Exception, ControlSignal, asyncio.CancelledError) as error:
        if not run.alive:
            raise
        end_with(run, error)
    else:
        close(run, command, (run.definition.fn.__code__, -1))


def _result_name(run: WorkflowRun) -> str:
    return f"the result of workflow {run.definition.name!r}"


def _arguments(run: WorkflowRun) -> tuple[Any, ...]:
    started = run.started
    if started is None or not started.input:
        return ()
    from ..type_hints import hints_of

    hints, _ = hints_of(run.definition.fn)
    where = f"workflow {run.definition.name!r}: args"
    return run.converter.from_payloads(started.input, hints[1:], where=where)  # the first is the context's


def close(run: WorkflowRun, command: Command, where: Location) -> None:
    """End the run with ``command``, unless it has ended."""
    from .issued import Issued

    if run.closing is None:
        run.closing = Issued(command, CloseMachine(), where)


def end_with(run: WorkflowRun, error: BaseException) -> None:
    """End the run as ``error`` demands, or fail the workflow task."""
    if isinstance(error, ContinueAsNew):
        close(run, error.command, of_traceback(error))
        return
    cause = workflow_failure(error)
    if run.cancel_requested and _is_cancellation(cause or error):
        close(run, CancelWorkflow(), of_traceback(error))
    elif cause is not None:
        from ..failures import failure_from_exception

        close(run, FailWorkflow(failure=failure_from_exception(cause, run.converter)), of_traceback(error))
    elif isinstance(error, asyncio.CancelledError):
        problem = InvalidArgumentError(
            "asyncio.CancelledError left the workflow's function although nobody asked the workflow to "
            "cancel: catch it where you cancel a task yourself"
        )
        run.fail_task(problem.with_traceback(error.__traceback__))
    else:
        run.fail_task(error)


def workflow_failure(error: BaseException) -> BaseException | None:
    """The error that fails a workflow (or an update) if ``error`` does, else None.

    A group counts when everything in it does; its first member then stands for it.
    """
    if isinstance(error, (FailureError, TimeoutError)):
        return error
    if isinstance(error, BaseExceptionGroup):
        members = [workflow_failure(member) for member in error.exceptions]
        if all(member is not None for member in members):
            return members[0]
    return None


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, asyncio.CancelledError):
        return True
    from ..failures import is_cancellation

    return is_cancellation(error)


def with_signals(run: WorkflowRun, closing: Issued) -> Issued:
    """The closing command; continue-as-new takes along what nobody received up to the end of its task."""
    if type(closing.command) is ContinueAsNewCommand and run.inbox is not None:
        from ..records import evolve

        closing.command = evolve(closing.command, unconsumed_signal_event_ids=run.inbox.unconsumed())
    return closing
