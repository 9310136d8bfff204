"""The cron trigger of the simulated platform: it runs the recovery sweep when there is something to recover.

Owns the ticks. Fault model: a tick may be missed, late, run twice at once, or overlap an earlier one. A real
trigger ticks for ever; this one is armed only after the platform has lost something for good (an alarm, a
queue message) and until a sweep that began after the last loss has reached everything, because a sweep with
nothing to recover changes nothing. So a run that loses nothing has no tick, and costs nothing.

Must not import: the platform (it is handed in), the engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..runtime.durations import MINUTE
from .hosts import SimHost

if TYPE_CHECKING:
    from .platform import Platform
    from .scheduler import Timer

PERIOD_NS = 5 * MINUTE
SWEEP = "sweep"

Sweeper = Callable[[SimHost], Awaitable[int | None]]
"""Sweeps once; says when (ns) to sweep again although nothing more is lost: 0 as soon as possible, because it
has not reached everything; None never."""


class CronHost(SimHost):
    """What one run of the trigger runs on. Its answers are no news for the test."""

    __slots__ = ()


class Cron:
    """The trigger of one simulation. ``sweeper`` is what it runs (None: nothing, and it never ticks)."""

    __slots__ = ("_again_ns", "_losses", "_platform", "_runs", "_swept", "_timer", "sweeper")

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.sweeper: Sweeper | None = None
        self._losses = 0
        self._swept = 0
        self._runs = 0
        self._again_ns: int | None = None
        self._timer: Timer | None = None

    @property
    def is_needed(self) -> bool:
        """Has something been lost that no sweep has looked for yet, or is a sweep due anyway?"""
        if self._again_ns is not None and self._again_ns <= self._platform.now():
            return True
        return self.sweeper is not None and self._losses > self._swept

    def lost(self) -> None:
        """The platform has lost something for good."""
        self._losses += 1
        self._arm()

    def _arm(self) -> None:
        platform = self._platform
        after_ns: int | None = platform.now() if self.is_needed else self._again_ns
        if after_ns is None:
            return
        due_ns = (after_ns // PERIOD_NS + 1) * PERIOD_NS
        timer = self._timer
        if timer is not None and timer.when_ns is not None:
            if timer.when_ns <= due_ns:
                return
            timer.cancel()
        self._timer = platform.scheduler.at(due_ns, self._tick, due_ns)

    def _tick(self, due_ns: int) -> None:
        if not self.is_needed:
            self._arm()
            return
        self._arm()
        platform = self._platform
        faults = platform.faults
        fault = platform.strike("cron", SWEEP)
        if faults is not None and fault:
            now = platform.now()
            if fault == "missed_cron":
                platform.trace.add(("cron", now, SWEEP, due_ns, "missed"))
                return
            if fault != "twice_cron":
                delay_ns = faults.delay_ns(f"{fault}:{SWEEP}", faults.plan.cron_ns_max)
                platform.scheduler.at(now + delay_ns, self._begin, due_ns)
            if fault == "late_cron":
                return
            if fault == "twice_cron":
                self._begin(due_ns)
        self._begin(due_ns)

    def _begin(self, due_ns: int) -> None:
        self._runs += 1
        host = CronHost(self._platform, "cron", self._runs)
        host.run(self._run(host, due_ns))

    async def _run(self, host: CronHost, due_ns: int) -> None:
        sweeper = self.sweeper
        if sweeper is None:
            return
        platform = self._platform
        platform.trace.add(("cron", platform.now(), SWEEP, due_ns, "begins"))
        losses = self._losses
        again_ns = await sweeper(host)
        platform.trace.add(("cron", platform.now(), SWEEP, due_ns, "ends"))
        if again_ns != 0:
            self._swept = max(self._swept, losses)
        self._again_ns = again_ns
        self._arm()
