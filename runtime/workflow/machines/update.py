"""Updates that were accepted. Rejected ones leave no machine and no event.

==============  ========  ==============  ==================================
state           event     next            what happens
==============  ========  ==============  ==================================
issued          record    accepted        UpdateAccepted is in the history
issued          complete  finished_early  the handler did not wait at all
finished_early  record    finished
accepted        complete  finished        the handler returned or failed
finished        record    recorded        UpdateCompleted is in the history
==============  ========  ==============  ==================================

Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...commands import AcceptUpdate, CompleteUpdate
from .base import Machine

if TYPE_CHECKING:
    from ...history import Failure, Payload
    from ..instance import WorkflowRun
    from ..location import Location


class UpdateMachine(Machine):
    """One accepted update."""

    __slots__ = ("run", "update_id", "where")

    transitions = {
        ("issued", "record"): "accepted",
        ("issued", "complete"): "finished_early",
        ("finished_early", "record"): "finished",
        ("accepted", "complete"): "finished",
        ("finished", "record"): "recorded",
    }

    def __init__(self, run: WorkflowRun, update_id: str, where: Location) -> None:
        self.state = "issued"
        self.run = run
        self.update_id = update_id
        self.where = where
        run.issue(AcceptUpdate(update_id=update_id), self, where)

    def complete(self, result: tuple[Payload, ...], failure: Failure | None = None) -> None:
        """The handler is done."""
        self.to("complete")
        command = CompleteUpdate(update_id=self.update_id, result=result, failure=failure)
        self.run.issue(command, self, self.where)
