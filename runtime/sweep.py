"""The recovery sweep: wakes what the platform has forgotten to wake.

A platform may lose an alarm for good (it gives up after some failures, or the alarm gets stuck) and a queue
message (it expires, or has no retry left). Every object that has anything to do is found again from the index
of executions: a start is acknowledged only once its run is registered there, and so is a schedule. The sweep
pokes what the index says should be awake - open runs, closed runs that may still have something to send,
schedules, runs whose retention is over - and whom these say they wait for. A poked object does what is due,
delivers what waits, and sets its alarm again.

The host calls it periodically: a cron trigger, every few minutes. Sweeps may be missed, late, doubled and
overlap; a sweep that reaches something healthy changes nothing there.

Imports no host implementation, no clock and no actor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from .actor import Poke, Poked
from .errors import HostError
from .keys import VISIBILITY_SHARDS, visibility_key
from .messages.visibility import AwakeList, ListAwake, RunsAtRest

if TYPE_CHECKING:
    from .host import Host

PARALLEL = 6
"""So many objects are poked at a time: no more connections does one invocation have."""

PAGE_SIZE = 500


@attrs.define(kw_only=True)
class SweepReport:
    """What a sweep did. ``unreached`` objects or shards did not answer, and ``unsettled`` objects had
    something left to send, which may change what should be awake: the next sweep has to look at both."""

    poked: int = 0
    unreached: int = 0
    unsettled: int = 0
    later_ns: int | None = None
    """When there will be something more to poke although nothing happens; None: never."""

    @property
    def is_complete(self) -> bool:
        """Has everything that should be awake been reached, and found at rest?"""
        return not (self.unreached or self.unsettled)


def shards_of(namespaces: Iterable[str]) -> list[str]:
    """The keys of the index shards of ``namespaces``."""
    return [visibility_key(each, shard) for each in namespaces for shard in range(VISIBILITY_SHARDS)]


async def sweep(host: Host, shards: Iterable[str], *, thorough: bool = False) -> SweepReport:
    """Poke whatever the index shards with these keys know to be awake, and whom that waits for. Never raises
    HostError.

    ``thorough``: also what an open run has been done with; nothing waits for that, it would only stay there.
    """
    report = SweepReport()
    poked: set[str] = set()
    busy: set[str] = set()
    for shard in shards:
        try:
            await _sweep_shard(host, shard, report, poked, busy, thorough)
        except HostError:
            report.unreached += 1
    return report


async def _sweep_shard(
    host: Host, shard: str, report: SweepReport, poked: set[str], busy: set[str], thorough: bool
) -> None:
    """``busy``: those of ``poked`` that did not answer, or have something left to send."""
    after = ""
    while True:
        page = await host.call(shard, ListAwake(after=after, page_size=PAGE_SIZE))
        if type(page) is not AwakeList:
            report.unreached += 1
            return
        if page.later_ns is not None:
            report.later_ns = min(page.later_ns, report.later_ns or page.later_ns)
        addressed: dict[str, tuple[str, ...]] = {}
        waiting = deque(zip(page.keys, page.closed_run_ids, strict=True))
        while waiting:
            batch = [waiting.popleft() for _ in range(min(PARALLEL, len(waiting)))]
            poked.update(key for key, _ in batch)
            replies = await asyncio.gather(*(_poke(host, *entry, thorough) for entry in batch))
            for (key, closed_run_id), reply in zip(batch, replies, strict=True):
                report.poked += 1
                if reply is None:
                    report.unreached += 1
                    busy.add(key)
                    continue
                if reply.pending:
                    report.unsettled += 1
                    busy.add(key)
                elif closed_run_id and key not in reply.others:  # or else it is still waiting for itself
                    addressed[closed_run_id] = reply.others
                for other in reply.others:
                    if other not in poked:
                        poked.add(other)
                        waiting.append((other, ""))
        # A run is at rest when those whom it has addressed are: nobody but the run leads to them.
        at_rest = [run_id for run_id, others in addressed.items() if busy.isdisjoint(others)]
        if at_rest:
            await host.call(shard, RunsAtRest(run_ids=tuple(at_rest)))
        after = page.next
        if not after:
            return


async def _poke(host: Host, key: str, closed_run_id: str, thorough: bool) -> Poked | None:
    try:
        reply: Any = await host.call(key, Poke(closed_run_id=closed_run_id, thorough=thorough))
    except HostError:
        return None
    return reply if type(reply) is Poked else None
