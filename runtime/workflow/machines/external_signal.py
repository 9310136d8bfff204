"""Signals to other workflows (children among them).

=========  ========  =========  ===============================================================
state      event     next       what happens
=========  ========  =========  ===============================================================
issued     record    initiated  SignalExternalWorkflowExecutionInitiated carries its event id
issued     withdraw  dropped    the caller was cancelled in the same task
initiated  resolve   resolved   it was delivered, or there is nobody to take it
initiated  withdraw  initiated  it can't be called back
resolved   withdraw  resolved
=========  ========  =========  ===============================================================

Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...commands import SignalExternalWorkflow
from .base import Machine

if TYPE_CHECKING:
    from ...history import HistoryEvent, Payload
    from ...loop_futures import Future
    from ..instance import WorkflowRun
    from ..issued import Issued
    from ..location import Location


class ExternalSignalMachine(Machine):
    """One signal. ``future`` gets the attributes of the event that tells its outcome."""

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
        workflow_id: str,
        run_id: str,
        where: Location,
        *,
        signal_name: str,
        input: tuple[Payload, ...],
        child_workflow_only: bool = False,
    ) -> None:
        self.state = "issued"
        self.run = run
        number = run.external_count + 1
        command = SignalExternalWorkflow(
            number=number,
            workflow_id=workflow_id,
            run_id=run_id,
            namespace=run.namespace,
            signal_name=signal_name,
            input=input,
            child_workflow_only=child_workflow_only,
        )
        self.issued: Issued | None = run.issue(command, self, where)
        run.external_count = number
        self.future: Future = run.loop.create_future()

    def recorded(self, event: HistoryEvent) -> None:
        """SignalExternalWorkflowExecutionInitiated."""
        self.to("record")
        self.issued = None
        self.run.by_event[event.event_id] = self

    def resolve(self, attributes: Any) -> None:
        """ExternalWorkflowExecutionSignaled, or SignalExternalWorkflowExecutionFailed."""
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
