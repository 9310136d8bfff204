"""What has to be true of the shop's histories, wherever they were made.

The simulator's checkers read traces; a history becomes a trace of one commit per event. Those checkers take
part that need nothing but events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import attrs

from temporal_do.runtime.errors import HistoryReadError
from temporal_do.runtime.history import EventType, History, check_history
from temporal_do.runtime.keys import activity_key, workflow_key
from temporal_do.sim.checkers import Checker, check_trace
from temporal_do.sim.checkers.append_only import AppendOnly
from temporal_do.sim.checkers.closed_runs import ClosedRuns
from temporal_do.sim.checkers.contiguous_ids import ContiguousIds
from temporal_do.sim.checkers.facts import ACTIVITY_ENDS
from temporal_do.sim.checkers.one_completion import OneCompletion
from temporal_do.sim.checkers.open_cause import OpenCause
from temporal_do.sim.checkers.signals import Signals
from temporal_do.sim.checkers.successor import Successor
from temporal_do.sim.checkers.timers_early import TimersEarly
from temporal_do.sim.checkers.timers_once import TimersOnce
from temporal_do.sim.trace import Trace

NAMESPACE = "shop"
CHECKERS: tuple[type[Checker], ...] = (
    ContiguousIds,
    OpenCause,
    OneCompletion,
    Signals,
    TimersEarly,
    TimersOnce,
    ClosedRuns,
    Successor,
)


@attrs.frozen(kw_only=True)
class Run:
    """One run and what was fetched of it."""

    workflow_id: str
    run_id: str
    history: History


def trace_of(runs: Iterable[Run]) -> Trace:
    """The trace in which the runs' events are committed one by one."""
    trace = Trace(None)
    versions: Counter[str] = Counter()
    for run in runs:
        key = workflow_key(NAMESPACE, run.workflow_id)
        for event in run.history.events:
            versions[key] += 1
            rows = ((f"events:{run.run_id}", event.event_id, event),)
            trace.add(("commit", event.event_time, key, 1, versions[key], rows, None))
    return trace


def problems(runs: Iterable[Run], earlier: Iterable[Run] = ()) -> list[str]:
    """What the checkers find. ``earlier``: histories fetched while the runs were under way."""
    runs = list(runs)
    found: list[str] = []
    for each in runs:
        try:
            check_history(each.history, file=each.workflow_id)
        except HistoryReadError as error:
            found.append(str(error))
    violations = check_trace(trace_of(runs), CHECKERS)
    violations += check_trace(trace_of([*earlier, *runs]), [AppendOnly])
    return found + [f"{each.checker}: {each.message}" for each in violations]


def executions_beyond_leases(runs: Iterable[Run], visits: Mapping[tuple[str, int], int]) -> list[str]:
    """What is wrong with the executions that the outside world has seen: (idempotency key, attempt) -> calls.

    Each activity of the shop calls once per execution. An attempt is leased once, so it calls once at most,
    and none calls beyond the attempt that the history records as the last.
    """
    found = [
        f"attempt {attempt} of {key} ran {count} times"
        for (key, attempt), count in visits.items()
        if count > 1
    ]
    last: dict[str, int | None] = {}
    completed: dict[str, str] = {}
    for run in runs:
        scheduled: dict[int, str] = {}
        for event in run.history.events:
            attributes = event.attributes
            if event.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
                name = activity_key(NAMESPACE, run.run_id, attributes.activity_id)
                key = blake2b(name.encode(), digest_size=16).hexdigest()
                scheduled[event.event_id] = key
                last[key] = None
            elif event.event_type == EventType.ACTIVITY_TASK_STARTED:
                last[scheduled[attributes.scheduled_event_id]] = attributes.attempt
            elif event.event_type == EventType.ACTIVITY_TASK_COMPLETED:
                completed[scheduled[attributes.scheduled_event_id]] = name
    called: dict[str, int] = {}
    for key, attempt in visits:
        called[key] = max(called.get(key, 0), attempt)
    for key, attempt in called.items():
        if key not in last:
            found.append(f"an activity with the key {key} ran, and no history has it")
        elif (last[key] or attempt) < attempt:
            found.append(f"attempt {attempt} of {key} ran; the last that was leased is {last[key]}")
    found += [
        f"{name} is recorded as completed and never ran"
        for key, name in completed.items()
        if key not in called
    ]
    return found


def activity_ends(runs: Iterable[Run]) -> int:
    """How many ends of activities the histories record."""
    return sum(event.event_type in ACTIVITY_ENDS for run in runs for event in run.history.events)
