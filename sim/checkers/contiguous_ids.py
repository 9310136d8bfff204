"""1. Event ids are contiguous: the n-th event of a run has the id n, in the run and in its archive.

Source: Temporal's history is a sequence without gaps; replayers index it by id.
"""

from __future__ import annotations

from typing import Any

from ..trace import Step
from .base import Checker
from .facts import run_of


class ContiguousIds(Checker):
    """Watches the event rows of workflows and archives."""

    number = 1
    name = "contiguous-ids"
    tables = ("WorkflowDO.events", "WorkflowDO.run", "HistoryDO.event", "HistoryDO.meta")

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, int] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        if table == "run":
            last = self._last.get(row.run_id, 0)
            if row.next_event_id != last + 1:
                self.violated(
                    f"run {row.run_id} says its next event is {row.next_event_id}, but it has {last}", number
                )
        elif table == "meta":
            last = self._last.get(step[2], 0)
            if row.last_event_id != last:
                self.violated(f"{step[2]} says it ends at {row.last_event_id}, but it has {last}", number)
        else:
            run = run_of(table) if table != "event" else step[2]
            last = self._last.get(run, 0)
            if row.event_id != key:
                self.violated(f"event {row.event_id} of {run} lies under number {key}", number)
            elif key == last + 1:
                self._last[run] = key
            elif key > last:
                self.violated(f"event {key} of {run} follows event {last}", number)
                self._last[run] = key
