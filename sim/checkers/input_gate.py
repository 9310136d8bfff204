"""18. While an object reads its rows nothing else reaches it, and it handles one alarm at a time.

Source: the platform's input gate: storage operations never let another event in, and an alarm handler
excludes other alarms (not other requests). An event only reaches the incarnation that embodies the object.
"""

from __future__ import annotations

from ..trace import Step
from .base import Checker


class InputGate(Checker):
    """Follows what reaches each incarnation."""

    number = 18
    name = "input-gate"
    kinds = ("deliver", "load", "alarm", "alarm_done", "dead", "commit", "lost", "fault")

    def __init__(self) -> None:
        super().__init__()
        self._loading: dict[str, tuple[int, int]] = {}
        self._loaded: set[tuple[str, int]] = set()
        self._dead: dict[tuple[str, int], int] = {}
        self._alarms: dict[str, tuple[int, int]] = {}
        self._calls: dict[int, str] = {}
        self._refusing: set[str] = set()

    def step(self, number: int, step: Step) -> None:
        kind, _, key = step[:3]
        if kind == "alarm_done":
            self._alarms.pop(key, None)
            self._loading.pop(key, None)
            return
        if kind == "fault":
            if key == "version_skew":
                self._refusing.add(step[3])  # from now on it may refuse its rows, which is no step
            return
        if kind == "lost":
            self._loading.pop(self._calls.get(step[2], ""), None)  # it could not read its rows
            return
        incarnation = step[3]
        if kind == "dead":
            self._dead.setdefault((key, incarnation), number)
            self._loading.pop(key, None)
            if self._alarms.get(key, (0, 0))[0] == incarnation:
                del self._alarms[key]
        elif kind == "load":
            self._loading.pop(key, None)
            self._loaded.add((key, incarnation))
        elif kind == "commit":
            if step[5] and (key, incarnation) not in self._loaded and key in self._loading:
                self.violated(
                    f"incarnation {incarnation} of {key} commits before it has read its rows", number
                )
        else:
            self._event(number, step)

    def _event(self, number: int, step: Step) -> None:
        kind, _, key, incarnation = step[:4]
        died = self._dead.get((key, incarnation))
        if died is not None:
            self.violated(f"incarnation {incarnation} of {key} gets a {kind} after its death", died, number)
        loading = self._loading.get(key)
        if loading is not None and loading[0] == incarnation:
            self.violated(f"a {kind} reaches {key} while it reads its rows", loading[1], number)
        elif (key, incarnation) not in self._loaded and key not in self._refusing:
            self._loading[key] = (incarnation, number)
        if kind == "deliver":
            self._calls[step[4]] = key
        if kind == "alarm":
            running = self._alarms.get(key)
            if running is not None and running[0] == incarnation:
                self.violated(f"{key} handles an alarm and is given another", running[1], number)
            self._alarms[key] = (incarnation, number)
