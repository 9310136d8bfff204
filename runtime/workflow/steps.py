"""Commands and the events that record them in one common form, for people: a kind, a name, values.

Owns :class:`Step` and the two ways to make one. Used only when something is reported; speed is no concern
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .. import commands as c
from ..durations import format_duration
from ..history import activity as ha
from ..history import child as hc
from ..history import external as he
from ..history import marker as hm
from ..history import properties as hp
from ..history import timer as ht
from ..history import update as hu
from ..history import workflow as hw
from ..payloads import DataConverter
from .location import Location
from .machines.local_activity import LOCAL_ACTIVITY
from .machines.marker import PATCH, SIDE_EFFECT, patch_of, read_json
from .matching import summary_of, update_id_of

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from .issued import Issued

CLOSING_KINDS = ("complete", "fail", "cancel", "continue as new")
LABELS = {
    "activity": "activity",
    "local activity": "local activity",
    "timer": "timer",
    "child": "child workflow",
    "signal": "signal to workflow",
    "cancel other": "cancel request to workflow",
    "cancel timer": "cancel timer",
    "cancel activity": "cancel activity",
    "patch": "patch",
    "side effect": "side effect",
    "marker": "marker",
    "search attributes": "search attributes",
    "memo": "memo",
    "accept update": "accept update",
    "complete update": "complete update",
    "complete": "complete workflow",
    "fail": "fail workflow",
    "cancel": "cancel workflow",
    "continue as new": "continue as new",
}


@attrs.frozen(kw_only=True)
class Step:
    """One command, recorded (``event_id``) or replayed (``where``).

    ``name`` is what it is by its type (activity type, workflow type, signal name, patch id ...), ``step`` the
    name the user gave the step, ``values`` its decoded arguments or result, ``target`` the workflow it is
    for.
    """

    kind: str
    name: str = ""
    step: str = ""
    values: tuple[Any, ...] = ()
    duration_ns: int | None = None
    target: str = ""
    event_id: int = 0
    where: Location = None

    @property
    def closes(self) -> bool:
        """Does it end the run?"""
        return self.kind in CLOSING_KINDS

    def same_as(self, other: Step) -> bool:
        """Is it the same step of the code, wherever it stands?"""
        return (
            self.kind == other.kind
            and self.name == other.name
            and (not self.step or not other.step or self.step == other.step)
            and self.target == other.target
            and (self.kind != "timer" or bool(self.step) or self.duration_ns == other.duration_ns)
        )

    @property
    def text(self) -> str:
        """One line: ``activity 'charge' (charge_payment) 12, "c1"``."""
        parts = [LABELS.get(self.kind, self.kind)]
        shown = self.step or self.name
        if shown:
            parts.append(repr(shown))
        if self.step and self.name and self.name != self.step:
            parts.append(f"({self.name})")
        if self.target:
            parts.append(f"id {self.target!r}")
        if self.duration_ns is not None:
            parts.append(format_duration(self.duration_ns))
        if self.values:
            parts.append(", ".join(shorten(value) for value in self.values))
        return " ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        from .location import line_of

        file, line = line_of(self.where)
        found: dict[str, Any] = {"kind": self.kind, "text": self.text}
        if self.name:
            found["name"] = self.name
        if self.step:
            found["step"] = self.step
        if self.event_id:
            found["event_id"] = self.event_id
        if file:
            found["file"] = file
            found["line"] = line
        return found


def shorten(value: Any, longest: int = 60) -> str:
    """``repr(value)``, cut when it is long."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _name(record: Any) -> str:
    return "" if record is None else record.name


def _workflow(attributes: Any) -> str:
    return attributes.workflow_execution.workflow_id if attributes.workflow_execution else ""


class Describer:
    """Makes steps; values are decoded as far as they can be."""

    def __init__(self, converter: DataConverter, events: Sequence[HistoryEvent] = ()) -> None:
        self._converter = converter
        self._activity_ids = {
            event.event_id: event.attributes.activity_id
            for event in events
            if isinstance(event.attributes, ha.ActivityTaskScheduled)
        }

    def issued(self, issued: Issued) -> Step:
        """The step of a command the replay issued."""
        made = _COMMANDS[type(issued.command)](self, issued.command)
        return attrs.evolve(made, where=issued.where)

    def event(self, event: HistoryEvent) -> Step:
        """The step of an event that records a command."""
        made = _EVENTS[type(event.attributes)](self, event.attributes)
        return attrs.evolve(made, event_id=event.event_id, step=summary_of(event) or made.step)

    def values(self, payloads: Any) -> tuple[Any, ...]:
        """The values in payloads; what can't be decoded is shown as its bytes."""
        found: list[Any] = []
        for payload in payloads or ():
            try:
                found.append(self._converter.from_payload(payload))
            except Exception:
                found.append(payload.data)
        return tuple(found)

    def activity_id(self, scheduled_event_id: int) -> str:
        """The id of the activity that an event scheduled."""
        return self._activity_ids.get(scheduled_event_id, str(scheduled_event_id))

    def marker(self, marker: Any) -> Step:
        """A marker, by what it stands for."""
        if marker.marker_name == PATCH:
            patch = patch_of(marker)
            return Step(kind="patch", name=patch[0] if patch is not None else "")
        if marker.marker_name == LOCAL_ACTIVITY:
            data = read_json(marker, "data") or {}
            return Step(kind="local activity", name=str(data.get("activity_type", "")))
        if marker.marker_name == SIDE_EFFECT:
            return Step(kind="side effect", values=self.values(marker.details.get("data")))
        return Step(kind="marker", name=marker.marker_name)


def _outcome(d: Describer, outcome: Any) -> tuple[Any, ...]:
    if outcome is None:
        return ()
    return (outcome.failure.message,) if outcome.failure is not None else d.values(outcome.success)


_COMMANDS: dict[type[Any], Callable[[Describer, Any], Step]] = {
    c.StartTimer: lambda d, x: Step(kind="timer", step=x.summary, duration_ns=x.duration_ns),
    c.CancelTimer: lambda d, x: Step(kind="cancel timer", name=x.timer_id),
    c.ScheduleActivity: lambda d, x: Step(
        kind="activity", name=x.activity_type, step=x.summary, values=d.values(x.input)
    ),
    c.RequestCancelActivity: lambda d, x: Step(kind="cancel activity", name=x.activity_id),
    c.RecordMarker: lambda d, x: attrs.evolve(d.marker(x), step=x.summary),
    c.StartChildWorkflow: lambda d, x: Step(
        kind="child", name=x.workflow_type, target=x.workflow_id, values=d.values(x.input)
    ),
    c.SignalExternalWorkflow: lambda d, x: Step(
        kind="signal", name=x.signal_name, target=x.workflow_id, values=d.values(x.input)
    ),
    c.RequestCancelExternalWorkflow: lambda d, x: Step(kind="cancel other", target=x.workflow_id),
    c.UpsertSearchAttributes: lambda d, x: Step(
        kind="search attributes", values=tuple(x.search_attributes.indexed_fields)
    ),
    c.ModifyProperties: lambda d, x: Step(kind="memo", values=tuple(x.upserted_memo.fields)),
    c.AcceptUpdate: lambda d, x: Step(kind="accept update", target=x.update_id),
    c.CompleteUpdate: lambda d, x: Step(
        kind="complete update", target=x.update_id, values=d.values(x.result)
    ),
    c.CompleteWorkflow: lambda d, x: Step(kind="complete", values=d.values(x.result)),
    c.FailWorkflow: lambda d, x: Step(kind="fail", values=(x.failure.message,)),
    c.CancelWorkflow: lambda d, x: Step(kind="cancel"),
    c.ContinueAsNew: lambda d, x: Step(
        kind="continue as new", name=x.workflow_type, values=d.values(x.input)
    ),
}

_EVENTS: dict[type[Any], Callable[[Describer, Any], Step]] = {
    ht.TimerStarted: lambda d, x: Step(kind="timer", duration_ns=x.start_to_fire_timeout or 0),
    ht.TimerCanceled: lambda d, x: Step(kind="cancel timer", name=x.timer_id),
    ha.ActivityTaskScheduled: lambda d, x: Step(
        kind="activity", name=_name(x.activity_type), values=d.values(x.input)
    ),
    ha.ActivityTaskCancelRequested: lambda d, x: Step(
        kind="cancel activity", name=d.activity_id(x.scheduled_event_id)
    ),
    hm.MarkerRecorded: lambda d, x: d.marker(x),
    hc.StartChildWorkflowExecutionInitiated: lambda d, x: Step(
        kind="child", name=_name(x.workflow_type), target=x.workflow_id, values=d.values(x.input)
    ),
    he.SignalExternalWorkflowExecutionInitiated: lambda d, x: Step(
        kind="signal", name=x.signal_name, target=_workflow(x), values=d.values(x.input)
    ),
    he.RequestCancelExternalWorkflowExecutionInitiated: lambda d, x: Step(
        kind="cancel other", target=_workflow(x)
    ),
    hp.UpsertWorkflowSearchAttributes: lambda d, x: Step(
        kind="search attributes",
        values=tuple(x.search_attributes.indexed_fields) if x.search_attributes else (),
    ),
    hp.WorkflowPropertiesModified: lambda d, x: Step(
        kind="memo", values=tuple(x.upserted_memo.fields) if x.upserted_memo else ()
    ),
    hu.WorkflowExecutionUpdateAccepted: lambda d, x: Step(
        kind="accept update",
        name=x.accepted_request.input.name if x.accepted_request and x.accepted_request.input else "",
        target=update_id_of(x),
    ),
    hu.WorkflowExecutionUpdateCompleted: lambda d, x: Step(
        kind="complete update", target=update_id_of(x), values=_outcome(d, x.outcome)
    ),
    hw.WorkflowExecutionCompleted: lambda d, x: Step(kind="complete", values=d.values(x.result)),
    hw.WorkflowExecutionFailed: lambda d, x: Step(
        kind="fail", values=(x.failure.message,) if x.failure else ()
    ),
    hw.WorkflowExecutionCanceled: lambda d, x: Step(kind="cancel"),
    hw.WorkflowExecutionContinuedAsNew: lambda d, x: Step(
        kind="continue as new", name=_name(x.workflow_type), values=d.values(x.input)
    ),
}
