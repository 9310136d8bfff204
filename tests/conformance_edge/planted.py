"""Bugs to plant in one side of the comparison: each must be found by a small sample of scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any, Final

from temporal_do.runtime.host import Commit
from temporal_do.sim.alarms import ObjectAlarm
from temporal_do.sim.objects import SimObject, SimObjectHost

from .app.ports import PortShell, ledger
from .simulated import simulate

Plant = Callable[[Any], None]


def _hosts(platform: Any, **methods: Any) -> None:
    """Give all objects of a platform a host with some methods replaced."""
    platform._object_host = type("PlantedHost", (SimObjectHost,), {"__slots__": (), **methods})


def alarms_ring_twice(platform: Any) -> None:
    """The alarm of an object, once handled, goes off again with what it had to do still in its rows."""

    async def commit(self: Any, change: Commit) -> None:
        kept = tuple(each for each in change.changes if each[0] != "meta" or each[2] is not None)
        alarm = self.object.alarm
        if kept != change.changes and alarm.is_running and alarm.when_ns not in platform.rung:
            platform.rung.add(alarm.when_ns)
            change = Commit(kept, self.platform.now() + 1_000_000)
        await SimObjectHost.commit(self, change)

    platform.rung = set()
    _hosts(platform, commit=commit)


def alarms_are_lost_with_the_memory(platform: Any) -> None:
    """An object that dies takes its alarm with it."""
    kill = platform.kill

    def forget(self: Any, host: Any, reason: str) -> None:
        kill(host, reason)
        host.object.alarm.set(None)

    platform.kill = MethodType(forget, platform)


def alarms_are_not_moved(platform: Any) -> None:
    """An alarm that is set already is not replaced by another one."""
    _alarms(platform, _Stubborn)


def alarms_are_not_retried(platform: Any) -> None:
    """An alarm whose handler died is forgotten."""
    _alarms(platform, _Impatient)


def _alarms(platform: Any, kind: type[ObjectAlarm]) -> None:
    made = platform.object

    def found(self: Any, key: str) -> SimObject:
        found: SimObject = made(key)
        if type(found.alarm) is ObjectAlarm:
            found.alarm.__class__ = kind  # type: ignore[assignment]
        return found

    platform.object = MethodType(found, platform)


class _Stubborn(ObjectAlarm):
    __slots__ = ()

    def set(self, when_ns: int | None) -> None:
        if when_ns is None or self.when_ns is None or self.is_running:
            super().set(when_ns)


class _Impatient(ObjectAlarm):
    __slots__ = ()

    def interrupted(self) -> None:
        was_running = self.is_running
        super().interrupted()
        if was_running:
            self.set(None)


def rows_are_lost_on_abort(platform: Any) -> None:
    """The last commit of an object goes with its memory."""

    def abort(self: Any, reason: str) -> None:
        for table, key, row in platform.last.get(self.name, ()):
            if row is not None and table != "meta":
                self.object.tables[table].pop(key, None)
        SimObjectHost.abort(self, reason)

    async def commit(self: Any, change: Commit) -> None:
        platform.last[self.name] = change.changes
        await SimObjectHost.commit(self, change)

    platform.last = {}
    _hosts(platform, commit=commit, abort=abort)


def deletes_are_ignored(platform: Any) -> None:
    """A row that is deleted stays."""

    async def commit(self: Any, change: Commit) -> None:
        kept = tuple(each for each in change.changes if each[2] is not None or each[0] in ("meta", "outbox"))
        await SimObjectHost.commit(self, Commit(kept, change.alarm_ns))

    _hosts(platform, commit=commit)


def rows_come_in_any_order(platform: Any) -> None:
    """Rows are read as they were written."""

    async def load(self: Any) -> Any:
        return {name: dict(table) for name, table in self.object.tables.items()}

    _hosts(platform, load=load)


def work_survives_an_abort(platform: Any) -> None:
    """What was spawned goes on when its object has lost its memory."""

    def spawn(self: Any, work: Any) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.platform.kill(self, str(error))

        context = self.platform.context.copy()
        self.platform.loop.create_task(run(), name=self.name, context=context)

    async def commit(self: Any, change: Commit) -> None:
        self._commit(change)

    _hosts(platform, spawn=spawn, commit=commit)


def memory_survives_an_abort(platform: Any) -> None:
    """The next life remembers what the one before knew."""
    made, shells = platform.incarnation, {}

    def incarnation(self: Any, found: SimObject) -> SimObjectHost:
        host: SimObjectHost = made(found)
        shell: Any = host.shell
        old = shells.get(found.key)
        if type(shell) is PortShell and old is not None and old is not shell:
            shell._messages = old._messages
        shells[found.key] = shell
        return host

    platform.incarnation = MethodType(incarnation, platform)


def failed_messages_are_lost(platform: Any) -> None:
    """A message whose consumer fails does not come again."""
    queues = platform.queues

    def redeliver(message: Any, delay_ns: int, reason: str) -> None:
        ledger(message.body.key).queued -= 1

    queues.__class__ = type(
        "PlantedQueues", (type(queues),), {"__slots__": (), "_redeliver": staticmethod(redeliver)}
    )


def blobs_are_always_replaced(platform: Any) -> None:
    """What is to be written only once is written again."""
    put = platform.blobs.put
    platform.blobs = _Blobs(platform.blobs, put)


class _Blobs:
    def __init__(self, blobs: Any, put: Any) -> None:
        self._put = put
        self.get = blobs.get

    def put(self, sender: Any, key: str, data: bytes, only_if_absent: bool = False) -> Any:
        self._put(sender, key, data, False)
        return True


def delays_are_ignored(platform: Any) -> None:
    """A delayed message is delivered at once."""
    queues = platform.queues
    put = queues.put

    class Eager:
        consume = staticmethod(queues.consume)
        kill = staticmethod(queues.kill)
        workers = queues.workers

        @staticmethod
        def put(sender: Any, queue: str, body: Any, delay_ns: int) -> None:
            put(sender, queue, body, 0)

    platform.queues = Eager()


PLANTS: Final[Mapping[str, Plant]] = {
    plant.__name__: plant
    for plant in (
        alarms_ring_twice,
        alarms_are_lost_with_the_memory,
        alarms_are_not_moved,
        alarms_are_not_retried,
        rows_are_lost_on_abort,
        deletes_are_ignored,
        rows_come_in_any_order,
        work_survives_an_abort,
        memory_survives_an_abort,
        failed_messages_are_lost,
        blobs_are_always_replaced,
        delays_are_ignored,
    )
}


def planted(name: str) -> Any:
    """A simulator with that bug."""
    return partial(simulate, plant=PLANTS[name])
