"""From commands to events: what each thing the workflow's code asked for does to its run.

One function per command, in the table at the end. Each appends the command's event (ids in command order),
notes what is pending, and posts what must leave. Closing commands come last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...commands import (
    AcceptUpdate,
    CancelTimer,
    CancelWorkflow,
    Command,
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
from . import command_ends, command_others, command_work, updates
from .application import Application


def apply(app: Application, command: Command) -> None:
    """Carry one command out."""
    APPLY[type(command)](app, command)


APPLY: dict[type, Callable[[Application, Any], None]] = {
    StartTimer: command_work.start_timer,
    CancelTimer: command_work.cancel_timer,
    ScheduleActivity: command_work.schedule_activity,
    RequestCancelActivity: command_work.cancel_activity,
    RecordMarker: command_work.record_marker,
    StartChildWorkflow: command_others.start_child,
    SignalExternalWorkflow: command_others.signal_external,
    RequestCancelExternalWorkflow: command_others.cancel_external,
    UpsertSearchAttributes: command_work.upsert_search_attributes,
    ModifyProperties: command_work.modify_properties,
    AcceptUpdate: updates.accept,
    RejectUpdate: updates.reject,
    CompleteUpdate: updates.complete,
    CompleteWorkflow: command_ends.complete_workflow,
    FailWorkflow: command_ends.fail_workflow,
    CancelWorkflow: command_ends.cancel_workflow,
    ContinueAsNew: command_ends.continue_as_new,
}
