"""Failures: exceptions as Failure records, and Failure records as exceptions.

Owns: both conversions. The classes themselves are in `failure_errors` and can be imported from here.
Invariants: the kind of a failure, its message, details and chain of causes survive any number of crossings;
an ordinary exception becomes an ApplicationError whose `type` is its class name; a record's text depends on
nothing but the program: no absolute paths, no addresses of objects. Must not import: the engine.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .errors import InvalidArgumentError
from .failure_errors import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    RetryState,
    ServerError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
)
from .history.failure import (
    ActivityFailureInfo,
    ApplicationFailureInfo,
    CanceledFailureInfo,
    ChildWorkflowExecutionFailureInfo,
    Failure,
    ServerFailureInfo,
    TerminatedFailureInfo,
    TimeoutFailureInfo,
)
from .history.messages import ActivityType, Payload, WorkflowExecutionRecord, WorkflowType
from .payloads import DEFAULT_CONVERTER, text_payload

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from .payloads import DataConverter

__all__ = [
    "ActivityError",
    "ApplicationError",
    "CancelledError",
    "ChildWorkflowError",
    "FailureError",
    "RetryState",
    "ServerError",
    "TerminatedError",
    "TimeoutError",
    "TimeoutType",
    "exception_from_failure",
    "failure_from_exception",
    "is_cancellation",
]

SOURCE: Final = "temporal-do"
_CAUSES_MAX: Final = 50
_ADDRESS: Final = re.compile(r"\bat 0x[0-9a-fA-F]+")

_E = TypeVar("_E", bound=Enum)


def is_cancellation(error: BaseException | None) -> bool:
    """Tell whether `error` is a cancellation, be it wrapped by the activity or child it passed through."""
    while isinstance(error, (ActivityError, ChildWorkflowError)):
        error = error.cause
    return isinstance(error, (CancelledError, asyncio.CancelledError))


# --- to records -------------------------------------------------------------------------------------------


def failure_from_exception(
    error: BaseException, converter: DataConverter | None = None, *, with_stack: bool = True
) -> Failure:
    """Return the Failure record of `error` and of the chain of its causes (`raise ... from`, or the context).

    `converter` encodes the details. `with_stack`: keep the traceback as text. A failure that came in as a
    record and got no other cause goes out as the same record. Details that cannot be encoded are replaced by
    a note, so that no error hides another.
    """
    return _record(error, converter or DEFAULT_CONVERTER, with_stack, ())


def _record(
    error: BaseException, converter: DataConverter, with_stack: bool, above: tuple[BaseException, ...]
) -> Failure:
    cause = _cause(error)
    if isinstance(error, FailureError) and error.failure is not None:
        # Where it was raised again (its context) says nothing new about it; an explicit other cause does.
        cause = error.__cause__
        recorded = error.failure.cause
        if cause is None or (recorded is not None and getattr(cause, "failure", None) is recorded):
            return error.failure
    below: Failure | None = None
    above = (*above, error)
    if cause is not None and len(above) < _CAUSES_MAX and not any(cause is other for other in above):
        below = _record(cause, converter, with_stack, above)
    return Failure(
        message=_message(error),
        source=SOURCE,
        stack_trace=stack_text(error.__traceback__) if with_stack else "",
        cause=below,
        **_info(error, converter),
    )


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    if isinstance(error, BaseExceptionGroup):
        first: BaseException = error.exceptions[0]
        return first
    return None if error.__suppress_context__ else error.__context__


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = f"({type(error).__name__} that cannot be shown)"
    if not text and isinstance(error, asyncio.CancelledError):
        text = "Cancelled"
    return _ADDRESS.sub("at 0x...", text)


def _info(error: BaseException, converter: DataConverter) -> dict[str, Any]:
    """Return the one info of a Failure that says of which kind `error` is."""
    if isinstance(error, ApplicationError):
        name = error.type
        if name is None:
            name = "" if type(error) is ApplicationError else type(error).__name__
        return {
            "application_failure_info": ApplicationFailureInfo(
                type=name,
                non_retryable=error.non_retryable,
                details=_details(error.details, converter),
                next_retry_delay=error.next_retry_delay_ns,
            )
        }
    if isinstance(error, asyncio.CancelledError):
        return {"canceled_failure_info": CanceledFailureInfo()}
    if isinstance(error, CancelledError):
        return {"canceled_failure_info": CanceledFailureInfo(details=_details(error.details, converter))}
    if isinstance(error, ActivityError):
        return {
            "activity_failure_info": ActivityFailureInfo(
                scheduled_event_id=error.scheduled_event_id,
                started_event_id=error.started_event_id,
                identity=error.identity,
                activity_type=ActivityType(name=error.activity_type),
                activity_id=error.activity_id,
                retry_state=_enum_text(error.retry_state),
            )
        }
    if isinstance(error, ChildWorkflowError):
        return {
            "child_workflow_execution_failure_info": ChildWorkflowExecutionFailureInfo(
                namespace=error.namespace,
                workflow_execution=WorkflowExecutionRecord(
                    workflow_id=error.workflow_id, run_id=error.run_id
                ),
                workflow_type=WorkflowType(name=error.workflow_type),
                initiated_event_id=error.initiated_event_id,
                started_event_id=error.started_event_id,
                retry_state=_enum_text(error.retry_state),
            )
        }
    if isinstance(error, TimeoutError):
        return {
            "timeout_failure_info": TimeoutFailureInfo(
                timeout_type=_enum_text(error.timeout_type),
                last_heartbeat_details=_details(error.last_heartbeat_details, converter),
            )
        }
    if isinstance(error, TerminatedError):
        return {"terminated_failure_info": TerminatedFailureInfo()}
    if isinstance(error, ServerError):
        return {"server_failure_info": ServerFailureInfo(non_retryable=error.non_retryable)}
    return {"application_failure_info": ApplicationFailureInfo(type=type(error).__name__)}


def _enum_text(member: Enum | None) -> str:
    """Write a member's full name; unspecified is absent, as protobuf has it."""
    text = "" if member is None else str(member.value)
    return "" if text.endswith("_UNSPECIFIED") else text


def _details(details: tuple[Any, ...], converter: DataConverter) -> tuple[Payload, ...] | None:
    if not details:
        return None
    try:
        return converter.to_payloads(details, where="details")
    except InvalidArgumentError as problem:
        return (text_payload(f"(the details of this error cannot be encoded: {problem.message})"),)


# --- the text of a traceback ------------------------------------------------------------------------------


def stack_text(traceback: TracebackType | None) -> str:
    """Return a traceback as text, the innermost frame last, the same on every machine.

    Files are named by module (`shop/orders.py`), not by where they are installed. Frames of this package and
    of asyncio are left out unless there are no others.
    """
    import linecache

    frames: list[tuple[FrameType, int]] = []
    while traceback is not None:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    own = [pair for pair in frames if not _is_machinery(pair[0])]
    lines = []
    for frame, number in own or frames:
        code = frame.f_code
        lines.append(f'  File "{module_file(frame)}", line {number}, in {code.co_qualname}')
        source = linecache.getline(code.co_filename, number, frame.f_globals).strip()
        if source:
            lines.append(f"    {source}")
    return _ADDRESS.sub("at 0x...", "\n".join(lines))


def _is_machinery(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.startswith(("temporal_do.", "asyncio."))


def module_file(frame: FrameType) -> str:
    """Return the frame's file as its module's name tells it: `shop.orders` is `shop/orders.py`."""
    module = str(frame.f_globals.get("__name__", ""))
    base = frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    if module in ("", "__main__", "builtins"):
        return base
    folder = module.replace(".", "/")
    if base == "__init__.py":
        return f"{folder}/{base}"
    return f"{folder.rpartition('/')[0]}/{base}".lstrip("/")


# --- from records -----------------------------------------------------------------------------------------


def exception_from_failure(failure: Failure, converter: DataConverter | None = None) -> FailureError:
    """Return the exception that `failure` describes, its causes as `__cause__`, the record as `failure`.

    `converter` decodes the details; what it cannot decode stays a Payload.
    """
    converter = converter or DEFAULT_CONVERTER
    error = _exception(failure, converter)
    error.failure = failure
    if failure.cause is not None:
        error.__cause__ = exception_from_failure(failure.cause, converter)
    return error


def _exception(failure: Failure, converter: DataConverter) -> FailureError:
    message = failure.message
    if failure.encoded_attributes is not None:
        # Some services encrypt message and stack trace; after the codec they are JSON in this payload.
        found = _decoded((failure.encoded_attributes,), converter)[0]
        if isinstance(found, dict) and isinstance(found.get("message"), str):
            message = found["message"]
    if (application := failure.application_failure_info) is not None:
        error = ApplicationError(
            message,
            *_decoded(application.details, converter),
            type=application.type or None,
            non_retryable=application.non_retryable,
        )
        error.next_retry_delay_ns = application.next_retry_delay
        return error
    if (activity := failure.activity_failure_info) is not None:
        return ActivityError(
            message,
            scheduled_event_id=activity.scheduled_event_id,
            started_event_id=activity.started_event_id,
            identity=activity.identity,
            activity_type=activity.activity_type.name if activity.activity_type else "",
            activity_id=activity.activity_id,
            retry_state=_member(RetryState, activity.retry_state),
        )
    if (child := failure.child_workflow_execution_failure_info) is not None:
        execution = child.workflow_execution or WorkflowExecutionRecord()
        return ChildWorkflowError(
            message,
            namespace=child.namespace,
            workflow_id=execution.workflow_id,
            run_id=execution.run_id,
            workflow_type=child.workflow_type.name if child.workflow_type else "",
            initiated_event_id=child.initiated_event_id,
            started_event_id=child.started_event_id,
            retry_state=_member(RetryState, child.retry_state),
        )
    if (timeout := failure.timeout_failure_info) is not None:
        return TimeoutError(
            message,
            timeout_type=_member(TimeoutType, timeout.timeout_type),
            last_heartbeat_details=_decoded(timeout.last_heartbeat_details, converter),
        )
    if (canceled := failure.canceled_failure_info) is not None:
        return CancelledError(message or "Cancelled", *_decoded(canceled.details, converter))
    if failure.terminated_failure_info is not None:
        return TerminatedError(message)
    if (server := failure.server_failure_info) is not None:
        return ServerError(message, non_retryable=server.non_retryable)
    return FailureError(message)


def _member(kind: type[_E], text: str) -> _E | None:
    try:
        return kind(text) if text else None
    except ValueError:
        return None


def _decoded(payloads: tuple[Payload, ...] | None, converter: DataConverter) -> tuple[Any, ...]:
    found: list[Any] = []
    for payload in payloads or ():
        try:
            found.append(converter.from_payload(payload))
        except InvalidArgumentError:
            found.append(payload)
    return tuple(found)
