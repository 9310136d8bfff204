"""Handlers of signals, queries and updates, and how each is run.

Owns: :class:`Handler` (a user function with its type hints), the delivery of updates and the answers to
queries. Invariants: validators and query handlers change nothing (``run.read_only`` refuses commands
meanwhile); a rejected update leaves no event; in replay the history says which updates were accepted and no
validator runs. A handler that raises a failure fails its update; anything else it raises fails the workflow
task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..commands import RejectUpdate
from ..errors import InvalidArgumentError, QueryFailedError
from ..workflow_task import AdmittedUpdate, QueryAnswer
from .closing import end_with, workflow_failure
from .location import Location
from .machines.base import Machine
from .machines.update import UpdateMachine
from .matching import update_id_of

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from ..workflow_task import Query
    from .instance import WorkflowRun

STACK_TRACE_QUERY = "__stack_trace"


class Handler:
    """A user's handler, its validator (updates only) and where it was set."""

    __slots__ = ("function", "validator", "where")

    def __init__(
        self, function: Callable[..., Any], where: Location, validator: Callable[..., Any] | None = None
    ) -> None:
        self.function = function
        self.where = where
        self.validator = validator

    def arguments(self, run: WorkflowRun, payloads: Any) -> tuple[Any, ...]:
        """The decoded arguments, by the function's type hints."""
        if not payloads:
            return ()
        from ..type_hints import hints_of

        return run.converter.from_payloads(payloads, hints_of(self.function)[0])


class _Rejection(Machine):
    """A rejected update: a command without an event."""

    __slots__ = ()

    def __init__(self) -> None:
        self.state = "issued"


# --- signals ----------------------------------------------------------------------------------------------


def start_signal_handler(run: WorkflowRun, handler: Handler, event: HistoryEvent) -> None:
    """Run a signal handler in the loop, after what is ready now."""
    run.loop.call_soon(_run_signal_handler, run, handler, event)


def _run_signal_handler(run: WorkflowRun, handler: Handler, event: HistoryEvent) -> None:
    try:
        outcome = handler.function(*handler.arguments(run, event.attributes.input))
    except BaseException as error:
        _signal_failed(run, error)
        return
    if asyncio.iscoroutine(outcome):
        run.spawn(_finish_signal_handler(run, outcome))


async def _finish_signal_handler(run: WorkflowRun, work: Any) -> None:
    try:
        await work
    except BaseException as error:
        if not run.alive or isinstance(error, asyncio.CancelledError):
            raise
        _signal_failed(run, error)


def _signal_failed(run: WorkflowRun, error: BaseException) -> None:
    """As in the main function: a failure (or continue-as-new) ends the run, another error fails the task."""
    end_with(run, error)


# --- updates ----------------------------------------------------------------------------------------------


def deliver(run: WorkflowRun, update: AdmittedUpdate) -> None:
    """Validate an update of a live task; start its handler, or reject it."""
    if run.closing is not None:
        return  # nobody looked at it: who closes the run tells its caller, or hands it on
    handler = (run.updates or {}).get(update.name)
    problem: BaseException | None = None
    arguments: tuple[Any, ...] = ()
    if handler is None:
        known = ", ".join(sorted(run.updates or ())) or "none"
        problem = InvalidArgumentError(f"no update handler {update.name!r}; this workflow has: {known}")
    else:
        try:
            arguments = handler.arguments(run, update.args)
            _validate(run, handler, update.name, arguments)
        except Exception as error:
            problem = error
    if problem is not None:
        from ..failures import failure_from_exception

        failure = failure_from_exception(problem, run.converter)
        where = handler.where if handler is not None else None
        run.issue(RejectUpdate(update_id=update.update_id, failure=failure), _Rejection(), where)
    elif handler is not None:
        _start(run, handler, update.update_id, arguments)


def _validate(run: WorkflowRun, handler: Handler, name: str, arguments: tuple[Any, ...]) -> None:
    if handler.validator is None:
        return
    run.read_only = f"the validator of update {name!r}"
    try:
        handler.validator(*arguments)
    finally:
        run.read_only = None


def deliver_accepted(run: WorkflowRun, event: HistoryEvent) -> None:
    """Replay: start the handler of an update whose acceptance is in the history."""
    request = event.attributes.accepted_request
    update_id = update_id_of(event.attributes)
    given = request.input if request is not None else None
    if given is None:
        admitted = (run.admitted or {}).get(update_id)
        given = admitted.input if admitted is not None else None
    name = given.name if given is not None else ""
    handler = (run.updates or {}).get(name)
    if handler is None:
        return  # no AcceptUpdate is issued: matching the commands will tell
    _start(run, handler, update_id, handler.arguments(run, given.args if given is not None else ()))


def _start(run: WorkflowRun, handler: Handler, update_id: str, arguments: tuple[Any, ...]) -> None:
    machine = UpdateMachine(run, update_id, handler.where)
    run.spawn(_run_update(run, handler, machine, arguments))


async def _run_update(
    run: WorkflowRun, handler: Handler, machine: UpdateMachine, arguments: tuple[Any, ...]
) -> None:
    try:
        outcome = handler.function(*arguments)
        if asyncio.iscoroutine(outcome):
            outcome = await outcome
        result = (run.converter.to_payload(outcome, where="the result of the update"),)
    except BaseException as error:
        if not run.alive:
            raise
        cause = workflow_failure(error)
        if cause is None:
            if isinstance(error, asyncio.CancelledError):
                raise
            run.fail_task(error)
            return
        from ..failures import failure_from_exception

        machine.complete((), failure_from_exception(cause, run.converter))
    else:
        machine.complete(result)


# --- queries ----------------------------------------------------------------------------------------------


def answer(run: WorkflowRun, query: Query) -> QueryAnswer:
    """Run one query handler; what it raises is the answer, and the run goes on."""
    from ..failures import failure_from_exception

    try:
        result = _ask(run, query)
        payload = run.converter.to_payload(result, where=f"the result of query {query.query_type!r}")
        return QueryAnswer(query_id=query.query_id, result=(payload,))
    except Exception as error:
        return QueryAnswer(query_id=query.query_id, failure=failure_from_exception(error, run.converter))


def _ask(run: WorkflowRun, query: Query) -> Any:
    handler = (run.queries or {}).get(query.query_type)
    if handler is None:
        if query.query_type == STACK_TRACE_QUERY:
            from .stacks import stack_trace

            return stack_trace(run)
        known = ", ".join(sorted(run.queries or ())) or "none"
        raise QueryFailedError(f"no query handler {query.query_type!r}; this workflow has: {known}")
    run.read_only = f"the query handler {query.query_type!r}"
    try:
        with run.guard:
            result = handler.function(*handler.arguments(run, query.args))
            if asyncio.iscoroutine(result):
                result.close()
                raise QueryFailedError(f"the query handler {query.query_type!r} must not be async")
        return result
    finally:
        run.read_only = None
        run.guard.take_violation()  # the query's failure, and none of the run's
