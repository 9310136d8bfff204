"""Alarms: one per object, part of its commits, at least once.

Fault model. An alarm goes off at its time or later, in whatever incarnation there is (a new one, if need be).
The stored alarm is removed when its handler has ended, and not by its start: if the incarnation dies first,
the alarm goes off again after 2 s, 4 s, ... up to 1024 s, without end. It may go off once more after it was
handled. A run that fails by the fault of the object (it exceeds a limit) counts: after ``FAILURES_MAX`` of
them the alarm vanishes and nobody is told. An alarm may get stuck: its time passes, and it goes off only if
the object sets another one. Only one run at a time; an alarm set meanwhile waits until the run is over.
Setting the very time of the alarm that is running changes nothing (on the real platform such an alarm is
lost, so the engine must never do it).

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.durations import SECOND
from .lives import LIVE

if TYPE_CHECKING:
    from .objects import SimObject, SimObjectHost
    from .platform import Platform
    from .scheduler import Timer

RETRY_DELAY_NS = 2 * SECOND
RETRY_DOUBLINGS_MAX = 9
FAILURES_MAX = 7
"""So many counted failures end an alarm: its first run and six retries."""


class ObjectAlarm:
    """The alarm of one object: when it is set for, and the timer that watches it."""

    __slots__ = (
        "_counted",
        "_doomed",
        "_failures",
        "_platform",
        "_rearmed",
        "_running_ns",
        "_timer",
        "object",
        "when_ns",
    )

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.object: SimObject
        self.when_ns: int | None = None
        """What the object has set; None: nothing."""
        self._timer: Timer | None = None
        self._running_ns: int | None = None
        self._rearmed = False
        self._failures = 0
        self._counted = 0
        self._doomed = False

    @property
    def is_running(self) -> bool:
        """Its handler has been started and has not ended."""
        return self._running_ns is not None

    @property
    def is_waiting(self) -> bool:
        """It will go off by itself."""
        return self._timer is not None and self._timer.when_ns is not None

    def set(self, when_ns: int | None) -> None:
        """The object has committed ``when_ns`` as its alarm."""
        running_ns = self._running_ns
        if running_ns is not None:
            if when_ns != running_ns:
                self._rearmed = True
                self.when_ns = when_ns
                self._failures = self._counted = 0
            return
        if when_ns != self.when_ns:
            self.when_ns = when_ns
            self._failures = self._counted = 0
            self._doomed = False
            self._watch(when_ns)

    def _watch(self, at_ns: int | None) -> None:
        timer = self._timer
        if at_ns is None:
            if timer is not None:
                timer.cancel()
        elif timer is None:
            self._timer = self._platform.scheduler.at(at_ns, self._fire)
        else:
            timer.move(at_ns)

    def _fire(self) -> None:
        platform = self._platform
        faults = platform.faults
        if faults is not None:
            if self._doomed:
                self._fail()
                return
            if self.object.incarnation is None and platform.is_cold(self.object):
                self._watch(self.object.cold_until_ns)
                return
            fault = platform.strike("alarm", self.object.key)
            if fault == "late_alarm":
                delay_ns = faults.delay_ns(f"late_alarm:{self.object.key}", faults.plan.alarm_ns_max)
                self._watch(platform.now() + delay_ns)
                return
            if fault == "stuck_alarm":
                self._lost("stuck")
                return
            if fault:
                self._doomed = fault == "exhausted_alarm"
                self._fail()
                return
        self.run()

    def _fail(self) -> None:
        """The handler runs into a limit before it has done anything: the object is reset, and it counts."""
        platform = self._platform
        host = platform.incarnation(self.object)
        platform.trace.add(
            ("alarm", platform.now(), self.object.key, host.number, self.when_ns, self._failures)
        )
        failed_ns = self.when_ns
        platform.kill(host, "it exceeded a limit while it handled its alarm")
        if self.when_ns != failed_ns:
            return  # what was under way has become durable with it, and set another one
        self._counted += 1
        if self._counted < FAILURES_MAX:
            self._again()
        else:
            self._lost("its retries are exhausted")
            self.when_ns = None
            self._failures = self._counted = 0
            self._doomed = False

    def _lost(self, reason: str) -> None:
        platform = self._platform
        platform.trace.add(("alarm_lost", platform.now(), self.object.key, self.when_ns, reason))
        platform.cron.lost()

    def run(self, scheduled_ns: int | None = None) -> None:
        """Start the handler for the alarm that is set, or once more for ``scheduled_ns``."""
        when_ns = self.when_ns if scheduled_ns is None else scheduled_ns
        if when_ns is None or self._running_ns is not None:
            return
        platform = self._platform
        host = platform.incarnation(self.object)
        self._running_ns = when_ns
        self._rearmed = False
        platform.trace.add(("alarm", platform.now(), self.object.key, host.number, when_ns, self._failures))
        host.begin(self._handle(host, when_ns))

    async def _handle(self, host: SimObjectHost, when_ns: int) -> None:
        await host.shell.alarm(when_ns)
        if host.unconfirmed:
            await host.gate()
        if host.state != LIVE:
            return
        platform = self._platform
        platform.trace.add(("alarm_done", platform.now(), self.object.key, when_ns))
        self._running_ns = None
        self._failures = self._counted = 0
        if not self._rearmed and self.when_ns == when_ns:
            self.when_ns = None
        if platform.faults is not None and platform.strike("alarm_done", self.object.key):
            self.run(when_ns)
            return
        self._watch(self.when_ns)

    def interrupted(self) -> None:
        """The incarnation that ran the handler is dead or superseded: the alarm goes off again."""
        running_ns = self._running_ns
        if running_ns is None:
            return
        self._running_ns = None
        if self._rearmed or self.when_ns != running_ns:  # a later one is set, or it was a duplicate
            self._watch(self.when_ns)
            return
        self._again()

    def _again(self) -> None:
        delay_ns = RETRY_DELAY_NS << min(self._failures, RETRY_DOUBLINGS_MAX)
        self._failures += 1
        self._watch(self._platform.now() + delay_ns)

    def dismantle(self) -> None:
        """Let go of everything; nothing goes off here any more."""
        del self._platform, self.object
        self._timer = None
