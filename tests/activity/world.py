"""A world small enough to see through: real shells and actors, virtual time, one worker process.

Owns a loop whose clock jumps to the next timer, objects kept by key, and the activity queue. Calls can be
made to fail by a hook. It has no faults of its own; those are the simulator's trade.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.deployment import Deployment
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.history import RetryPolicyRecord
from temporal_do.runtime.host import Commit
from temporal_do.runtime.keys import activity_key, kind_of
from temporal_do.runtime.messages.activity import ACTIVITY_QUEUE, ScheduleActivityTask
from temporal_do.runtime.messages.workflow import ActivityResolved
from temporal_do.runtime.payloads import DEFAULT_CONVERTER
from temporal_do.runtime.records import decode, encode
from temporal_do.runtime.shell import Shell

START_NS = 1_767_225_600 * 10**9
SECOND = 10**9


class _JumpingSelector(selectors.SelectSelector):
    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            if self.loop.threads:
                return super().select(5)
            raise RuntimeError("everything waits and no timer is set")
        if timeout > 0 and not self.loop.threads:
            self.loop.elapsed += timeout
            return super().select(0)
        return super().select(min(timeout, 0.01) if self.loop.threads else 0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """A stock loop that never sleeps: its clock jumps. ``threads`` > 0 makes it wait for real."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.threads = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.elapsed


class NoExecutor:
    def polls(self, namespace: str, task_queue: str) -> bool:
        return False

    async def execute(self, key: str, task: Any) -> Any:
        raise AssertionError("there are no workflow tasks here")

    def evict(self, key: str, run_id: str = "") -> None: ...


class World:
    """The host of clients and workers, and of every object."""

    def __init__(self, loop: JumpingLoop) -> None:
        self.loop = loop
        self.deployment = Deployment()
        self.objects: dict[str, ObjectHost] = {}
        self.resolved: list[ActivityResolved] = []
        self.parked: list[Any] = []
        self.calls: list[tuple[str, Any]] = []
        self.fail_call: Callable[[Any], str] = lambda message: ""
        """message -> "" (works), "before" or "after": the call raises, not having or having acted."""
        self.tasks: list[asyncio.Task[Any]] = []
        self._entropy = 0

    def now(self) -> int:
        return START_NS + round(self.loop.elapsed * SECOND)

    def entropy(self, size: int) -> bytes:
        self._entropy += 1
        return self._entropy.to_bytes(size, "big")

    async def call(self, receiver: str, message: Any) -> Any:
        self.calls.append((receiver, message))
        fault = self.fail_call(message)
        if fault == "before":
            raise HostError("the request was lost")
        await asyncio.sleep(0)
        reply = await self.deliver(receiver, message)
        if fault:
            raise HostError("the reply was lost")
        return reply

    async def deliver(self, receiver: str, message: Any) -> Any:
        message = decode(encode(message))
        if kind_of(receiver) == "WorkflowDO":
            self.resolved.append(message)
            return None
        return decode(encode(await self.object(receiver).shell.handle(message)))

    def object(self, key: str) -> ObjectHost:
        if key not in self.objects:
            self.objects[key] = ObjectHost(self, key)
        return self.objects[key]

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        assert queue == ACTIVITY_QUEUE
        self.start(self.consume(decode(encode(body))))

    async def consume(self, body: Any) -> None:
        try:
            await self.deployment.consume(self, body, self.start)  # type: ignore[arg-type]
        except HostError:
            await asyncio.sleep(1)
            await self.consume(body)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        self.tasks.append(self.loop.create_task(work))

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        return True

    async def get_blob(self, key: str) -> bytes | None:
        return None

    # --- what tests do ---

    async def schedule(self, activity_type: str, *args: Any, **changes: Any) -> str:
        """Schedule an activity as a workflow would; its key."""
        activity_id = changes.pop("activity_id", "1")
        key = activity_key("default", "run", activity_id)
        changes.setdefault("retry_policy", RetryPolicyRecord(maximum_attempts=3))
        message = ScheduleActivityTask(
            namespace="default",
            workflow_key="WorkflowDO/default/w",
            workflow_id="w",
            run_id="run",
            workflow_type="order",
            activity_id=activity_id,
            scheduled_event_id=5,
            activity_type=activity_type,
            task_queue=changes.pop("task_queue", "main"),
            scheduled_ns=self.now(),
            input=DEFAULT_CONVERTER.to_payloads(args),
            **changes,
        )
        await self.call(key, message)
        return key

    async def outcome(self, within_seconds: float = 10_000_000) -> ActivityResolved:
        """Wait for the one outcome of the activity that runs."""
        deadline = self.loop.time() + within_seconds
        while not self.resolved:
            assert self.loop.time() < deadline, "no outcome"
            await asyncio.sleep(0.05)
        for task in list(self.tasks):
            if task.done():
                task.result()
        return self.resolved.pop()

    def sent(self, kind: type[Any]) -> list[Any]:
        """Every message of one kind that was called, in order."""
        return [message for _, message in self.calls if type(message) is kind]


class ObjectHost:
    """One object's rows and alarm."""

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.tables: dict[str, dict[Any, Any]] = {}
        self.alarm_handle: asyncio.TimerHandle | None = None
        self.shell = Shell(key, ACTORS[kind_of(key)], self, NoExecutor())  # type: ignore[arg-type]

    def now(self) -> int:
        return self.world.now()

    async def load(self) -> dict[str, dict[Any, Any]]:
        return self.tables

    async def commit(self, commit: Commit) -> None:
        for name, key, row in commit.changes:
            table = self.tables.setdefault(name, {})
            if row is None:
                table.pop(key, None)
            else:
                table[key] = decode(encode(row))
        if self.alarm_handle is not None:
            self.alarm_handle.cancel()
            self.alarm_handle = None
        if commit.alarm_ns is not None:
            delay = max(commit.alarm_ns - self.now(), 0) / SECOND
            self.alarm_handle = self.world.loop.call_later(delay, self._alarm, commit.alarm_ns)

    def _alarm(self, alarm_ns: int) -> None:
        self.world.start(self.shell.alarm(alarm_ns))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self.world.start(work)

    def abort(self, reason: str) -> None:
        raise AssertionError(reason)

    async def call(self, receiver: str, message: Any) -> Any:
        return await self.world.deliver(receiver, message)

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        await self.world.enqueue(queue, body, delay_ns)


def play(scenario: Callable[[World], Coroutine[Any, Any, None]]) -> World:
    """Run one scenario in a world of its own."""
    loop = JumpingLoop()
    world = World(loop)
    try:
        loop.run_until_complete(scenario(world))
        for handle in world.objects.values():
            if handle.alarm_handle is not None:
                handle.alarm_handle.cancel()
        pending = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in pending:
            task.cancel()
        loop.run_until_complete(_gone(pending))
        loop.threads += 1
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    return world


async def _gone(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
