"""The laws every history and every world keeps, whatever went wrong on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from temporal_do.runtime.actor import Poke
from temporal_do.runtime.history import EventType, History, HistoryEvent
from temporal_do.runtime.history.protojson import read_history
from temporal_do.runtime.keys import ACTIVITY, VISIBILITY, WORKFLOW, history_key, kind_of
from temporal_do.sim import Replayer, Simulation
from temporal_do.sim.produced import produced_histories

ENDS_OF_ACTIVITIES = (
    EventType.ACTIVITY_TASK_COMPLETED,
    EventType.ACTIVITY_TASK_FAILED,
    EventType.ACTIVITY_TASK_TIMED_OUT,
    EventType.ACTIVITY_TASK_CANCELED,
)
ENDS_OF_CHILDREN = (
    EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
    EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
    EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
    EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
    EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED,
)
ENDS_OF_RUNS = (
    EventType.WORKFLOW_EXECUTION_COMPLETED,
    EventType.WORKFLOW_EXECUTION_FAILED,
    EventType.WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.WORKFLOW_EXECUTION_CANCELED,
    EventType.WORKFLOW_EXECUTION_TERMINATED,
    EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
)


def of_type(history: History, *types: str) -> list[HistoryEvent]:
    """The events of these types, in order."""
    return [found for found in history.events if found.event_type in types]


def check_history(history: History) -> None:
    """Every law that speaks of one history."""
    check_event_ids_have_no_gaps(history)
    check_every_activity_ends_at_most_once(history)
    check_every_child_ends_at_most_once(history)
    check_no_timer_fires_early(history)
    check_each_timer_ends_at_most_once(history)
    check_nothing_follows_the_end(history)
    check_no_signal_is_recorded_twice(history)
    check_workflow_tasks_alternate(history)
    check_no_activity_has_more_attempts_than_allowed(history)


def check_event_ids_have_no_gaps(history: History) -> None:
    assert [found.event_id for found in history.events] == list(range(1, len(history.events) + 1))


def check_every_activity_ends_at_most_once(history: History) -> None:
    scheduled = {found.event_id for found in of_type(history, EventType.ACTIVITY_TASK_SCHEDULED)}
    ends = Counter(found.attributes.scheduled_event_id for found in of_type(history, *ENDS_OF_ACTIVITIES))
    assert set(ends) <= scheduled
    assert all(count == 1 for count in ends.values()), ends


def check_no_activity_has_more_attempts_than_allowed(history: History) -> None:
    policies = {
        found.event_id: found.attributes.retry_policy
        for found in of_type(history, EventType.ACTIVITY_TASK_SCHEDULED)
    }
    for started in of_type(history, EventType.ACTIVITY_TASK_STARTED):
        policy = policies[started.attributes.scheduled_event_id]
        most = policy.maximum_attempts if policy is not None else 0
        assert not most or started.attributes.attempt <= most, started


def check_every_child_ends_at_most_once(history: History) -> None:
    ends = Counter(found.attributes.initiated_event_id for found in of_type(history, *ENDS_OF_CHILDREN))
    assert all(count == 1 for count in ends.values()), ends


def check_no_timer_fires_early(history: History) -> None:
    started = {found.event_id: found for found in of_type(history, EventType.TIMER_STARTED)}
    for fired in of_type(history, EventType.TIMER_FIRED):
        start = started[fired.attributes.started_event_id]
        assert fired.event_time - start.event_time >= start.attributes.start_to_fire_timeout


def check_each_timer_ends_at_most_once(history: History) -> None:
    ends = Counter(
        found.attributes.started_event_id
        for found in of_type(history, EventType.TIMER_FIRED, EventType.TIMER_CANCELED)
    )
    assert all(count == 1 for count in ends.values()), ends


def check_nothing_follows_the_end(history: History) -> None:
    ends = of_type(history, *ENDS_OF_RUNS)
    assert len(ends) <= 1
    assert not ends or ends[0] is history.events[-1]


def check_no_signal_is_recorded_twice(history: History) -> None:
    ids = [found.attributes.request_id for found in of_type(history, EventType.WORKFLOW_EXECUTION_SIGNALED)]
    assert len(ids) == len(set(ids)), ids


def check_workflow_tasks_alternate(history: History) -> None:
    state = "none"
    for found in history.events:
        if found.event_type == EventType.WORKFLOW_TASK_SCHEDULED:
            assert state == "none", found
            state = "scheduled"
        elif found.event_type == EventType.WORKFLOW_TASK_STARTED:
            assert state == "scheduled", found
            state = "started"
        elif found.event_type in (
            EventType.WORKFLOW_TASK_COMPLETED,
            EventType.WORKFLOW_TASK_FAILED,
            EventType.WORKFLOW_TASK_TIMED_OUT,
        ):
            assert state == "started", found
            state = "none"


def check_at_most_one_open_run_at_a_time(histories: Iterable[History]) -> None:
    runs: dict[str, list[tuple[int, int]]] = {}
    for history in histories:
        first, last = history.events[0], history.events[-1]
        resets = [
            found.event_time
            for found in of_type(history, EventType.WORKFLOW_TASK_FAILED)
            if found.attributes.cause == "WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW"
        ]
        begin = resets[-1] if resets else first.event_time
        runs.setdefault(first.attributes.workflow_id, []).append((begin, last.event_time))
    for spans in runs.values():
        spans.sort()
        for (_, end), (begin, _) in zip(spans, spans[1:], strict=False):
            assert begin >= end


def check_every_history_replays(histories: Iterable[History], workflows: Sequence[Any]) -> None:
    replayer = Replayer(workflows=list(workflows))
    for history in histories:
        report = replayer.replay(history)
        assert report.ok, str(report)


def histories_of(simulation: Simulation) -> tuple[History, ...]:
    """Every history there is, from committed rows."""
    return tuple(found.history for found in produced_histories(simulation.platform))


def check_the_index_never_goes_back(simulation: Simulation) -> None:
    """The versions of a run's record in the index only grow."""
    versions: dict[str, int] = {}
    for step in simulation.trace.steps():
        if step["kind"] == "commit" and kind_of(step["key"]) == VISIBILITY:
            for table, run_id, row in step["changes"]:
                if table == "execution" and row is not None:
                    assert row.version > versions.get(run_id, 0), f"{run_id} went back to {row.version}"
                    versions[run_id] = row.version


def check_the_index_is_right(simulation: Simulation) -> None:
    """Call it when all is quiet: every run is in the index, with its status."""
    strict = simulation.platform.strict
    indexed: dict[str, str] = {}
    runs: dict[str, str] = {}
    for key, found in simulation.platform.objects.items():
        rows = found.read(strict)
        if kind_of(key) == VISIBILITY:
            indexed.update((run_id, row.status) for run_id, row in rows.get("execution", {}).items())
        elif kind_of(key) == WORKFLOW:
            runs.update((run_id, row.status) for run_id, row in rows.get("run", {}).items())
    assert indexed == runs


def check_nothing_is_stuck(simulation: Simulation) -> None:
    """Call it when all is quiet: every outbox is empty and every closed run is in its archive."""
    objects = simulation.platform.objects
    for key, found in objects.items():
        left = [row.body for row in found.read(simulation.platform.strict).get("outbox", {}).values()]
        # A poke that is lost is no loss: whoever needs one is poked by the next sweep.
        left = [body for body in left if type(body) is not Poke]
        assert not left, f"the outbox of {key} holds {left}"
    for key, found in objects.items():
        if kind_of(key) != WORKFLOW:
            continue
        rows = found.read(simulation.platform.strict)
        for run_id, start in rows.get("start", {}).items():
            if rows["run"][run_id].close_ns:
                archive = objects[history_key(start.namespace, run_id)].read(simulation.platform.strict)
                run = archive["meta"]["run"]
                archived = tuple(archive.get("event", {}).values())
                if run.blob_key:
                    assert not archived, f"the archive of {run_id} lies in two places"
                    archived = read_history(simulation.platform.blobs.peek(run.blob_key)).events
                assert archived == tuple(rows[f"events:{run_id}"].values()), (
                    f"the archive of {run_id} differs"
                )
                assert run.closed


def check_nothing_is_kept(simulation: Simulation) -> None:
    """Call it after every retention: workflows and activities have no rows left, the index no records.

    That a run was forgotten, a schedule was deleted, and that an archive has an end, is noted until a sweep
    finds it at rest, and nothing was lost that calls one.
    """
    for key, found in simulation.platform.objects.items():
        if kind_of(key) in (ACTIVITY, VISIBILITY, WORKFLOW):
            left = {name: list(table) for name, table in found.tables.items() if table and name != "schedule"}
            if all("/" in name for name in left.get("closing", ())):
                left.pop("closing", None)
            assert not left, f"{key} still holds {left}"
