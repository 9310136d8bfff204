"""The TimerDO: requests once, starts under ids that follow from the sequence, reports that may come twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.actor import Ok, Refusal
from temporal_do.runtime.actors.timer import TimerActor
from temporal_do.runtime.actors.timer_rows import REQUEST_RETENTION_NS, SCHEDULE
from temporal_do.runtime.durations import HOUR, SECOND
from temporal_do.runtime.history import Payload
from temporal_do.runtime.keys import schedule_key
from temporal_do.runtime.messages.schedule import ScheduledRunClosed, ScheduledRunStarted
from temporal_do.runtime.messages.workflow import (
    Poke,
    RequestCancelWorkflow,
    StartWorkflow,
    TerminateWorkflow,
)
from temporal_do.runtime.records import evolve
from temporal_do.runtime.schedules.messages import (
    BackfillSchedule,
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    PauseSchedule,
    ScheduleDefinition,
    ScheduleReply,
    TriggerSchedule,
    UnpauseSchedule,
    UpdateSchedule,
    WorkflowToStart,
)
from temporal_do.runtime.schedules.overlap import OverlapPolicy
from temporal_do.runtime.schedules.spec import make_spec
from temporal_do.runtime.schedules.state import FIRES_PER_TURN_MAX, STARTS_PER_TURN_MAX, SchedulePolicies
from temporal_do.runtime.search_attributes import decode_search_attributes

from .driver import Driver

KEY = schedule_key("shop", "report")
NOON = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * SECOND
COMPLETED = "WORKFLOW_EXECUTION_STATUS_COMPLETED"
INPUT = (Payload(metadata={"encoding": b"json/plain"}, data=b"3"),)


def definition(overlap: OverlapPolicy = OverlapPolicy.SKIP, interval: str = "1h") -> ScheduleDefinition:
    return ScheduleDefinition(
        spec=make_spec(interval=interval),
        policies=SchedulePolicies(overlap=overlap),
        action=WorkflowToStart(workflow_type="nightly", task_queue="main", input=INPUT),
        workflow_id_base="night",
    )


def creation(request_id: str = "create", **changes: Any) -> CreateSchedule:
    changes.setdefault("definition", definition())
    return CreateSchedule(request_id=request_id, namespace="shop", schedule_id="report", **changes)


def schedule(overlap: OverlapPolicy = OverlapPolicy.SKIP, **changes: Any) -> Driver:
    driver = Driver(TimerActor(), KEY, now=NOON)
    assert driver.send(creation(definition=definition(overlap), **changes)) == Ok()
    return driver


def report_start(driver: Driver, start: StartWorkflow) -> None:
    driver.send(
        ScheduledRunStarted(workflow_id=start.workflow_id, run_id=start.run_id, request_id=start.request_id)
    )


def report_close(driver: Driver, start: StartWorkflow, status: str = COMPLETED) -> None:
    driver.send(
        ScheduledRunClosed(
            workflow_id=start.workflow_id, run_id=start.run_id, status=status, first_run_id=start.run_id
        )
    )


def fire(driver: Driver) -> list[StartWorkflow]:
    """Let the alarm go off; the starts that follow, answered."""
    driver.wake()
    starts: list[StartWorkflow] = driver.take(StartWorkflow)
    for start in starts:
        report_start(driver, start)
    return starts


def described(driver: Driver) -> ScheduleReply:
    reply = driver.send(DescribeSchedule())
    assert isinstance(reply, ScheduleReply)
    return reply


# --- starting ---------------------------------------------------------------------------------------------


def test_a_fire_starts_the_workflow_that_was_asked_for() -> None:
    driver = schedule()
    assert driver.alarm_ns == NOON + HOUR
    driver.wake()
    [start] = driver.take(StartWorkflow)
    assert (start.namespace, start.workflow_type, start.task_queue) == ("shop", "nightly", "main")
    assert (start.workflow_id, start.input) == ("night-2026-06-01T13:00:00Z", INPUT)
    assert start.schedule_key == KEY
    assert decode_search_attributes(start.search_attributes) == {
        "TemporalScheduledStartTime": datetime(2026, 6, 1, 13, tzinfo=UTC),
        "TemporalScheduledById": "report",
    }
    assert driver.alarm_ns == NOON + 2 * HOUR


def test_a_turn_that_is_repeated_after_a_crash_sends_the_same_start() -> None:
    first, second = schedule(), schedule()
    first.wake()
    second.reload()
    second.wake()
    assert first.take(StartWorkflow) == second.take(StartWorkflow)


def test_starts_differ_in_request_and_run() -> None:
    driver = schedule(OverlapPolicy.ALLOW_ALL)
    starts = fire(driver) + fire(driver) + fire(driver)
    assert len({start.request_id for start in starts}) == len({start.run_id for start in starts}) == 3


def test_an_alarm_with_nothing_due_writes_nothing() -> None:
    driver = schedule()
    rows = {name: dict(table) for name, table in driver.tables.items()}
    driver.send(Poke())
    assert driver.tables == rows and driver.take(StartWorkflow) == []


def test_work_that_is_left_over_wants_to_go_on_at_once() -> None:
    driver = schedule(OverlapPolicy.ALLOW_ALL)
    driver.now = NOON + 150 * HOUR
    driver.send(Poke())
    assert len(driver.take(StartWorkflow)) == STARTS_PER_TURN_MAX < FIRES_PER_TURN_MAX
    assert driver.alarm_ns is not None and driver.alarm_ns <= driver.now
    driver.send(Poke())
    assert len(driver.take(StartWorkflow)) == 50
    assert driver.alarm_ns == NOON + 151 * HOUR


# --- requests ---------------------------------------------------------------------------------------------


def test_a_schedule_is_made_once() -> None:
    driver = schedule()
    assert driver.send(creation()) == Ok()
    refused = driver.send(creation("another request"))
    assert isinstance(refused, Refusal) and refused.code == "already_exists"


def test_a_bad_definition_is_refused_and_leaves_nothing() -> None:
    driver = Driver(TimerActor(), KEY, now=NOON)
    bad = evolve(definition(), policies=SchedulePolicies(catchup_window_ns=SECOND))
    refused = driver.send(creation(definition=bad))
    assert isinstance(refused, Refusal) and refused.code == "invalid"
    assert driver.tables == {} and driver.alarm_ns is None


def test_a_schedule_may_fire_as_soon_as_it_is_made() -> None:
    driver = schedule(trigger_immediately=True)
    assert [start.workflow_id for start in driver.take(StartWorkflow)] == ["night-2026-06-01T12:00:00Z"]


@pytest.mark.parametrize(
    "message",
    [
        PauseSchedule(request_id="r"),
        UnpauseSchedule(request_id="r"),
        TriggerSchedule(request_id="r"),
        BackfillSchedule(request_id="r", start_ns=0, end_ns=1),
        UpdateSchedule(request_id="r", expected_version=1, definition=definition()),
        DeleteSchedule(request_id="r"),
        DescribeSchedule(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_does_not_exist_is_not_found(message: Any) -> None:
    driver = Driver(TimerActor(), KEY, now=NOON)
    reply = driver.send(message)
    assert isinstance(reply, Refusal) and reply.code == "not_found"
    assert driver.tables == {}


def test_a_repeated_request_is_carried_out_once() -> None:
    driver = schedule(OverlapPolicy.ALLOW_ALL)
    for _ in range(3):
        assert driver.send(TriggerSchedule(request_id="once")) == Ok()
    assert len(driver.take(StartWorkflow)) == 1
    driver.reload()
    assert driver.send(TriggerSchedule(request_id="once")) == Ok()
    assert driver.take(StartWorkflow) == []


def test_requests_are_remembered_for_a_day() -> None:
    driver = schedule()
    driver.send(PauseSchedule(request_id="old"))
    driver.now += REQUEST_RETENTION_NS + 1
    driver.send(UnpauseSchedule(request_id="new"))
    assert set(driver.tables["request"]) == {"new"}


def test_a_pause_stops_the_alarm_and_a_trigger_works_all_the_same() -> None:
    driver = schedule()
    driver.send(PauseSchedule(request_id="p", note="maintenance"))
    assert driver.alarm_ns is None
    driver.send(TriggerSchedule(request_id="t"))
    assert len(driver.take(StartWorkflow)) == 1
    assert described(driver).snapshot.note == "maintenance"
    driver.now += 90 * 60 * SECOND
    driver.send(UnpauseSchedule(request_id="u"))
    assert driver.alarm_ns == NOON + 2 * HOUR


def test_a_backfill_of_the_future_is_refused() -> None:
    driver = schedule()
    refused = driver.send(BackfillSchedule(request_id="b", start_ns=NOON, end_ns=NOON + HOUR))
    assert isinstance(refused, Refusal) and refused.code == "invalid" and "future" in refused.message


def test_a_backfill_starts_the_past_times() -> None:
    driver = schedule()
    message = BackfillSchedule(
        request_id="b", start_ns=NOON - 3 * HOUR, end_ns=NOON - HOUR, overlap=OverlapPolicy.ALLOW_ALL
    )
    assert driver.send(message) == Ok()
    assert [start.workflow_id[-9:-1] for start in driver.take(StartWorkflow)] == [
        "09:00:00",
        "10:00:00",
        "11:00:00",
    ]


def test_an_update_needs_the_version_it_was_made_from() -> None:
    driver = schedule()
    known = described(driver)
    assert known.version == 1
    slower = evolve(known.definition, spec=make_spec(interval="6h"))
    message = UpdateSchedule(request_id="u", expected_version=1, definition=slower, note="slower")
    assert driver.send(message) == Ok() == driver.send(message)
    late = driver.send(UpdateSchedule(request_id="late", expected_version=1, definition=known.definition))
    assert isinstance(late, Refusal) and late.code == "conflict"
    after = described(driver)
    assert (after.version, after.definition, after.snapshot.note) == (2, slower, "slower")
    assert driver.alarm_ns == NOON + 6 * HOUR


def test_a_refused_update_changes_nothing() -> None:
    driver = schedule()
    bad = evolve(definition(), policies=SchedulePolicies(catchup_window_ns=SECOND))
    refused = driver.send(UpdateSchedule(request_id="u", expected_version=1, definition=bad))
    assert isinstance(refused, Refusal) and refused.code == "invalid"
    assert described(driver).version == 1 and described(driver).definition == definition()


def test_an_updated_action_is_what_waiting_fires_start() -> None:
    driver = schedule(OverlapPolicy.BUFFER_ONE)
    [first] = fire(driver)
    driver.wake()
    changed = evolve(described(driver).definition, action=WorkflowToStart(workflow_type="v2", task_queue="q"))
    driver.send(UpdateSchedule(request_id="u", expected_version=1, definition=changed))
    report_close(driver, first)
    [second] = driver.take(StartWorkflow)
    assert (second.workflow_type, second.task_queue, second.input) == ("v2", "q", ())


# --- reports ----------------------------------------------------------------------------------------------


def test_a_closed_run_makes_room_for_the_next() -> None:
    driver = schedule()
    [first] = fire(driver)
    assert fire(driver) == []
    report_close(driver, first)
    assert [start.workflow_id[-9:-1] for start in fire(driver)] == ["15:00:00"]
    assert described(driver).snapshot.recent[0].status == COMPLETED


def test_a_chain_of_runs_is_one_run() -> None:
    driver = schedule()
    [first] = fire(driver)
    driver.send(
        ScheduledRunClosed(
            workflow_id=first.workflow_id, run_id="the third", status=COMPLETED, first_run_id=first.run_id
        )
    )
    assert described(driver).snapshot.running == ()


def test_a_refused_start_is_counted_and_the_next_in_line_gets_its_turn() -> None:
    driver = schedule(OverlapPolicy.BUFFER_ALL)
    driver.wake()
    [first] = driver.take(StartWorkflow)
    driver.wake()
    driver.send(ScheduledRunStarted(workflow_id=first.workflow_id, run_id="", request_id=first.request_id))
    [second] = driver.take(StartWorkflow)
    assert second.workflow_id == "night-2026-06-01T14:00:00Z"
    assert described(driver).snapshot.counters.start_failed == 1


def test_reports_about_an_earlier_start_of_the_same_workflow_change_nothing() -> None:
    driver = schedule(OverlapPolicy.ALLOW_ALL)
    driver.send(TriggerSchedule(request_id="1"))
    [first] = driver.take(StartWorkflow)
    report_start(driver, first)
    report_close(driver, first)
    driver.send(TriggerSchedule(request_id="2"))
    [second] = driver.take(StartWorkflow)
    assert second.workflow_id == first.workflow_id and second.run_id != first.run_id

    def running() -> list[str]:
        return [run.run_id for run in described(driver).snapshot.running]

    report_start(driver, first)  # delivered again
    driver.send(ScheduledRunStarted(workflow_id=first.workflow_id, run_id="", request_id=first.request_id))
    report_close(driver, first)
    assert running() == [""]
    report_start(driver, second)
    report_close(driver, first)
    assert running() == [second.run_id]
    report_close(driver, second)
    assert running() == []


@pytest.mark.parametrize(
    ("overlap", "kind"),
    [
        (OverlapPolicy.CANCEL_OTHER, RequestCancelWorkflow),
        (OverlapPolicy.TERMINATE_OTHER, TerminateWorkflow),
    ],
)
def test_a_run_is_stopped_once_and_the_next_starts_when_it_has_closed(
    overlap: OverlapPolicy, kind: type[Any]
) -> None:
    driver = schedule(overlap)
    [first] = fire(driver)
    assert fire(driver) == fire(driver) == []
    [stop] = driver.take(kind)
    assert stop.request_id.startswith(first.request_id) and stop.run_id == ""
    report_close(driver, first, "WORKFLOW_EXECUTION_STATUS_CANCELED")
    assert [start.workflow_id[-9:-1] for start in driver.take(StartWorkflow)] == ["15:00:00"]


@pytest.mark.parametrize(
    ("overlap", "kind"),
    [
        (OverlapPolicy.CANCEL_OTHER, RequestCancelWorkflow),
        (OverlapPolicy.TERMINATE_OTHER, TerminateWorkflow),
    ],
)
def test_a_run_whose_start_is_not_answered_is_stopped_by_the_answer(
    overlap: OverlapPolicy, kind: type[Any]
) -> None:
    driver = schedule(overlap)
    driver.wake()
    [first] = driver.take(StartWorkflow)
    driver.wake()
    assert driver.take(kind) == []
    driver.reload()
    report_start(driver, first)
    assert len(driver.take(kind)) == 1


def test_a_stranger_in_the_way_is_not_stopped() -> None:
    driver = schedule(OverlapPolicy.TERMINATE_OTHER)
    driver.wake()
    [first] = driver.take(StartWorkflow)
    driver.wake()
    driver.send(ScheduledRunStarted(workflow_id=first.workflow_id, run_id="", request_id=first.request_id))
    assert driver.take(TerminateWorkflow) == []
    assert len(driver.take(StartWorkflow)) == 1


# --- deletion ---------------------------------------------------------------------------------------------


def test_a_deleted_schedule_leaves_only_its_name_and_takes_no_notice_of_its_runs() -> None:
    driver = schedule(OverlapPolicy.BUFFER_ALL)
    [first] = fire(driver)
    driver.wake()
    assert driver.send(DeleteSchedule(request_id="d")) == Ok() == driver.send(DeleteSchedule(request_id="d"))
    assert set(driver.tables[SCHEDULE]) == {"identity"} and not driver.tables["run"]
    assert driver.alarm_ns is None
    rows = {name: dict(table) for name, table in driver.tables.items()}
    report_start(driver, first)
    report_close(driver, first)
    driver.send(Poke())
    assert driver.tables == rows and driver.take(StartWorkflow) == []


def test_a_schedule_made_again_uses_no_sequence_twice() -> None:
    driver = schedule()
    [first] = fire(driver)
    driver.send(DeleteSchedule(request_id="d"))
    driver.reload()
    assert driver.send(creation("again", trigger_immediately=True)) == Ok()
    [second] = driver.take(StartWorkflow)
    assert second.workflow_id == first.workflow_id and second.request_id != first.request_id
    report_close(driver, first)
    report_start(driver, second)
    report_close(driver, first)
    assert [run.run_id for run in described(driver).snapshot.running] == [second.run_id]


# --- laws -------------------------------------------------------------------------------------------------

STEPS = st.sampled_from(["wake", "trigger", "start", "refuse", "close", "pause", "unpause", "backfill"])


@given(
    overlap=st.sampled_from(list(OverlapPolicy)),
    steps=st.lists(st.tuples(STEPS, st.booleans()), min_size=5, max_size=25),
)
def test_losing_the_memory_and_repeating_reports_changes_nothing(
    overlap: OverlapPolicy, steps: list[tuple[str, bool]]
) -> None:
    steady, shaken = schedule(overlap), schedule(overlap)
    starts: list[StartWorkflow] = []
    answered: dict[str, bool] = {}
    told: list[Any] = []
    for number, (step, shake) in enumerate(steps):
        if shake:
            shaken.reload()
            for message in told[-3:]:
                shaken.send(message)
        waiting = [start for start in starts if start.run_id not in answered]
        running = [start for start in starts if answered.get(start.run_id)]
        message: Any = Poke()
        if step == "wake":
            for driver in (steady, shaken):
                driver.now = max(driver.now, driver.alarm_ns or 0)
        elif step == "trigger":
            message = TriggerSchedule(request_id=f"{number}")
        elif step == "backfill":
            message = BackfillSchedule(request_id=f"{number}", start_ns=NOON - 2 * HOUR, end_ns=steady.now)
        elif step == "pause":
            message = PauseSchedule(request_id=f"{number}")
        elif step == "unpause":
            message = UnpauseSchedule(request_id=f"{number}")
        elif step in ("start", "refuse") and waiting:
            first, accepted = waiting[0], step == "start"
            answered[first.run_id] = accepted
            message = ScheduledRunStarted(
                workflow_id=first.workflow_id,
                run_id=first.run_id if accepted else "",
                request_id=first.request_id,
            )
            told.append(message)
        elif step == "close" and running:
            first = running[0]
            answered[first.run_id] = False
            message = ScheduledRunClosed(
                workflow_id=first.workflow_id,
                run_id=first.run_id,
                status=COMPLETED,
                first_run_id=first.run_id,
            )
            told.append(message)
        assert steady.send(message) == shaken.send(message)
        new = steady.take(StartWorkflow)
        assert shaken.take(StartWorkflow) == new
        starts += new
    assert shaken.tables == steady.tables
    assert described(shaken) == described(steady)
    assert len({start.run_id for start in starts}) == len(starts)
