"""22. Every alarm that is set runs: not before its time, and again until its handler has ended.

Source: the platform's contract of alarms: at least once, one per object, the last one set counts. What the
platform is documented to lose is a step of its own in the trace and excused here; the recovery sweep answers
for that. An object whose alarm handler ends with the very time of that alarm set would lose it on the real
platform.
"""

from __future__ import annotations

from ...runtime.durations import HOUR
from ..scenario import Violation
from ..trace import Step
from .base import Checker

LATE_MAX_NS = 2 * HOUR
"""More than the longest pause between two attempts, and more than any lateness that is simulated."""


class AlarmsRun(Checker):
    """Follows the alarm of every object."""

    number = 22
    name = "alarms-run"
    kinds = ("commit", "alarm", "alarm_done", "alarm_lost", "fault", "dead")

    def __init__(self) -> None:
        super().__init__()
        self._set: dict[str, tuple[int, int]] = {}
        self._running: dict[str, tuple[int, int, int | None]] = {}
        self._struck: dict[str, int] = {}

    def step(self, number: int, step: Step) -> None:
        kind, at_ns, key = step[:3]
        if kind == "fault":
            self._struck[step[3]] = number
        elif kind == "alarm_lost":
            if self._set.get(key, (0, 0))[0] == step[3]:
                del self._set[key]
        elif kind == "commit":
            self._commit(number, key, step[6])
        elif kind == "alarm":
            self._goes_off(number, step)
        elif kind == "alarm_done":
            running = self._running.pop(key, None)
            if running is not None and running[2] == step[3]:
                self.violated(f"{key} handles the alarm of {step[3]} and sets it again for that time", number)
            if self._set.get(key, (0, 0))[0] == step[3]:
                del self._set[key]
        elif self._running.get(key, (0, 0, None))[1] == step[3]:
            del self._running[key]

    def _commit(self, number: int, key: str, alarm_ns: int | None) -> None:
        running = self._running.get(key)
        if running is not None:
            self._running[key] = (running[0], running[1], alarm_ns)
        if alarm_ns is None:
            self._set.pop(key, None)
            return
        self._set[key] = (alarm_ns, number)

    def _goes_off(self, number: int, step: Step) -> None:
        _, at_ns, key, incarnation, scheduled_ns, _ = step
        self._running[key] = (scheduled_ns, incarnation, None)
        early_ns = scheduled_ns - at_ns
        if early_ns > 0:
            self.violated(f"the alarm of {key} goes off {early_ns / 1e9:g} s early", number)
        due = self._set.get(key)
        if due is not None and due[0] == scheduled_ns:
            late_ns = at_ns - max(due[0], 0)
            if late_ns > LATE_MAX_NS and key not in self._struck:
                self.violated(f"the alarm of {key} goes off {late_ns / 1e9:g} s late", due[1], number)

    def finish(self) -> list[Violation]:
        if self.world is None:
            return self.violations
        for key, (due_ns, number) in self._set.items():
            if key in self._running:
                continue
            allowed_ns = LATE_MAX_NS if key in self._struck and not self.world.stuck else 0
            late_ns = self.end_ns - due_ns
            if late_ns > allowed_ns:
                self.violated(
                    f"the alarm of {key} was due {late_ns / 1e9:g} s ago and never went off", number
                )
        return self.violations
