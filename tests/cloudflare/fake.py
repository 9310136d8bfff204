"""As much of the platform as the Cloudflare host speaks to, on CPython: raw bindings over sqlite3.

It is strict where the platform is: numbers are bound as floats, booleans as text, integers above 2**53 not at
all; an alarm goes off for the moment it was set for and is gone when its handler has ended, unless it was set
again. What it does not have is in the tests that run on the real binary.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

from temporal_do.edge_adapter.cloudflare.deployed import deployed
from temporal_do.edge_adapter.cloudflare.host import CloudflareHost
from temporal_do.edge_adapter.cloudflare.incarnation import Incarnation
from temporal_do.edge_adapter.cloudflare.objects import DurableShell
from temporal_do.edge_adapter.cloudflare.storage import Storage
from temporal_do.runtime.actor import OUTBOX
from temporal_do.runtime.host import Tables
from temporal_do.runtime.records import decode

ALARM_RETRY_SECONDS = 0.02
NULL = object()
"""JavaScript's null, as it arrives in Python."""


def javascript() -> dict[str, ModuleType]:
    """The modules that the bridge imports."""
    js = ModuleType("js")
    js.Date = SimpleNamespace(now=lambda: float(time.time_ns() // 1_000_000))  # type: ignore[attr-defined]
    js.Object = SimpleNamespace(fromEntries=dict)  # type: ignore[attr-defined]
    js.Headers = FakeHeaders  # type: ignore[attr-defined]
    pyodide = ModuleType("pyodide")
    ffi = ModuleType("pyodide.ffi")
    ffi.create_proxy = lambda listener: listener  # type: ignore[attr-defined]
    ffi.jsnull = NULL  # type: ignore[attr-defined]
    ffi.to_js = lambda value, **_: value  # type: ignore[attr-defined]
    pyodide.ffi = ffi  # type: ignore[attr-defined]
    return {"js": js, "pyodide": pyodide, "pyodide.ffi": ffi}


class FakeHeaders(dict[str, str]):
    @classmethod
    def new(cls) -> FakeHeaders:
        return cls()

    def set(self, name: str, value: str) -> None:
        self[name] = value


class FakeRows:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def raw(self) -> FakeRows:
        return self

    def toArray(self) -> FakeRows:
        return self

    def to_py(self) -> list[list[Any]]:
        # What is stored as a number comes back as one of JavaScript's.
        return [[float(each) if type(each) is int else each for each in row] for row in self._rows]


class FakeSql:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.statements = 0

    def exec(self, query: str, *values: Any) -> FakeRows:
        assert len(values) <= 100, "100 parameters at most"
        assert len(query) <= 100_000, "100 KB of statement at most"
        self.statements += 1
        return FakeRows(self._connection.execute(query, [_bound(value) for value in values]).fetchall())


def _bound(value: Any) -> Any:
    if value is True or value is False:
        return str(value).lower()
    if type(value) is int:
        assert abs(value) <= 2**53, "a larger integer is a BigInt, which cannot be bound"
        return float(value)
    if type(value) is str:
        assert len(value.encode()) <= 2_000_000, "a row has 2 MB at most"
    return value


class FakeStorage:
    """The raw ``ctx.storage`` of one object; ``on_alarm`` is told when the alarm is set or deleted."""

    def __init__(self, on_alarm: Callable[[], object] = lambda: None) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self.sql = FakeSql(self._connection)
        self.alarm_ms: int | None = None
        self.alarms_set: list[int | None] = []
        self.broken = ""
        self._on_alarm = on_alarm

    def transactionSync(self, work: Callable[[], None]) -> None:
        alarm_ms = self.alarm_ms
        self._connection.execute("SAVEPOINT unit")
        try:
            work()
            if self.broken:
                raise RuntimeError(self.broken)
        except BaseException:
            self._connection.execute("ROLLBACK TO unit")
            self.alarm_ms = alarm_ms
            self._on_alarm()
            raise
        finally:
            self._connection.execute("RELEASE unit")

    def setAlarm(self, alarm_ms: int) -> None:
        assert type(alarm_ms) is int and 0 < alarm_ms < 7_000_000_000_000
        self.alarm_ms = alarm_ms
        self.alarms_set.append(alarm_ms)
        self._on_alarm()

    def deleteAlarm(self) -> None:
        self.alarm_ms = None
        self.alarms_set.append(None)
        self._on_alarm()

    def close(self) -> None:
        self._connection.close()


class FakeObject:
    """One durable object: its storage, and the instance that embodies it."""

    def __init__(self, platform: FakePlatform, kind: str) -> None:
        self.platform = platform
        self.storage = FakeStorage(self._alarm_moved)
        self.kind = kind
        self._shell: DurableShell | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ringing = False

    @property
    def shell(self) -> DurableShell:
        if self._shell is None:
            made = self._shell = type(self.kind, (DurableShell,), {"kind": self.kind})()
            made.open(SimpleNamespace(storage=self.storage), self.platform.env)
        return self._shell

    def reset(self) -> None:
        """Lose the instance, as the platform does."""
        self._shell = None

    def _alarm_moved(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.storage.alarm_ms is not None and not self._ringing:
            delay = max(self.storage.alarm_ms / 1000 - time.time(), 0) + 0.0005
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self.platform.run(self._run_alarm())

    async def _run_alarm(self) -> None:
        scheduled_ms = self.storage.alarm_ms
        self._ringing = True
        self.storage.alarm_ms = None
        try:
            await self.shell.alarm(SimpleNamespace(scheduledTime=scheduled_ms))
        except Exception:
            if self.storage.alarm_ms is None:
                await asyncio.sleep(ALARM_RETRY_SECONDS)
                self.storage.alarm_ms = scheduled_ms
        finally:
            self._ringing = False
            self._alarm_moved()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.storage.close()


class FakeStub:
    def __init__(self, platform: FakePlatform, found: FakeObject) -> None:
        self._platform = platform
        self._found = found

    def deliver(self, key: str, text: str) -> Awaitable[str]:
        # The callee goes on when the caller has gone.
        return asyncio.shield(self._platform.run(self._found.shell.deliver(key, text)))


class FakeNamespace:
    def __init__(self, platform: FakePlatform, kind: str) -> None:
        self._platform = platform
        self._kind = kind

    def getByName(self, key: str) -> FakeStub:
        return FakeStub(self._platform, self._platform.object(key, self._kind))


class FakeQueue:
    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform
        self._waiting: list[str] = []
        self._consumer: Any = None

    async def send(self, text: str, options: Mapping[str, Any]) -> None:
        assert options["contentType"] == "text"
        delay_seconds = options["delaySeconds"]
        assert type(delay_seconds) is int
        if delay_seconds:
            asyncio.get_running_loop().call_later(delay_seconds, self._arrive, text)
        else:
            self._arrive(text)

    def _arrive(self, text: str) -> None:
        self._waiting.append(text)
        self._deliver()

    def consume(self, consumer: Any) -> None:
        self._consumer = consumer
        self._deliver()

    def _deliver(self) -> None:
        while self._consumer is not None and self._waiting:
            self._platform.run(self._take(self._waiting.pop(0)))

    async def _take(self, text: str) -> None:
        begun: list[Any] = []
        try:
            await self._consumer(CloudflareHost(self._platform.env), decode(text), begun.append)
        except Exception:
            await asyncio.sleep(ALARM_RETRY_SECONDS)
            self._arrive(text)
        for work in begun:
            self._platform.run(work)


class FakeBucket:
    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes, options: Mapping[str, Any] | None = None) -> Any:
        if options is not None:
            assert options["onlyIf"] == {"If-None-Match": "*"}
            if key in self._blobs:
                return NULL
        self._blobs[key] = data
        return object()

    async def get(self, key: str) -> Any:
        if key not in self._blobs:
            return NULL
        data = self._blobs[key]

        async def array_buffer() -> Any:
            return SimpleNamespace(to_bytes=lambda: data)

        return SimpleNamespace(arrayBuffer=array_buffer)


class FakePlatform:
    """Every object, queue and blob of one Worker; close it when done."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """``kinds``: kind -> binding."""
        self._objects: dict[str, FakeObject] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._queues: dict[str, FakeQueue] = {}
        self.env = _Env(self)
        for kind, binding in kinds.items():
            setattr(self.env, binding, FakeNamespace(self, kind))
        self.env.BLOBS = FakeBucket()
        self.host = CloudflareHost(self.env)

    def run(self, work: Any) -> asyncio.Task[Any]:
        """Run ``work`` as an invocation of its own."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def object(self, key: str, kind: str = "") -> FakeObject:
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = FakeObject(self, kind or key.partition("/")[0])
        return found

    def queue(self, name: str) -> FakeQueue:
        return self._queues.setdefault(name, FakeQueue(self))

    # --- the hands of the conformance suite ---

    def incarnation(self, key: str) -> Incarnation:
        return self.object(key).shell._living(key)

    def kill(self, key: str) -> bool:
        found = self._objects.get(key)
        incarnation = None if found is None or found._shell is None else found._shell._incarnation
        if found is None or incarnation is None or not incarnation.alive:
            return False
        incarnation.kill("killed")
        found.reset()
        return True

    def rows(self, key: str) -> Tables:
        tables = Storage(self.object(key).storage).load()
        # What is acknowledged stays in the outbox until the next commit.
        return {name: rows for name, rows in tables.items() if name != OUTBOX}

    def consume(self, queue: str, consumer: Any) -> None:
        self.queue(queue).consume(consumer)

    async def pass_time(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)

    async def close(self) -> None:
        for key in self._objects:
            self.kill(key)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for found in self._objects.values():
            found.close()


class _Env(SimpleNamespace):
    """The raw bindings; every unknown name is a queue, except what nothing is bound to."""

    def __init__(self, platform: FakePlatform) -> None:
        super().__init__()
        self.__dict__["_platform"] = platform

    def __getattr__(self, name: str) -> Any:
        if name.isupper() or name.startswith("_"):
            raise AttributeError(name)
        return self._platform.queue(name)


def use_actors(actors: Mapping[str, Any]) -> None:
    """Let the objects of this process behave like these."""
    deployed.actors = actors
