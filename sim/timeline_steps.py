"""A history as steps: what the workflow did and what happened to it, each with a beginning and an end.

Owns the tables from event types to steps. An activity's or child's several events are one `Step`; a signal, a
marker, a failed workflow task is a step without length. Event types that no table names (of newer servers)
become such a step too, under their own name. Invariants: a step's `event_ids` count up; whatever a history
lacks (it may be damaged, or of a foreign SDK) shows as an empty name or a missing end, never as an error.
Must not import: anything that draws.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import attrs

from ..runtime.durations import SECOND
from ..runtime.history import EventType, Failure, History, HistoryEvent, Payload
from .causality import CLOSES, critical_path
from .causality import Step as PathStep
from .timeline_text import duration_text, plain

_E: Final = EventType
_BORING: Final = frozenset(
    {
        _E.WORKFLOW_EXECUTION_STARTED,
        _E.WORKFLOW_TASK_SCHEDULED,
        _E.WORKFLOW_TASK_STARTED,
        _E.WORKFLOW_TASK_COMPLETED,
        *CLOSES,
    }
)


@attrs.define(kw_only=True)
class Step:
    """One step. `name` is the user's, `detail` the registered type where that differs or the addressee.

    `outcome`: "" for what just happened, "open" for what has not ended, else a word (completed, failed, ...).
    `running_ns`: when the last attempt began, for what is retried. `note`: why it failed.
    """

    kind: str
    name: str
    start_ns: int
    end_ns: int | None = None
    detail: str = ""
    outcome: str = "open"
    running_ns: int | None = None
    attempts: int = 0
    note: str = ""
    critical: bool = False
    event_ids: list[int] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class Run:
    """A whole run. `status` is a word: running, completed, failed, ...; `waits` says where its time went:
    what was waited for and for how long, longest first, in nanoseconds."""

    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: str
    note: str
    start_ns: int
    end_ns: int
    events: int
    steps: tuple[Step, ...]
    waits: tuple[tuple[str, int], ...]


# --- what opens a step: event type -> (kind, name, detail) ---


def _activity(event: HistoryEvent) -> tuple[str, str, str]:
    kind = _type_name(event.attributes.activity_type)
    return "activity", _summary(event) or kind, kind


def _timer(event: HistoryEvent) -> tuple[str, str, str]:
    length = event.attributes.start_to_fire_timeout
    shown = "" if length is None else duration_text(length)
    return "timer", _summary(event) or f"#{event.attributes.timer_id}", shown


def _child(event: HistoryEvent) -> tuple[str, str, str]:
    return "child", event.attributes.workflow_id, _type_name(event.attributes.workflow_type)


def _signal_out(event: HistoryEvent) -> tuple[str, str, str]:
    return "signal out", event.attributes.signal_name, f"to {_target(event)}"


def _cancel_out(event: HistoryEvent) -> tuple[str, str, str]:
    return "cancel out", _target(event), ""


def _update(event: HistoryEvent) -> tuple[str, str, str]:
    found = getattr(event.attributes.accepted_request, "input", None)
    return "update", getattr(found, "name", "") or event.attributes.protocol_instance_id, ""


def _nexus(event: HistoryEvent) -> tuple[str, str, str]:
    return "nexus", f"{event.attributes.service}.{event.attributes.operation}", event.attributes.endpoint


_OPENS: Final[dict[str, Callable[[HistoryEvent], tuple[str, str, str]]]] = {
    _E.ACTIVITY_TASK_SCHEDULED: _activity,
    _E.TIMER_STARTED: _timer,
    _E.START_CHILD_WORKFLOW_EXECUTION_INITIATED: _child,
    _E.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _signal_out,
    _E.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _cancel_out,
    _E.WORKFLOW_EXECUTION_UPDATE_ACCEPTED: _update,
    _E.NEXUS_OPERATION_SCHEDULED: _nexus,
}

# What goes on with a step, or ends it: event type -> (the attribute that names its opening event, outcome).
_GOES_ON: Final[dict[str, tuple[str, str]]] = {
    _E.ACTIVITY_TASK_STARTED: ("scheduled_event_id", ""),
    _E.ACTIVITY_TASK_CANCEL_REQUESTED: ("scheduled_event_id", ""),
    _E.ACTIVITY_TASK_COMPLETED: ("scheduled_event_id", "completed"),
    _E.ACTIVITY_TASK_FAILED: ("scheduled_event_id", "failed"),
    _E.ACTIVITY_TASK_TIMED_OUT: ("scheduled_event_id", "timed out"),
    _E.ACTIVITY_TASK_CANCELED: ("scheduled_event_id", "cancelled"),
    _E.TIMER_FIRED: ("started_event_id", "fired"),
    _E.TIMER_CANCELED: ("started_event_id", "cancelled"),
    _E.START_CHILD_WORKFLOW_EXECUTION_FAILED: ("initiated_event_id", "not started"),
    _E.CHILD_WORKFLOW_EXECUTION_STARTED: ("initiated_event_id", ""),
    _E.CHILD_WORKFLOW_EXECUTION_COMPLETED: ("initiated_event_id", "completed"),
    _E.CHILD_WORKFLOW_EXECUTION_FAILED: ("initiated_event_id", "failed"),
    _E.CHILD_WORKFLOW_EXECUTION_CANCELED: ("initiated_event_id", "cancelled"),
    _E.CHILD_WORKFLOW_EXECUTION_TIMED_OUT: ("initiated_event_id", "timed out"),
    _E.CHILD_WORKFLOW_EXECUTION_TERMINATED: ("initiated_event_id", "terminated"),
    _E.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: ("initiated_event_id", "failed"),
    _E.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: ("initiated_event_id", "delivered"),
    _E.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: ("initiated_event_id", "failed"),
    _E.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: ("initiated_event_id", "delivered"),
    _E.WORKFLOW_EXECUTION_UPDATE_COMPLETED: ("accepted_event_id", "completed"),
    _E.NEXUS_OPERATION_STARTED: ("scheduled_event_id", ""),
    _E.NEXUS_OPERATION_CANCEL_REQUESTED: ("scheduled_event_id", ""),
    _E.NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED: ("scheduled_event_id", ""),
    _E.NEXUS_OPERATION_CANCEL_REQUEST_FAILED: ("scheduled_event_id", ""),
    _E.NEXUS_OPERATION_COMPLETED: ("scheduled_event_id", "completed"),
    _E.NEXUS_OPERATION_FAILED: ("scheduled_event_id", "failed"),
    _E.NEXUS_OPERATION_TIMED_OUT: ("scheduled_event_id", "timed out"),
    _E.NEXUS_OPERATION_CANCELED: ("scheduled_event_id", "cancelled"),
}


# --- what just happens: event type -> (kind, name, note) ---


def _signalled(event: HistoryEvent) -> tuple[str, str, str]:
    return "signal", event.attributes.signal_name, ""


def _cancel_requested(event: HistoryEvent) -> tuple[str, str, str]:
    return "cancel", "cancellation requested", event.attributes.cause


def _rejected(event: HistoryEvent) -> tuple[str, str, str]:
    found = getattr(event.attributes.rejected_request, "input", None)
    return (
        "update",
        getattr(found, "name", "") or "update",
        f"rejected: {failure_text(event.attributes.failure)}",
    )


def _upserted(event: HistoryEvent) -> tuple[str, str, str]:
    fields = getattr(event.attributes.search_attributes, "indexed_fields", {})
    return "search", ", ".join(sorted(fields)) or "search attributes", ""


def _memo(event: HistoryEvent) -> tuple[str, str, str]:
    return "memo", ", ".join(sorted(getattr(event.attributes.upserted_memo, "fields", {}))) or "memo", ""


def _task_failed(event: HistoryEvent) -> tuple[str, str, str]:
    cause = _words(event.attributes.cause, "WORKFLOW_TASK_FAILED_CAUSE_")
    return "task", cause or "workflow task failed", failure_text(event.attributes.failure)


def _task_timed_out(event: HistoryEvent) -> tuple[str, str, str]:
    return "task", "workflow task timed out", _words(event.attributes.timeout_type, "TIMEOUT_TYPE_")


_MARKERS: Final = {
    "core_patch": ("patch", "patch-data", "id"),
    "core_local_activity": ("local", "data", "activity_type"),
    "LocalActivity": ("local", "data", "ActivityType"),
    "Version": ("patch", "change-id", ""),
    "SideEffect": ("side effect", "", ""),
    "MutableSideEffect": ("side effect", "side-effect-id", ""),
}
# The Java SDK's names for the same details.
_ALSO: Final = {"data": "type", "change-id": "changeId"}


def _marker(event: HistoryEvent) -> tuple[str, str, str]:
    attributes = event.attributes
    kind, key, field = _MARKERS.get(attributes.marker_name, ("marker", "", ""))
    found = _json(attributes.details.get(key))
    if found is None:
        found = _json(attributes.details.get(_ALSO.get(key, "")))
    if isinstance(found, dict):
        found = found.get(field)
    name = _summary(event) or (found if isinstance(found, str) else "") or attributes.marker_name
    return kind, name, failure_text(attributes.failure)


_POINTS: Final[dict[str, Callable[[HistoryEvent], tuple[str, str, str]]]] = {
    _E.WORKFLOW_EXECUTION_SIGNALED: _signalled,
    _E.WORKFLOW_EXECUTION_CANCEL_REQUESTED: _cancel_requested,
    _E.WORKFLOW_EXECUTION_UPDATE_REJECTED: _rejected,
    _E.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: _upserted,
    _E.WORKFLOW_PROPERTIES_MODIFIED: _memo,
    _E.WORKFLOW_TASK_FAILED: _task_failed,
    _E.WORKFLOW_TASK_TIMED_OUT: _task_timed_out,
    _E.MARKER_RECORDED: _marker,
}


def read_run(history: History) -> Run:
    """The steps of a run, in the order they began, with those on its critical path marked."""
    steps: list[Step] = []
    opened: dict[int, Step] = {}
    of_event: dict[int, Step] = {}
    for event in history.events:
        number, kind = event.event_id, event.event_type
        if kind in _BORING:
            continue
        step: Step | None = None
        if kind in _GOES_ON:
            reference, outcome = _GOES_ON[kind]
            step = opened.get(getattr(event.attributes, reference, 0))
            if step is not None:
                _go_on(step, event, outcome)
        elif kind in _OPENS and event.attributes is not None:
            what, name, detail = _OPENS[kind](event)
            step = opened[number] = Step(
                kind=what,
                name=plain(name),
                detail=plain(detail) if detail != name else "",
                start_ns=event.event_time,
            )
            steps.append(step)
        if step is None:
            step = _point(event, steps)
        step.event_ids.append(number)
        of_event[number] = step
    path = critical_path(history)
    for edge in path:
        found = of_event.get(edge.next_event_id)
        if found is not None and found.outcome != "open":
            found.critical = True
    return _run(history, steps, _waits(path, of_event))


def _go_on(step: Step, event: HistoryEvent, outcome: str) -> None:
    attributes = event.attributes
    if event.event_type in (_E.ACTIVITY_TASK_STARTED, _E.CHILD_WORKFLOW_EXECUTION_STARTED):
        step.running_ns = event.event_time
        step.attempts = getattr(attributes, "attempt", 0)
        last = getattr(attributes, "last_failure", None)
        if last is not None:
            step.note = f"earlier attempts: {failure_text(last)}"
    if outcome:
        step.end_ns, step.outcome = event.event_time, outcome
        failure = getattr(attributes, "failure", None) or getattr(
            getattr(attributes, "outcome", None), "failure", None
        )
        if failure is not None:
            step.note = failure_text(failure)
            if outcome == "completed":
                step.outcome = "failed"
        elif getattr(attributes, "cause", ""):
            step.note = _words(attributes.cause, "")


def _point(event: HistoryEvent, steps: list[Step]) -> Step:
    reader = _POINTS.get(event.event_type)
    if reader is None or event.attributes is None:
        kind, name, note = "event", _words(event.event_type, "EVENT_TYPE_"), ""
    else:
        kind, name, note = reader(event)
    step = Step(
        kind=kind,
        name=plain(name),
        note=plain(note),
        start_ns=event.event_time,
        end_ns=event.event_time,
        outcome="",
    )
    if kind == "task":
        step.outcome, step.attempts = "failed", 1
        last = steps[-1] if steps else None
        if last is not None and (last.kind, last.name, last.note) == (kind, step.name, step.note):
            last.end_ns, last.attempts = event.event_time, last.attempts + 1
            return last
    elif kind == "local":
        step.outcome = "failed" if note else "completed"
        _local_times(event, step)
    elif note.startswith("rejected"):
        step.outcome = "rejected"
    steps.append(step)
    return step


def _local_times(event: HistoryEvent, step: Step) -> None:
    """When a local activity ran, where its marker says so; nothing else of a marker has a length."""
    data = _json(event.attributes.details.get("data"))
    if not isinstance(data, dict):
        return
    if isinstance(data.get("attempt"), int):
        step.attempts = data["attempt"]
    begun, ended = _time(data.get("original_schedule_time")), _time(data.get("complete_time"))
    if begun is not None and ended is not None and begun <= ended <= event.event_time + SECOND:
        step.start_ns, step.end_ns = begun, ended


def _waits(path: tuple[PathStep, ...], of_event: dict[int, Step]) -> tuple[tuple[str, int], ...]:
    """What the run waited for along its critical path, longest first."""
    waits: dict[str, int] = {}
    for edge in path:
        if edge.duration_ns <= 0:
            continue  # clocks of two servers, a little apart
        step = of_event.get(edge.next_event_id)
        if edge.reason == "outside":
            what = f"{step.kind} {step.name}" if step else "something outside"
        elif step is not None and edge.event_id in step.event_ids:
            what = f"{step.kind} {step.name}"
        else:
            what = "workflow tasks"
        waits[what] = waits.get(what, 0) + edge.duration_ns
    return tuple(sorted(waits.items(), key=lambda wait: -wait[1]))


def _run(history: History, steps: list[Step], waits: tuple[tuple[str, int], ...]) -> Run:
    started: Any = history.events[0].attributes if history.events else None
    last = history.events[-1] if history.events else None
    status = "running" if last is None or last.event_type not in CLOSES else _status(last)
    note = ""
    if last is not None and status not in ("running", "completed"):
        note = failure_text(getattr(last.attributes, "failure", None)) or getattr(
            last.attributes, "reason", ""
        )
    return Run(
        workflow_id=plain(history.workflow_id or getattr(started, "workflow_id", "")),
        run_id=plain(getattr(started, "original_execution_run_id", "")),
        workflow_type=plain(_type_name(getattr(started, "workflow_type", None))),
        task_queue=plain(getattr(getattr(started, "task_queue", None), "name", "")),
        status=status,
        note=plain(note),
        start_ns=history.events[0].event_time if history.events else 0,
        end_ns=last.event_time if last is not None else 0,
        events=len(history.events),
        steps=tuple(sorted(steps, key=lambda step: (step.start_ns, step.event_ids[0]))),
        waits=waits,
    )


# --- reading what may be missing ---


def failure_text(failure: Failure | None) -> str:
    """A failure and the cause under it, in one line: `ShippingError: no courier`."""
    if failure is None:
        return ""
    while failure.cause is not None and not failure.application_failure_info:
        failure = failure.cause
    info = failure.application_failure_info
    kind = info.type if info is not None else ""
    return plain(f"{kind}: {failure.message}" if kind and kind not in failure.message else failure.message)


def _status(event: HistoryEvent) -> str:
    word = _words(event.event_type, "EVENT_TYPE_WORKFLOW_EXECUTION_")
    return "cancelled" if word == "canceled" else word


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def _type_name(found: Any) -> str:
    return getattr(found, "name", "") or ""


def _target(event: HistoryEvent) -> str:
    return getattr(event.attributes.workflow_execution, "workflow_id", "") or ""


def _summary(event: HistoryEvent) -> str:
    payload = getattr(event.user_metadata, "summary", None)
    found = _json((payload,)) if payload is not None else None
    return found if isinstance(found, str) else ""


def _json(payloads: tuple[Payload, ...] | None) -> Any:
    """The first payload's JSON value; None where there is none or it is something else."""
    if not payloads:
        return None
    try:
        return json.loads(payloads[0].data)
    except (ValueError, RecursionError):
        return None


def _time(found: Any) -> int | None:
    if not isinstance(found, dict):
        return None
    seconds, nanos = found.get("seconds", 0), found.get("nanos", 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        return None
    return seconds * SECOND + nanos
