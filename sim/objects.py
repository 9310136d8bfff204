"""Durable objects: committed rows, and the incarnations that come and go over them.

Fault model. The committed rows survive everything; a commit is all or nothing. Memory, calls in flight and
what was not committed vanish with the incarnation. An incarnation can die before its commit, with the commit
in doubt (the rows are durable or not; nobody knows before the next incarnation reads them), after it and
before anything was said, and whenever it is idle. A commit may be slow, or fail and take the object with it,
at once or after it has hung for ``GATE_TIMEOUT_NS``. An object may take its time to start, and may come up on
code that is older than its rows and refuse them. A superseded incarnation (zombie) never commits. At most one
incarnation can commit at any time. Its machine's clock may be off.

Invariants: rows are immutable records, so handing them out shares nothing that can change; in strict mode
what is stored are bytes, and every read decodes them anew.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from ..runtime.actor import Actor
from ..runtime.durations import SECOND
from ..runtime.errors import Evicted, NewerSchemaError
from ..runtime.host import Commit, RowKey, Tables
from ..runtime.records import decode, encode
from ..runtime.shell import Shell
from .hosts import Call, SimHost
from .lives import DEAD, LIVE

if TYPE_CHECKING:
    from .alarms import ObjectAlarm
    from .platform import Platform


GATE_TIMEOUT_NS = 30 * SECOND
"""So long an object waits for its storage, or for a section of its own code, before it is reset."""


class SimObject:
    """One durable object as the platform keeps it: what is durable, and who embodies it now."""

    __slots__ = (
        "actor",
        "alarm",
        "cold_until_ns",
        "incarnation",
        "incarnations",
        "key",
        "old_code_until_ns",
        "tables",
        "version",
    )

    def __init__(self, key: str, actor: Actor[Any], alarm: ObjectAlarm) -> None:
        self.key = key
        self.actor = actor
        self.tables: dict[str, dict[RowKey, Any]] = {}
        self.version = 0
        """How many commits it has seen."""
        self.incarnation: SimObjectHost | None = None
        self.incarnations = 0
        self.alarm = alarm
        self.old_code_until_ns = 0
        """Until then it runs code that is older than its rows."""
        self.cold_until_ns = 0
        """Not before then it starts; 0: whenever somebody wants it."""

    def apply(self, commit: Commit, strict: bool) -> None:
        """Make the rows of one commit durable."""
        tables = self.tables
        for name, key, row in commit.changes:
            table = tables.get(name)
            if table is None:
                table = tables[name] = {}
            if row is None:
                table.pop(key, None)
            else:
                table[key] = encode(row) if strict else row
        self.version += 1

    def read(self, strict: bool) -> Tables:
        """All committed rows, each table in key order."""
        found: dict[str, dict[RowKey, Any]] = {}
        for name, table in self.tables.items():
            keys = list(table)
            ordered = sorted(keys)
            if strict:
                found[name] = {key: decode(table[key]) for key in ordered}
            else:
                found[name] = table if keys == ordered else {key: table[key] for key in ordered}
        return found


class SimObjectHost(SimHost):
    """The host as one incarnation of one object sees it; implements runtime.host.ObjectHost."""

    __slots__ = ("calls", "object", "shell", "skew_ns", "tasks")

    def __init__(self, platform: Platform, found: SimObject) -> None:
        super().__init__(platform, found.key, found.incarnations)
        self.object = found
        self.calls: dict[int, Call] = {}
        """Calls that arrived here and have no answer yet."""
        self.tasks = 0
        """Spawned work that has not ended."""
        self.skew_ns = 0
        """How far its machine's clock is ahead of the true time."""
        self.shell = Shell(found.key, found.actor, self, platform.executor)

    @property
    def is_idle(self) -> bool:
        """Nothing runs and nobody waits here."""
        return not (self.calls or self.tasks or self.unconfirmed or self.object.alarm.is_running)

    def now(self) -> int:
        return self.platform.scheduler.now() + self.skew_ns

    async def gate(self) -> None:
        """Return when everything committed so far is durable: at once, but under the PROD profile."""

    async def load(self) -> Tables:
        if self.state != LIVE:
            await self.fenced()
        platform = self.platform
        found = self.object
        if found.old_code_until_ns and platform.now() < found.old_code_until_ns:
            raise NewerSchemaError(
                f"a newer version of temporal-do wrote rows of {self.name}", record=self.name
            )
        rows = sum(map(len, found.tables.values()))
        platform.trace.add(("load", platform.now(), self.name, self.number, found.version, rows))
        return found.read(platform.strict)

    async def commit(self, commit: Commit) -> None:
        if self.state != LIVE:
            await self.fenced()
        platform = self.platform
        if platform.faults is not None:
            await self._commit_at_risk(commit)
            return
        self._commit(commit)

    def _commit(self, commit: Commit) -> None:
        platform = self.platform
        found = self.object
        found.apply(commit, platform.strict)
        platform.trace.add(
            (
                "commit",
                platform.scheduler.now(),
                self.name,
                self.number,
                found.version,
                commit.changes,
                commit.alarm_ns,
            )
        )
        found.alarm.set(commit.alarm_ns)
        if platform.strict:
            platform.seen_rows(commit.changes)

    async def _commit_at_risk(self, commit: Commit) -> None:
        platform = self.platform
        faults = platform.faults
        fault = "" if faults is None else platform.strike("commit", self.name)
        if faults is None or not fault:
            self._commit(commit)
            return
        if fault == "slow_commit":
            await platform.delay(faults.delay_ns(f"slow_commit:{self.name}", faults.plan.commit_ns_max))
            if self.state != LIVE:
                await self.fenced()
            self._commit(commit)
            return
        if fault == "stuck_section":
            await platform.delay(GATE_TIMEOUT_NS)
        if fault == "crash_after_commit" or (
            fault == "crash_in_doubt" and faults.coin(f"crash_in_doubt:{self.name}")
        ):
            self._commit(commit)
        platform.kill(self, fault)
        await self.fenced()

    async def fenced(self) -> NoReturn:
        """Never return: this incarnation is dead, or dies now because it was superseded."""
        platform = self.platform
        if self.state != DEAD:
            platform.kill(self, "superseded")
        await self.never()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        if self.state == DEAD:
            work.close()
            return
        self.tasks += 1
        self.platform.unstarted[work] = None
        self.run(self._spawned(work))

    async def _spawned(self, work: Coroutine[Any, Any, Any]) -> None:
        self.platform.unstarted.pop(work, None)
        await work
        self.tasks -= 1

    def abort(self, reason: str) -> None:
        if self.platform.closed:
            raise Evicted("the simulation is closed")
        self.platform.kill(self, reason)
