"""HistoryDO: the archive of one run, and the version log of its history file.

Owns the events of a run once its WorkflowDO has let go of them, one row each, and one version entry per
append that added something; and where the events of a closed run lie: in rows, or in the object store (see
``history_store``), for as long as its policy says. Invariants: event ids run from 1 without gaps; an event
that is there never changes; appending it again is nothing. A batch that would leave a gap is refused as
retryable: its sender keeps it, and a stuck archive is better than one with a hole. The last batch is
acknowledged when the events lie where they are to stay, so its sender drives what failed.

    AppendEvents    store what is new, write a version
    ReadArchive     events after an id
    ReadVersions    the version log
    Alarm           the end of the retention

Must not import a clock or a host.
"""

from __future__ import annotations

from typing import Any, Final

from ..actor import Actor, Alarm, BlobDone, Ok, Refusal, Turn
from ..archiving import DEFAULT
from ..durations import HOUR, MINUTE
from ..host import Tables
from ..keys import HISTORY, visibility_key, visibility_shard
from ..messages.history import AppendEvents, ArchiveVersion, ReadArchive, ReadVersions
from ..messages.visibility import RecordExpiry
from ..messages.workflow import Poke
from .history_rows import EVENT, META, RUN, VERSION, ArchivedRun, HistoryState, history_path
from .history_store import archive_reply, blob_done, expire, fetch, store

OK: Final = Ok()
EXPIRY_PAUSE_NS: Final = 10 * MINUTE
"""So long after a deletion that may have failed it is tried again."""
EXPIRY_GRACE_NS: Final = HOUR
"""So long after its time an archive that is still there has lost its alarm, perhaps."""


class HistoryActor(Actor[HistoryState]):
    """The behaviour of every HistoryDO."""

    kind = HISTORY

    def __init__(self) -> None:
        self.handlers = {
            AppendEvents: _append,
            ReadArchive: _read,
            ReadVersions: _read_versions,
            BlobDone: blob_done,
            Alarm: _do_what_is_due,
            Poke: _poked,
        }

    def load(self, key: str, tables: Tables) -> HistoryState:
        """The archive ``key`` from its rows."""
        return HistoryState(key, tables)

    def next_alarm(self, state: HistoryState) -> int | None:
        """The end of the retention, if it has one: an archive does nothing else by itself."""
        run = state.run
        return None if run is None or not run.expires_ns else run.expires_ns


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
    if added and run is not None and run.blob_key:
        return Refusal(code="closed", message=f"the archive of run {run.run_id} is complete")
    was_closed = run is not None and run.closed
    if run is None or added or message.closed and not was_closed:
        run = _appended(state, run, message, new, turn)
    return store(state, run, turn) if run.is_to_be_stored else OK


def _appended(
    state: HistoryState, run: ArchivedRun | None, message: AppendEvents, new: list[Any], turn: Turn
) -> ArchivedRun:
    last = 0 if run is None else run.last_event_id
    for event in new:
        turn.put(EVENT, event.event_id, event)
    number = 0 if run is None else run.version_count
    if new:
        number += 1
        version = ArchiveVersion(
            number=number,
            last_event_id=last + len(new),
            appended_ns=turn.now,
            path=history_path(message.workflow_id),
        )
        turn.put(VERSION, number, version)
    end: dict[str, Any] = {}
    if run is not None and run.closed:
        end = {"closed_ns": run.closed_ns, "size_bytes": run.size_bytes, "archive": run.archive}
        end["expires_ns"] = run.expires_ns
    elif message.closed:
        retention_ns = (message.archive or DEFAULT).retention_ns
        end = {"closed_ns": turn.now, "size_bytes": message.size_bytes, "archive": message.archive}
        end["expires_ns"] = 0 if retention_ns is None else turn.now + retention_ns
        if retention_ns is not None:
            shard = visibility_key(message.namespace, visibility_shard(message.workflow_id))
            turn.send(shard, RecordExpiry(key=state.key, due_ns=end["expires_ns"] + EXPIRY_GRACE_NS))
    row = ArchivedRun(
        namespace=message.namespace,
        workflow_id=message.workflow_id,
        run_id=message.run_id,
        last_event_id=last + len(new),
        version_count=number,
        closed=message.closed or (run is not None and run.closed),
        **end,
    )
    turn.put(META, RUN, row)
    return row


def _read(state: HistoryState, message: ReadArchive, turn: Turn) -> Any:
    run = state.run
    if run is None:
        return Refusal(code="not_found", message="nothing is archived for this run")
    first = max(message.after_event_id, 0) + 1
    last = run.last_event_id
    if message.event_count_max > 0:
        last = min(last, first + message.event_count_max - 1)
    if run.blob_key and first <= last:
        return fetch(state, run, first, last, turn)
    events = state.table(EVENT)
    return archive_reply(run, tuple([events[event_id] for event_id in range(first, last + 1)]))


def _read_versions(state: HistoryState, message: ReadVersions, turn: Turn) -> Any:
    run = state.run
    if run is None:
        return Refusal(code="not_found", message="nothing is archived for this run")
    return archive_reply(run, versions=tuple(state.table(VERSION).values()))


def _do_what_is_due(state: HistoryState, message: Any, turn: Turn) -> Any:
    run = state.run
    if run is not None and run.expires_ns and run.expires_ns <= turn.now:
        expire(state, run, turn, turn.now + EXPIRY_PAUSE_NS)
    return OK


def _poked(state: HistoryState, message: Poke, turn: Turn) -> Any:
    """The alarm of the retention may have been lost. As long as there is anything to delete in time, the
    archive itself is what the sweep waits for."""
    _do_what_is_due(state, message, turn)
    run = state.run
    return (state.key,) if run is not None and run.expires_ns and message.closed_run_id else OK
