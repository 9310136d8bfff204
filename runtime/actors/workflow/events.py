"""Appending to a run's history.

Owns event ids, sizes and the buffer: while a workflow task is started, what comes from outside waits in
the ``buffered`` table, so that the events a task was given don't change under it; when the task is over it
enters the history in arrival order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...actor import Turn
from ...history import EventType, HistoryEvent, Payload, UserMetadata
from ...payloads import text_payload
from ...records import evolve
from .rows import BufferedEvent
from .state import Run, WorkflowState

EVENT_OVERHEAD_BYTES = 64
BUFFERED = -1
"""Stands for the id of a start that is still in the buffer; replaced when the buffer is flushed."""

_STARTS = (EventType.ACTIVITY_TASK_STARTED, EventType.CHILD_WORKFLOW_EXECUTION_STARTED)


def append(
    state: WorkflowState,
    run: Run,
    turn: Turn,
    event_type: str,
    attributes: Any,
    *,
    summary: str = "",
    event_ns: int | None = None,
) -> int:
    """Add one event to the history of ``run``; its id."""
    event_id = run.next_event_id
    run.next_event_id = event_id + 1
    run.dirty = True
    run.history_size_bytes += EVENT_OVERHEAD_BYTES + payload_bytes(attributes)
    event = HistoryEvent(
        event_id=event_id,
        event_time=turn.now if event_ns is None else event_ns,
        event_type=event_type,
        attributes=attributes,
        user_metadata=_named(summary) if summary else None,
    )
    turn.put(run.events_table, event_id, event)
    return event_id


@lru_cache(maxsize=1024)
def _named(summary: str) -> UserMetadata:
    return UserMetadata(summary=text_payload(summary))


def arrive(state: WorkflowState, run: Run, turn: Turn, event_type: str, attributes: Any) -> bool:
    """Record what came from outside: at once, or in the buffer while a workflow task is started.

    True when it is in the history, so that a workflow task should see it.
    """
    if run.task_state != "started":
        append(state, run, turn, event_type, attributes)
        return True
    buffer(run, turn, event_type, attributes, turn.now)
    return False


def buffer(run: Run, turn: Turn, event_type: str, attributes: Any, event_ns: int) -> None:
    """Keep an event until the workflow task in progress is over."""
    number = run.next_buffer_number
    run.next_buffer_number = number + 1
    run.dirty = True
    row = BufferedEvent(number=number, event_type=event_type, attributes=attributes, event_ns=event_ns)
    turn.put("buffered", number, row)


def flush_buffer(state: WorkflowState, run: Run, turn: Turn) -> bool:
    """Move everything buffered into the history, oldest first; True when there was anything."""
    waiting = list(state.table("buffered").values())
    if not waiting:
        return False
    started: dict[int, int] = {}
    for event in waiting:
        attributes = event.attributes
        if getattr(attributes, "started_event_id", 0) == BUFFERED:
            attributes = evolve(attributes, started_event_id=started[_opened_by(attributes)])
        event_id = append(state, run, turn, event.event_type, attributes, event_ns=event.event_ns)
        if event.event_type in _STARTS:
            opened_by = _opened_by(attributes)
            started[opened_by] = event_id
            child = state.get("child", opened_by)
            if child is not None:
                turn.put("child", opened_by, evolve(child, started_event_id=event_id))
        turn.delete("buffered", event.number)
    run.next_buffer_number = 1
    return True


def _opened_by(attributes: Any) -> int:
    found: int = getattr(attributes, "scheduled_event_id", 0) or attributes.initiated_event_id
    return found


def payload_bytes(attributes: Any) -> int:
    """The bytes of payload data an event carries: what makes histories big."""
    total = 0
    for name in ("input", "result", "details"):
        value = getattr(attributes, name, None)
        if not value:
            continue
        if isinstance(value, tuple):
            total += sum(len(payload.data) for payload in value)
        elif isinstance(value, Payload):
            total += len(value.data)
        elif isinstance(value, dict):
            total += sum(len(payload.data) for payloads in value.values() for payload in payloads)
    return total
