"""Timers.

====================  ==============  ============  =================================================
state                 event           next          what happens
====================  ==============  ============  =================================================
issued                record          started       TimerStarted carries its event id
issued                cancel          dropped       started and cancelled in one task: no command
started               fire            fired         the waiting coroutine goes on
started               cancel          cancelling    CancelTimer goes out
cancelling            record_cancel   canceled
cancelling            fire            fired         it had fired already: CancelTimer is withdrawn
fired, dropped,       cancel          (same)        too late, nothing to do
cancelling, canceled
====================  ==============  ============  =================================================

Durations are nanoseconds. Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...commands import CancelTimer, StartTimer
from .base import Cancellation, Machine

if TYPE_CHECKING:
    from ...history import HistoryEvent
    from ..instance import WorkflowRun
    from ..issued import Issued
    from ..location import Location


class TimerMachine(Machine):
    """One durable timer; calls ``on_fire`` when it fires."""

    __slots__ = ("issued", "on_fire", "run", "timer_id")

    transitions = {
        ("issued", "record"): "started",
        ("issued", "cancel"): "dropped",
        ("started", "fire"): "fired",
        ("started", "cancel"): "cancelling",
        ("cancelling", "record_cancel"): "canceled",
        ("cancelling", "fire"): "fired",
        ("fired", "cancel"): "fired",
        ("dropped", "cancel"): "dropped",
        ("cancelling", "cancel"): "cancelling",
        ("canceled", "cancel"): "canceled",
    }

    def __init__(
        self,
        run: WorkflowRun,
        duration_ns: int,
        on_fire: Callable[[], object],
        where: Location,
        summary: str = "",
    ) -> None:
        self.state = "issued"
        self.run = run
        self.on_fire = on_fire
        number = run.timer_count + 1
        command = StartTimer(timer_id=str(number), duration_ns=duration_ns, summary=summary)
        # The command that is on its way, if one is: the timer's own, or its cancellation.
        self.issued: Issued | None = run.issue(command, self, where)
        run.timer_count = number
        self.timer_id = command.timer_id

    def recorded(self, event: HistoryEvent) -> None:
        """TimerStarted."""
        self.to("record")
        self.issued = None
        self.run.by_event[event.event_id] = self

    def resolve(self, attributes: Any) -> None:
        """TimerFired."""
        before = self.state
        self.to("fire")
        if before == "started":
            self.on_fire()
        elif self.issued is not None:
            self.issued.withdraw()
            self.issued = None

    def cancel_recorded(self, event: HistoryEvent) -> None:
        """TimerCanceled: nothing more will come."""
        self.to("record_cancel")
        self.issued = None
        self.run.by_event.pop(event.attributes.started_event_id, None)

    def cancel(self) -> None:
        """Stop the timer. Nothing happens if it fired or the workflow is being dropped."""
        run = self.run
        if not run.alive:
            return
        before = self.state
        self.to("cancel")
        if before == "issued":
            if self.issued is not None:
                self.issued.withdraw()
                self.issued = None
        elif before == "started":
            command = CancelTimer(timer_id=self.timer_id)
            self.issued = run.issue(command, Cancellation(self), run.locate())
