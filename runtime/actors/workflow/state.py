"""A WorkflowDO's rows in memory, and what is derived from them.

Derived and never stored: the open run as a mutable object (written back as one row at the end of the
turn), a heap of timers, the queries that wait for a workflow task. Dropping all of it and loading the rows
again gives the same state.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import attrs

from ...actor import State, Turn
from ...errors import invariant
from ...history import HistoryEvent, SearchAttributes
from ...host import Tables
from ...policies import WorkflowStatus
from ...workflow_task import Query
from .rows import PendingTimer, RunRow, RunStart

RUNNING = WorkflowStatus.RUNNING.value

_FIELDS: tuple[str, ...] = tuple(field.name for field in attrs.fields(RunRow))  # type: ignore[arg-type]


class Run:
    """One run, mutable within a turn. Field meanings: :class:`RunRow`."""

    __slots__ = (*_FIELDS, "dirty", "events_table", "start")

    def __init__(self, row: RunRow, start: RunStart) -> None:
        for name in _FIELDS:
            object.__setattr__(self, name, getattr(row, name))
        self.start = start
        self.events_table = f"events:{row.run_id}"
        self.dirty = False

    # The fields are RunRow's; declared here for the type checker only.
    run_id: str
    status: str
    next_event_id: int
    history_size_bytes: int
    version: int
    task_state: str
    task_attempt: int
    task_scheduled_event_id: int
    task_started_event_id: int
    task_started_ns: int
    task_deadline_ns: int
    last_completed_event_id: int
    expires_ns: int
    cancel_requested: bool
    next_buffer_number: int
    search_attributes: SearchAttributes | None
    memo: Any
    last_task_failure: Any
    close_ns: int
    retained_until_ns: int
    new_run_id: str
    result: Any
    failure: Any

    @property
    def is_open(self) -> bool:
        """Can this run still change?"""
        return self.status == RUNNING

    def writer_of(self, event_id: int) -> str:
        """The run that wrote this event: others know what it asked for under that run's id."""
        for origin in self.start.origins:
            if event_id <= origin.last_event_id:
                return origin.run_id
        return self.run_id

    def to_row(self) -> RunRow:
        """This run as a row."""
        return RunRow(**{name: getattr(self, name) for name in _FIELDS})


class HistorySlice:
    """The history of one run up to a fixed event, read from the rows when asked."""

    __slots__ = ("_events", "_last", "_virtual")

    def __init__(self, events: Any, last_event_id: int, virtual: tuple[HistoryEvent, ...] = ()) -> None:
        self._events = events
        self._last = last_event_id
        self._virtual = virtual

    @property
    def last_event_id(self) -> int:
        """The id of the newest event of the slice."""
        return self._last + len(self._virtual)

    def after(self, event_id: int) -> Sequence[HistoryEvent]:
        """Every event of the slice with a greater id, in order."""
        events = self._events
        recorded = [events[number] for number in range(event_id + 1, self._last + 1)]
        return [*recorded, *(event for event in self._virtual if event.event_id > event_id)]


class WorkflowState(State):
    """Everything a WorkflowDO knows."""

    __slots__ = ("_runs", "current", "queries", "timers")

    def __init__(self, key: str, tables: Tables) -> None:
        super().__init__(key, tables)
        self._runs: dict[str, Run] = {}
        self.current: Run | None = None
        """The newest run, open or closed; None before the first start and after retention."""
        self.queries: list[Query] = []
        """Queries that wait until the workflow task in progress is over."""
        self.timers: list[tuple[int, int, str]] = []
        """Heap of (fire time, started event id, timer id); entries of cancelled timers stay until popped."""
        current = self.get("meta", "current")
        if current is not None:
            self.current = self.run(current.run_id)
        for timer in self.table("timer").values():
            self.timers.append((timer.fire_ns, timer.started_event_id, timer.timer_id))
        heapq.heapify(self.timers)

    @property
    def latest_ns(self) -> int:
        """The latest time that the open run has told its workflow code or written down; 0: there is none."""
        run = self.current
        if run is None or run.status != RUNNING:
            return 0
        events: Any = self.rows.get(run.events_table)
        last = None if events is None else events.get(run.next_event_id - 1)
        return run.task_started_ns if last is None else max(run.task_started_ns, last.event_time)

    def run(self, run_id: str) -> Run | None:
        """The run with this id, or the newest one for ""; None when this object does not hold it."""
        if not run_id:
            return self.current
        found = self._runs.get(run_id)
        if found is None:
            row, start = self.get("run", run_id), self.get("start", run_id)
            if row is None or start is None:
                return None
            found = self._runs[run_id] = Run(row, start)
        return found

    def open_run(self, run_id: str = "") -> Run | None:
        """The open run, if it is the one meant."""
        run = self.current
        if run is None or run.status != RUNNING or (run_id and run.run_id != run_id):
            return None
        return run

    def add_run(self, row: RunRow, start: RunStart) -> Run:
        """Make a new run the current one."""
        invariant(self.current is None or not self.current.is_open, "two open runs of one workflow id")
        run = self._runs[row.run_id] = Run(row, start)
        run.dirty = True
        self.current = run
        return run

    def forget_run(self, run_id: str) -> None:
        """Drop a run whose rows are gone."""
        self._runs.pop(run_id, None)
        if self.current is not None and self.current.run_id == run_id:
            self.current = None

    def write_back(self, turn: Turn) -> None:
        """Write every run that changed in this turn as its row."""
        for run in self._runs.values():
            if run.dirty:
                run.dirty = False
                turn.put("run", run.run_id, run.to_row())

    def add_timer(self, turn: Turn, timer: PendingTimer) -> None:
        """Arm a timer of the open run."""
        turn.put("timer", timer.timer_id, timer)
        heapq.heappush(self.timers, (timer.fire_ns, timer.started_event_id, timer.timer_id))

    def first_timer(self) -> PendingTimer | None:
        """The timer that fires next."""
        pending = self.table("timer")
        heap = self.timers
        while heap:
            fire_ns, started_event_id, timer_id = heap[0]
            timer: PendingTimer | None = pending.get(timer_id)
            if timer is not None and timer.started_event_id == started_event_id and timer.fire_ns == fire_ns:
                return timer
            heapq.heappop(heap)
        return None

    def slice(self, run: Run, virtual: tuple[HistoryEvent, ...] = ()) -> HistorySlice:
        """The run's history as it is now."""
        return HistorySlice(self.table(run.events_table), run.next_event_id - 1, virtual)
