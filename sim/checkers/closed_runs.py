"""12. A closed run accepts no events: the event that closes it is its last, and its status says which it was.

Source: Temporal's histories end with their close event; a parent, a schedule or a client that heard of the
close relies on it.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history.events import STATUS_OF_CLOSE
from ..trace import Step
from .base import Checker
from .facts import RUNNING, run_of, short


class ClosedRuns(Checker):
    """Watches what is written for runs after their close event."""

    number = 12
    name = "closed-runs"
    tables = ("WorkflowDO.events", "WorkflowDO.run", "WorkflowDO.buffered")

    def __init__(self) -> None:
        super().__init__()
        self._closed: dict[str, tuple[str, int, int]] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        if table == "run":
            self._status(number, key, row)
        elif table == "buffered":
            current = self.ledger.get(step[2], "meta", "current")
            if (
                current is not None
                and current.run_id in self._closed
                and self._closed[current.run_id][2] < number
            ):
                self.violated(f"something waits to enter run {current.run_id}, which is closed", number)
        else:
            run = run_of(table)
            closed = self._closed.get(run)
            if closed is not None:
                self.violated(
                    f"event {key} ({short(row.event_type)}) of run {run} comes after the run was closed",
                    closed[2],
                    number,
                )
            elif row.event_type in STATUS_OF_CLOSE:
                self._closed[run] = (row.event_type, key, number)

    def _status(self, number: int, run: str, row: Any) -> None:
        closed = self._closed.get(run)
        wanted = RUNNING if closed is None else STATUS_OF_CLOSE[closed[0]]
        if row.status != wanted:
            self.violated(f"run {run} has the status {row.status}, its history says {wanted}", number)
