"""The one piece of the engine that awaits the host on an object's behalf.

    load -> receive -> commit(rows + outbox + alarm) -> reply       one message at a time
    a pump per receiver delivers the outbox, beside the turns

Invariants
- The queue covers load, receive and commit, never a call to another object: a parent that delivers
  StartChild while the child answers does not deadlock.
- Nothing leaves before the commit that caused it: sends, replies, waiters and workflow tasks are all
  released after it. What a task comes to (commands, a blob) enters as a message like any other.
- What a handler or a commit raises kills the incarnation, its cache included. Callers then see an
  unknown outcome and ask again with the same request id.
- An outbox row is deleted with the next commit after its acknowledgement, or by the redelivery alarm.
  Until then a crash may deliver it again; receivers are idempotent.
- The alarm is a whole millisecond, rounded up, strictly later than the one that is running, whichever turn
  sets it. A poke sets it again even when nothing changes.

Imports no host implementation and no actor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

from .actor import (
    OUTBOX,
    Actor,
    AfterDelivery,
    Alarm,
    BlobDone,
    BlobTask,
    Deferred,
    OutboxEntry,
    Poke,
    Poked,
    Refusal,
    State,
    Turn,
)
from .durations import MILLISECOND, SECOND
from .errors import HostError, NewerSchemaError
from .host import Commit, ObjectHost

REDELIVERY_DELAY_NS = 10 * SECOND
REDELIVERY_DELAY_MAX_NS = 600 * SECOND
OVERDUE_NS = 60 * SECOND
"""Alarms are late by up to a minute. One that is later than that may be stuck: then it is set again."""


class Executor(Protocol):
    """Turns workflow tasks into completions; see ``workflow_task``."""

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take workflow tasks of ``task_queue``?"""
        ...

    async def execute(self, key: str, task: Any) -> Any:
        """Run ``task`` for the object ``key``; the message to give back to it, or None."""
        ...

    def evict(self, key: str, run_id: str = "") -> None:
        """Forget what is cached for the object ``key``, all of it or one run; changes nothing but speed."""
        ...


class _Lane:
    """Outbox entries for one receiver, delivered first in first out."""

    __slots__ = ("entries", "failures", "retry_at_ns", "running")

    def __init__(self) -> None:
        self.entries: deque[OutboxEntry] = deque()
        self.running = False
        self.failures = 0
        self.retry_at_ns = 0


class Shell:
    """Drives one incarnation of one durable object."""

    __slots__ = (
        "_acknowledged",
        "_actor",
        "_armed_ns",
        "_busy",
        "_executor",
        "_host",
        "_key",
        "_lanes",
        "_queue",
        "_ringing_ns",
        "_state",
        "_waiters",
    )

    def __init__(self, key: str, actor: Actor[Any], host: ObjectHost, executor: Executor) -> None:
        self._key = key
        self._actor = actor
        self._host = host
        self._executor = executor
        self._state: State | None = None
        self._busy = False
        self._queue: deque[asyncio.Future[None]] = deque()
        self._lanes: dict[str, _Lane] = {}
        self._acknowledged: list[int] = []
        self._waiters: dict[str | int, list[asyncio.Future[Any]]] = {}
        self._armed_ns: int | None = None
        self._ringing_ns: int | None = None

    @property
    def state(self) -> State | None:
        """The cached state, for inspection; None before the first message."""
        return self._state

    async def handle(self, message: Any) -> Any:
        """Apply one message and return its reply, after the commit that makes it true."""
        reply = await self._enter(message, None)
        if type(message) is Poke:
            return self._poked(reply)
        if self._lanes:
            self._kick(self._host.now())  # the alarm for what is overdue may be lost
        kind = type(reply)
        if kind is Deferred:
            return await self._wait(reply.token)
        if kind is AfterDelivery:
            if self._is_pending(reply.number):
                await self._wait(reply.number)
            return reply.reply
        return reply

    async def alarm(self, scheduled_ns: int) -> None:
        """The alarm set for ``scheduled_ns`` went off. Never raises; what fails is tried again later."""
        self._armed_ns = None
        self._ringing_ns = scheduled_ns
        try:
            await self._enter(Alarm(scheduled_ns=scheduled_ns), scheduled_ns)
        except NewerSchemaError:
            # A deploy is under way: the rows are newer than this code, and are left alone for now.
            await self._host.commit(Commit((), max(self._host.now(), scheduled_ns) + REDELIVERY_DELAY_NS))
            return
        except HostError:
            # The incarnation is dead and its last committed alarm is what the platform retries.
            return
        finally:
            self._ringing_ns = None
        self._kick(max(self._host.now(), scheduled_ns))

    def _poked(self, reply: Any) -> Poked:
        """What a poke does for every object: lanes whose alarm was lost are delivered now."""
        self._kick(None)
        state = self._state
        return Poked(
            pending=0 if state is None else len(state.table(OUTBOX)),
            others=reply if type(reply) is tuple else (),
        )

    async def _enter(self, message: Any, alarm_ns: int | None) -> Any:
        if self._busy:
            turn_comes: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append(turn_comes)
            try:
                await turn_comes
            except BaseException:
                if not turn_comes.cancelled():  # its turn had come, and it will not take it
                    self._release()
                raise
        self._busy = True
        try:
            return await self._turn(message, alarm_ns)
        finally:
            self._release()

    def _release(self) -> None:
        while self._queue:
            turn_comes = self._queue.popleft()
            if not turn_comes.done():  # its caller may have given up
                turn_comes.set_result(None)
                return
        self._busy = False

    async def _turn(self, message: Any, alarm_ns: int | None) -> Any:
        host = self._host
        state = self._state
        if state is None:
            state = self._state = self._actor.load(self._key, await host.load())
            self._post(state.table(OUTBOX).values())
        now = host.now()
        if alarm_ns is not None and now < alarm_ns:
            now = alarm_ns  # the clock that alarms follow is ahead of this machine's
        turn = Turn(state, now, self._executor.polls, alarm_ns)
        try:
            reply = self._actor.receive(state, message, turn)
        except Exception as error:
            self._state = None
            host.abort(f"{type(error).__name__} in {self._actor.kind}: {error}")
            raise
        if turn.changes or alarm_ns is not None or type(message) is Poke:
            if type(message) is Poke:
                self._armed_ns = None
            try:
                await self._commit(state, turn)
            except BaseException:
                self._state = None  # what is not durable must not be seen by a turn that waits
                raise
        if turn.evicts:
            self._executor.evict(self._key)
        if turn.sends:
            self._post(turn.sends)
        if turn.tasks:
            for task in turn.tasks:
                host.spawn(self._execute(task))
        for token, answer, after in turn.resolutions:
            if after and self._is_pending(after):
                host.spawn(self._resolve_after(after, token, answer))
            else:
                self._resolve(token, answer)
        return reply

    async def _commit(self, state: State, turn: Turn) -> None:
        changes = tuple(turn.changes.values())
        if self._acknowledged:
            outbox = state.table(OUTBOX)
            flushed = [(OUTBOX, n, None) for n in self._acknowledged if outbox.pop(n, None) is not None]
            self._acknowledged.clear()
            changes = (*flushed, *changes)
        next_ns = self._next_alarm(state, turn.now)
        if next_ns is not None:
            if next_ns < turn.now - OVERDUE_NS:
                next_ns = turn.now + MILLISECOND
            next_ns = -(-next_ns // MILLISECOND) * MILLISECOND
            ringing_ns = self._ringing_ns
            if ringing_ns is not None and next_ns <= ringing_ns:
                next_ns = ringing_ns + MILLISECOND
        if not changes and next_ns == self._armed_ns:
            return
        await self._host.commit(Commit(changes, next_ns))
        self._armed_ns = next_ns

    def _next_alarm(self, state: State, now: int) -> int | None:
        next_ns = self._actor.next_alarm(state)
        outbox = state.rows.get(OUTBOX)
        if outbox:
            waiting = 0
            retry_ns = 0
            for lane in self._lanes.values():
                if lane.retry_at_ns:
                    waiting += len(lane.entries)
                    if not retry_ns or lane.retry_at_ns < retry_ns:
                        retry_ns = lane.retry_at_ns
            if waiting < len(outbox) and (not retry_ns or retry_ns > now + REDELIVERY_DELAY_NS):
                retry_ns = now + REDELIVERY_DELAY_NS
            retry_ns = max(retry_ns, now + MILLISECOND)
            if next_ns is None or retry_ns < next_ns:
                next_ns = retry_ns
        return next_ns

    # --- waiters ---

    async def _wait(self, token: str | int) -> Any:
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(token, []).append(waiter)
        return await waiter

    def _resolve(self, token: str | int, reply: Any) -> None:
        for waiter in self._waiters.pop(token, ()):
            if not waiter.done():
                waiter.set_result(reply)

    async def _resolve_after(self, number: int, token: str, reply: Any) -> None:
        await self._wait(number)
        self._resolve(token, reply)

    # --- the executor ---

    async def _execute(self, task: Any) -> None:
        if type(task) is BlobTask:
            await self._enter(await self._blob(task), None)
            return
        message = await self._executor.execute(self._key, task)
        if message is not None and type(await self._enter(message, None)) is Refusal:
            # What the executor cached has commands that were not accepted, or is over.
            self._executor.evict(self._key, task.run_id)

    async def _blob(self, task: BlobTask) -> BlobDone:
        host = self._host
        try:
            if task.data is None:
                return BlobDone(task=task, found=await host.get_blob(task.key))
            stored = await host.put_blob(task.key, task.data, only_if_absent=task.once)
            return BlobDone(task=task, found=None if stored else await host.get_blob(task.key))
        except HostError as error:
            return BlobDone(task=task, error=str(error))

    # --- the outbox pump ---

    def _is_pending(self, number: int) -> bool:
        state = self._state
        return (
            state is not None and state.get(OUTBOX, number) is not None and number not in self._acknowledged
        )

    def _post(self, entries: Any) -> None:
        for entry in entries:
            lane = self._lanes.get(entry.receiver)
            if lane is None:
                lane = self._lanes[entry.receiver] = _Lane()
            lane.entries.append(entry)
            if not lane.running and not lane.retry_at_ns:
                lane.running = True
                self._host.spawn(self._pump(entry.receiver, lane))

    def _kick(self, now: int | None) -> None:
        for receiver, lane in self._lanes.items():
            if lane.entries and not lane.running and (now is None or lane.retry_at_ns <= now):
                lane.running = True
                lane.retry_at_ns = 0
                self._host.spawn(self._pump(receiver, lane))

    async def _pump(self, receiver: str, lane: _Lane) -> None:
        host = self._host
        while lane.entries:
            entry = lane.entries[0]
            try:
                if entry.queue:
                    await host.enqueue(receiver, entry.body)
                else:
                    reply = await host.call(receiver, entry.body)
                    if type(reply) is Refusal and reply.retryable:
                        raise HostError(f"{receiver} refused for now: {reply.message}")
            except HostError:
                lane.failures += 1
                delay = min(REDELIVERY_DELAY_NS << min(lane.failures - 1, 6), REDELIVERY_DELAY_MAX_NS)
                lane.retry_at_ns = host.now() + delay
                lane.running = False
                return
            lane.entries.popleft()
            lane.failures = 0
            self._acknowledged.append(entry.number)
            self._resolve(entry.number, None)
        lane.running = False
        del self._lanes[receiver]
