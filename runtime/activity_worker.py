"""Runs one leased attempt of an activity: user code on this side, the ActivityDO on the other.

    decode -> user code (heartbeats, lease renewals, time limits beside it) -> one report by token

Owns what a worker does between a lease and its report. Invariants
- User code runs at most once per lease, outside any object.
- The lease is renewed at a third of its length, whatever user code does; an attempt that never waits starts
  no timer.
- Nothing is reported for an attempt that turned out stale, and a report is repeated until its outcome is
  known or the attempt's time is up.
- Control signals (a host that kills the worker included) pass through and report nothing.

Must not import a host implementation, a thread or a clock; sync functions go through an injected runner or
are called directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from .activity import ActivityInfo, CompleteAsync, current_attempt, make_task_token
from .actor import Refusal
from .durations import SECOND
from .errors import ControlSignal, HostError
from .failure_errors import ApplicationError, CancelledError
from .messages.activity import (
    AttemptStatus,
    CompleteActivity,
    DeferActivity,
    FailActivity,
    Leased,
    Payloads,
    RecordHeartbeat,
    RenewLease,
    ReportActivityCanceled,
)

if TYPE_CHECKING:
    from .host import Host
    from .payloads import DataConverter

Spawn = Callable[[Coroutine[Any, Any, None]], Any]
"""Runs a coroutine beside everything else; it dies with the worker."""

RunSync = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a sync function without holding up the loop, in a thread for instance."""

HEARTBEAT_INTERVAL_DEFAULT_NS: Final = 30 * SECOND
HEARTBEAT_INTERVAL_MAX_NS: Final = 60 * SECOND
REPORT_DELAY_SECONDS: Final = 0.1
REPORT_DELAY_SECONDS_MAX: Final = 10.0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COROUTINE_FLAG: Final = 0x80
_FINAL: Final = ("stale", "time")
"""Reasons to stop after which nothing is reported."""


class Attempt:
    """One leased attempt. ``run`` it once, as a task of its own."""

    __slots__ = (
        "_cancels",
        "_converter",
        "_deadline_ns",
        "_details",
        "_dirty",
        "_fn",
        "_heartbeat_timer",
        "_hints",
        "_host",
        "_identity",
        "_in_user_code",
        "_info",
        "_key",
        "_lease_timer",
        "_leased",
        "_loop",
        "_next_heartbeat_ns",
        "_outside",
        "_run_sync",
        "_sender",
        "_spawn",
        "_stop_reason",
        "_task",
        "_time_limit",
        "_waiters",
    )

    def __init__(
        self,
        host: Host,
        activity_key: str,
        leased: Leased,
        fn: Callable[..., Any],
        *,
        converter: DataConverter,
        spawn: Spawn,
        hints_from: Callable[..., Any] | None = None,
        run_sync: RunSync | None = None,
        identity: str = "",
    ) -> None:
        """``hints_from`` is the function whose annotations say how to decode arguments (default: ``fn``)."""
        self._host = host
        self._key = activity_key
        self._leased = leased
        self._fn = fn
        self._hints = hints_from or fn
        self._converter = converter
        self._spawn = spawn
        self._run_sync = run_sync
        self._identity = identity
        self._info: ActivityInfo | None = None
        self._stop_reason = ""
        self._cancels = 0
        self._task: asyncio.Task[Any] | None = None
        self._in_user_code = False
        self._details: Payloads = ()
        self._dirty = False
        self._sender: asyncio.Future[None] | None = None
        self._next_heartbeat_ns = 0
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._lease_timer: asyncio.TimerHandle | None = None
        self._time_limit: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._deadline_ns = _deadline(leased)

    async def run(self) -> None:
        """Run user code and report how it ended."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        # What this attempt starts beside itself must not believe to be inside the activity.
        self._outside = copy_context()
        timers = self._loop.call_soon(self._start_timers)
        try:
            message = await self._outcome()
            if message is not None:
                if type(message) is not CompleteActivity:
                    await self._flush_heartbeat()
                await self._report(message)
        finally:
            timers.cancel()
            self._stop_timers()

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
            if self._stop_reason == "cancel":
                details = self._encode_details(error.details)
                return ReportActivityCanceled(token=token, details=details, identity=self._identity)
            return self._failed(error)
        except BaseException as error:
            return None if self._stop_reason in _FINAL else self._failed(error)
        return CompleteActivity(token=token, result=payloads, identity=self._identity)

    async def _call(self) -> Any:
        from .type_hints import hints_of

        fn = self._fn
        parameters, _ = hints_of(self._hints)
        arguments = self._converter.from_payloads(self._leased.input, parameters)
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
        if self._stop_reason == "cancel":
            return ReportActivityCanceled(token=self._leased.token, identity=self._identity)
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

        try:
            failure = failure_from_exception(error, self._converter)
        except Exception as problem:
            # The error itself cannot be encoded (its details, for instance): say so instead of hanging.
            text = f"{error} (could not be encoded: {problem})"
            substitute = ApplicationError(text, type=type(error).__name__)
            failure = failure_from_exception(substitute, self._converter)
        return FailActivity(token=self._leased.token, failure=failure, identity=self._identity)

    def _stop(self, reason: str) -> None:
        """Ask user code to stop: ``cancel`` was requested, the attempt is ``stale``, or ``time`` is up."""
        if self._stop_reason in _FINAL or self._stop_reason == reason:
            return
        self._stop_reason = reason
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        if not self._in_user_code or self._task is None:
            return
        if reason == "cancel" and self._run_sync is not None and not is_async(self._fn):
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
        payloads = tuple(self._converter.to_payloads(details))
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._beat(payloads)
        else:
            self._loop.call_soon_threadsafe(self._beat, payloads, context=self._outside.copy())
        if self._stop_reason and not is_async(self._fn):
            raise CancelledError("activity cancelled")

    def _beat(self, payloads: Payloads) -> None:
        self._details = payloads
        self._dirty = True
        if self._sender is not None or self._heartbeat_timer is not None:
            return  # goes out with what is under way
        wait_ns = self._next_heartbeat_ns - self._host.now()
        if wait_ns <= 0:
            self._send_heartbeat()
        else:
            self._heartbeat_timer = self._later(wait_ns, self._heartbeat_due)

    # --- beside user code ---

    def _later(self, delay_ns: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(max(delay_ns, 0) / SECOND, callback, context=self._outside.copy())

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        self._outside.copy().run(self._spawn, work)

    def _heartbeat_due(self) -> None:
        self._heartbeat_timer = None
        if self._dirty and self._sender is None:
            self._send_heartbeat()

    def _send_heartbeat(self) -> None:
        self._sender = self._loop.create_future()
        self._beside(self._deliver_heartbeat(self._sender))

    async def _deliver_heartbeat(self, sender: asyncio.Future[None]) -> None:
        try:
            if self._dirty:
                await self._deliver_details()
        finally:
            self._sender = None
            if not sender.done():
                sender.set_result(None)
        if self._dirty and self._in_user_code and self._heartbeat_timer is None:
            wait_ns = self._next_heartbeat_ns - self._host.now()
            self._heartbeat_timer = self._later(wait_ns, self._heartbeat_due)

    async def _deliver_details(self) -> None:
        details = self._details
        self._dirty = False
        self._next_heartbeat_ns = self._host.now() + heartbeat_interval_ns(self._leased)
        try:
            heartbeat = RecordHeartbeat(token=self._leased.token, details=details)
            reply = await self._host.call(self._key, heartbeat)
        except HostError:
            self._dirty = True
            return
        self._heed(reply)
        if type(reply) is AttemptStatus and reply.cancel_requested:
            self._stop("cancel")

    async def _flush_heartbeat(self) -> None:
        """Deliver the last details before the attempt ends, for the next one to continue from."""
        if self._sender is not None:
            await self._sender
        delay_seconds = REPORT_DELAY_SECONDS
        while self._dirty and self._stop_reason not in _FINAL and self._host.now() < self._deadline_ns:
            await self._deliver_details()
            if self._dirty:
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(2 * delay_seconds, REPORT_DELAY_SECONDS_MAX)

    def _start_timers(self) -> None:
        """The attempt waits for something, so it may take long: watch lease and time."""
        self._lease_timer = self._later(self._leased.lease_ns // 3, self._lease_due)
        self._time_limit = self._later(self._deadline_ns - self._host.now(), partial(self._stop, "time"))

    def _stop_timers(self) -> None:
        for timer in (self._lease_timer, self._time_limit, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        self._lease_timer = self._time_limit = self._heartbeat_timer = None

    def _lease_due(self) -> None:
        self._beside(self._renew())

    async def _renew(self) -> None:
        again_ns = self._leased.lease_ns // 3
        try:
            reply = await self._host.call(self._key, RenewLease(token=self._leased.token))
        except HostError:
            again_ns = self._leased.lease_ns // 12
        else:
            self._heed(reply)
        if self._lease_timer is not None and self._stop_reason not in _FINAL:
            self._lease_timer = self._later(again_ns, self._lease_due)

    def _heed(self, reply: Any) -> None:
        if type(reply) is Refusal and not reply.retryable:
            self._stop("stale")

    # --- the report ---

    async def _report(self, message: Any) -> None:
        delay_seconds = REPORT_DELAY_SECONDS
        while self._stop_reason not in _FINAL:
            try:
                reply = await self._host.call(self._key, message)
            except HostError:
                pass  # outcome unknown: the same report again, until one answer is known
            else:
                if not (type(reply) is Refusal and reply.retryable):
                    return
            if self._host.now() >= self._deadline_ns:
                return
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(2 * delay_seconds, REPORT_DELAY_SECONDS_MAX)


def is_async(fn: Callable[..., Any]) -> bool:
    """Is ``fn`` an async function, method, partial of one, or an object with an async ``__call__``?"""
    while isinstance(fn, partial):
        fn = fn.func
    code = getattr(fn, "__code__", None)
    if code is None:
        call = vars(type(fn)).get("__call__")
        code = getattr(call, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE_FLAG)


def heartbeat_interval_ns(leased: Leased) -> int:
    """The shortest time between two heartbeats that are sent."""
    timeout_ns = leased.heartbeat_timeout_ns
    if not timeout_ns:
        return HEARTBEAT_INTERVAL_DEFAULT_NS
    return min(timeout_ns * 4 // 5, HEARTBEAT_INTERVAL_MAX_NS)


def _deadline(leased: Leased) -> int:
    limits = []
    if leased.start_to_close_timeout_ns:
        limits.append(leased.started_ns + leased.start_to_close_timeout_ns)
    if leased.schedule_to_close_timeout_ns:
        limits.append(leased.scheduled_ns + leased.schedule_to_close_timeout_ns)
    return min(limits, default=leased.started_ns + leased.lease_ns)


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
