"""25. Nothing appears or disappears: what was started is closed or open, and every index and archive agrees.

Source: visibility is an index of histories, an archive a copy of one; the tables of a run's pending things,
leases and answered requests belong to runs that exist, and an executor keeps coroutines of open runs only.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history import EventType
from ...runtime.keys import ACTIVITY, HISTORY, VISIBILITY, WORKFLOW, history_key, workflow_key
from ..scenario import Violation
from ..trace import Step
from .base import Checker
from .facts import RUNNING, run_of

PER_RUN = ("timer", "activity", "child", "external", "buffered")


class Conservation(Checker):
    """Compares the tables of all objects when the world has come to rest."""

    number = 25
    name = "conservation"
    kinds = ("put_blob",)
    tables = ("WorkflowDO.events", "WorkflowDO.run")

    def __init__(self) -> None:
        super().__init__()
        self._started: dict[str, int] = {}
        self._forgotten: set[str] = set()
        self._blobs: set[str] = set()

    def step(self, number: int, step: Step) -> None:
        self._blobs.add(step[3])

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if table == "run":
            if row is None:
                self._forgotten.add(key)
        elif key == 1 and row is not None and row.event_type == EventType.WORKFLOW_EXECUTION_STARTED:
            self._started[run_of(table)] = number

    def finish(self) -> list[Violation]:
        if not self.settled:
            return self.violations
        runs: dict[str, Any] = {}
        unsaid: dict[str, Any] = {}
        for key in self.ledger.of_kind(WORKFLOW):
            table = self.ledger.table(key, "run")
            runs.update(table)
            if self.ledger.table(key, "outbox"):
                unsaid.update(table)
            self._workflow(key, table)
        for run_id, number in self._started.items():
            if run_id not in runs and run_id not in self._forgotten:
                self.violated(f"run {run_id} was started and is neither open nor closed", number)
        self._visibility(runs, unsaid)
        self._archives()
        self._leases()
        self._coroutines(runs)
        return self.violations

    def _archives(self) -> None:
        """Each archive is whole, in its rows or in the object store, and where it is to lie."""
        for key in self.ledger.of_kind(HISTORY):
            run = self.ledger.get(key, "meta", "run")
            rows = len(self.ledger.table(key, "event"))
            if run is None:
                if rows:
                    self.violated(f"{key} has {rows} events of no run")
            elif run.problem:
                self.violated(f"{key} is not where it is to lie: {run.problem}")
            elif run.blob_key:
                if run.blob_key not in self._blobs or rows:
                    self.violated(f"{key} lies in the object store, where it is not, or has rows as well")
            elif rows != run.last_event_id:
                self.violated(f"{key} has {rows} events and counts {run.last_event_id}")
            elif run.is_to_be_stored and not self._is_busy(run):
                self.violated(f"{key} was never moved to the object store")

    def _is_busy(self, run: Any) -> bool:
        return bool(self.ledger.table(workflow_key(run.namespace, run.workflow_id), "outbox"))

    def _workflow(self, key: str, runs: Any) -> None:
        is_open = any(run.status == RUNNING for run in runs.values())
        for name in PER_RUN:
            if not is_open and self.ledger.table(key, name):
                self.violated(f"{key} has no open run and rows in table {name!r}")
        for name in ("request", "update"):
            for request_id, row in self.ledger.table(key, name).items():
                if row.run_id not in runs:
                    self.violated(f"{key} remembers {name} {request_id} of run {row.run_id}, which is gone")
        busy = self.ledger.table(key, "outbox")
        for run_id, run in runs.items():
            start = self.ledger.get(key, "start", run_id)
            events = self.ledger.table(key, f"events:{run_id}")
            if len(events) != run.next_event_id - 1:
                self.violated(f"run {run_id} has {len(events)} events and counts {run.next_event_id - 1}")
            if run.status != RUNNING and not busy:
                archive = history_key(start.namespace, run_id)
                archived = self.ledger.get(archive, "meta", "run")
                if archived is None or not archived.closed or archived.last_event_id != len(events):
                    self.violated(f"run {run_id} is closed and {HISTORY} has not archived all of it")

    def _visibility(self, runs: dict[str, Any], unsaid: dict[str, Any]) -> None:
        listed: dict[str, Any] = {}
        for key in self.ledger.of_kind(VISIBILITY):
            listed.update(self.ledger.table(key, "execution"))
        for run_id, run in runs.items():
            found = listed.get(run_id)
            if run_id in unsaid:
                continue  # its object has messages to deliver; this may be one of them
            if found is None:
                self.violated(f"run {run_id} is not listed")
            elif (found.status, found.version, found.close_ns or 0) != (
                run.status,
                run.version,
                run.close_ns,
            ):
                self.violated(f"run {run_id} is {run.status} and listed as {found.status}")
            elif run.status != RUNNING and found.history_length != run.next_event_id - 1:
                count = run.next_event_id - 1
                self.violated(f"run {run_id} has {count} events and is listed with {found.history_length}")
        for run_id in listed:
            if run_id not in runs:
                self.violated(f"run {run_id} is listed and nobody holds it")

    def _coroutines(self, runs: dict[str, Any]) -> None:
        """A cache may forget a run at any time; it must not keep one that is over."""
        for run_id in () if self.world is None else self.world.cached:
            run = runs.get(run_id)
            if run is None or run.status != RUNNING:
                self.violated(f"run {run_id} is over, and an executor keeps its coroutine")

    def _leases(self) -> None:
        for key in self.ledger.of_kind(ACTIVITY):
            lease = self.ledger.get(key, "activity", "lease")
            if lease is None:
                continue
            attempt = self.ledger.get(key, "activity", "attempt")
            if attempt is None or attempt.phase != "started":
                self.violated(f"{key} holds a lease and runs no attempt")
            elif lease.expires_ns < self.end_ns - self.skew_ns:
                self.violated(f"{key} holds a lease that is over")
