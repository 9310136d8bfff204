"""The archive of one run in the object store: written once, compared, read back, emptied.

Owns what is put there (the history in Temporal's JSON: the same run gives the same bytes, so whoever writes
it first has written the right thing) and when the rows may go. Invariants: rows go only after what lies in
the store has been seen to be theirs, by whoever it was written; different content under the key is never
overwritten, and never believed: the rows stay, and it is told. A reader gets what was stored or an error,
never something else.

Everything here is asked for again by whoever needs it (the sender of the last events, the reader, the alarm),
so a task that is lost with the object's memory is no loss. Must not import a host.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from ..actor import BlobDone, BlobTask, Deferred, Ok, Refusal, Turn
from ..history import History, HistoryEvent
from ..messages.history import ArchiveReply
from ..records import evolve
from .history_rows import EVENT, META, RUN, VERSION, ArchivedRun, HistoryState, blob_key

OK: Final = Ok()
STORED: Final = "stored"
EMPTIED: Final = "emptied"
NOTHING: Final = b""
"""What is put in place of an archive whose time is over."""


def store(state: HistoryState, run: ArchivedRun, turn: Turn) -> Deferred:
    """Begin to move the events to the object store, unless that is under way."""
    if not state.storing:
        state.storing = True
        turn.execute(BlobTask(key=blob_key(run), data=_content(_events(state)), once=True, token=STORED))
    return Deferred(STORED)


def fetch(state: HistoryState, run: ArchivedRun, first: int, last: int, turn: Turn) -> Deferred:
    """Begin to read events from the object store."""
    token = f"read:{len(state.reads)}:{first}:{last}"
    if token not in state.reads:
        state.reads[token] = (first, last)
        turn.execute(BlobTask(key=run.blob_key, token=token))
    return Deferred(token)


def expire(state: HistoryState, run: ArchivedRun, turn: Turn, again_ns: int) -> None:
    """The time of the archive is over: delete it. What lies in the object store is emptied first; until that
    is done it is tried again at ``again_ns``."""
    if not run.blob_key and not run.is_to_be_stored:
        _forget(state, turn)
        return
    turn.put(META, RUN, evolve(run, expires_ns=again_ns))
    turn.execute(BlobTask(key=blob_key(run), data=NOTHING, token=EMPTIED))


def blob_done(state: HistoryState, message: BlobDone, turn: Turn) -> Ok:
    """The object store has answered, or not."""
    token, run = message.task.token, state.run
    if token == STORED:
        state.storing = False
        turn.resolve(STORED, _stored(state, run, message, turn))
    elif token == EMPTIED:
        if run is not None and not message.error:
            _forget(state, turn)
    else:
        first, last = state.reads.pop(token)
        turn.resolve(token, _read(run, message, first, last))
    return OK


def _stored(state: HistoryState, run: ArchivedRun | None, message: BlobDone, turn: Turn) -> Ok | Refusal:
    if message.error:
        return _unavailable(message.error)
    if run is None or not run.is_to_be_stored:
        return OK
    data = message.task.data if message.found is None else message.found
    if _history(data) != _events(state):
        problem = f"the object store has something else under {message.task.key}; it is not touched"
        turn.put(META, RUN, evolve(run, problem=problem))
        _tell(f"run {run.run_id} of workflow {run.workflow_id!r}: {problem}, and the history stays in rows")
        return Refusal(code="archive_conflict", message=problem)
    turn.drop_table(EVENT)
    turn.put(META, RUN, evolve(run, blob_key=message.task.key, blob_hash=_hash(data or NOTHING)))
    return OK


def _read(run: ArchivedRun | None, message: BlobDone, first: int, last: int) -> ArchiveReply | Refusal:
    if message.error:
        return _unavailable(message.error)
    if run is None:
        return Refusal(code="not_found", message="the archive's retention is over")
    if message.found is None or _hash(message.found) != run.blob_hash:
        lost = "nothing" if message.found is None else "something else"
        return Refusal(code="archive_damaged", message=f"the object store has {lost} under {run.blob_key}")
    events = _history(message.found) or ()
    return archive_reply(run, events[first - 1 : last])


def archive_reply(run: ArchivedRun, events: tuple[HistoryEvent, ...] = (), **fields: Any) -> ArchiveReply:
    """What the archive of ``run`` says of itself, with these events."""
    return ArchiveReply(
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        events=events,
        closed=run.closed,
        last_event_id=run.last_event_id,
        blob_key=run.blob_key,
        problem=run.problem,
        **fields,
    )


def _forget(state: HistoryState, turn: Turn) -> None:
    for table in (EVENT, VERSION, META):
        turn.drop_table(table)


def _unavailable(error: str) -> Refusal:
    return Refusal(code="archive_unavailable", message=error, retryable=True)


def _events(state: HistoryState) -> tuple[HistoryEvent, ...]:
    return tuple(state.table(EVENT).values())


def _content(events: tuple[HistoryEvent, ...]) -> bytes:
    from ..history.protojson import write_history

    return write_history(History(events=events)).encode()


def _history(data: bytes | None) -> tuple[HistoryEvent, ...] | None:
    """The events that are written in ``data``; None if it is no history."""
    from ..errors import HistoryReadError
    from ..history.protojson import read_history

    try:
        return read_history(data or NOTHING).events
    except HistoryReadError:
        return None


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _tell(text: str) -> None:
    import logging

    logging.getLogger("temporal_do.archive").error(text)
