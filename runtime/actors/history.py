"""HistoryDO: the archive of one run, and the version log of its history file.

Owns the events of a run once its WorkflowDO has let go of them, one row each, and one version entry per
append that added something. Invariants: event ids run from 1 without gaps; an event that is there never
changes; appending it again is nothing. A batch that would leave a gap is refused as retryable: its sender
keeps it, and a stuck archive is better than one with a hole.

    AppendEvents    store what is new, write a version
    ReadArchive     events after an id
    ReadVersions    the version log

Must not import a clock or an object store; moving large histories there is the host's affair.
"""

from __future__ import annotations

from typing import Any, Final

from ..actor import Actor, Alarm, Ok, Refusal, State, Turn
from ..host import Tables
from ..keys import HISTORY, encode_part
from ..messages.history import AppendEvents, ArchiveReply, ArchiveVersion, ReadArchive, ReadVersions
from ..messages.workflow import Poke
from ..records import record

OK: Final = Ok()


@record
class ArchivedRun:
    """Which run this is, and how far its archive goes."""

    namespace: str
    workflow_id: str
    run_id: str
    last_event_id: int = 0
    version_count: int = 0
    closed: bool = False


class HistoryState(State):
    """One archive's rows: tables ``event`` by id and ``version`` by number, and row ``run`` of ``meta``."""

    __slots__ = ()

    @property
    def run(self) -> ArchivedRun | None:
        """The run, once anything was appended."""
        return self.get("meta", "run")


class HistoryActor(Actor[HistoryState]):
    """The behaviour of every HistoryDO."""

    kind = HISTORY

    def __init__(self) -> None:
        self.handlers = {
            AppendEvents: _append,
            ReadArchive: _read,
            ReadVersions: _read_versions,
            Alarm: _nothing,
            Poke: _nothing,
        }

    def load(self, key: str, tables: Tables) -> HistoryState:
        """The archive ``key`` from its rows."""
        return HistoryState(key, tables)

    def next_alarm(self, state: HistoryState) -> int | None:
        """An archive does nothing by itself."""
        return None


def history_path(workflow_id: str) -> str:
    """The path of the file that shows a workflow's history."""
    return f"/.temporal/workflows/{encode_part(workflow_id)}/history.json"


def _append(state: HistoryState, message: AppendEvents, turn: Turn) -> Any:
    run = state.run
    if run is not None and run.run_id != message.run_id:
        return Refusal(code="wrong_run", message=f"this archive holds run {run.run_id}, not {message.run_id}")
    last = 0 if run is None else run.last_event_id
    new = [event for event in message.events if event.event_id > last]
    added = len(new)
    if [event.event_id for event in new] != list(range(last + 1, last + 1 + added)):
        return Refusal(
            code="gap",
            message=f"the archive ends at event {last}; the batch does not continue it",
            retryable=True,
            fields={"expected_event_id": last + 1},
        )
    closed = message.closed or (run is not None and run.closed)
    if run is not None and not added and closed == run.closed:
        return OK
    for event in new:
        turn.put("event", event.event_id, event)
    number = 0 if run is None else run.version_count
    if added:
        number += 1
        version = ArchiveVersion(
            number=number,
            last_event_id=last + added,
            appended_ns=turn.now,
            path=history_path(message.workflow_id),
        )
        turn.put("version", number, version)
    row = ArchivedRun(
        namespace=message.namespace,
        workflow_id=message.workflow_id,
        run_id=message.run_id,
        last_event_id=last + added,
        version_count=number,
        closed=closed,
    )
    turn.put("meta", "run", row)
    return OK


def _read(state: HistoryState, message: ReadArchive, turn: Turn) -> Any:
    run = state.run
    if run is None:
        return Refusal(code="not_found", message="nothing is archived for this run")
    events = state.table("event")
    first = max(message.after_event_id, 0) + 1
    last = run.last_event_id
    if message.event_count_max > 0:
        last = min(last, first + message.event_count_max - 1)
    return ArchiveReply(
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        events=tuple([events[event_id] for event_id in range(first, last + 1)]),
        closed=run.closed,
        last_event_id=run.last_event_id,
    )


def _read_versions(state: HistoryState, message: ReadVersions, turn: Turn) -> Any:
    run = state.run
    if run is None:
        return Refusal(code="not_found", message="nothing is archived for this run")
    return ArchiveReply(
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        closed=run.closed,
        versions=tuple(state.table("version").values()),
        last_event_id=run.last_event_id,
    )


def _nothing(state: HistoryState, message: Any, turn: Turn) -> Any:
    return OK
