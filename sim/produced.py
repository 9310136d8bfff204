"""The histories a simulation has produced: every run that started in it, open or closed, from committed rows
alone.

Owns where they are found: with the workflow object while it holds them, else in the run's archive, in rows or
in the object store, which outlives the workflow's retention. Reads rows without a message, so asking disturbs
nothing and leaves no trace. Must not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from ..runtime.history import History, WorkflowExecutionStarted
from ..runtime.history.protojson import read_history
from ..runtime.keys import HISTORY, WORKFLOW, kind_of

if TYPE_CHECKING:
    from .platform import Platform


@attrs.frozen(kw_only=True)
class ProducedHistory:
    """One run: who it is, what it runs, and its history so far.

    ``task_failure`` is why its last workflow task failed, "" if it did not.
    """

    namespace: str
    task_queue: str
    workflow_type: str
    workflow_id: str
    run_id: str
    history: History
    task_failure: str


def produced_histories(platform: Platform) -> Iterator[ProducedHistory]:
    """Every run: those that workflow objects hold, oldest workflow first, then those only archives hold."""
    seen: dict[str, bool] = {}
    for found in _held(platform):
        seen[found.run_id] = True
        yield found
    yield from (found for found in _archived(platform) if found.run_id not in seen)


def _held(platform: Platform) -> Iterator[ProducedHistory]:
    for rows in _objects(platform, WORKFLOW):
        for run_id, start in rows.get("start", {}).items():
            run = rows.get("run", {}).get(run_id)
            failure = None if run is None else run.last_task_failure
            found = _produced(
                rows.get(f"events:{run_id}", {}),
                namespace=start.namespace,
                workflow_id=start.workflow_id,
                run_id=run_id,
                task_failure="" if failure is None else failure.message,
            )
            if found is not None:
                yield found


def _archived(platform: Platform) -> Iterator[ProducedHistory]:
    for rows in _objects(platform, HISTORY):
        archived = rows.get("meta", {}).get("run")
        if archived is None:
            continue
        events = rows.get("event", {})
        if archived.blob_key:
            stored = read_history(platform.blobs.peek(archived.blob_key)).events
            events = {event.event_id: event for event in stored}
        found = _produced(
            events,
            namespace=archived.namespace,
            workflow_id=archived.workflow_id,
            run_id=archived.run_id,
            task_failure="",
        )
        if found is not None:
            yield found


def _objects(platform: Platform, kind: str) -> Iterator[Any]:
    """The committed rows of every object of a kind."""
    for key in list(platform.objects):
        if kind_of(key) == kind:
            yield platform.objects[key].read(platform.strict)


def _produced(events: Any, **facts: str) -> ProducedHistory | None:
    """The run with these events (by number), None if they do not begin with its start."""
    history = History(events=tuple(events.values()), workflow_id=facts["workflow_id"])
    started = history.events[0].attributes if history.events else None
    if not isinstance(started, WorkflowExecutionStarted):
        return None
    return ProducedHistory(
        task_queue="" if started.task_queue is None else started.task_queue.name,
        workflow_type="" if started.workflow_type is None else started.workflow_type.name,
        history=history,
        **facts,
    )
