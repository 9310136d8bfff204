"""What user code of an activity may ask for: ``from temporal_do.runtime import activity``.

Owns the public functions and the context variable that ties them to the attempt that runs. Works in async
and in sync activities, threads included. Invariants: nothing here waits for the host, and outside an
activity every function says so clearly. Must not import the worker that runs attempts, nor a clock.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Protocol

import attrs

from .errors import ControlSignal, Fault, InvalidArgumentError, TemporalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .history import Payload


@attrs.frozen(kw_only=True)
class ActivityInfo:
    """Facts about the running attempt. Times are aware datetimes in UTC, durations timedeltas.

    ``idempotency_key`` is the same in every attempt of the activity, and in no other activity: hand it to
    services that can dedupe. ``heartbeat_details`` are what the last heartbeat of an earlier attempt
    reported. ``task_token`` completes the activity from outside, after :func:`raise_complete_async`.
    """

    activity_id: str
    activity_type: str
    attempt: int
    namespace: str
    task_queue: str
    workflow_id: str
    workflow_run_id: str
    workflow_type: str
    scheduled_time: datetime
    current_attempt_scheduled_time: datetime
    started_time: datetime
    heartbeat_details: tuple[Any, ...]
    heartbeat_timeout: timedelta | None
    start_to_close_timeout: timedelta | None
    schedule_to_close_timeout: timedelta | None
    idempotency_key: str
    task_token: bytes
    headers: Mapping[str, Payload] = attrs.field(factory=dict)


class RunningAttempt(Protocol):
    """An attempt as its user code sees it; the worker implements it."""

    @property
    def info(self) -> ActivityInfo:
        """Facts about the attempt."""
        ...

    @property
    def cancelled(self) -> bool:
        """Has it been asked to stop?"""
        ...

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """Report progress."""
        ...

    async def wait_for_cancelled(self) -> None:
        """Return when it is asked to stop."""
        ...


class NotInActivityError(TemporalError):
    """A function that needs a running activity was called outside one."""

    fault: ClassVar[Fault] = "user"


class CompleteAsync(ControlSignal):
    """Ends the attempt's code while the activity goes on; see :func:`raise_complete_async`."""

    def __init__(self) -> None:
        super().__init__("this activity will be completed from outside, by its task token")


current_attempt: Final[ContextVar[RunningAttempt | None]] = ContextVar("temporal_do_attempt", default=None)


def _attempt(call: str) -> RunningAttempt:
    found = current_attempt.get()
    if found is None:
        raise NotInActivityError(
            f"activity.{call}() works only while a worker runs an activity. Called directly, an activity is "
            "a plain function: use activity.in_activity() to tell, or pass what it needs as an argument",
            call=call,
        )
    return found


def in_activity() -> bool:
    """Is this code running as an activity?"""
    return current_attempt.get() is not None


def info() -> ActivityInfo:
    """Facts about the running attempt. Raises NotInActivityError."""
    return _attempt("info").info


def heartbeat(*details: Any) -> None:
    """Say that the activity is alive and how far it got.

    ``details`` reach the next attempt as ``info().heartbeat_details`` if this one fails. Calls are throttled
    (80 % of the heartbeat timeout, else 30 s); the last details are delivered in any case before a failure
    is reported. A cancellation request comes back with a heartbeat: as ``asyncio.CancelledError`` in an
    async activity, as ``CancelledError`` raised by the next call of this function in a sync one.

    Raises NotInActivityError, and InvalidArgumentError for details that cannot be encoded.
    """
    _attempt("heartbeat").heartbeat(details)


def is_cancelled() -> bool:
    """Has this activity been asked to stop? Raises NotInActivityError."""
    return _attempt("is_cancelled").cancelled


async def wait_for_cancelled() -> None:
    """Return as soon as this activity is asked to stop. Raises NotInActivityError.

    In the activity's own task the cancellation itself arrives first; await this in a task of your own.
    """
    await _attempt("wait_for_cancelled").wait_for_cancelled()


def raise_complete_async() -> NoReturn:
    """End this function while the activity stays open: something else completes it by ``info().task_token``.

    The worker stops watching it; start-to-close and heartbeat timeouts go on. Raises NotInActivityError
    outside an activity, else a control signal that ``except Exception`` does not catch.
    """
    _attempt("raise_complete_async")
    raise CompleteAsync


def make_task_token(activity_key: str, attempt_token: str) -> bytes:
    """The opaque bytes that name one attempt to whoever completes it."""
    return f"{activity_key} {attempt_token}".encode()


def split_task_token(task_token: bytes) -> tuple[str, str]:
    """The activity's key and the attempt's token. Raises InvalidArgumentError for other bytes."""
    if isinstance(task_token, bytes):
        try:
            key, token = task_token.decode("ascii").split(" ")
        except ValueError:
            pass
        else:
            return key, token
    raise InvalidArgumentError(
        f"{task_token!r} is not a task token; one comes from activity.info().task_token", value=task_token
    )


class _ActivityLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds which activity speaks, when there is one."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        attempt = current_attempt.get()
        if attempt is None:
            return msg, kwargs
        info = attempt.info
        facts = {
            "activity_id": info.activity_id,
            "activity_type": info.activity_type,
            "attempt": info.attempt,
            "workflow_id": info.workflow_id,
            "workflow_run_id": info.workflow_run_id,
        }
        kwargs["extra"] = {**(kwargs.get("extra") or {}), "temporal_activity": facts}
        return f"{msg} ({info.activity_type} {info.activity_id} of {info.workflow_id})", kwargs


logger: Final = _ActivityLogger(logging.getLogger("temporal_do.activity"), None)
"""A logger that names the activity in every line."""
