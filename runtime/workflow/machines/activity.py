"""Activities that a worker runs.

==========  ==============  ==========  ==========================================================
state       event           next        what happens
==========  ==============  ==========  ==========================================================
issued      record          scheduled   ActivityTaskScheduled carries its event id
issued      cancel          dropped     asked for and cancelled in one task: no command
issued      abandon         dropped
scheduled   resolve         resolved    completed, failed, timed out or canceled: the coroutine goes on
scheduled   cancel          cancelling  RequestCancelActivity goes out
scheduled   abandon         abandoned   nobody waits any more
cancelling  record_cancel   requested
cancelling  resolve         resolved    it had ended already: RequestCancelActivity is withdrawn
requested   resolve         resolved
abandoned   resolve         resolved
(later)     cancel          (same)      too late, nothing to do
==========  ==============  ==========  ==========================================================

ActivityTaskStarted changes nothing here. Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...commands import RequestCancelActivity, ScheduleActivity
from .base import Cancellation, Machine

if TYPE_CHECKING:
    from ...history import HistoryEvent
    from ...loop_futures import Future
    from ..instance import WorkflowRun
    from ..issued import Issued
    from ..location import Location


class ActivityMachine(Machine):
    """One activity. ``future`` gets the attributes of the event that ended it."""

    __slots__ = ("command", "future", "issued", "run")

    transitions = {
        ("issued", "record"): "scheduled",
        ("issued", "cancel"): "dropped",
        ("issued", "abandon"): "dropped",
        ("scheduled", "resolve"): "resolved",
        ("scheduled", "cancel"): "cancelling",
        ("scheduled", "abandon"): "abandoned",
        ("cancelling", "record_cancel"): "requested",
        ("cancelling", "resolve"): "resolved",
        ("requested", "resolve"): "resolved",
        ("abandoned", "resolve"): "resolved",
        ("dropped", "cancel"): "dropped",
        ("cancelling", "cancel"): "cancelling",
        ("requested", "cancel"): "requested",
        ("resolved", "cancel"): "resolved",
        ("resolved", "abandon"): "resolved",
        ("abandoned", "abandon"): "abandoned",
    }

    def __init__(self, run: WorkflowRun, command: ScheduleActivity, where: Location) -> None:
        self.state = "issued"
        self.run = run
        self.command = command
        # The command that is on its way, if one is: the activity's own, or its cancellation.
        self.issued: Issued | None = run.issue(command, self, where)
        self.future: Future = run.loop.create_future()

    def recorded(self, event: HistoryEvent) -> None:
        """ActivityTaskScheduled."""
        self.to("record")
        self.issued = None
        self.run.by_event[event.event_id] = self

    def resolve(self, attributes: Any) -> None:
        """ActivityTaskCompleted, Failed, TimedOut or Canceled."""
        if self.state == "cancelling" and self.issued is not None:
            self.issued.withdraw()
        self.issued = None
        self.to("resolve")
        future = self.future
        if not future.done():
            future.set_result(attributes)

    def cancel_recorded(self, event: HistoryEvent) -> None:
        """ActivityTaskCancelRequested."""
        self.to("record_cancel")
        self.issued = None

    def cancel(self) -> None:
        """Ask the activity to stop."""
        self._stop("cancel")

    def abandon(self) -> None:
        """Wait no more, and let it go on."""
        self._stop("abandon")

    def _stop(self, how: str) -> None:
        run = self.run
        if not run.alive:
            return
        before = self.state
        self.to(how)
        if self.state == "dropped" and self.issued is not None:
            self.issued.withdraw()
            self.issued = None
        elif self.state == "cancelling" and before == "scheduled":
            command = RequestCancelActivity(activity_id=self.command.activity_id)
            self.issued = run.issue(command, Cancellation(self), run.locate())
