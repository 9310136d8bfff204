"""Where in the user's code the events of a history come from.

Replays a history and notes, for every event that records a command, the line that asked for it. Owns nothing
else. Invariants: reads only; a history that does not replay gives the lines up to where the code leaves it.
Must not import: the simulation.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from ..runtime.errors import TemporalError
from ..runtime.history import HistoryEvent
from ..runtime.workflow.errors import WorkflowCodeError
from ..runtime.workflow.instance import WorkflowRun
from ..runtime.workflow.location import text_of
from ..runtime.workflow.strictness import PRODUCTION

if TYPE_CHECKING:
    from ..runtime.definitions import WorkflowDefinition
    from ..runtime.payloads import DataConverter


class _Noting(WorkflowRun):
    """A replay that remembers where each recorded command was asked for.

    ``callers``: the code that asked for the story; a command issued by a task of the engine's own seems to
    come from there.
    """

    __slots__ = ("callers", "lines")
    callers: list[CodeType]
    lines: dict[int, str]

    def _match(self, issued: Any, recorded: Sequence[HistoryEvent], events: Any, after: int) -> None:
        if len(issued) == len(recorded):
            for each, event in zip(issued, recorded, strict=True):
                if each.where is not None and each.where[0] not in self.callers:
                    self.lines[event.event_id] = text_of(each.where)
        super()._match(issued, recorded, events, after)


def source_lines(
    events: Sequence[HistoryEvent],
    definition: WorkflowDefinition,
    converter: DataConverter,
    *,
    namespace: str,
    workflow_id: str,
    run_id: str,
    task_queue: str,
) -> dict[int, str]:
    """Event id -> ``file:line``, for the events that the workflow's code asked for."""
    from ..runtime.guard import strict_guard

    guard = strict_guard()
    run = _Noting(
        definition,
        namespace=namespace,
        workflow_id=workflow_id,
        run_id=run_id,
        task_queue=task_queue,
        converter=converter,
        guard=guard.for_workflow(definition.fn),
        strictness=PRODUCTION,
    )
    run.lines = {}
    run.callers = _callers()
    try:
        run.advance(events)
    except (TemporalError, WorkflowCodeError):
        pass
    finally:
        run.close()
        guard.close()
    return {number: line for number, line in run.lines.items() if line}


def _callers() -> list[CodeType]:
    frame: FrameType | None = sys._getframe(1)
    found = []
    while frame is not None:
        found.append(frame.f_code)
        frame = frame.f_back
    return found
