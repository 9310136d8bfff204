"""Errors: one tree for everything this package raises on purpose.

Owns: the base class, whose fault an error is (`fault`), the errors of the client, the host, the
history reader and the replayer, and the control signals that unwind workflow code. What crosses a
workflow, activity or child boundary is in `failure_errors`.

Invariants: an error carries fields and not only text (`error.fields`), its message can be read alone,
and it can be pickled. Control signals derive from BaseException, so that a user's `except Exception`
cannot swallow them.

Must not import: anything outside the standard library, nor another module of this package at import
time (the event loop imports this file on interpreters that have nothing else installed).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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
                "no host to run this call on. Make it inside a simulation (a test that takes the `sim` "
                "fixture, or `with Simulation(...)`), inside `with use_host(host)` or an activity that a "
                "host runs, or on an application that is bound to one: `temporal.connect(host)`. A host for "
                'one machine: `async with LocalHost("app.db", workers=[...]) as host`, from '
                "temporal_do.edge_adapter.local. For an application that runs elsewhere: "
                "`Temporal(namespace=..., url=..., token=...)`"
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
        self,
        message: str | None = None,
        *,
        call: str,
        replacement: str,
        file: str = "",
        line: int = 0,
        **fields: Any,
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


def _told(cause: BaseException | str | None) -> str:
    """The cause in words: our own errors speak for themselves, others need their type."""
    if cause is None or isinstance(cause, (str, TemporalError)):
        return str(cause)
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__


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
        why = _told(cause)
        place = f"{file}:{line}"
        where = f" at {place}" if file and place not in why else ""
        super().__init__(
            message or f"workflow task of {workflow_id!r} failed (attempt {attempt}){where}: {why}",
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
    """The awaited execution did not complete; `cause` is its failure (an ApplicationError, for instance)."""

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

    fault: ClassVar[Fault] = "host"


class HostNotOpenError(HostError):
    """The host is not open: nothing was done, and asking again is of no use."""

    fault = "user"


class NewerSchemaError(HostError):
    """A row or message was written by a newer version of this package; retry where that version runs."""


class HistoryReadError(TemporalError):
    """A history that cannot be read. `file` (or ""), `position` (which event and field), `reason`."""

    fault = "history"

    def __init__(self, reason: str, *, file: str = "", position: str = "", **fields: Any) -> None:
        where = ": ".join(part for part in (file, position) if part)
        message = f"{where}: {reason}" if where else reason
        super().__init__(message, file=file, position=position, reason=reason, **fields)
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
