"""Errors: one tree for everything this package raises on purpose.

Owns: the base class, whose fault an error is (`fault`), the errors of the client, the host, the
history reader and the replayer, Temporal's failure types (what crosses a workflow, activity or child
boundary) and the control signals that unwind workflow code.

Invariants: an error carries fields and not only text (`error.fields`), its message can be read alone,
and it can be pickled. Control signals derive from BaseException, so that a user's `except Exception`
cannot swallow them.

Must not import: anything outside the standard library, nor another module of this package at import
time (the event loop imports this file on interpreters that have nothing else installed).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from datetime import timedelta

    from .history.messages import Failure

Fault = Literal["user", "history", "host", "engine"]


def _restore(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class TemporalError(Exception):
    """Base of every error of this package.

    `fault` says who can act on it: "user" (the caller's code or arguments), "history" (the history that
    was read), "host" (the platform under the engine; the outcome may be unknown), "engine" (a bug here).
    `fields` holds the facts the message was made of, under the names of the keyword arguments.
    """

    fault: ClassVar[Fault] = "engine"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields: dict[str, Any] = fields

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class InvariantViolation(TemporalError):
    """Something the engine relies on is not so: a bug in this package, never the user's fault."""

    fault = "engine"


def invariant(condition: object, message: str, **fields: Any) -> None:
    """Raise InvariantViolation unless `condition` is true.

    Used instead of `assert`, which `python -O` strips. `fields` are facts for the reader of the error.
    """
    if not condition:
        facts = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        raise InvariantViolation(f"{message} ({facts})" if facts else message, **fields)


# --- the caller's mistakes --------------------------------------------------------------------------------


class InvalidArgumentError(TemporalError, ValueError):
    """An argument that is not accepted; the message shows the value and says what is accepted."""

    fault = "user"


class PayloadTooLargeError(InvalidArgumentError):
    """A value whose encoded form exceeds the size limit. Fields: `size_bytes`, `limit_bytes`, `where`."""

    def __init__(self, message: str, *, size_bytes: int = 0, limit_bytes: int = 0, **fields: Any) -> None:
        super().__init__(message, size_bytes=size_bytes, limit_bytes=limit_bytes, **fields)
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class NoHostError(TemporalError):
    """A call was made while no host is known."""

    fault = "user"

    def __init__(self, message: str | None = None, **fields: Any) -> None:
        super().__init__(
            message
            or (
                "no host to run this call on. There are three ways to give one: make the call inside a simulation "
                "(`with Simulation(...)`, or the `sim` fixture in a test), bind one explicitly with "
                "`temporal.connect(host)`, or name a server when defining it: `Temporal(url=...)`"
            ),
            **fields,
        )


class ActivityNotRegisteredError(TemporalError):
    """No worker knows an activity of this name."""

    fault = "user"


class WorkflowNotRegisteredError(TemporalError):
    """No worker knows a workflow of this name."""

    fault = "user"


class NonDeterministicCallError(TemporalError):
    """Workflow code called something whose answer would differ in a replay (clock, entropy, I/O, ...).

    `call` is the offending call as a user writes it, `replacement` what to write instead, `file` and
    `line` where it was called.
    """

    fault = "user"

    def __init__(
        self, message: str | None = None, *, call: str, replacement: str, file: str = "", line: int = 0, **fields: Any
    ) -> None:
        where = f"{file}:{line}: " if file else ""
        super().__init__(
            message or f"{where}{call} is not deterministic inside a workflow; use {replacement} instead",
            call=call,
            replacement=replacement,
            file=file,
            line=line,
            **fields,
        )
        self.call = call
        self.replacement = replacement
        self.file = file
        self.line = line


class NondeterminismError(TemporalError):
    """Replaying a history against the workflow's code issued other commands than the history records."""

    fault = "user"


class WorkflowTaskFailedError(TemporalError):
    """A workflow task failed (a bug in workflow code, nondeterminism); the workflow itself stays open."""

    fault = "user"

    def __init__(
        self,
        message: str | None = None,
        *,
        workflow_id: str = "",
        attempt: int = 0,
        cause: BaseException | str | None = None,
        file: str = "",
        line: int = 0,
        **fields: Any,
    ) -> None:
        where = f" at {file}:{line}" if file else ""
        super().__init__(
            message or f"workflow task of {workflow_id!r} failed (attempt {attempt}){where}: {cause}",
            workflow_id=workflow_id,
            attempt=attempt,
            cause=cause,
            file=file,
            line=line,
            **fields,
        )
        self.workflow_id = workflow_id
        self.attempt = attempt
        self.cause = cause
        self.file = file
        self.line = line
        if isinstance(cause, BaseException):
            self.__cause__ = cause


# --- answers of the client --------------------------------------------------------------------------------


class WorkflowNotFoundError(TemporalError):
    """No execution under this workflow id (and run id, where one was given)."""

    fault = "user"


class WorkflowAlreadyStartedError(TemporalError):
    """The workflow id is taken and its conflict or reuse policy refuses a second start."""

    fault = "user"

    def __init__(self, workflow_id: str, run_id: str = "", message: str | None = None, **fields: Any) -> None:
        run = f" (run {run_id})" if run_id else ""
        super().__init__(
            message or f"workflow {workflow_id!r} has already been started{run}",
            workflow_id=workflow_id,
            run_id=run_id,
            **fields,
        )
        self.workflow_id = workflow_id
        self.run_id = run_id


class WorkflowClosedError(TemporalError):
    """The execution is closed and takes no signals, updates or cancellations any more."""

    fault = "user"


class QueryFailedError(TemporalError):
    """The query's handler raised, or no handler of that name exists."""

    fault = "user"


class QueryRejectedError(TemporalError):
    """The query was not run: the execution's status does not satisfy the reject condition."""

    fault = "user"


class UpdateFailedError(TemporalError):
    """An update was rejected by its validator or failed in its handler; `cause` says why."""

    fault = "user"

    def __init__(self, cause: BaseException | None = None, message: str | None = None, **fields: Any) -> None:
        super().__init__(message or f"workflow update failed: {cause}", cause=cause, **fields)
        self.cause = cause
        self.__cause__ = cause


class WorkflowFailureError(TemporalError):
    """The awaited execution did not complete; `cause` is its failure (ApplicationError, CancelledError, ...)."""

    fault = "user"

    def __init__(self, cause: BaseException | None = None, message: str | None = None, **fields: Any) -> None:
        super().__init__(message or f"workflow execution failed: {cause}", cause=cause, **fields)
        self.cause = cause
        self.__cause__ = cause


class ScheduleNotFoundError(TemporalError):
    """No schedule under this id."""

    fault = "user"


class ScheduleAlreadyExistsError(TemporalError):
    """The schedule id is taken."""

    fault = "user"


# --- the host and the history -----------------------------------------------------------------------------


class HostError(TemporalError):
    """The host failed in the middle of a call: whether it took effect is unknown."""

    fault = "host"


class NewerSchemaError(HostError):
    """A row or message was written by a newer version of this package; retry where that version runs."""


class HistoryReadError(TemporalError):
    """A history that cannot be read. `file` (or ""), `position` (which event and field), `reason`."""

    fault = "history"

    def __init__(self, reason: str, *, file: str = "", position: str = "", **fields: Any) -> None:
        where = ": ".join(part for part in (file, position) if part)
        super().__init__(f"{where}: {reason}" if where else reason, file=file, position=position, reason=reason, **fields)
        self.file = file
        self.position = position
        self.reason = reason


# --- control signals --------------------------------------------------------------------------------------


class ControlSignal(BaseException):
    """Unwinds workflow code for the engine's sake; never an error, never to be caught by user code."""


class Evicted(ControlSignal):
    """The cached workflow is being dropped; it will be rebuilt from its history when it is needed."""

    def __init__(self, message: str = "the workflow was evicted from the cache") -> None:
        super().__init__(message)


class ContinueAsNew(ControlSignal):
    """Ends this run and starts the next one; `command` is what the engine records."""

    def __init__(self, command: Any) -> None:
        super().__init__("continue as new")
        self.command = command


# --- Temporal's failure types -----------------------------------------------------------------------------


class TimeoutType(str, Enum):
    """Which of an activity's or workflow's timeouts fired (Temporal's JSON names)."""

    UNSPECIFIED = "TIMEOUT_TYPE_UNSPECIFIED"
    START_TO_CLOSE = "TIMEOUT_TYPE_START_TO_CLOSE"
    SCHEDULE_TO_START = "TIMEOUT_TYPE_SCHEDULE_TO_START"
    SCHEDULE_TO_CLOSE = "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"
    HEARTBEAT = "TIMEOUT_TYPE_HEARTBEAT"


class RetryState(str, Enum):
    """Why something is not retried (any more) (Temporal's JSON names)."""

    UNSPECIFIED = "RETRY_STATE_UNSPECIFIED"
    IN_PROGRESS = "RETRY_STATE_IN_PROGRESS"
    NON_RETRYABLE_FAILURE = "RETRY_STATE_NON_RETRYABLE_FAILURE"
    TIMEOUT = "RETRY_STATE_TIMEOUT"
    MAXIMUM_ATTEMPTS_REACHED = "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED"
    RETRY_POLICY_NOT_SET = "RETRY_STATE_RETRY_POLICY_NOT_SET"
    INTERNAL_SERVER_ERROR = "RETRY_STATE_INTERNAL_SERVER_ERROR"
    CANCEL_REQUESTED = "RETRY_STATE_CANCEL_REQUESTED"


class FailureError(TemporalError):
    """Base of the failures that cross a boundary: they travel as a Failure record and come back as this.

    `failure` is the record it was decoded from (None when raised here), `cause` the next failure in the
    chain (also `__cause__`).
    """

    fault = "user"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.failure: Failure | None = None

    @property
    def cause(self) -> BaseException | None:
        """The failure that led to this one."""
        return self.__cause__


class ApplicationError(FailureError):
    """A failure of user code.

    `type` names the kind of error (the class name of the original exception; retry policies match it),
    `details` are values for the caller, `non_retryable` ends the retries at once, `next_retry_delay`
    ("30s", seconds or a timedelta; kept as `next_retry_delay_ns`) replaces the policy's next backoff once.
    """

    def __init__(
        self,
        message: str,
        *details: Any,
        type: str | None = None,
        non_retryable: bool = False,
        next_retry_delay: str | float | timedelta | None = None,
    ) -> None:
        super().__init__(message, type=type, non_retryable=non_retryable)
        self.details = details
        self.type = type
        self.non_retryable = non_retryable
        self.next_retry_delay_ns: int | None = None
        if next_retry_delay is not None:
            from .durations import parse_duration

            self.next_retry_delay_ns = parse_duration(next_retry_delay, name="next_retry_delay")


class ActivityError(FailureError):
    """An activity failed for good; `cause` is its last failure."""

    def __init__(
        self,
        message: str = "Activity task failed",
        *,
        scheduled_event_id: int = 0,
        started_event_id: int = 0,
        identity: str = "",
        activity_type: str = "",
        activity_id: str = "",
        retry_state: RetryState | None = None,
    ) -> None:
        super().__init__(message, activity_type=activity_type, activity_id=activity_id, retry_state=retry_state)
        self.scheduled_event_id = scheduled_event_id
        self.started_event_id = started_event_id
        self.identity = identity
        self.activity_type = activity_type
        self.activity_id = activity_id
        self.retry_state = retry_state


class ChildWorkflowError(FailureError):
    """A child workflow did not complete; `cause` is its failure."""

    def __init__(
        self,
        message: str = "Child workflow execution failed",
        *,
        namespace: str = "",
        workflow_id: str = "",
        run_id: str = "",
        workflow_type: str = "",
        initiated_event_id: int = 0,
        started_event_id: int = 0,
        retry_state: RetryState | None = None,
    ) -> None:
        super().__init__(message, workflow_id=workflow_id, run_id=run_id, workflow_type=workflow_type)
        self.namespace = namespace
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.workflow_type = workflow_type
        self.initiated_event_id = initiated_event_id
        self.started_event_id = started_event_id
        self.retry_state = retry_state


class CancelledError(FailureError):
    """The operation was cancelled. (Inside workflow code a cancellation arrives as asyncio's own error.)"""

    def __init__(self, message: str = "Cancelled", *details: Any) -> None:
        super().__init__(message)
        self.details = details


class TerminatedError(FailureError):
    """The execution was terminated from outside, without a chance to clean up."""

    def __init__(self, message: str = "Terminated", *details: Any) -> None:
        super().__init__(message)
        self.details = details


class TimeoutError(FailureError):
    """A timeout fired; `timeout_type` says which, `last_heartbeat_details` what the activity last reported."""

    def __init__(
        self,
        message: str = "Timed out",
        *,
        timeout_type: TimeoutType | None = None,
        last_heartbeat_details: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message, timeout_type=timeout_type)
        self.timeout_type = timeout_type
        self.last_heartbeat_details = last_heartbeat_details


class ServerError(FailureError):
    """A failure of the service itself rather than of user code."""

    def __init__(self, message: str, *, non_retryable: bool = False) -> None:
        super().__init__(message, non_retryable=non_retryable)
        self.non_retryable = non_retryable
