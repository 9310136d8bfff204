"""The laws of the engine: what holds for every workflow, every crash and every schedule."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from temporal_do.runtime import History
from temporal_do.runtime.history import EventType, HistoryEvent
from temporal_do.sim import FaultPlan

from .harness import Outcome, run_program
from .programs import Program, World, expected, programs

CRASHES = FaultPlan.crashes(60_000) | FaultPlan.workers(30_000)
ROUGH = CRASHES | FaultPlan.network(30_000) | FaultPlan.queue(60_000) | FaultPlan.alarms(60_000)

ENDS_OF_ACTIVITIES = (
    EventType.ACTIVITY_TASK_COMPLETED,
    EventType.ACTIVITY_TASK_FAILED,
    EventType.ACTIVITY_TASK_TIMED_OUT,
    EventType.ACTIVITY_TASK_CANCELED,
)


def of_type(history: History, *types: str) -> list[HistoryEvent]:
    return [found for found in history.events if found.event_type in types]


def normal(value: Any) -> Any:
    return list(map(normal, value)) if isinstance(value, (list, tuple)) else value


@given(program=programs(), seed=st.integers(0, 2**32))
def test_a_program_without_faults_returns_what_it_says(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed)
    assert normal(outcome.result) == expected(program)
    assert outcome.faults == 0


@given(program=programs(), seed=st.integers(0, 2**32))
def test_crashes_change_no_result(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=CRASHES)
    event(f"faults: {min(outcome.faults, 5)}")
    assert normal(outcome.result) == expected(program)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_nothing_the_platform_may_do_changes_a_result(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    event(f"faults: {min(outcome.faults, 9)}")
    assert normal(outcome.result) == expected(program)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_dropping_every_cached_coroutine_changes_no_history(program: Program, seed: int) -> None:
    kept = run_program(program, seed=seed)
    dropped = run_program(program, seed=seed, cache_size=0)
    assert dropped.result == kept.result
    assert dropped.histories == kept.histories


@given(program=programs(), seed=st.integers(0, 2**32))
def test_rows_and_messages_survive_their_encoding(program: Program, seed: int) -> None:
    fast = run_program(program, seed=seed, faults=ROUGH)
    strict = run_program(program, seed=seed, faults=ROUGH, strict=True)
    assert (strict.digest, strict.histories) == (fast.digest, fast.histories)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_a_seed_names_one_run(program: Program, seed: int) -> None:
    assert run_program(program, seed=seed, faults=ROUGH) == run_program(program, seed=seed, faults=ROUGH)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_histories_keep_their_laws_under_faults(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    assert outcome.histories
    for history in outcome.histories:
        check_event_ids_have_no_gaps(history)
        check_every_activity_ends_at_most_once(history)
        check_no_timer_fires_early(history)
        check_each_timer_ends_at_most_once(history)
    check_signals_arrive_once_and_in_order(outcome)
    check_at_most_one_open_run_at_a_time(outcome)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_every_history_replays_from_itself(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    from temporal_do.sim import Replayer

    replayer = Replayer(workflows=[World().workflow])
    for history in outcome.histories:
        report = replayer.replay(history)
        assert report.ok, str(report)


@settings(max_examples=10)
@given(program=programs(), seed=st.integers(0, 2**32))
def test_an_activity_that_completed_has_been_executed(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    completed = sum(len(of_type(history, EventType.ACTIVITY_TASK_COMPLETED)) for history in outcome.histories)
    assert len(outcome.executions) >= completed


def check_event_ids_have_no_gaps(history: History) -> None:
    assert [found.event_id for found in history.events] == list(range(1, len(history.events) + 1))


def check_every_activity_ends_at_most_once(history: History) -> None:
    scheduled = {found.event_id for found in of_type(history, EventType.ACTIVITY_TASK_SCHEDULED)}
    ends = Counter(found.attributes.scheduled_event_id for found in of_type(history, *ENDS_OF_ACTIVITIES))
    assert set(ends) <= scheduled
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


def check_signals_arrive_once_and_in_order(outcome: Outcome) -> None:
    received: list[str] = []
    for history in outcome.histories:
        started = of_type(history, EventType.WORKFLOW_EXECUTION_STARTED)[0].attributes
        carried = bool(started.continued_execution_run_id)
        for signal in of_type(history, EventType.WORKFLOW_EXECUTION_SIGNALED):
            name = signal.attributes.signal_name
            if not carried or name not in received:
                received.append(name)
    assert received == [f"signal-{number}" for number in outcome.sent_signals]


def check_at_most_one_open_run_at_a_time(outcome: Outcome) -> None:
    runs: dict[str, list[tuple[int, int]]] = {}
    for history in outcome.histories:
        first, last = history.events[0], history.events[-1]
        runs.setdefault(first.attributes.workflow_id, []).append((first.event_time, last.event_time))
    for spans in runs.values():
        spans.sort()
        for (_, end), (begin, _) in zip(spans, spans[1:], strict=False):
            assert begin >= end
