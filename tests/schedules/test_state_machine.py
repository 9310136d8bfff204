"""What a schedule does when time passes, when runs close and when its owner asks; driven by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import DAY, HOUR, MINUTE, SECOND
from temporal_do.runtime.errors import InvalidArgumentError, ScheduleNotFoundError
from temporal_do.runtime.records import decode, encode
from temporal_do.runtime.schedules import state as limits
from temporal_do.runtime.schedules.description import describe
from temporal_do.runtime.schedules.overlap import OverlapPolicy
from temporal_do.runtime.schedules.requests import (
    backfill,
    create,
    delete,
    pause,
    trigger,
    unpause,
    update,
)
from temporal_do.runtime.schedules.spec import fire_times, format_instant, make_spec
from temporal_do.runtime.schedules.state import (
    CancelRun,
    Effect,
    SchedulePolicies,
    ScheduleState,
    StartRun,
    TerminateRun,
)
from temporal_do.runtime.schedules.transitions import (
    due,
    is_active,
    next_wake,
    on_start_failed,
    on_started,
    on_workflow_closed,
)
from tests.schedules.oracle import nanoseconds

NOON = nanoseconds(datetime(2026, 6, 1, 12, tzinfo=UTC))
COMPLETED = "WORKFLOW_EXECUTION_STATUS_COMPLETED"
FAILED = "WORKFLOW_EXECUTION_STATUS_FAILED"


def schedule(overlap: OverlapPolicy = OverlapPolicy.SKIP, now: int = NOON, **more: Any) -> ScheduleState:
    policies = {"overlap": overlap} | {
        name: more.pop(name) for name in ("catchup_window_ns", "pause_on_failure") if name in more
    }
    more.setdefault("spec", make_spec(interval="1h"))
    return create(
        schedule_id="report",
        workflow_id_base="report",
        now=now,
        policies=SchedulePolicies(**policies),
        **more,
    )


def starts(effects: tuple[Effect, ...]) -> list[str]:
    return [effect.workflow_id for effect in effects if isinstance(effect, StartRun)]


def close(state: ScheduleState, now: int, status: str = COMPLETED) -> tuple[ScheduleState, list[str]]:
    """Close the run that was started first."""
    first = state.running[0]
    state, effects = on_workflow_closed(state, first.workflow_id, "run", status, now)
    return state, starts(effects)


def run_id(hour: int, suffix: str = "") -> str:
    return f"report-{format_instant(NOON + hour * HOUR)}{suffix}"


def test_a_fire_starts_a_run_named_after_its_nominal_time() -> None:
    state = schedule()
    assert next_wake(state) == NOON + HOUR
    assert due(state, NOON + HOUR - 1) == (state, ())
    state, effects = due(state, NOON + HOUR)
    assert effects == (
        StartRun(
            sequence=1,
            workflow_id="report-2026-06-01T13:00:00Z",
            nominal_ns=NOON + HOUR,
            scheduled_ns=NOON + HOUR,
        ),
    )
    assert due(state, NOON + HOUR) == (state, ())
    assert next_wake(state) == NOON + 2 * HOUR


def test_jitter_moves_the_start_and_keeps_the_name() -> None:
    state = schedule(spec=make_spec(interval="1h", jitter="30m"))
    wake = next_wake(state)
    assert wake is not None and NOON + HOUR < wake < NOON + HOUR + 30 * MINUTE
    assert due(state, wake - 1) == (state, ())
    state, effects = due(state, wake)
    assert starts(effects) == [run_id(1)]
    assert describe(state, wake).next_times[0] == next_wake(state)


def test_a_start_held_back_by_jitter_is_still_among_the_next_times() -> None:
    state = schedule(spec=make_spec(interval="1h", jitter="30m"))
    wake = next_wake(state)
    assert wake is not None
    assert describe(state, NOON + HOUR).next_times[0] == wake
    assert describe(state, wake).next_times[0] > wake


def test_skip_drops_fires_while_a_run_is_open() -> None:
    state, _ = due(schedule(), NOON + HOUR)
    state, effects = due(state, NOON + 3 * HOUR)
    assert effects == () and state.counters.overlap_skipped == 2
    state, started = close(state, NOON + 3 * HOUR + 1)
    assert started == []
    _, effects = due(state, NOON + 4 * HOUR)
    assert starts(effects) == [run_id(4)]


def test_buffer_one_keeps_the_first_fire_that_found_a_run_open() -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ONE), NOON + HOUR)
    state, effects = due(state, NOON + 4 * HOUR)
    assert effects == () and state.counters.overlap_skipped == 2
    state, started = close(state, NOON + 4 * HOUR + 1)
    assert started == [run_id(2)]
    state, started = close(state, NOON + 4 * HOUR + 2)
    assert started == []


def test_buffer_all_runs_every_fire_one_after_the_other() -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ALL), NOON + HOUR)
    state, effects = due(state, NOON + 4 * HOUR)
    assert effects == ()
    order = []
    while state.running:
        state, started = close(state, NOON + 4 * HOUR + 1)
        order += started
    assert order == [run_id(2), run_id(3), run_id(4)]


def test_buffer_all_has_a_limit_and_counts_what_it_drops() -> None:
    state = schedule(OverlapPolicy.BUFFER_ALL, spec=make_spec(interval="1s"))
    now = NOON + (limits.BUFFER_MAX + 8) * SECOND
    while (wake := next_wake(state)) is not None and wake <= now:
        state, _ = due(state, now)
    assert len(state.buffered) == limits.BUFFER_MAX
    assert state.counters.buffer_dropped == 7


@pytest.mark.parametrize("policy", [OverlapPolicy.CANCEL_OTHER, OverlapPolicy.TERMINATE_OTHER])
def test_cancel_and_terminate_stop_the_open_run_once_and_start_the_latest_fire_when_it_has_closed(
    policy: OverlapPolicy,
) -> None:
    state, _ = due(schedule(policy), NOON + HOUR)
    state = on_started(state, run_id(1), "r1")
    state, effects = due(state, NOON + 2 * HOUR)
    expected = CancelRun if policy is OverlapPolicy.CANCEL_OTHER else TerminateRun
    assert [type(effect) for effect in effects] == [expected]
    assert not isinstance(effects[0], StartRun) and effects[0].run_id == "r1"
    state, effects = due(state, NOON + 3 * HOUR)
    assert effects == () and state.counters.overlap_skipped == 1
    state, started = close(state, NOON + 3 * HOUR + 1, "WORKFLOW_EXECUTION_STATUS_CANCELED")
    assert started == [run_id(3)]


def test_a_run_that_ignores_its_cancellation_can_still_be_terminated() -> None:
    state, _ = due(schedule(OverlapPolicy.CANCEL_OTHER), NOON + HOUR)
    state, effects = due(state, NOON + 2 * HOUR)
    assert [type(effect) for effect in effects] == [CancelRun]
    state, effects = trigger(state, NOON + 2 * HOUR + 1, OverlapPolicy.TERMINATE_OTHER)
    assert [type(effect) for effect in effects] == [TerminateRun]
    assert len(state.buffered) == 1


def test_allow_all_starts_beside_whatever_runs() -> None:
    state, effects = due(schedule(OverlapPolicy.ALLOW_ALL), NOON + 3 * HOUR)
    assert starts(effects) == [run_id(1), run_id(2), run_id(3)]
    assert len(state.running) == 3


def test_late_fires_are_caught_up_within_the_window_and_counted_beyond_it() -> None:
    state = schedule(OverlapPolicy.ALLOW_ALL, catchup_window_ns=2 * HOUR)
    state, effects = due(state, NOON + 10 * HOUR)
    assert starts(effects) == [run_id(8), run_id(9), run_id(10)]
    assert state.counters.missed_catchup == 7


def test_the_catch_up_window_counts_from_the_jittered_start() -> None:
    spec = make_spec(interval="1h", jitter="50m")
    state = schedule(spec=spec, catchup_window_ns=10 * SECOND)
    wake = next_wake(state)
    assert wake is not None and wake > NOON + HOUR + 10 * SECOND
    in_time, effects = due(state, wake + 10 * SECOND)
    assert starts(effects) == [run_id(1)] and in_time.counters.missed_catchup == 0
    too_late, effects = due(state, wake + 10 * SECOND + 1)
    assert effects == () and too_late.counters.missed_catchup == 1


def test_a_long_downtime_is_worked_off_in_bounded_turns() -> None:
    state = schedule(OverlapPolicy.ALLOW_ALL, spec=make_spec(interval="1m"))
    now, turns, started = NOON + 250 * MINUTE, 0, []
    while (wake := next_wake(state)) is not None and wake <= now:
        state, effects = due(state, now)
        assert len(effects) <= limits.STARTS_PER_TURN_MAX
        started += starts(effects)
        turns += 1
    assert len(started) == len(set(started)) == 250 and turns == 3


def test_a_pause_lets_times_pass_and_unpausing_does_not_call_them_back() -> None:
    state = pause(schedule(), NOON + 1, "holidays")
    assert next_wake(state) is None and state.note == "holidays"
    assert due(state, NOON + 5 * HOUR) == (state, ())
    state = unpause(state, NOON + 5 * HOUR + 1)
    assert next_wake(state) == NOON + 6 * HOUR
    assert state.counters.missed_catchup == 0


@pytest.mark.parametrize(
    ("status", "pauses"),
    [
        (FAILED, True),
        ("WORKFLOW_EXECUTION_STATUS_TIMED_OUT", True),
        (COMPLETED, False),
        ("WORKFLOW_EXECUTION_STATUS_CANCELED", False),
        ("WORKFLOW_EXECUTION_STATUS_TERMINATED", False),
    ],
)
def test_a_failed_run_pauses_a_schedule_that_asked_for_it(status: str, pauses: bool) -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ALL, pause_on_failure=True), NOON + HOUR)
    state, _ = due(state, NOON + 2 * HOUR)
    state, started = close(state, NOON + 2 * HOUR + 1, status)
    assert state.paused is pauses
    assert started == ([] if pauses else [run_id(2)])
    assert (run_id(1) in state.note) is pauses


def test_without_the_wish_a_failure_pauses_nothing() -> None:
    state, _ = due(schedule(), NOON + HOUR)
    state, _ = close(state, NOON + HOUR + 1, FAILED)
    assert not state.paused


def test_remaining_actions_are_used_up_by_scheduled_starts_only() -> None:
    state = schedule(OverlapPolicy.ALLOW_ALL, remaining_actions=2)
    state, effects = trigger(state, NOON + 1)
    assert len(effects) == 1 and state.remaining_actions == 2
    assert len(describe(state, NOON + 1).next_times) == 2
    state, effects = due(state, NOON + 9 * HOUR)
    assert starts(effects) == [run_id(1), run_id(2)]
    assert not is_active(state) and next_wake(state) is None
    state = update(state, NOON + 20 * HOUR, remaining_actions=1)
    assert next_wake(state) == NOON + 21 * HOUR


def test_a_waiting_fire_is_dropped_when_no_action_is_left_for_it() -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ALL, remaining_actions=2), NOON + HOUR)
    state, _ = due(state, NOON + 4 * HOUR)
    state, started = close(state, NOON + 4 * HOUR + 1)
    assert started == [run_id(2)] and state.remaining_actions == 0
    state, started = close(state, NOON + 4 * HOUR + 2)
    assert started == [] and state.buffered == ()


def test_a_trigger_acts_on_a_paused_schedule_and_two_at_once_get_different_ids() -> None:
    state = pause(schedule(OverlapPolicy.ALLOW_ALL), NOON)
    state, first = trigger(state, NOON + 5)
    state, second = trigger(state, NOON + 6)
    assert starts(first) + starts(second) == [run_id(0), run_id(0, "-2")]
    assert len({run.sequence for run in state.running}) == 2


def test_a_trigger_obeys_the_policy_unless_it_brings_its_own() -> None:
    state, _ = trigger(schedule(), NOON)
    skipped, effects = trigger(state, NOON)
    assert effects == () and skipped.counters.overlap_skipped == 1
    _, effects = trigger(state, NOON, OverlapPolicy.ALLOW_ALL)
    assert len(effects) == 1


def test_a_backfill_replays_past_times_both_ends_included_even_while_paused() -> None:
    state = pause(schedule(), NOON)
    state = backfill(state, NOON - 3 * HOUR, NOON - HOUR, NOON, OverlapPolicy.ALLOW_ALL)
    assert next_wake(state) == NOON
    state, effects = due(state, NOON)
    assert starts(effects) == [run_id(-3), run_id(-2), run_id(-1)]
    assert state.backfills == () and next_wake(state) is None


def test_a_backfill_with_buffer_all_runs_one_after_the_other_and_loses_nothing() -> None:
    state = schedule(spec=make_spec(interval="1s"))
    state = pause(state, NOON)
    count = limits.BUFFER_MAX + 50
    state = backfill(state, NOON - count * SECOND, NOON - SECOND, NOON, OverlapPolicy.BUFFER_ALL)
    started: list[str] = []
    for _ in range(3 * count):
        while next_wake(state) is not None:
            state, effects = due(state, NOON)
            started += starts(effects)
        if not state.running:
            break
        state, more = close(state, NOON)
        started += more
    assert len(started) == len(set(started)) == count
    assert started == sorted(started)
    assert state.counters.buffer_dropped == 0


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [(NOON, NOON - 1, "is after end"), (NOON, NOON + HOUR, "in the future")],
)
def test_a_backfill_that_makes_no_sense_is_refused(start: int, end: int, reason: str) -> None:
    with pytest.raises(InvalidArgumentError, match=reason):
        backfill(schedule(), start, end, NOON)


def test_an_update_keeps_runs_and_counters_and_holds_from_now_on() -> None:
    state, _ = due(schedule(OverlapPolicy.ALLOW_ALL), NOON + 2 * HOUR)
    changed = update(state, NOON + 5 * HOUR, spec=make_spec(cron="30 * * * *"))
    assert changed.running == state.running and changed.counters == state.counters
    assert next_wake(changed) == NOON + 5 * HOUR + 30 * MINUTE
    only_note = update(state, NOON + 5 * HOUR, note="why")
    assert next_wake(only_note) == NOON + 3 * HOUR and only_note.note == "why"


def test_a_deleted_schedule_starts_nothing_and_takes_no_requests() -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ALL), NOON + HOUR)
    state, _ = due(state, NOON + 2 * HOUR)
    state = delete(state, NOON + 2 * HOUR + 1)
    assert next_wake(state) is None
    assert due(state, NOON + DAY) == (state, ())
    state, started = close(state, NOON + DAY)
    assert started == [] and state.running == ()
    for request in (lambda: trigger(state, NOON), lambda: pause(state, NOON), lambda: update(state, NOON)):
        with pytest.raises(ScheduleNotFoundError, match="'report' has been deleted"):
            request()


def test_a_refused_start_makes_room_for_the_next_in_line() -> None:
    state, _ = due(schedule(OverlapPolicy.BUFFER_ALL), NOON + HOUR)
    state, _ = due(state, NOON + 2 * HOUR)
    state, effects = on_start_failed(state, run_id(1), NOON + 2 * HOUR)
    assert starts(effects) == [run_id(2)] and state.counters.start_failed == 1
    assert state.recent[0].status == "START_FAILED"


def test_reports_that_come_twice_or_about_strangers_change_nothing() -> None:
    state, _ = due(schedule(), NOON + HOUR)
    state = on_started(state, run_id(1), "r1")
    assert on_started(state, run_id(1), "r2") == state
    assert on_start_failed(state, run_id(1), NOON + HOUR) == (state, ())
    assert on_workflow_closed(state, "stranger", "r", FAILED, NOON + HOUR) == (state, ())
    closed, _ = on_workflow_closed(state, run_id(1), "r1", COMPLETED, NOON + HOUR)
    assert on_workflow_closed(closed, run_id(1), "r1", FAILED, NOON + HOUR) == (closed, ())


def test_a_description_shows_ten_next_times_ten_recent_actions_and_what_runs() -> None:
    state = schedule(OverlapPolicy.ALLOW_ALL)
    state, _ = due(state, NOON + 12 * HOUR)
    state, _ = close(state, NOON + 12 * HOUR + 1, FAILED)
    shown = describe(state, NOON + 12 * HOUR + 1)
    assert shown.next_times == tuple(NOON + hour * HOUR for hour in range(13, 23))
    assert [action.workflow_id for action in shown.recent] == [run_id(hour) for hour in range(3, 13)]
    assert len(shown.running) == 11 and shown.counters.actions == 12


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"policies": SchedulePolicies(overlap="buffer-one")}, "Did you mean 'buffer_one'"),  # type: ignore[arg-type]
        ({"policies": SchedulePolicies(catchup_window_ns=5 * SECOND)}, "'5s' is not accepted. Accepted: 10s"),
        ({"remaining_actions": -2}, "-2 is not accepted"),
        ({"schedule_id": ""}, "schedule_id: ''"),
    ],
)
def test_a_schedule_is_not_made_of_bad_values(change: dict[str, Any], reason: str) -> None:
    good: dict[str, Any] = {
        "schedule_id": "report",
        "workflow_id_base": "report",
        "spec": make_spec(interval="1h"),
        "now": NOON,
    }
    with pytest.raises(InvalidArgumentError) as caught:
        create(**(good | change))
    assert reason in str(caught.value)


@given(
    policy=st.sampled_from(OverlapPolicy),
    jitter=st.sampled_from(["0s", "10m", "3h"]),
    moves=st.lists(
        st.tuples(
            st.sampled_from(["wait", "close", "refuse", "trigger", "pause", "unpause", "backfill"]),
            st.integers(0, 7),
        ),
        max_size=25,
    ),
)
def test_whatever_happens_the_books_balance(
    policy: OverlapPolicy, jitter: str, moves: list[tuple[str, int]]
) -> None:
    """Fires = starts + skipped + dropped + waiting; one run at a time unless allowed."""
    state = schedule(policy, spec=make_spec(interval="1h", jitter=jitter))
    now, ordered, manual, discarded = NOON, [], 0, 0
    dealt_with: list[int] = []

    for move, amount in moves:
        before = state
        effects: tuple[Effect, ...] = ()
        now += amount * 17 * MINUTE
        if move == "wait":
            state, effects = due(state, now)
            dealt_with += fire_times(state.spec, before.cursor_ns + 1, state.cursor_ns + 1)
        elif move == "close" and state.running:
            target = state.running[amount % len(state.running)]
            state, effects = on_workflow_closed(state, target.workflow_id, "r", COMPLETED, now)
        elif move == "refuse" and state.running:
            target = state.running[amount % len(state.running)]
            state, effects = on_start_failed(state, target.workflow_id, now)
        elif move == "trigger":
            manual += 1
            state, effects = trigger(state, now)
        elif move == "pause":
            state = pause(state, now)
        elif move == "unpause":
            state = unpause(state, now)
        elif move == "backfill":
            times = len(list(fire_times(state.spec, now - 3 * HOUR, now + 1)))
            state = backfill(state, now - 3 * HOUR, now, now)
            scheduled_before = state.cursor_ns
            state, effects = due(state, now)
            manual += times
            dealt_with += fire_times(state.spec, scheduled_before + 1, state.cursor_ns + 1)
        waited = len(before.buffered) - len(state.buffered)
        if move in ("close", "refuse"):
            discarded += waited - len(starts(effects))
        ordered += starts(effects)
        assert decode(encode(state)) == state
        assert state.cursor_ns >= before.cursor_ns
        assert not state.buffered or state.running
        open_ids = [run.workflow_id for run in state.running]
        assert len(open_ids) == len(set(open_ids))
        if policy is not OverlapPolicy.ALLOW_ALL:
            assert len(open_ids) <= 1

    counters = state.counters
    accounted = (
        counters.actions + counters.overlap_skipped + counters.buffer_dropped + counters.missed_catchup
    )
    assert accounted + len(state.buffered) + discarded == len(dealt_with) + manual
    assert counters.actions == len(ordered) == state.next_sequence - 1
