"""What each event of a history does to a run: one small function per event class, in a table.

Owns: `APPLY` and the lookahead into the events that record a replayed task's commands. Events without an
entry change nothing (workflow task bookkeeping, ActivityTaskStarted ...). Invariant: whatever wakes code runs
it dry before the next event. Imports no executor and no context at import time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import HistoryReadError
from ..history.activity import (
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
)
from ..history.child import (
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionStarted,
    ChildWorkflowExecutionTerminated,
    ChildWorkflowExecutionTimedOut,
    StartChildWorkflowExecutionFailed,
)
from ..history.external import (
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
)
from ..history.marker import MarkerRecorded
from ..history.timer import TimerFired
from ..history.update import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateAdmitted
from ..history.workflow import (
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
)
from .machines.local_activity import local_number, outcome_of
from .machines.marker import SIDE_EFFECT, patch_of
from .signals import SignalInbox

if TYPE_CHECKING:
    from ..history import HistoryEvent, Payload
    from .instance import WorkflowRun


class Lookahead:
    """What the recorded commands of a replayed task tell before its code runs."""

    __slots__ = ("events", "locals", "patches", "side_effects", "updates")

    def __init__(self, recorded: Sequence[HistoryEvent]) -> None:
        self.events = recorded
        self.patches: dict[str, bool] | None = None
        self.side_effects: list[Payload] | None = None
        self.locals: list[MarkerRecorded] | None = None
        self.updates: list[HistoryEvent] | None = None
        for event in recorded:
            kind = type(event.attributes)
            if kind is MarkerRecorded:
                self._marker(event.attributes)
            elif kind is WorkflowExecutionUpdateAccepted:
                self.updates = [*(self.updates or ()), event]

    def _marker(self, marker: MarkerRecorded) -> None:
        patch = patch_of(marker)
        if patch is not None:
            if self.patches is None:
                self.patches = {}
            self.patches[patch[0]] = patch[1]
        elif marker.marker_name == SIDE_EFFECT:
            data = marker.details.get("data")
            if data:
                self.side_effects = [*(self.side_effects or ()), data[0]]
        elif local_number(marker) is not None:
            self.locals = [*(self.locals or ()), marker]

    def deliver(self, run: WorkflowRun) -> None:
        """After the task's events: its accepted updates, then its finished local activities, in order."""
        if self.updates is not None:
            from .updates import deliver_accepted

            for event in self.updates:
                deliver_accepted(run, event)
                run.drain()
        for marker in self.locals or ():
            number = local_number(marker)
            machine = (run.locals or {}).get(number or 0)
            if machine is None:
                return  # the code did not ask for it: matching the commands will tell
            outcome, complete_ns = outcome_of(marker)
            run.finish_local(machine, outcome, complete_ns)


def note_local_markers(run: WorkflowRun, events: Sequence[HistoryEvent], start: int) -> None:
    """Remember which calls the history knows as local activities: their thunks are not called again."""
    for index in range(start, len(events)):
        attributes = events[index].attributes
        if type(attributes) is MarkerRecorded:
            number = local_number(attributes)
            if number is not None:
                if run.local_numbers is None:
                    run.local_numbers = set()
                run.local_numbers.add(number)


def _require(run: WorkflowRun, attributes: Any, event_id: int) -> Any:
    """The machine whose command's event has this id."""
    machine = run.by_event.get(event_id)
    if machine is None:
        raise HistoryReadError(
            f"{type(attributes).__name__} refers to event {event_id}, "
            "which records no command it could belong to"
        )
    return machine


def _started(run: WorkflowRun, event: HistoryEvent) -> None:
    from .closing import main
    from .context import WorkflowContext

    run.started = event.attributes
    run.context = WorkflowContext(run)
    run.main = run.loop.create_task(main(run))
    run.drain()


def _resolved_schedule(run: WorkflowRun, event: HistoryEvent) -> None:
    attributes = event.attributes
    _require(run, attributes, attributes.scheduled_event_id).resolve(attributes)
    run.by_event.pop(attributes.scheduled_event_id, None)
    run.drain()


def _timer_fired(run: WorkflowRun, event: HistoryEvent) -> None:
    attributes = event.attributes
    machine = run.by_event.pop(attributes.started_event_id, None)
    if machine is None:
        machine = _require(run, attributes, attributes.started_event_id)
    machine.resolve(attributes)
    run.drain()


def _child_started(run: WorkflowRun, event: HistoryEvent) -> None:
    attributes = event.attributes
    _require(run, attributes, attributes.initiated_event_id).started(attributes)
    run.drain()


def _child_start_failed(run: WorkflowRun, event: HistoryEvent) -> None:
    attributes = event.attributes
    _require(run, attributes, attributes.initiated_event_id).start_failed(attributes)
    run.by_event.pop(attributes.initiated_event_id, None)
    run.drain()


def _resolved_initiated(run: WorkflowRun, event: HistoryEvent) -> None:
    attributes = event.attributes
    _require(run, attributes, attributes.initiated_event_id).resolve(attributes)
    run.by_event.pop(attributes.initiated_event_id, None)
    run.drain()


def _signaled(run: WorkflowRun, event: HistoryEvent) -> None:
    if run.inbox is None:
        run.inbox = SignalInbox()
    if run.closing is None:
        run.inbox.arrive(event)
    else:  # the code is through; what it did not see goes to the run that follows, if one does
        run.inbox.keep(event)
    run.drain()


def _admitted(run: WorkflowRun, event: HistoryEvent) -> None:
    # A reset re-applies updates this way; their acceptance does not repeat the request.
    request = event.attributes.request
    if request is not None and request.meta is not None:
        if run.admitted is None:
            run.admitted = {}
        run.admitted[request.meta.update_id] = request


def _cancel_requested(run: WorkflowRun, event: HistoryEvent) -> None:
    run.request_cancel()
    run.drain()


APPLY: dict[type[Any], Callable[[WorkflowRun, HistoryEvent], None]] = {
    WorkflowExecutionStarted: _started,
    WorkflowExecutionSignaled: _signaled,
    WorkflowExecutionCancelRequested: _cancel_requested,
    WorkflowExecutionUpdateAdmitted: _admitted,
    ActivityTaskCompleted: _resolved_schedule,
    ActivityTaskFailed: _resolved_schedule,
    ActivityTaskTimedOut: _resolved_schedule,
    ActivityTaskCanceled: _resolved_schedule,
    TimerFired: _timer_fired,
    ChildWorkflowExecutionStarted: _child_started,
    StartChildWorkflowExecutionFailed: _child_start_failed,
    ChildWorkflowExecutionCompleted: _resolved_initiated,
    ChildWorkflowExecutionFailed: _resolved_initiated,
    ChildWorkflowExecutionCanceled: _resolved_initiated,
    ChildWorkflowExecutionTimedOut: _resolved_initiated,
    ChildWorkflowExecutionTerminated: _resolved_initiated,
    ExternalWorkflowExecutionSignaled: _resolved_initiated,
    SignalExternalWorkflowExecutionFailed: _resolved_initiated,
    ExternalWorkflowExecutionCancelRequested: _resolved_initiated,
    RequestCancelExternalWorkflowExecutionFailed: _resolved_initiated,
}
