"""9. A timer fires or is cancelled, never both, and nothing is left of it afterwards.

Source: Temporal's timer state machine. The row that would make it fire goes in the commit that records its
end.
"""

from __future__ import annotations

from typing import Any

from ..trace import Step
from .base import Checker
from .facts import TIMER_ENDS, run_of, short


class TimersOnce(Checker):
    """Counts the ends of every timer, buffered ones included."""

    number = 9
    name = "timers-once"
    kinds = ("commit",)
    tables = ("WorkflowDO.events", "WorkflowDO.buffered")

    def __init__(self) -> None:
        super().__init__()
        self._ended: dict[tuple[str, int], tuple[str, int]] = {}
        self._to_look_at: list[tuple[str, str, int]] = []

    def step(self, number: int, step: Step) -> None:
        # The rows are those after the commit that ended the timer and before this one.
        for key, timer_id, started in self._to_look_at:
            row = self.ledger.get(key, "timer", timer_id)
            if row is not None and row.started_event_id == started:
                self.violated(f"timer {timer_id!r} of {key} has ended and would fire again", number - 1)
        self._to_look_at.clear()

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None or row.event_type not in TIMER_ENDS:
            return
        attributes = row.attributes
        self._to_look_at.append((step[2], attributes.timer_id, attributes.started_event_id))
        if table == "buffered":
            return
        name = (run_of(table), attributes.started_event_id)
        earlier = self._ended.get(name)
        if earlier is not None:
            self.violated(
                f"timer {attributes.timer_id!r} of run {name[0]} has {short(earlier[0])} and "
                f"{short(row.event_type)}",
                earlier[1],
                number,
            )
        else:
            self._ended[name] = (row.event_type, number)
