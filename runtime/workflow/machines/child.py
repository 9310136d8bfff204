"""Child workflows.

=================  ============  ============  ======================================================
state              event         next          what happens
=================  ============  ============  ======================================================
issued             record        initiated     StartChildWorkflowExecutionInitiated carries its event id
issued             cancel        dropped       asked for and cancelled in one task: no command
initiated          start         started       the child has a run
initiated          start_failed  start_failed  e.g. its workflow id is taken
initiated          resolve       resolved
started            resolve       resolved      it ended, one way or another
initiated/started  cancel        (same)        a cancellation request goes out as a command of its own
dropped and later  cancel        (same)        too late, nothing to do
=================  ============  ============  ======================================================

Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...commands import RequestCancelExternalWorkflow, StartChildWorkflow
from .base import Machine
from .external import ExternalMachine

if TYPE_CHECKING:
    from ...history import HistoryEvent
    from ...loop_futures import Future
    from ..instance import WorkflowRun
    from ..issued import Issued
    from ..location import Location


class ChildMachine(Machine):
    """One child. ``start`` gets the attributes of its start (or failure to), ``end`` of its end."""

    __slots__ = ("cancel_requested", "command", "end", "issued", "run", "run_id", "start")

    transitions = {
        ("issued", "record"): "initiated",
        ("issued", "cancel"): "dropped",
        ("initiated", "start"): "started",
        ("initiated", "start_failed"): "start_failed",
        ("initiated", "resolve"): "resolved",
        ("started", "resolve"): "resolved",
        ("initiated", "cancel"): "initiated",
        ("started", "cancel"): "started",
        ("dropped", "cancel"): "dropped",
        ("start_failed", "cancel"): "start_failed",
        ("resolved", "cancel"): "resolved",
    }

    def __init__(self, run: WorkflowRun, command: StartChildWorkflow, where: Location) -> None:
        self.state = "issued"
        self.run = run
        self.command = command
        self.run_id = ""
        self.cancel_requested = False
        self.issued: Issued | None = run.issue(command, self, where)
        self.start: Future = run.loop.create_future()
        self.end: Future = run.loop.create_future()

    def recorded(self, event: HistoryEvent) -> None:
        """StartChildWorkflowExecutionInitiated."""
        self.to("record")
        self.issued = None
        self.run.by_event[event.event_id] = self

    def started(self, attributes: Any) -> None:
        """ChildWorkflowExecutionStarted."""
        self.to("start")
        self.run_id = attributes.workflow_execution.run_id
        if not self.start.done():
            self.start.set_result(attributes)

    def start_failed(self, attributes: Any) -> None:
        """StartChildWorkflowExecutionFailed."""
        self.to("start_failed")
        if not self.start.done():
            self.start.set_result(attributes)
        if not self.end.done():
            self.end.set_result(attributes)

    def resolve(self, attributes: Any) -> None:
        """ChildWorkflowExecutionCompleted, Failed, Canceled, TimedOut or Terminated."""
        self.to("resolve")
        if not self.start.done():
            self.start.set_result(attributes)
        if not self.end.done():
            self.end.set_result(attributes)

    def cancel(self, where: Location, reason: str = "") -> None:
        """Ask the child to stop; more than once is once."""
        if not self.run.alive:
            return
        self.to("cancel")
        if self.state == "dropped":
            if self.issued is not None:
                self.issued.withdraw()
                self.issued = None
        elif self.state in ("initiated", "started") and not self.cancel_requested:
            self.cancel_requested = True
            command = RequestCancelExternalWorkflow(
                number=self.run.external_count + 1,
                workflow_id=self.command.workflow_id,
                run_id=self.run_id,
                namespace=self.run.namespace,
                child_workflow_only=True,
                reason=reason,
            )
            ExternalMachine(self.run, command, where)
