"""What goes on beside the user code of an attempt: heartbeats, lease renewals, the time limit.

Owns their timers and their messages. Invariants: an attempt that never waits starts no timer; one heartbeat
is under way at a time, and always the newest details; the lease is renewed at a third of its length, whatever
user code does. Everything runs outside the context of the activity. It learns that the attempt must stop and
says so through one callback; it decides nothing. Must not import user code's side or a host implementation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .actor import Refusal
from .durations import SECOND
from .errors import HostError
from .messages.activity import AttemptStatus, Leased, Payloads, RecordHeartbeat, RenewLease

if TYPE_CHECKING:
    from .host import Host

HEARTBEAT_INTERVAL_DEFAULT_NS: Final = 30 * SECOND
HEARTBEAT_INTERVAL_MAX_NS: Final = 60 * SECOND
RETRY_PAUSE_SECONDS: Final = 0.1
RETRY_PAUSE_SECONDS_MAX: Final = 10.0

CANCEL: Final = "cancel"
STALE: Final = "stale"
TIME: Final = "time"
SHUTDOWN: Final = "shutdown"
"""Why an attempt must stop: it was asked to, its token is no longer the current one, its time is up, its
worker ends."""

UNREADABLE: Final = "invalid"
"""The code of a refusal of the message itself; the attempt may be as current as ever."""


class AttemptWatch:
    """Heartbeats, lease and time limit of one attempt. Made on the loop, outside the context of user code."""

    __slots__ = (
        "_details",
        "_dirty",
        "_heartbeat_timer",
        "_host",
        "_key",
        "_lease_timer",
        "_leased",
        "_next_heartbeat_ns",
        "_outside",
        "_sender",
        "_side_tasks",
        "_stop",
        "_stopped",
        "_time_limit",
        "deadline_ns",
        "loop",
    )

    def __init__(self, host: Host, activity_key: str, leased: Leased, stop: Callable[[str], None]) -> None:
        """``stop`` is told CANCEL, STALE or TIME, possibly several times."""
        self._host = host
        self._key = activity_key
        self._leased = leased
        self._stop = stop
        self._stopped = False
        self.loop = asyncio.get_running_loop()
        self._outside = copy_context()
        self._details: Payloads = ()
        self._dirty = False
        self._sender: asyncio.Task[None] | None = None
        self._next_heartbeat_ns = 0
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._heartbeat_timer: asyncio.TimerHandle | None = None
        self._lease_timer: asyncio.TimerHandle | None = None
        self._time_limit: asyncio.TimerHandle | None = None
        self.deadline_ns = deadline_ns(leased)
        """When the attempt is over for the ActivityDO, however it goes on here."""

    def start(self) -> None:
        """The attempt waits for something, so it may take long: watch its lease and its time."""
        if self._stopped:
            return
        self._lease_timer = self._later(self._leased.lease_ns // 3, self._lease_due)
        self._time_limit = self._later(self.deadline_ns - self._host.now(), partial(self._stop, TIME))

    def close(self) -> None:
        """The attempt is over: no timer goes off any more."""
        self._stopped = True
        for timer in (self._lease_timer, self._time_limit, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        self._lease_timer = self._time_limit = self._heartbeat_timer = None
        self._stop = _over  # the attempt knows this watch: without the way back, both go with the attempt

    # --- heartbeats ---

    def beat(self, payloads: Payloads) -> None:
        """Deliver these details, now or when the throttle allows it; from any thread."""
        try:
            here = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            here = False
        if here:
            self._beat(payloads)
        else:
            self.loop.call_soon_threadsafe(self._beat, payloads, context=self._outside.copy())

    async def flush(self) -> None:
        """Deliver details that are still waiting, for the next attempt to continue from."""
        if self._sender is not None:
            await self._sender
        tries = 0
        while self._dirty and not self._stopped and self._host.now() < self.deadline_ns:
            if not await self._deliver():
                tries += 1
                await pause(tries)

    def _beat(self, payloads: Payloads) -> None:
        self._details = payloads
        self._dirty = True
        if self._sender is None and self._heartbeat_timer is None:
            self._heartbeat_later(self._next_heartbeat_ns - self._host.now())

    def _heartbeat_later(self, delay_ns: int) -> None:
        if delay_ns > 0:
            self._heartbeat_timer = self._later(delay_ns, self._heartbeat_due)
        else:
            self._sender = self._beside(self._send())

    def _heartbeat_due(self) -> None:
        self._heartbeat_timer = None
        if self._dirty and self._sender is None:
            self._sender = self._beside(self._send())

    async def _send(self) -> None:
        if not self._stopped:
            await self._deliver()
        self._sender = None
        if self._dirty and not self._stopped and self._heartbeat_timer is None:
            self._heartbeat_later(max(self._next_heartbeat_ns - self._host.now(), 1))

    async def _deliver(self) -> bool:
        """One try; False if nobody knows whether it arrived."""
        self._dirty = False
        self._next_heartbeat_ns = self._host.now() + heartbeat_interval_ns(self._leased)
        message = RecordHeartbeat(token=self._leased.token, details=self._details)
        try:
            reply = await self._host.call(self._key, message)
        except HostError:
            self._dirty = True
            return False
        self._heed(reply)
        if type(reply) is AttemptStatus and reply.cancel_requested:
            self._stop(CANCEL)
        return True

    # --- the lease ---

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
            if type(reply) is Refusal and not reply.retryable:
                return
        if not self._stopped:
            self._lease_timer = self._later(again_ns, self._lease_due)

    def _heed(self, reply: Any) -> None:
        if type(reply) is not Refusal or reply.retryable or self._stopped:
            return
        if reply.code != UNREADABLE:  # that the details are too large, say, makes the attempt no older
            self._stop(STALE)

    # --- timers and tasks that do not believe to be inside the activity ---

    def _later(self, delay_ns: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(max(delay_ns, 0) / SECOND, callback, context=self._outside.copy())

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work, context=self._outside.copy())
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
        return task


def _over(reason: str) -> None:
    """The attempt is over: nothing is left to be stopped."""


async def pause(tries: int) -> None:
    """Wait before a call is made again whose outcome is unknown after ``tries`` tries: 0.1 s, doubled, at
    most 10 s."""
    await asyncio.sleep(min(RETRY_PAUSE_SECONDS * 2.0 ** min(tries - 1, 10), RETRY_PAUSE_SECONDS_MAX))


def heartbeat_interval_ns(leased: Leased) -> int:
    """The shortest time between two heartbeats that are sent."""
    timeout_ns = leased.heartbeat_timeout_ns
    if not timeout_ns:
        return HEARTBEAT_INTERVAL_DEFAULT_NS
    return min(timeout_ns * 4 // 5, HEARTBEAT_INTERVAL_MAX_NS)


def deadline_ns(leased: Leased) -> int:
    """When the attempt's time is up."""
    limits = []
    if leased.start_to_close_timeout_ns:
        limits.append(leased.started_ns + leased.start_to_close_timeout_ns)
    if leased.schedule_to_close_timeout_ns:
        limits.append(leased.scheduled_ns + leased.schedule_to_close_timeout_ns)
    return min(limits, default=leased.started_ns + leased.lease_ns)
