"""The histories that a ledger holds, for the checkers that replay them. Reads rows; must not import: a
platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from ...runtime.history import History, HistoryEvent, WorkflowExecutionStarted
from ...runtime.keys import WORKFLOW
from .ledger import Ledger

if TYPE_CHECKING:
    from ...runtime.definitions import WorkflowDefinition
    from .world import World


@attrs.frozen(kw_only=True)
class Replayable:
    """A run that workflow objects still hold, and the code that would replay it today."""

    run_id: str
    name: str
    definition: WorkflowDefinition
    history: History
    task_failed: bool
    """Its last workflow task failed: its code has an error of its own."""
    at_rest: bool
    """No workflow task is under way or waits."""


def replayable(ledger: Ledger, world: World | None) -> Iterator[Replayable]:
    """Every run whose workflow some deployed worker runs, oldest object first."""
    if world is None:
        return
    for key in list(ledger.of_kind(WORKFLOW)):
        for run_id, start in ledger.table(key, "start").items():
            events = tuple(ledger.table(key, f"events:{run_id}").values())
            run = ledger.get(key, "run", run_id)
            if run is None or not events or not isinstance(events[0].attributes, WorkflowExecutionStarted):
                continue
            started = events[0].attributes
            queue = started.task_queue.name if started.task_queue is not None else ""
            name = started.workflow_type.name if started.workflow_type is not None else ""
            definition = world.deployment.workflow(start.namespace, queue, name)
            if definition is not None:
                yield Replayable(
                    run_id=run_id,
                    name=name,
                    definition=definition,
                    history=History(events=events, workflow_id=start.workflow_id),
                    task_failed=run.last_task_failure is not None,
                    at_rest=run.task_state == "none",
                )


def prefix(history: History, events: int) -> History:
    """The first ``events`` events of a history."""
    found: tuple[HistoryEvent, ...] = history.events[:events]
    return History(events=found, workflow_id=history.workflow_id)
