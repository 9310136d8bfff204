"""The histories that a ledger holds, for the checkers that replay them. Reads rows; must not import: a
platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from ...runtime.history import History, HistoryEvent, WorkflowExecutionStarted
from ...runtime.keys import WORKFLOW
from .ledger import Ledger

if TYPE_CHECKING:
    from ...runtime.definitions import WorkflowDefinition
    from ...runtime.guard import Guard
    from ...runtime.workflow.replay import ReplayResult
    from .world import World


SAMPLE = 2


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


def replayable(ledger: Ledger, world: World) -> Iterator[Replayable]:
    """Every run whose workflow some deployed worker runs, oldest object first."""
    for key in list(ledger.of_kind(WORKFLOW)):
        for run_id, start in ledger.table(key, "start").items():
            events = tuple(ledger.table(key, f"events:{run_id}").values())
            found = replayable_run(run_id, start, ledger.get(key, "run", run_id), events, world)
            if found is not None:
                yield found


def replayable_run(
    run_id: str, start: Any, run: Any, events: tuple[HistoryEvent, ...], world: World
) -> Replayable | None:
    """The run with these rows (None: there is none) and events, if a deployed worker runs its workflow."""
    if run is None or not events or not isinstance(events[0].attributes, WorkflowExecutionStarted):
        return None
    started = events[0].attributes
    queue = started.task_queue.name if started.task_queue is not None else ""
    name = started.workflow_type.name if started.workflow_type is not None else ""
    definition = world.deployment.workflow(start.namespace, queue, name)
    if definition is None:
        return None
    return Replayable(
        run_id=run_id,
        name=name,
        definition=definition,
        history=History(events=events, workflow_id=start.workflow_id),
        task_failed=run.last_task_failure is not None,
        at_rest=run.task_state == "none",
    )


def sample(found: list[Replayable]) -> list[Replayable]:
    """The few longest runs: for what is too dear to be done with every run of every seed."""
    return sorted(found, key=lambda each: -len(each.history.events))[:SAMPLE]


def replay(found: Replayable, history: History, world: World, guard: Guard) -> ReplayResult:
    """Replay ``history`` of a run with the code that is deployed at the end, from nothing but its events."""
    from ...runtime.workflow.replay import replay_history

    return replay_history(
        history,
        {found.name: found.definition},
        world.deployment.converter,
        guard=guard,
        run_id=found.run_id,
    )


def prefix(history: History, events: int) -> History:
    """The first ``events`` events of a history."""
    found: tuple[HistoryEvent, ...] = history.events[:events]
    return History(events=found, workflow_id=history.workflow_id)
