"""Does a history hang together? Checked before anything relies on its event ids.

Owns: the table of references between events. Invariants: checks what every Temporal service writes (ids
count up, an activity's end names its scheduling, ...), and tolerates what real tools got wrong
harmlessly (the id of the completed workflow task). Must not import: anything but the records.
"""

from __future__ import annotations

from typing import Final

from ..errors import HistoryReadError
from .events import ATTRIBUTES, EventType, History, HistoryEvent

_T: Final = EventType

# event type -> field -> the types of event the field may name
REFERENCES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    _T.WORKFLOW_TASK_STARTED: {"scheduled_event_id": (_T.WORKFLOW_TASK_SCHEDULED,)},
    **dict.fromkeys(
        (_T.WORKFLOW_TASK_COMPLETED, _T.WORKFLOW_TASK_TIMED_OUT, _T.WORKFLOW_TASK_FAILED),
        {
            "scheduled_event_id": (_T.WORKFLOW_TASK_SCHEDULED,),
            "started_event_id": (_T.WORKFLOW_TASK_STARTED,),
        },
    ),
    _T.ACTIVITY_TASK_STARTED: {"scheduled_event_id": (_T.ACTIVITY_TASK_SCHEDULED,)},
    _T.ACTIVITY_TASK_CANCEL_REQUESTED: {"scheduled_event_id": (_T.ACTIVITY_TASK_SCHEDULED,)},
    **dict.fromkeys(
        (
            _T.ACTIVITY_TASK_COMPLETED,
            _T.ACTIVITY_TASK_FAILED,
            _T.ACTIVITY_TASK_TIMED_OUT,
            _T.ACTIVITY_TASK_CANCELED,
        ),
        {
            "scheduled_event_id": (_T.ACTIVITY_TASK_SCHEDULED,),
            "started_event_id": (_T.ACTIVITY_TASK_STARTED,),
        },
    ),
    _T.TIMER_FIRED: {"started_event_id": (_T.TIMER_STARTED,)},
    _T.TIMER_CANCELED: {"started_event_id": (_T.TIMER_STARTED,)},
    _T.CHILD_WORKFLOW_EXECUTION_STARTED: {
        "initiated_event_id": (_T.START_CHILD_WORKFLOW_EXECUTION_INITIATED,)
    },
    _T.START_CHILD_WORKFLOW_EXECUTION_FAILED: {
        "initiated_event_id": (_T.START_CHILD_WORKFLOW_EXECUTION_INITIATED,)
    },
    **dict.fromkeys(
        (
            _T.CHILD_WORKFLOW_EXECUTION_COMPLETED,
            _T.CHILD_WORKFLOW_EXECUTION_FAILED,
            _T.CHILD_WORKFLOW_EXECUTION_CANCELED,
            _T.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
            _T.CHILD_WORKFLOW_EXECUTION_TERMINATED,
        ),
        {
            "initiated_event_id": (_T.START_CHILD_WORKFLOW_EXECUTION_INITIATED,),
            "started_event_id": (_T.CHILD_WORKFLOW_EXECUTION_STARTED,),
        },
    ),
    **dict.fromkeys(
        (_T.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, _T.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED),
        {"initiated_event_id": (_T.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,)},
    ),
    **dict.fromkeys(
        (
            _T.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
            _T.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED,
        ),
        {"initiated_event_id": (_T.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,)},
    ),
    _T.WORKFLOW_EXECUTION_UPDATE_COMPLETED: {"accepted_event_id": (_T.WORKFLOW_EXECUTION_UPDATE_ACCEPTED,)},
    **dict.fromkeys(
        (
            _T.NEXUS_OPERATION_STARTED,
            _T.NEXUS_OPERATION_COMPLETED,
            _T.NEXUS_OPERATION_FAILED,
            _T.NEXUS_OPERATION_CANCELED,
            _T.NEXUS_OPERATION_TIMED_OUT,
            _T.NEXUS_OPERATION_CANCEL_REQUESTED,
        ),
        {"scheduled_event_id": (_T.NEXUS_OPERATION_SCHEDULED,)},
    ),
}


def check_history(history: History, *, file: str = "") -> None:
    """Raise HistoryReadError for the first thing in `history` that no Temporal service writes.

    Checked: there are events, their ids count up by one, the first is WorkflowExecutionStarted (where ids
    begin with 1), attributes belong to their event's type, references name an earlier event of the right
    type (0 and negative ids mean "none"). `file` is the name errors show.
    """
    events = history.events
    if not events:
        raise HistoryReadError("has no events", file=file)
    first = events[0].event_id
    types: dict[int, str] = {}
    for index, event in enumerate(events):
        problem = _problem(event, first + index, types)
        if index == 0 and first == 1 and event.event_type != EventType.WORKFLOW_EXECUTION_STARTED:
            problem = problem or "the first event is not EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
        if problem:
            position = f"events[{index}] (event {event.event_id} {event.event_type})"
            raise HistoryReadError(problem, file=file, position=position)
        types[event.event_id] = event.event_type


def _problem(event: HistoryEvent, expected_id: int, types: dict[int, str]) -> str:
    if event.event_id != expected_id or expected_id < 1:
        expected = max(expected_id, 1)
        return f"the event id is {event.event_id} instead of {expected}: events are missing or out of order"
    found = ATTRIBUTES.get(event.event_type)
    if found is None:
        return ""
    if event.attributes is None:
        return "the event has no attributes"
    kind = type(event.attributes).__name__
    if kind != found[1]:
        return f"the attributes are those of another event type ({kind})"
    first = expected_id - len(types)
    for field, allowed in REFERENCES.get(event.event_type, {}).items():
        reference = getattr(event.attributes, field)
        if reference < first:
            continue  # none, or before the beginning of a history that starts in the middle
        if reference >= event.event_id:
            return f"{field} {reference} does not name an earlier event"
        if types[reference] not in allowed:
            return (
                f"{field} {reference} names an event of type {types[reference]}, not {' or '.join(allowed)}"
            )
    return ""
