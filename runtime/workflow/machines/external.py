"""Requests to other workflows, children among them: signals, and requests to cancel.

=========  ========  =========  ===============================================================
state      event     next       what happens
=========  ========  =========  ===============================================================
issued     record    initiated  its ...Initiated event carries the event id
issued     withdraw  dropped    the caller was cancelled in the same task
initiated  resolve   resolved   it was delivered, or there is nobody to take it
initiated  withdraw  initiated  it can't be called back
resolved   withdraw  resolved
=========  ========  =========  ===============================================================

Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Machine

if TYPE_CHECKING:
    from ...commands import RequestCancelExternalWorkflow, SignalExternalWorkflow
    from ...history import HistoryEvent
    from ...loop_futures import Future
    from ..instance import WorkflowRun
    from ..issued import Issued
    from ..location import Location


class ExternalMachine(Machine):
    """One request. ``future`` gets the attributes of the event that tells its outcome.

    ``command`` carries the next number of the run's requests to others (``run.external_count + 1``).
    """

    __slots__ = ("future", "issued", "run")

    transitions = {
        ("issued", "record"): "initiated",
        ("issued", "withdraw"): "dropped",
        ("initiated", "resolve"): "resolved",
        ("initiated", "withdraw"): "initiated",
        ("resolved", "withdraw"): "resolved",
    }

    def __init__(
        self,
        run: WorkflowRun,
        command: SignalExternalWorkflow | RequestCancelExternalWorkflow,
        where: Location,
    ) -> None:
        self.state = "issued"
        self.run = run
        self.issued: Issued | None = run.issue(command, self, where)
        run.external_count = command.number
        self.future: Future = run.loop.create_future()

    def recorded(self, event: HistoryEvent) -> None:
        """SignalExternal- or RequestCancelExternalWorkflowExecutionInitiated."""
        self.to("record")
        self.issued = None
        self.run.by_event[event.event_id] = self

    def resolve(self, attributes: Any) -> None:
        """It was delivered (...Signaled, ...CancelRequested), or it was not (...Failed)."""
        self.to("resolve")
        if not self.future.done():
            self.future.set_result(attributes)

    def withdraw(self) -> None:
        """Nobody waits for it any more; call it back if it has not gone out."""
        if not self.run.alive:
            return
        self.to("withdraw")
        if self.state == "dropped" and self.issued is not None:
            self.issued.withdraw()
            self.issued = None
