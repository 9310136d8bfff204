"""History events: their types, the event itself and the table of attribute classes.

Owns: the names of the event types, the table from a type to its JSON key and attributes class, `HistoryEvent`
and `History`. Invariants: event ids count from 1 within a run; `event_time` is in nanoseconds since the Unix
epoch; `attributes` is an instance of the class the table gives for `event_type`, or None for a type nobody
knows. Attribute classes are imported when first needed (each costs import time). Must not import: anything
with behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import attrs

from ..records import record, register_lazy
from .values import Message

if TYPE_CHECKING:
    from .messages import UserMetadata
    from .values import Int64, Json


class EventType:
    """The event types' full names, as Temporal's JSON has them. Plain strings: an unknown type is one too."""

    UNSPECIFIED: Final = "EVENT_TYPE_UNSPECIFIED"
    WORKFLOW_EXECUTION_STARTED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
    WORKFLOW_EXECUTION_COMPLETED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    WORKFLOW_EXECUTION_FAILED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED"
    WORKFLOW_EXECUTION_TIMED_OUT: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT"
    WORKFLOW_TASK_SCHEDULED: Final = "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED"
    WORKFLOW_TASK_STARTED: Final = "EVENT_TYPE_WORKFLOW_TASK_STARTED"
    WORKFLOW_TASK_COMPLETED: Final = "EVENT_TYPE_WORKFLOW_TASK_COMPLETED"
    WORKFLOW_TASK_TIMED_OUT: Final = "EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT"
    WORKFLOW_TASK_FAILED: Final = "EVENT_TYPE_WORKFLOW_TASK_FAILED"
    ACTIVITY_TASK_SCHEDULED: Final = "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"
    ACTIVITY_TASK_STARTED: Final = "EVENT_TYPE_ACTIVITY_TASK_STARTED"
    ACTIVITY_TASK_COMPLETED: Final = "EVENT_TYPE_ACTIVITY_TASK_COMPLETED"
    ACTIVITY_TASK_FAILED: Final = "EVENT_TYPE_ACTIVITY_TASK_FAILED"
    ACTIVITY_TASK_TIMED_OUT: Final = "EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT"
    TIMER_STARTED: Final = "EVENT_TYPE_TIMER_STARTED"
    TIMER_FIRED: Final = "EVENT_TYPE_TIMER_FIRED"
    ACTIVITY_TASK_CANCEL_REQUESTED: Final = "EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED"
    ACTIVITY_TASK_CANCELED: Final = "EVENT_TYPE_ACTIVITY_TASK_CANCELED"
    TIMER_CANCELED: Final = "EVENT_TYPE_TIMER_CANCELED"
    MARKER_RECORDED: Final = "EVENT_TYPE_MARKER_RECORDED"
    WORKFLOW_EXECUTION_SIGNALED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"
    WORKFLOW_EXECUTION_TERMINATED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED"
    WORKFLOW_EXECUTION_CANCEL_REQUESTED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED"
    WORKFLOW_EXECUTION_CANCELED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED"
    REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: Final = (
        "EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"
    )
    REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: Final = (
        "EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"
    )
    EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: Final = (
        "EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED"
    )
    WORKFLOW_EXECUTION_CONTINUED_AS_NEW: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
    START_CHILD_WORKFLOW_EXECUTION_INITIATED: Final = "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED"
    START_CHILD_WORKFLOW_EXECUTION_FAILED: Final = "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED"
    CHILD_WORKFLOW_EXECUTION_STARTED: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED"
    CHILD_WORKFLOW_EXECUTION_COMPLETED: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED"
    CHILD_WORKFLOW_EXECUTION_FAILED: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED"
    CHILD_WORKFLOW_EXECUTION_CANCELED: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED"
    CHILD_WORKFLOW_EXECUTION_TIMED_OUT: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT"
    CHILD_WORKFLOW_EXECUTION_TERMINATED: Final = "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED"
    SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: Final = (
        "EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"
    )
    SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: Final = "EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED"
    EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: Final = "EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED"
    UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: Final = "EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"
    WORKFLOW_EXECUTION_UPDATE_ACCEPTED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED"
    WORKFLOW_EXECUTION_UPDATE_REJECTED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED"
    WORKFLOW_EXECUTION_UPDATE_COMPLETED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED"
    WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY: Final = "EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY"
    ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY: Final = "EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY"
    WORKFLOW_PROPERTIES_MODIFIED: Final = "EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED"
    WORKFLOW_EXECUTION_UPDATE_ADMITTED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED"
    NEXUS_OPERATION_SCHEDULED: Final = "EVENT_TYPE_NEXUS_OPERATION_SCHEDULED"
    NEXUS_OPERATION_STARTED: Final = "EVENT_TYPE_NEXUS_OPERATION_STARTED"
    NEXUS_OPERATION_COMPLETED: Final = "EVENT_TYPE_NEXUS_OPERATION_COMPLETED"
    NEXUS_OPERATION_FAILED: Final = "EVENT_TYPE_NEXUS_OPERATION_FAILED"
    NEXUS_OPERATION_CANCELED: Final = "EVENT_TYPE_NEXUS_OPERATION_CANCELED"
    NEXUS_OPERATION_TIMED_OUT: Final = "EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT"
    NEXUS_OPERATION_CANCEL_REQUESTED: Final = "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED"
    WORKFLOW_EXECUTION_OPTIONS_UPDATED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED"
    NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED: Final = "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED"
    NEXUS_OPERATION_CANCEL_REQUEST_FAILED: Final = "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED"
    WORKFLOW_EXECUTION_PAUSED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED"
    WORKFLOW_EXECUTION_UNPAUSED: Final = "EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED"
    WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED: Final = (
        "EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"
    )


STATUS_OF_CLOSE: Final[Mapping[str, str]] = {
    EventType.WORKFLOW_EXECUTION_COMPLETED: "WORKFLOW_EXECUTION_STATUS_COMPLETED",
    EventType.WORKFLOW_EXECUTION_FAILED: "WORKFLOW_EXECUTION_STATUS_FAILED",
    EventType.WORKFLOW_EXECUTION_TIMED_OUT: "WORKFLOW_EXECUTION_STATUS_TIMED_OUT",
    EventType.WORKFLOW_EXECUTION_CANCELED: "WORKFLOW_EXECUTION_STATUS_CANCELED",
    EventType.WORKFLOW_EXECUTION_TERMINATED: "WORKFLOW_EXECUTION_STATUS_TERMINATED",
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW",
}
"""The events that close a run, and the status it has from then on."""


ATTRIBUTES: Final[dict[str, tuple[str, str]]] = {
    "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED": ("workflow", "WorkflowExecutionStarted"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED": ("workflow", "WorkflowExecutionCompleted"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED": ("workflow", "WorkflowExecutionFailed"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT": ("workflow", "WorkflowExecutionTimedOut"),
    "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED": ("workflow_task", "WorkflowTaskScheduled"),
    "EVENT_TYPE_WORKFLOW_TASK_STARTED": ("workflow_task", "WorkflowTaskStarted"),
    "EVENT_TYPE_WORKFLOW_TASK_COMPLETED": ("workflow_task", "WorkflowTaskCompleted"),
    "EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT": ("workflow_task", "WorkflowTaskTimedOut"),
    "EVENT_TYPE_WORKFLOW_TASK_FAILED": ("workflow_task", "WorkflowTaskFailed"),
    "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED": ("activity", "ActivityTaskScheduled"),
    "EVENT_TYPE_ACTIVITY_TASK_STARTED": ("activity", "ActivityTaskStarted"),
    "EVENT_TYPE_ACTIVITY_TASK_COMPLETED": ("activity", "ActivityTaskCompleted"),
    "EVENT_TYPE_ACTIVITY_TASK_FAILED": ("activity", "ActivityTaskFailed"),
    "EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT": ("activity", "ActivityTaskTimedOut"),
    "EVENT_TYPE_TIMER_STARTED": ("timer", "TimerStarted"),
    "EVENT_TYPE_TIMER_FIRED": ("timer", "TimerFired"),
    "EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED": ("activity", "ActivityTaskCancelRequested"),
    "EVENT_TYPE_ACTIVITY_TASK_CANCELED": ("activity", "ActivityTaskCanceled"),
    "EVENT_TYPE_TIMER_CANCELED": ("timer", "TimerCanceled"),
    "EVENT_TYPE_MARKER_RECORDED": ("marker", "MarkerRecorded"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED": ("workflow", "WorkflowExecutionSignaled"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED": ("workflow", "WorkflowExecutionTerminated"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED": ("workflow", "WorkflowExecutionCancelRequested"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED": ("workflow", "WorkflowExecutionCanceled"),
    "EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED": (
        "external",
        "RequestCancelExternalWorkflowExecutionInitiated",
    ),
    "EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED": (
        "external",
        "RequestCancelExternalWorkflowExecutionFailed",
    ),
    "EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED": (
        "external",
        "ExternalWorkflowExecutionCancelRequested",
    ),
    "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW": ("workflow", "WorkflowExecutionContinuedAsNew"),
    "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED": ("child", "StartChildWorkflowExecutionInitiated"),
    "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED": ("child", "StartChildWorkflowExecutionFailed"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED": ("child", "ChildWorkflowExecutionStarted"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED": ("child", "ChildWorkflowExecutionCompleted"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED": ("child", "ChildWorkflowExecutionFailed"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED": ("child", "ChildWorkflowExecutionCanceled"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT": ("child", "ChildWorkflowExecutionTimedOut"),
    "EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED": ("child", "ChildWorkflowExecutionTerminated"),
    "EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED": (
        "external",
        "SignalExternalWorkflowExecutionInitiated",
    ),
    "EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED": (
        "external",
        "SignalExternalWorkflowExecutionFailed",
    ),
    "EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED": ("external", "ExternalWorkflowExecutionSignaled"),
    "EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": ("properties", "UpsertWorkflowSearchAttributes"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED": ("update", "WorkflowExecutionUpdateAccepted"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED": ("update", "WorkflowExecutionUpdateRejected"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED": ("update", "WorkflowExecutionUpdateCompleted"),
    "EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY": ("rare", "WorkflowPropertiesModifiedExternally"),
    "EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY": ("rare", "ActivityPropertiesModifiedExternally"),
    "EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED": ("properties", "WorkflowPropertiesModified"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED": ("update", "WorkflowExecutionUpdateAdmitted"),
    "EVENT_TYPE_NEXUS_OPERATION_SCHEDULED": ("rare", "NexusOperationScheduled"),
    "EVENT_TYPE_NEXUS_OPERATION_STARTED": ("rare", "NexusOperationStarted"),
    "EVENT_TYPE_NEXUS_OPERATION_COMPLETED": ("rare", "NexusOperationCompleted"),
    "EVENT_TYPE_NEXUS_OPERATION_FAILED": ("rare", "NexusOperationFailed"),
    "EVENT_TYPE_NEXUS_OPERATION_CANCELED": ("rare", "NexusOperationCanceled"),
    "EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT": ("rare", "NexusOperationTimedOut"),
    "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED": ("rare", "NexusOperationCancelRequested"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED": ("rare", "WorkflowExecutionOptionsUpdated"),
    "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED": ("rare", "NexusOperationCancelRequestCompleted"),
    "EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED": ("rare", "NexusOperationCancelRequestFailed"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED": ("rare", "WorkflowExecutionPaused"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED": ("rare", "WorkflowExecutionUnpaused"),
    "EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED": (
        "rare",
        "WorkflowExecutionTimeSkippingTransitioned",
    ),
}
"""Event type -> (module in this package, name of the attributes class)."""


def attributes_class(event_type: str) -> type[Any] | None:
    """Return the class of the attributes of events of this type, None for an unknown type."""
    found = ATTRIBUTES.get(event_type)
    if found is None:
        return None
    made: type[Any] = getattr(import_module(f"{__package__}.{found[0]}"), found[1])
    return made


def attributes_key(event_type: str) -> str | None:
    """Return the JSON key of the attributes ("timerStartedEventAttributes"), None for an unknown type."""
    found = ATTRIBUTES.get(event_type)
    return None if found is None else f"{found[1][0].lower()}{found[1][1:]}EventAttributes"


@record
class HistoryEvent(Message):
    """One event of a run.

    `event_time`: nanoseconds since the epoch. `attributes`: the record `attributes_class(event_type)` names.
    `worker_may_ignore`: a worker that does not know the type may skip the event. `user_metadata`: texts for
    people; its summary is the user's name for the step.
    """

    event_id: Int64 = 0
    event_time: int = 0
    event_type: str = ""
    attributes: Any = attrs.field(default=None)
    version: Int64 = 0
    task_id: Int64 = 0
    worker_may_ignore: bool = False
    user_metadata: UserMetadata | None = None
    links: tuple[Json, ...] = attrs.field(default=(), hash=False)


@record
class History(Message):
    """A run's events in order. `workflow_id` is "" where the source does not tell it."""

    events: tuple[HistoryEvent, ...] = ()
    workflow_id: str = ""


def _announce() -> None:
    by_module: dict[str, list[str]] = {}
    for module, name in ATTRIBUTES.values():
        by_module.setdefault(module, []).append(name)
    by_module["update"] += ["UpdateMeta", "UpdateInput", "UpdateRequest", "UpdateOutcome"]
    by_module["messages"] = list(MESSAGES)
    by_module["failure"] = list(FAILURES)
    for module, names in by_module.items():
        register_lazy(f"{__package__}.{module}", tuple(names))


MESSAGES: Final = (
    "Payload",
    "UserMetadata",
    "WorkflowType",
    "ActivityType",
    "WorkflowExecutionRecord",
    "TaskQueueRecord",
    "RetryPolicyRecord",
    "Memo",
    "SearchAttributes",
    "Header",
    "Priority",
    "SdkMetadata",
)
FAILURES: Final = (
    "Failure",
    "ApplicationFailureInfo",
    "TimeoutFailureInfo",
    "CanceledFailureInfo",
    "TerminatedFailureInfo",
    "ServerFailureInfo",
    "ActivityFailureInfo",
    "ChildWorkflowExecutionFailureInfo",
)

_announce()
