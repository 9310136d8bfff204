"""What a user's production code imports: definitions, contexts, client calls, errors.

Every name is loaded when it is first used, so that importing this package costs little. The engine under it
(actors, shell, history, workflow loop) has its own modules. Imports no simulator, no host.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import activity
    from .application import Temporal
    from .connection import use_host
    from .definitions import ActivityDefinition, Worker, WorkflowDefinition
    from .errors import (
        HistoryReadError,
        HostError,
        InvalidArgumentError,
        NoHostError,
        NondeterminismError,
        NonDeterministicCallError,
        PayloadTooLargeError,
        QueryFailedError,
        QueryRejectedError,
        ScheduleAlreadyExistsError,
        ScheduleNotFoundError,
        TemporalError,
        UpdateFailedError,
        WorkflowAlreadyStartedError,
        WorkflowClosedError,
        WorkflowFailureError,
        WorkflowNotFoundError,
        WorkflowNotRegisteredError,
        WorkflowTaskFailedError,
    )
    from .failure_errors import (
        ActivityError,
        ApplicationError,
        CancelledError,
        ChildWorkflowError,
        FailureError,
        RetryState,
        ServerError,
        TerminatedError,
        TimeoutError,
        TimeoutType,
    )
    from .handles import WorkflowExecutionDescription, WorkflowHandle
    from .history import History
    from .listing import WorkflowExecutionInfo
    from .payloads import DataConverter
    from .policies import (
        CancellationType,
        IdConflictPolicy,
        IdReusePolicy,
        ParentClosePolicy,
        RetryPolicy,
        WorkflowStatus,
    )
    from .schedule_client import ScheduleHandle
    from .schedule_description import ScheduleDescription, ScheduledStart
    from .schedules.calendars import CalendarSpec
    from .schedules.overlap import OverlapPolicy
    from .workflow.context import WorkflowContext

_HOME = {
    "ActivityDefinition": ".definitions",
    "ActivityError": ".failure_errors",
    "ApplicationError": ".failure_errors",
    "CalendarSpec": ".schedules.calendars",
    "CancellationType": ".policies",
    "CancelledError": ".failure_errors",
    "ChildWorkflowError": ".failure_errors",
    "DataConverter": ".payloads",
    "FailureError": ".failure_errors",
    "History": ".history",
    "HistoryReadError": ".errors",
    "HostError": ".errors",
    "IdConflictPolicy": ".policies",
    "IdReusePolicy": ".policies",
    "InvalidArgumentError": ".errors",
    "NoHostError": ".errors",
    "NonDeterministicCallError": ".errors",
    "NondeterminismError": ".errors",
    "OverlapPolicy": ".schedules.overlap",
    "ParentClosePolicy": ".policies",
    "PayloadTooLargeError": ".errors",
    "QueryFailedError": ".errors",
    "QueryRejectedError": ".errors",
    "RetryPolicy": ".policies",
    "RetryState": ".failure_errors",
    "ScheduleAlreadyExistsError": ".errors",
    "ScheduleDescription": ".schedule_description",
    "ScheduleHandle": ".schedule_client",
    "ScheduleNotFoundError": ".errors",
    "ScheduledStart": ".schedule_description",
    "ServerError": ".failure_errors",
    "Temporal": ".application",
    "TemporalError": ".errors",
    "TerminatedError": ".failure_errors",
    "TimeoutError": ".failure_errors",
    "TimeoutType": ".failure_errors",
    "UpdateFailedError": ".errors",
    "Worker": ".definitions",
    "WorkflowAlreadyStartedError": ".errors",
    "WorkflowClosedError": ".errors",
    "WorkflowContext": ".workflow.context",
    "WorkflowDefinition": ".definitions",
    "WorkflowExecutionDescription": ".handles",
    "WorkflowExecutionInfo": ".listing",
    "WorkflowFailureError": ".errors",
    "WorkflowHandle": ".handles",
    "WorkflowNotFoundError": ".errors",
    "WorkflowNotRegisteredError": ".errors",
    "WorkflowStatus": ".policies",
    "WorkflowTaskFailedError": ".errors",
    "use_host": ".connection",
}

__all__ = [
    "ActivityDefinition",
    "ActivityError",
    "ApplicationError",
    "CalendarSpec",
    "CancellationType",
    "CancelledError",
    "ChildWorkflowError",
    "DataConverter",
    "FailureError",
    "History",
    "HistoryReadError",
    "HostError",
    "IdConflictPolicy",
    "IdReusePolicy",
    "InvalidArgumentError",
    "NoHostError",
    "NonDeterministicCallError",
    "NondeterminismError",
    "OverlapPolicy",
    "ParentClosePolicy",
    "PayloadTooLargeError",
    "QueryFailedError",
    "QueryRejectedError",
    "RetryPolicy",
    "RetryState",
    "ScheduleAlreadyExistsError",
    "ScheduleDescription",
    "ScheduleHandle",
    "ScheduleNotFoundError",
    "ScheduledStart",
    "ServerError",
    "Temporal",
    "TemporalError",
    "TerminatedError",
    "TimeoutError",
    "TimeoutType",
    "UpdateFailedError",
    "Worker",
    "WorkflowAlreadyStartedError",
    "WorkflowClosedError",
    "WorkflowContext",
    "WorkflowDefinition",
    "WorkflowExecutionDescription",
    "WorkflowExecutionInfo",
    "WorkflowFailureError",
    "WorkflowHandle",
    "WorkflowNotFoundError",
    "WorkflowNotRegisteredError",
    "WorkflowStatus",
    "WorkflowTaskFailedError",
    "activity",
    "use_host",
]


if not TYPE_CHECKING:  # a checker must see only the names above

    def __getattr__(name: str) -> Any:
        home = _HOME.get(name)
        if home is not None:
            value = getattr(import_module(home, __name__), name)
        elif name == "activity":
            value = import_module(".activity", __name__)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
