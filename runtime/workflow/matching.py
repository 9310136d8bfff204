"""Do the commands a replay issued fit the events that record a task's commands?

Owns the table from a command's class to the event that records it and the comparison of the two. This is the
hot path of replay: the common case allocates nothing. A comparison returns None, or the differences by
aspect; ``identity`` is never a matter of strictness. Imports no run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..commands import (
    AcceptUpdate,
    CancelTimer,
    CancelWorkflow,
    CompleteUpdate,
    CompleteWorkflow,
    ContinueAsNew,
    FailWorkflow,
    ModifyProperties,
    RecordMarker,
    RejectUpdate,
    RequestCancelActivity,
    RequestCancelExternalWorkflow,
    ScheduleActivity,
    SignalExternalWorkflow,
    StartChildWorkflow,
    StartTimer,
    UpsertSearchAttributes,
)
from ..history.activity import ActivityTaskCancelRequested, ActivityTaskScheduled
from ..history.child import StartChildWorkflowExecutionInitiated
from ..history.external import (
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
)
from ..history.marker import MarkerRecorded
from ..history.properties import UpsertWorkflowSearchAttributes, WorkflowPropertiesModified
from ..history.timer import TimerCanceled, TimerStarted
from ..history.update import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted
from ..history.workflow import (
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
)
from ..redacted import is_redacted, is_redacted_failure
from .machines.local_activity import LOCAL_ACTIVITY, local_number
from .machines.marker import PATCH, patch_of, read_json

if TYPE_CHECKING:
    from ..history import HistoryEvent, Payload
    from .instance import WorkflowRun
    from .issued import Issued
    from .strictness import Strictness


class Difference:
    """One aspect in which a command and the event that should record it differ."""

    __slots__ = ("aspect", "name", "recorded", "replayed")

    def __init__(self, aspect: str, name: str, recorded: Any, replayed: Any) -> None:
        self.aspect = aspect
        self.name = name
        self.recorded = recorded
        self.replayed = replayed


class Mismatch:
    """The first place where commands and events part: positions in both lists, and the differences if the two
    still are the same kind of step."""

    __slots__ = ("differences", "issued_at", "recorded_at")

    def __init__(self, issued_at: int, recorded_at: int, differences: Sequence[Difference] = ()) -> None:
        self.issued_at = issued_at
        self.recorded_at = recorded_at
        self.differences = differences


Differences = list[Difference] | None


def match_commands(
    issued: Sequence[Issued],
    recorded: Sequence[HistoryEvent],
    strictness: Strictness | None,
    run: WorkflowRun,
) -> Mismatch | None:
    """Match one by one and tell each machine its event; the first mismatch, or None.

    ``strictness`` None: look at identity only.
    """
    at = 0
    count = len(issued)
    for position, event in enumerate(recorded):
        attributes = event.attributes
        differences: Differences = None
        while at < count and type(issued[at].command) is RejectUpdate:
            at += 1
        if at < count:
            each = issued[at]
            expected, compare = MATCHERS[type(each.command)]
            if type(attributes) is expected:
                differences = compare(each.command, attributes, event)
                if expected is ActivityTaskCancelRequested:
                    differences = _cancel_of(each.machine, attributes, run)
                if differences is not None:
                    differences = _judged(differences, strictness, run, at, position)
                if differences is None:
                    each.machine.recorded(event)
                    at += 1
                    continue
        if _is_optional(attributes):
            continue
        return Mismatch(at, position, differences or ())
    while at < count and type(issued[at].command) is RejectUpdate:
        at += 1
    return Mismatch(at, len(recorded)) if at < count else None


def _cancel_of(machine: Any, attributes: ActivityTaskCancelRequested, run: WorkflowRun) -> Differences:
    """The event names the activity by its event, which only the run can translate."""
    recorded = run.by_event.get(attributes.scheduled_event_id)
    if recorded is machine.target:
        return None
    known = recorded.command.activity_id if recorded is not None else "?"
    return [Difference("identity", "activity id", known, machine.target.command.activity_id)]


def _judged(
    differences: list[Difference], strictness: Strictness | None, run: WorkflowRun, at: int, position: int
) -> Differences:
    errors: list[Difference] = []
    warnings: list[Difference] = []
    for difference in differences:
        if difference.aspect == "identity":
            errors.append(difference)
        elif strictness is not None:
            level = strictness.level(difference.aspect)
            if level == "error":
                errors.append(difference)
            elif level == "warning":
                warnings.append(difference)
    if warnings and not errors:
        if run.warnings is None:
            run.warnings = []
        run.warnings.append(Mismatch(at, position, warnings))
    return errors or None


def _is_optional(attributes: Any) -> bool:
    """May the code leave this out? A deprecated patch, and the search attribute that lists patches."""
    kind = type(attributes)
    if kind is MarkerRecorded:
        patch = patch_of(attributes)
        return patch is not None and patch[1]
    if kind is UpsertWorkflowSearchAttributes:
        fields = attributes.search_attributes.indexed_fields if attributes.search_attributes else {}
        return list(fields) == ["TemporalChangeVersion"]
    return False


def same_payloads(left: Sequence[Payload] | None, right: Sequence[Payload] | None) -> bool:
    """Are these the same values? JSON is compared as JSON. ``left`` is the recorded side: what was redacted
    there could have been any value."""
    left = left or ()
    right = right or ()
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        if one.data != other.data:
            if is_redacted(one):
                continue
            if (
                one.metadata.get("encoding") != b"json/plain"
                or other.metadata.get("encoding") != b"json/plain"
            ):
                return False
            try:
                if json.loads(one.data) != json.loads(other.data):
                    return False
            except ValueError:
                return False
        elif one.metadata is not other.metadata and one.metadata.get("encoding") != other.metadata.get(
            "encoding"
        ):
            if not is_redacted(one):
                return False
    return True


def summary_of(event: HistoryEvent) -> str:
    """The step name an event carries, or ""."""
    metadata = event.user_metadata
    if metadata is None or metadata.summary is None:
        return ""
    try:
        text = json.loads(metadata.summary.data)
    except ValueError:
        return ""
    return text if isinstance(text, str) else ""


def _add(found: Differences, aspect: str, name: str, recorded: Any, replayed: Any) -> list[Difference]:
    found = [] if found is None else found
    found.append(Difference(aspect, name, recorded, replayed))
    return found


def _identity(found: Differences, name: str, recorded: Any, replayed: Any) -> Differences:
    return found if recorded == replayed else _add(found, "identity", name, recorded, replayed)


def _arguments(found: Differences, recorded: Any, replayed: Any) -> Differences:
    if same_payloads(recorded, replayed):
        return found
    return _add(found, "arguments", "arguments", recorded, replayed)


def _step(found: Differences, summary: str, event: HistoryEvent) -> Differences:
    metadata = event.user_metadata
    if metadata is None or metadata.summary is None:
        return found
    # The common form, compared without parsing it.
    if metadata.summary.data == b'"%s"' % summary.encode() or is_redacted(metadata.summary):
        return found
    recorded = summary_of(event)
    return found if recorded == summary else _add(found, "step_names", "step name", recorded, summary)


def _option(found: Differences, name: str, recorded: Any, replayed: Any) -> Differences:
    # What the code left open was filled in by whoever recorded it.
    if replayed is None or not replayed or recorded == replayed:
        return found
    return _add(found, "options", name, recorded, replayed)


def _name_of(record: Any) -> str:
    return "" if record is None else record.name


def _timer(command: StartTimer, attributes: TimerStarted, event: HistoryEvent) -> Differences:
    found: Differences = None
    if command.timer_id != attributes.timer_id:
        found = _add(found, "identity", "timer id", attributes.timer_id, command.timer_id)
    if command.duration_ns != (attributes.start_to_fire_timeout or 0):
        found = _add(
            found, "durations", "duration", attributes.start_to_fire_timeout or 0, command.duration_ns
        )
    return _step(found, command.summary, event)


def _cancel_timer(command: CancelTimer, attributes: TimerCanceled, event: HistoryEvent) -> Differences:
    return _identity(None, "timer id", attributes.timer_id, command.timer_id)


def _activity(
    command: ScheduleActivity, attributes: ActivityTaskScheduled, event: HistoryEvent
) -> Differences:
    found: Differences = None
    if command.activity_id != attributes.activity_id:
        found = _add(found, "identity", "activity id", attributes.activity_id, command.activity_id)
    if command.activity_type != _name_of(attributes.activity_type):
        found = _add(
            found, "identity", "activity type", _name_of(attributes.activity_type), command.activity_type
        )
    found = _arguments(found, attributes.input, command.input)
    found = _step(found, command.summary, event)
    if command.task_queue != _name_of(attributes.task_queue):
        found = _option(found, "task_queue", _name_of(attributes.task_queue), command.task_queue)
    for name in (
        "schedule_to_close_timeout",
        "schedule_to_start_timeout",
        "start_to_close_timeout",
        "heartbeat_timeout",
    ):
        replayed = getattr(command, name + "_ns")
        if replayed is not None and replayed != getattr(attributes, name):
            found = _option(found, name, getattr(attributes, name), replayed)
    return found


def _cancel_activity(
    command: RequestCancelActivity, attributes: ActivityTaskCancelRequested, event: HistoryEvent
) -> Differences:
    return None


def _marker(command: RecordMarker, attributes: MarkerRecorded, event: HistoryEvent) -> Differences:
    if command.marker_name != attributes.marker_name:
        return _identity(None, "marker", attributes.marker_name, command.marker_name)
    if command.marker_name == PATCH:
        recorded, replayed = patch_of(attributes), patch_of(command)
        return _identity(None, "patch id", recorded and recorded[0], replayed and replayed[0])
    if command.marker_name == LOCAL_ACTIVITY:
        found = _identity(None, "activity id", local_number(attributes), local_number(command))
        recorded_type = (read_json(attributes, "data") or {}).get("activity_type")
        replayed_type = (read_json(command, "data") or {}).get("activity_type")
        found = _identity(found, "activity type", recorded_type, replayed_type)
        return _step(found, command.summary, event)
    number = read_json(attributes, "side-effect-id")
    return _identity(None, "side effect", number, read_json(command, "side-effect-id"))


def _child(
    command: StartChildWorkflow, attributes: StartChildWorkflowExecutionInitiated, event: HistoryEvent
) -> Differences:
    found = _identity(None, "workflow type", _name_of(attributes.workflow_type), command.workflow_type)
    found = _identity(found, "workflow id", attributes.workflow_id, command.workflow_id)
    found = _arguments(found, attributes.input, command.input)
    found = _option(found, "task_queue", _name_of(attributes.task_queue), command.task_queue)
    found = _option(found, "parent_close_policy", attributes.parent_close_policy, command.parent_close_policy)
    found = _option(found, "run_timeout", attributes.workflow_run_timeout, command.run_timeout_ns)
    return _option(
        found, "execution_timeout", attributes.workflow_execution_timeout, command.execution_timeout_ns
    )


def _execution_id(attributes: Any) -> str:
    return attributes.workflow_execution.workflow_id if attributes.workflow_execution else ""


def _signal(
    command: SignalExternalWorkflow, attributes: SignalExternalWorkflowExecutionInitiated, event: HistoryEvent
) -> Differences:
    found = _identity(None, "workflow id", _execution_id(attributes), command.workflow_id)
    found = _identity(found, "signal name", attributes.signal_name, command.signal_name)
    return _arguments(found, attributes.input, command.input)


def _cancel_external(
    command: RequestCancelExternalWorkflow,
    attributes: RequestCancelExternalWorkflowExecutionInitiated,
    event: HistoryEvent,
) -> Differences:
    return _identity(None, "workflow id", _execution_id(attributes), command.workflow_id)


def _fields(
    found: Differences, name: str, recorded: Mapping[str, Payload], replayed: Mapping[str, Payload]
) -> Differences:
    for key in replayed:
        if key not in recorded or not same_payloads((recorded[key],), (replayed[key],)):
            return _add(found, "properties", f"{name} {key}", recorded.get(key), replayed[key])
    for key in recorded:
        if key not in replayed:
            return _add(found, "properties", f"{name} {key}", recorded[key], None)
    return found


def _upsert(
    command: UpsertSearchAttributes, attributes: UpsertWorkflowSearchAttributes, event: HistoryEvent
) -> Differences:
    recorded = attributes.search_attributes.indexed_fields if attributes.search_attributes else {}
    return _fields(None, "search attribute", recorded, command.search_attributes.indexed_fields)


def _memo(
    command: ModifyProperties, attributes: WorkflowPropertiesModified, event: HistoryEvent
) -> Differences:
    recorded = attributes.upserted_memo.fields if attributes.upserted_memo else {}
    return _fields(None, "memo", recorded, command.upserted_memo.fields)


def update_id_of(attributes: WorkflowExecutionUpdateAccepted | WorkflowExecutionUpdateCompleted) -> str:
    """The id of the update an event is about."""
    if isinstance(attributes, WorkflowExecutionUpdateCompleted):
        return attributes.meta.update_id if attributes.meta else ""
    request = attributes.accepted_request
    if request is not None and request.meta is not None and request.meta.update_id:
        return request.meta.update_id
    return attributes.protocol_instance_id


def _accept(
    command: AcceptUpdate, attributes: WorkflowExecutionUpdateAccepted, event: HistoryEvent
) -> Differences:
    return _identity(None, "update id", update_id_of(attributes), command.update_id)


def _complete_update(
    command: CompleteUpdate, attributes: WorkflowExecutionUpdateCompleted, event: HistoryEvent
) -> Differences:
    found = _identity(None, "update id", update_id_of(attributes), command.update_id)
    outcome = attributes.outcome
    failed = outcome is not None and outcome.failure is not None
    if failed != (command.failure is not None):
        return _add(found, "results", "outcome", outcome, command.failure or command.result)
    if not failed and outcome is not None and not same_payloads(outcome.success, command.result):
        found = _add(found, "results", "result", outcome.success, command.result)
    return found


def _complete(
    command: CompleteWorkflow, attributes: WorkflowExecutionCompleted, event: HistoryEvent
) -> Differences:
    if same_payloads(attributes.result, command.result):
        return None
    return _add(None, "results", "result", attributes.result, command.result)


def _fail(command: FailWorkflow, attributes: WorkflowExecutionFailed, event: HistoryEvent) -> Differences:
    recorded = attributes.failure.message if attributes.failure else ""
    if recorded == command.failure.message or is_redacted_failure(attributes.failure):
        return None
    return _add(None, "results", "failure", recorded, command.failure.message)


def _cancel(
    command: CancelWorkflow, attributes: WorkflowExecutionCanceled, event: HistoryEvent
) -> Differences:
    return None


def _continue(
    command: ContinueAsNew, attributes: WorkflowExecutionContinuedAsNew, event: HistoryEvent
) -> Differences:
    found = _identity(None, "workflow type", _name_of(attributes.workflow_type), command.workflow_type)
    return _arguments(found, attributes.input, command.input)


Compare = Callable[[Any, Any, Any], Differences]

MATCHERS: dict[type[Any], tuple[type[Any], Compare]] = {
    StartTimer: (TimerStarted, _timer),
    CancelTimer: (TimerCanceled, _cancel_timer),
    ScheduleActivity: (ActivityTaskScheduled, _activity),
    RequestCancelActivity: (ActivityTaskCancelRequested, _cancel_activity),
    RecordMarker: (MarkerRecorded, _marker),
    StartChildWorkflow: (StartChildWorkflowExecutionInitiated, _child),
    SignalExternalWorkflow: (SignalExternalWorkflowExecutionInitiated, _signal),
    RequestCancelExternalWorkflow: (RequestCancelExternalWorkflowExecutionInitiated, _cancel_external),
    UpsertSearchAttributes: (UpsertWorkflowSearchAttributes, _upsert),
    ModifyProperties: (WorkflowPropertiesModified, _memo),
    AcceptUpdate: (WorkflowExecutionUpdateAccepted, _accept),
    CompleteUpdate: (WorkflowExecutionUpdateCompleted, _complete_update),
    CompleteWorkflow: (WorkflowExecutionCompleted, _complete),
    FailWorkflow: (WorkflowExecutionFailed, _fail),
    CancelWorkflow: (WorkflowExecutionCanceled, _cancel),
    ContinueAsNew: (WorkflowExecutionContinuedAsNew, _continue),
}
"""Command -> the event that records it, and how the two are compared. RejectUpdate is recorded by none."""

COMMAND_EVENTS = frozenset(event for event, _ in MATCHERS.values())
