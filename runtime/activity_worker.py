"""Runs one leased attempt of an activity: user code on this side, the ActivityDO on the other.

    decode -> user code (heartbeats, lease renewals, time limits beside it) -> one report by token

Owns what a worker does between a lease and its report. Invariants
- User code runs at most once per lease, outside any object.
- Nothing is reported for an attempt that turned out stale, and a report is repeated until its outcome is
  known or the attempt's time is up.
- Control signals pass through and report nothing.

Must not import a host implementation, a thread or a clock; sync functions go through an injected runner or
are called directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from .activity import ActivityInfo, CompleteAsync, current_attempt, make_task_token
from .activity_watch import CANCEL, SHUTDOWN, STALE, TIME, UNREADABLE, AttemptWatch, pause
from .actor import Refusal
from .errors import ControlSignal, HostError
from .failure_errors import ApplicationError, CancelledError
from .messages.activity import (
    CompleteActivity,
    DeferActivity,
    FailActivity,
    Leased,
    Payloads,
    ReportActivityCanceled,
)

if TYPE_CHECKING:
    from .host import Host
    from .payloads import DataConverter

RunSync = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a sync function without holding up the loop, in a thread for instance."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COROUTINE_FLAG: Final = 0x80
_FINAL: Final = (STALE, TIME)
"""Reasons to stop after which nothing is reported."""


class Attempt:
    """One leased attempt. ``run`` it once, as a task of its own."""

    __slots__ = (
        "_cancels",
        "_converter",
        "_fn",
        "_hints_from",
        "_host",
        "_identity",
        "_in_user_code",
        "_info",
        "_key",
        "_leased",
        "_on_failed",
        "_run_sync",
        "_stop_reason",
        "_task",
        "_waiters",
        "_watch",
    )

    def __init__(
        self,
        host: Host,
        activity_key: str,
        leased: Leased,
        fn: Callable[..., Any],
        *,
        converter: DataConverter,
        hints_from: Callable[..., Any] | None = None,
        run_sync: RunSync | None = None,
        identity: str = "",
        on_failed: Callable[[Leased, BaseException], None] | None = None,
    ) -> None:
        """``hints_from`` is the function whose annotations say how to decode arguments (default: ``fn``);
        ``on_failed`` is told what its code raised."""
        self._host = host
        self._key = activity_key
        self._leased = leased
        self._fn = fn
        self._hints_from = hints_from or fn
        self._converter = converter
        self._run_sync = run_sync
        self._identity = identity
        self._on_failed = on_failed
        self._info: ActivityInfo | None = None
        self._in_user_code = False
        self._stop_reason = ""
        self._cancels = 0
        self._task: asyncio.Task[Any] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._watch: AttemptWatch

    async def run(self) -> None:
        """Run user code and report how it ended."""
        self._task = asyncio.current_task()
        watch = self._watch = AttemptWatch(self._host, self._key, self._leased, self._stop)
        # Runs as soon as this task waits for anything; an attempt that never waits has ended by then.
        start = watch.loop.call_soon(watch.start)
        try:
            message = await self._outcome()
            if message is not None:
                if type(message) is not CompleteActivity:
                    await watch.flush()
                await self._report(message)
        finally:
            start.cancel()
            watch.close()

    def interrupt(self) -> None:
        """The worker ends before the attempt does: ask user code to stop, and give the attempt back.

        The attempt has failed then, and the retry policy decides what follows. What a sync function in a
        thread still does is not heard of.
        """
        self._stop(SHUTDOWN)

    # --- user code ---

    async def _outcome(self) -> Any:
        """What to report; None for nothing."""
        token = self._leased.token
        try:
            result = await self._call()
            payloads = self._encode_result(result)
        except CompleteAsync:
            return DeferActivity(token=token)
        except (ControlSignal, KeyboardInterrupt, GeneratorExit):
            raise
        except asyncio.CancelledError as error:
            return self._cancelled_outcome(error)
        except CancelledError as error:
            if self._stop_reason == CANCEL:
                details = self._encode_details(error.details)
                return ReportActivityCanceled(token=token, details=details, identity=self._identity)
            return self._failed(error)
        except BaseException as error:
            return None if self._stop_reason in _FINAL else self._failed(error)
        return CompleteActivity(token=token, result=payloads, identity=self._identity)

    async def _call(self) -> Any:
        from .type_hints import hints_of

        fn = self._fn
        parameters, _ = hints_of(self._hints_from)
        where = f"activity {self._leased.activity_type!r}: args"
        arguments = self._converter.from_payloads(self._leased.input, parameters, where=where)
        before = current_attempt.set(self)
        self._in_user_code = True
        try:
            if self._run_sync is not None and not is_async(fn):
                result = await self._run_sync(partial(copy_context().run, fn, *arguments))
            else:
                result = fn(*arguments)
            if hasattr(result, "__await__"):
                result = await result
            return result
        finally:
            self._in_user_code = False
            while self._cancels and self._task is not None:
                self._cancels -= 1
                self._task.uncancel()
            try:
                current_attempt.reset(before)
            except ValueError:
                pass  # a killed worker's coroutine is closed in another context, where nothing was set

    def _cancelled_outcome(self, error: asyncio.CancelledError) -> Any:
        if self._stop_reason == CANCEL:
            return ReportActivityCanceled(token=self._leased.token, identity=self._identity)
        if self._stop_reason == SHUTDOWN:
            text = "the worker was stopped before the activity had ended"
            return self._failed(ApplicationError(text, type="WorkerStopped"))
        if self._stop_reason:
            return None
        if self._task is not None and self._task.cancelling():
            raise error  # the host stops this worker
        return self._failed(
            ApplicationError(
                str(error) or "the activity raised asyncio.CancelledError without having been cancelled",
                type="CancelledError",
            )
        )

    def _encode_result(self, result: Any) -> Payloads:
        try:
            return (self._converter.to_payload(result, where="result"),)
        except Exception as error:
            raise ApplicationError(
                f"activity {self._leased.activity_type!r} returned a value that cannot be encoded: {error}",
                type=type(error).__name__,
                non_retryable=True,
            ) from None

    def _encode_details(self, details: tuple[Any, ...]) -> Payloads:
        try:
            return tuple(self._converter.to_payloads(details))
        except Exception:
            return ()

    def _failed(self, error: BaseException) -> FailActivity:
        from .failures import failure_from_exception

        if self._on_failed is not None:
            self._on_failed(self._leased, error)
        try:
            failure = failure_from_exception(error, self._converter)
        except Exception as problem:
            # The error itself cannot be encoded (its details, for instance): say so instead of hanging.
            text = f"{error} (could not be encoded: {problem})"
            substitute = ApplicationError(text, type=type(error).__name__)
            failure = failure_from_exception(substitute, self._converter)
        return FailActivity(token=self._leased.token, failure=failure, identity=self._identity)

    def _stop(self, reason: str) -> None:
        """Ask user code to stop; a later reason may be a stronger one."""
        if self._stop_reason in _FINAL or self._stop_reason == reason:
            return
        if not (reason == SHUTDOWN and self._stop_reason == CANCEL):  # else it does what it was asked to do
            self._stop_reason = reason
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        if not self._in_user_code or self._task is None:
            return
        if reason == CANCEL and self._run_sync is not None and not is_async(self._fn):
            return  # a thread cannot be interrupted: its next heartbeat raises
        self._cancels += 1
        self._task.cancel()

    # --- what the functions of ``activity`` reach ---

    @property
    def info(self) -> ActivityInfo:
        """Facts about the attempt, made when first asked for."""
        if self._info is None:
            self._info = _info(self._leased, self._key, self._converter)
        return self._info

    @property
    def cancelled(self) -> bool:
        """Has it been asked to stop, for whatever reason?"""
        return bool(self._stop_reason)

    async def wait_for_cancelled(self) -> None:
        """Return when it is asked to stop."""
        if not self._stop_reason:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """Report progress; callable from the thread of a sync activity."""
        self._watch.beat(tuple(self._converter.to_payloads(details, where="details")))
        if self._stop_reason and not is_async(self._fn):
            raise CancelledError("activity cancelled")

    # --- the report ---

    async def _report(self, message: Any) -> None:
        tries = 0
        refused = False
        while self._stop_reason not in _FINAL:
            try:
                reply = await self._host.call(self._key, message)
            except HostError:
                pass  # outcome unknown: the same report again, until one answer is known
            else:
                if type(reply) is not Refusal:
                    return
                if reply.code == UNREADABLE and not refused:
                    refused = True
                    message = self._unreportable(message, reply.message)
                    continue
                if not reply.retryable:
                    return
            if self._host.now() >= self._watch.deadline_ns:
                return
            tries += 1
            await pause(tries)

    def _unreportable(self, message: Any, reason: str) -> FailActivity:
        """What to report in place of what the way there does not take: too large, for instance."""
        failure = message.failure if type(message) is FailActivity else None
        info = None if failure is None else failure.application_failure_info
        what = "returned a value" if failure is None else "failed, with an error"
        error = ApplicationError(
            f"activity {self._leased.activity_type!r} {what} that could not be reported: {reason}",
            type="ReportRefused",
            non_retryable=failure is None or (info is not None and info.non_retryable),
        )
        return self._failed(error)


def is_async(fn: Callable[..., Any]) -> bool:
    """Is ``fn`` an async function, method, partial of one, or an object with an async ``__call__``?"""
    while isinstance(fn, partial):
        fn = fn.func
    code = getattr(fn, "__code__", None)
    if code is None:
        call = vars(type(fn)).get("__call__")
        code = getattr(call, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE_FLAG)


def _time(time_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def _duration(duration_ns: int | None) -> timedelta | None:
    return timedelta(microseconds=duration_ns // 1000) if duration_ns else None


def _info(leased: Leased, activity_key: str, converter: DataConverter) -> ActivityInfo:
    details = tuple(converter.from_payloads(leased.heartbeat_details, ()))
    return ActivityInfo(
        activity_id=leased.activity_id,
        activity_type=leased.activity_type,
        attempt=leased.attempt,
        namespace=leased.namespace,
        task_queue=leased.task_queue,
        workflow_id=leased.workflow_id,
        workflow_run_id=leased.run_id,
        workflow_type=leased.workflow_type,
        scheduled_time=_time(leased.scheduled_ns),
        current_attempt_scheduled_time=_time(leased.attempt_scheduled_ns),
        started_time=_time(leased.started_ns),
        heartbeat_details=details,
        heartbeat_timeout=_duration(leased.heartbeat_timeout_ns),
        start_to_close_timeout=_duration(leased.start_to_close_timeout_ns),
        schedule_to_close_timeout=_duration(leased.schedule_to_close_timeout_ns),
        idempotency_key=blake2b(activity_key.encode(), digest_size=16).hexdigest(),
        task_token=make_task_token(activity_key, leased.token),
        headers=dict(leased.header.fields) if leased.header is not None else {},
    )
