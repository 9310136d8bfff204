"""The histories a simulation has produced: every run that started in it, open or closed, from committed rows
alone.

Owns where they are found: with the workflow object while it holds them, else in the run's archive. Reads rows
without a message, so asking disturbs nothing and leaves no trace. Must not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from ..runtime.history import History
from ..runtime.keys import WORKFLOW, history_key, kind_of

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
    """Every run, oldest workflow first. Runs whose retention is over are gone."""
    for key in list(platform.objects):
        if kind_of(key) != WORKFLOW:
            continue
        rows = platform.objects[key].read(platform.strict)
        runs: Any = rows.get("run", {})
        starts: Any = rows.get("start", {})
        for run_id, run in runs.items():
            start = starts.get(run_id)
            if start is None:
                continue
            events = _events(platform, rows, start.namespace, run_id)
            if events:
                failure = run.last_task_failure
                yield ProducedHistory(
                    namespace=start.namespace,
                    task_queue=start.task_queue,
                    workflow_type=start.workflow_type,
                    workflow_id=start.workflow_id,
                    run_id=run_id,
                    history=History(events=tuple(events), workflow_id=start.workflow_id),
                    task_failure="" if failure is None else failure.message,
                )


def _events(platform: Platform, rows: Any, namespace: str, run_id: str) -> list[Any]:
    held = rows.get(f"events:{run_id}")
    if held:
        return list(held.values())
    archive = platform.objects.get(history_key(namespace, run_id))
    return [] if archive is None else list(archive.read(platform.strict).get("event", {}).values())
