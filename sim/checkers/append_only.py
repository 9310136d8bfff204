"""2. Histories only grow: an event that was committed is never changed, and is the same wherever it is read.

Source: everything that was decided from a prefix (replay, an archive, what a client has read) relies on it.
The rows of a closed run go as a whole when its retention ends.
"""

from __future__ import annotations

from typing import Any

from ...runtime.messages.history import ArchiveReply
from ...runtime.messages.workflow import HistoryReply
from ..trace import Step
from .base import Checker
from .facts import run_of


class AppendOnly(Checker):
    """Compares every writing and reading of an event with its first writing."""

    number = 2
    name = "append-only"
    kinds = ("reply",)
    tables = ("WorkflowDO.events", "HistoryDO.event")

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, dict[int, Any]] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if table == "event":
            run = step[2].rpartition("/")[2]
            if row is None:
                self.violated(f"event {key} of the archive of {run} was deleted", number)
            else:
                self._compare(run, row, number, "archived")
            return
        run = run_of(table)
        if row is None:
            if not any(name == "run" and each == run and gone is None for name, each, gone in step[5]):
                self.violated(f"event {key} of run {run} was deleted and the run was not", number)
            return
        known = self._events.setdefault(run, {})
        if key in known:
            self._compare(run, row, number, "written again")
        else:
            known[key] = row

    def step(self, number: int, step: Step) -> None:
        reply = step[5]
        if isinstance(reply, HistoryReply | ArchiveReply):
            for event in reply.events:
                self._compare(reply.run_id, event, number, "read")

    def _compare(self, run: str, event: Any, number: int, how: str) -> None:
        known = self._events.get(run, {}).get(event.event_id)
        if known is None:
            self.violated(f"event {event.event_id} of run {run} was {how} and never committed", number)
        elif event is not known and event != known:
            self.violated(
                f"event {event.event_id} of run {run} was committed as {known!r} and {how} as {event!r}",
                number,
            )
