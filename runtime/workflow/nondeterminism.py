"""Builds the NondeterminismError: the facts, the probable cause and the fix.

The error's ``fields`` are plain data (texts, numbers, lists, dicts), so that it can be pickled and written as
JSON: ``workflow_type, workflow_id, run_id, event_id, kind, cause, file, line, function, source, advice, fix,
recorded, replayed, before, warnings``. ``recorded`` and ``replayed`` list the commands of the workflow task
in question; ``differs_at`` is the index of the first difference in both. The text is made by `report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import NondeterminismError
from .classify import Divergence, classify
from .fixes import fix_for
from .location import Location, awaiting, line_of, of_traceback, text_of
from .matching import COMMAND_EVENTS, Mismatch, match_commands
from .source import Mentions, return_line, source_line, statement_at
from .steps import Describer, Step

if TYPE_CHECKING:
    from ..history import HistoryEvent
    from .instance import WorkflowRun
    from .issued import Issued

_WINDOW = 12
_BEFORE = 3
_REST_MAX = 200


def nondeterminism_error(
    run: WorkflowRun,
    mismatch: Mismatch,
    issued: Sequence[Issued],
    recorded: Sequence[HistoryEvent],
    events: Sequence[HistoryEvent],
    after: int,
    raised: BaseException | None = None,
) -> NondeterminismError:
    """The error for commands that do not fit. ``recorded`` ends before index ``after`` of ``events``."""
    describe = Describer(run.converter, events)
    replayed_steps = [describe.issued(each) for each in issued]
    recorded_steps = [describe.event(event) for event in recorded]
    later_steps = [describe.event(event) for event in events[after:] if _is_command(event)][:_REST_MAX]
    before = [event for event in events[: after - len(recorded)] if _is_command(event)][-_BEFORE:]
    replayed = _at(replayed_steps, mismatch.issued_at)
    expected = _at(recorded_steps, mismatch.recorded_at)
    where, others = _blame(run, replayed, raised)
    divergence = Divergence(
        recorded=expected,
        replayed=replayed,
        recorded_rest=[*recorded_steps[mismatch.recorded_at + 1 :], *later_steps],
        replayed_rest=replayed_steps[mismatch.issued_at + 1 :],
        differences=mismatch.differences,
        mentions=Mentions(run.definition.fn),
        raised=raised,
        waits_at=text_of(where) if replayed is None and raised is None else "",
    )
    cause = classify(divergence)
    file, line = line_of(where)
    code_file = where[0].co_filename if where is not None else ""
    if where is not None and where[1] < 0:  # the function returned: its frame is gone
        line = return_line(run.definition.fn) or line
    statement = statement_at(code_file, line) if code_file else None
    fix = fix_for(cause, divergence, statement, run.definition.fn)
    started_id = run.history_length
    fields: dict[str, Any] = {
        "workflow_type": run.definition.name,
        "workflow_id": run.workflow_id,
        "run_id": run.run_id,
        "event_id": _event_id(expected, recorded, started_id),
        "kind": cause.kind,
        "cause": cause.text,
        "file": file,
        "line": line,
        "function": where[0].co_qualname if where is not None else "",
        "source": source_line(code_file, line) if code_file else "",
        "also_waits_at": [text_of(other) for other in others],
        "advice": fix.advice,
        "fix": fix.code,
        "before": [describe.event(event).as_json() for event in before],
        "recorded": [step.as_json() for step in recorded_steps[: mismatch.recorded_at + _WINDOW]],
        "replayed": [
            {**step.as_json(), "line": line} if step is replayed and file else step.as_json()
            for step in replayed_steps[: mismatch.issued_at + _WINDOW]
        ],
        "recorded_differs_at": mismatch.recorded_at,
        "replayed_differs_at": mismatch.issued_at,
        "recorded_later": [step.as_json() for step in later_steps[:3]],
    }
    from .report import summary

    return NondeterminismError(summary(fields), **fields)


def failed_in_replay(
    run: WorkflowRun,
    error: BaseException,
    issued: Sequence[Issued],
    recorded: Sequence[HistoryEvent],
    events: Sequence[HistoryEvent],
    after: int,
) -> NondeterminismError:
    """The code raised where the history goes on. If its commands parted before, that is the news."""
    mismatch = match_commands(issued, recorded, run.strictness, run)
    if mismatch is not None and mismatch.issued_at < len(issued):
        return nondeterminism_error(run, mismatch, issued, recorded, events, after)
    position = mismatch.recorded_at if mismatch is not None else len(recorded)
    return nondeterminism_error(run, Mismatch(len(issued), position), issued, recorded, events, after, error)


def _is_command(event: HistoryEvent) -> bool:
    return type(event.attributes) in COMMAND_EVENTS


def _at(steps: Sequence[Step], index: int) -> Step | None:
    return steps[index] if index < len(steps) else None


def _event_id(step: Step | None, recorded: Sequence[HistoryEvent], started_id: int) -> int:
    if step is not None:
        return step.event_id
    # Nothing is recorded where the code issues something: that is after the task's last event.
    return recorded[-1].event_id if recorded else started_id + 1


def _blame(
    run: WorkflowRun, replayed: Step | None, raised: BaseException | None
) -> tuple[Location, list[Location]]:
    """The line to blame, and where else the code waits."""
    if raised is not None:
        return of_traceback(raised), []
    if replayed is not None:
        if replayed.where is not None:
            return replayed.where, []
        return (run.definition.fn.__code__, -1), []
    waiting: list[Location] = [
        place for task in run.loop.tasks() if (place := awaiting(task.get_coro())) is not None
    ]
    return (waiting[0], waiting[1:4]) if waiting else (None, [])
