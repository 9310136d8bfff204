"""Replays a history against definitions: the core of the replayer.

Goes further than Temporal's: it compares the commands of the last completed workflow task too, and runs the
code on what an open history holds after it, so that a change there is found before a worker meets it. Reads
nothing and writes nothing; who has files or directories loads them first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

from ..definitions import WorkflowDefinition
from ..errors import HistoryReadError, TemporalError, WorkflowNotRegisteredError, WorkflowTaskFailedError
from ..history.workflow import WorkflowExecutionStarted
from ..history.workflow_task import WorkflowTaskStarted
from .errors import WorkflowCodeError
from .instance import WorkflowRun
from .location import line_of, of_traceback
from .strictness import STRICT, Strictness

if TYPE_CHECKING:
    from ..commands import Command
    from ..guard import Guard
    from ..history import History
    from ..payloads import DataConverter
    from .matching import Mismatch


@attrs.frozen(kw_only=True)
class ReplayResult:
    """How a replay went. ``error`` None: the code still does what the history records.

    ``warnings``: differences that the strictness does not count as errors, as texts. ``events``: how many
    were replayed. ``next_commands``: what the code would issue after the end of an open history.
    """

    workflow_type: str
    workflow_id: str
    run_id: str
    events: int
    error: TemporalError | None = None
    warnings: tuple[str, ...] = ()
    next_commands: tuple[Command, ...] = ()

    @property
    def ok(self) -> bool:
        """Does the code still fit?"""
        return self.error is None


def replay_history(
    history: History,
    definitions: Mapping[str, WorkflowDefinition] | Iterable[WorkflowDefinition],
    converter: DataConverter | None = None,
    strictness: Strictness = STRICT,
    *,
    guard: Guard | None = None,
    run_id: str = "",
    namespace: str = "default",
) -> ReplayResult:
    """Replay one run. Never raises for what code or history do; see ``error``.

    ``guard``: kept open by who replays many; by default a strict one for this replay. ``namespace``: a
    history does not tell its own, and the code may ask for it.
    """
    by_name = definitions if isinstance(definitions, Mapping) else {each.name: each for each in definitions}
    events = history.events
    started = events[0].attributes if events else None
    if not isinstance(started, WorkflowExecutionStarted):
        problem = HistoryReadError(
            "a history begins with a WorkflowExecutionStarted event", position="event 1"
        )
        return ReplayResult(
            workflow_type="", workflow_id=history.workflow_id, run_id=run_id, events=0, error=problem
        )
    workflow_type = started.workflow_type.name if started.workflow_type is not None else ""
    workflow_id = history.workflow_id or started.workflow_id or "unknown"
    run_id = run_id or started.original_execution_run_id or "unknown"
    definition = by_name.get(workflow_type)
    if definition is None:
        known = ", ".join(repr(name) for name in sorted(by_name)) or "none"
        missing = WorkflowNotRegisteredError(
            f"the history is of workflow {workflow_type!r}, which was not given; given: {known}",
            workflow_type=workflow_type,
        )
        return ReplayResult(
            workflow_type=workflow_type, workflow_id=workflow_id, run_id=run_id, events=0, error=missing
        )
    if converter is None:
        from ..payloads import DEFAULT_CONVERTER

        converter = DEFAULT_CONVERTER
    own_guard = guard is None
    if guard is None:
        from ..guard import strict_guard

        guard = strict_guard()
    run = WorkflowRun(
        definition,
        namespace=namespace,
        workflow_id=workflow_id,
        run_id=run_id,
        task_queue=started.task_queue.name if started.task_queue is not None else "",
        converter=converter,
        guard=guard.for_workflow(definition.fn),
        strictness=strictness,
    )
    error: TemporalError | None = None
    commands: tuple[Command, ...] = ()
    try:
        commands = _replay(run, history)
    except WorkflowCodeError as failed:
        error = _code_error(run, failed.error)
    except TemporalError as problem:
        error = problem
    finally:
        warnings = tuple(_warning(mismatch) for mismatch in run.warnings or ())
        run.close()
        if own_guard:
            guard.close()
    return ReplayResult(
        workflow_type=workflow_type,
        workflow_id=workflow_id,
        run_id=run_id,
        events=len(events),
        error=error,
        warnings=warnings,
        next_commands=commands,
    )


def _replay(run: WorkflowRun, history: History) -> tuple[Command, ...]:
    events = history.events
    run.advance(events)
    tail = [event for event in events if event.event_id > run.processed_id]
    if not tail or run.closing is not None:
        return ()
    # The open end: the code meets these events with its next task, whenever that starts.
    started = next((event for event in reversed(tail) if type(event.attributes) is WorkflowTaskStarted), None)
    if started is None:
        from ..history import HistoryEvent

        last = tail[-1]
        started = HistoryEvent(
            event_id=last.event_id + 1,
            event_time=last.event_time,
            event_type="EVENT_TYPE_WORKFLOW_TASK_STARTED",
            attributes=WorkflowTaskStarted(),
        )
        tail.append(started)
    run.advance(tail, started.event_id)
    return tuple([each.command for each in run.take_issued() if each.command is not None])


def _code_error(run: WorkflowRun, error: BaseException) -> TemporalError:
    if isinstance(error, TemporalError):
        return error
    file, line = line_of(of_traceback(error))
    return WorkflowTaskFailedError(workflow_id=run.workflow_id, attempt=1, cause=error, file=file, line=line)


def _warning(mismatch: Mismatch) -> str:
    return "; ".join(
        f"{difference.name}: {difference.recorded!r} was recorded, now {difference.replayed!r}"
        for difference in mismatch.differences
    )
