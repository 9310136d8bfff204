"""The PROD profile's objects: commits that return before they are durable, behind an output gate.

Fault model. A commit is on its way for a few milliseconds, up to seconds when it is slow; meanwhile the
object takes further turns on what it believes, and their commits queue up behind. Everything an incarnation
says in that time - requests, replies, queue messages, objects for the store, the end of an alarm - is held
until every commit before it is durable, and then leaves in the order it was said. When a commit fails, or the
incarnation dies, what was held is never said, and of the commits under way a prefix becomes durable or none:
nobody can know before the next incarnation reads. One that takes longer than ``GATE_TIMEOUT_NS`` fails.

Invariants: the durable commits of an object are a prefix of those it made; nothing that anybody sees depends
on a commit that is not durable; at most one incarnation makes commits durable.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runtime.durations import MILLISECOND
from ..runtime.host import Commit
from .lives import DEAD, LIVE
from .objects import GATE_TIMEOUT_NS, SimObject, SimObjectHost

if TYPE_CHECKING:
    from .platform import Platform

COMMIT_NS_MIN = 5 * MILLISECOND
COMMIT_MILLISECONDS = 50
"""A commit takes ``COMMIT_NS_MIN`` and up to so many milliseconds more: the round trip to the followers."""


class Unit:
    """One commit under way, what becomes of it, and what is held behind it."""

    __slots__ = ("commit", "due_ns", "fate", "held")

    def __init__(self, commit: Commit, fate: str, due_ns: int) -> None:
        self.commit = commit
        self.fate = fate
        self.due_ns = due_ns
        self.held: list[Callable[[], object]] = []


class PipelinedHost(SimObjectHost):
    """One incarnation of one object under the PROD profile."""

    __slots__ = ("unconfirmed",)

    def __init__(self, platform: Platform, found: SimObject) -> None:
        super().__init__(platform, found)
        self.unconfirmed: deque[Unit] = deque()
        """Commits under way, oldest first."""

    async def commit(self, commit: Commit) -> None:
        if self.state != LIVE:
            await self.fenced()
        platform = self.platform
        faults = platform.faults
        fate = "" if faults is None else platform.strike("commit", self.name)
        delay_ns = COMMIT_NS_MIN + MILLISECOND * platform.choices.draw(
            f"commit_ns:{self.name}", COMMIT_MILLISECONDS
        )
        if faults is not None and fate == "slow_commit":
            delay_ns += faults.delay_ns(f"slow_commit:{self.name}", faults.plan.commit_ns_max)
        if fate == "stuck_section":
            delay_ns = GATE_TIMEOUT_NS
        if delay_ns > GATE_TIMEOUT_NS:
            delay_ns, fate = GATE_TIMEOUT_NS, "storage operation exceeded its timeout"
        due_ns = platform.now() + delay_ns
        if self.unconfirmed:
            due_ns = max(due_ns, self.unconfirmed[-1].due_ns)
        unit = Unit(commit, fate, due_ns)
        self.unconfirmed.append(unit)
        platform.scheduler.at(due_ns, self._decide, unit, lane=(self.name, self.number))

    def _decide(self, unit: Unit) -> None:
        if self.state != LIVE or not self.unconfirmed or self.unconfirmed[0] is not unit:
            return  # its fate was decided with the incarnation's
        platform = self.platform
        fate = unit.fate
        self.unconfirmed.popleft()
        if fate and fate != "slow_commit":
            faults = platform.faults
            if fate == "crash_after_commit" or (
                fate == "crash_in_doubt" and faults is not None and faults.coin(f"crash_in_doubt:{self.name}")
            ):
                self._commit(unit.commit)
            self.unconfirmed.clear()
            platform.kill(self, fate)
            return
        self._commit(unit.commit)
        for release in unit.held:
            release()

    def settle_units(self) -> None:
        """The incarnation ends: a prefix of what is under way is durable, nothing of it is ever said."""
        units = list(self.unconfirmed)
        self.unconfirmed.clear()
        for unit in units[: self.platform.choices.draw(f"in_doubt:{self.name}", len(units) + 1)]:
            self._commit(unit.commit)

    # --- the output gate ---

    def hold(self, release: Callable[[], object]) -> None:
        """Call ``release`` when everything committed so far is durable; only while something is under way."""
        self.unconfirmed[-1].held.append(release)

    async def gate(self) -> None:
        """Return when everything committed so far is durable."""
        if self.unconfirmed:
            opened = self.platform.loop.create_future()
            self.hold(partial(_open, opened))
            await opened
        if self.state == DEAD:
            await self.never()

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        await self.gate()
        await super().enqueue(queue, body, delay_ns)

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        await self.gate()
        return await super().put_blob(key, data, only_if_absent=only_if_absent)

    async def get_blob(self, key: str) -> bytes | None:
        await self.gate()
        return await super().get_blob(key)


def _open(opened: Any) -> None:
    if not opened.done():
        opened.set_result(None)
