"""2. Histories only grow: an event that was committed is never changed, and is the same wherever it is read.

Source: everything that was decided from a prefix (replay, an archive, what a client has read) relies on it.
The rows of a closed run go as a whole when its retention ends; those of its archive when it lies in the
object store, where it is written once, or when its time is over.
"""

from __future__ import annotations

from typing import Any

from ...runtime.messages.history import ArchiveReply
from ...runtime.messages.workflow import HistoryReply
from ..trace import Step
from .base import Checker
from .facts import run_of

ARCHIVES = "history/"
"""What the keys of archives in the object store begin with."""


class AppendOnly(Checker):
    """Compares every writing and reading of an event with its first writing."""

    number = 2
    name = "append-only"
    kinds = ("reply", "put_blob")
    tables = ("WorkflowDO.events", "HistoryDO.event", "HistoryDO.meta")

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, dict[int, Any]] = {}
        self._stored: set[str] = set()
        """The archives in the object store, by key."""
        self._expiry_ns: dict[str, int] = {}
        """Run id -> when its archive may go; not there: never."""

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if table == "event":
            run = step[2].rpartition("/")[2]
            if row is None:
                if not self._may_go(run, step):
                    self.violated(f"event {key} of the archive of {run} was deleted", number)
            else:
                self._compare(run, row, number, "archived")
            return
        if table == "meta":
            if row is not None and row.expires_ns:
                self._expiry_ns.setdefault(row.run_id, row.expires_ns)
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

    def _may_go(self, run: str, step: Step) -> bool:
        """May a commit delete the rows of an archive? If it says where else they lie, or their time is up."""
        said = next((row for name, key, row in step[5] if (name, key) == ("meta", "run")), self)
        if said is None:
            return self._is_over(run, step)
        return getattr(said, "blob_key", "") in self._stored

    def _is_over(self, run: str, step: Step) -> bool:
        expiry_ns = self._expiry_ns.get(run)
        return expiry_ns is not None and step[1] + self.skew_ns >= expiry_ns

    def _put(self, number: int, step: Step) -> None:
        _, _, _, key, size = step
        if not key.startswith(ARCHIVES):
            return
        if not size:
            run = key.rpartition("/")[2].removesuffix(".json")
            if not self._is_over(run, step):
                self.violated(f"the archive {key} was emptied before its time", number)
        elif key in self._stored:
            self.violated(f"the archive {key} was written again", number)
        else:
            self._stored.add(key)

    def step(self, number: int, step: Step) -> None:
        if step[0] == "put_blob":
            self._put(number, step)
            return
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
