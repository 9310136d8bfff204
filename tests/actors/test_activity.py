"""The ActivityDO by example: attempts, tokens, timeouts, retries, and the one outcome."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.actor import Alarm, Ok, Refusal
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.actors import activity as module
from temporal_do.runtime.actors.activity_rows import PHASES
from temporal_do.runtime.history import (
    ApplicationFailureInfo,
    CanceledFailureInfo,
    Failure,
    Payload,
    RetryPolicyRecord,
    ServerFailureInfo,
)
from temporal_do.runtime.keys import ACTIVITY, activity_key
from temporal_do.runtime.messages.activity import (
    AbandonActivityTask,
    ActivityParked,
    ActivityTask,
    AttemptStatus,
    CancelActivityTask,
    CompleteActivity,
    DeferActivity,
    DispatchActivity,
    FailActivity,
    LeaseActivity,
    Leased,
    RecordHeartbeat,
    RenewLease,
    ReportActivityCanceled,
    ScheduleActivityTask,
)
from temporal_do.runtime.messages.workflow import ActivityResolved

from .driver import Driver

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_767_225_600 * SECOND
DETAILS = (Payload(metadata={"encoding": b"json/plain"}, data=b"7"),)
CANCEL = CancelActivityTask(run_id="run", scheduled_event_id=5)


def spec(**changes: Any) -> ScheduleActivityTask:
    fields: dict[str, Any] = {
        "namespace": "default",
        "workflow_key": "WorkflowDO/default/w",
        "workflow_id": "w",
        "run_id": "run",
        "workflow_type": "order",
        "activity_id": "1",
        "scheduled_event_id": 5,
        "activity_type": "charge",
        "task_queue": "main",
        "scheduled_ns": NOW,
    }
    return ScheduleActivityTask(**{**fields, **changes})


def scheduled(**changes: Any) -> Driver:
    driver = Driver(ACTORS[ACTIVITY], activity_key("default", "run", "1"), now=NOW)
    assert driver.send(spec(**changes)) == Ok()
    return driver


def token(driver: Driver) -> str:
    return driver.state.attempt.token  # type: ignore[no-any-return]


def lease(driver: Driver, **changes: Any) -> Any:
    return driver.send(LeaseActivity(token=token(driver), identity="w1", **changes))


def fail(driver: Driver, **info: Any) -> Any:
    failure = Failure(message="no", application_failure_info=ApplicationFailureInfo(**info))
    return driver.send(FailActivity(token=token(driver), failure=failure))


def outcome(driver: Driver) -> ActivityResolved:
    (resolved,) = driver.take(ActivityResolved)
    return resolved  # type: ignore[no-any-return]


def code(reply: Any) -> str:
    assert type(reply) is Refusal, reply
    return reply.code


def test_every_transition_names_a_phase_and_has_a_handler() -> None:
    for (phase, _), name in module.TRANSITIONS.items():
        assert phase in PHASES
        assert callable(getattr(module, f"_{name}"))


def test_scheduling_puts_one_reference_on_the_queue_and_a_repeat_nothing() -> None:
    driver = scheduled()
    assert driver.send(spec()) == Ok()
    (entry,) = driver.sent
    assert (entry.queue, entry.receiver) == (True, "activities")
    assert entry.body == ActivityTask(
        namespace="default", task_queue="main", activity_key=driver.key, token=token(driver), attempt=1
    )


def test_tokens_are_derived_and_differ_between_attempts_and_activities() -> None:
    driver, again = scheduled(), scheduled()
    first = token(driver)
    assert first == token(again)
    lease(driver)
    fail(driver)
    assert token(driver) != first


def test_a_leased_attempt_refuses_a_second_lease_but_repeats_its_answer() -> None:
    driver = scheduled(input=DETAILS)
    leased = lease(driver, request_id="r1")
    assert type(leased) is Leased
    assert (leased.attempt, leased.input, leased.started_ns) == (1, DETAILS, NOW)
    assert lease(driver, request_id="r1") == leased
    assert code(lease(driver, request_id="r2")) == "already_leased"
    assert code(lease(driver)) == "already_leased"


def test_a_completion_is_recorded_once_and_its_repeat_is_fine() -> None:
    driver = scheduled()
    lease(driver)
    done = CompleteActivity(token=token(driver), result=DETAILS, identity="w1")
    assert driver.send(done) == Ok()
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.result, resolved.identity) == ("completed", DETAILS, "w1")
    assert (resolved.run_id, resolved.activity_id, resolved.scheduled_event_id) == ("run", "1", 5)
    assert driver.send(done) == Ok()
    assert code(driver.send(FailActivity(token=done.token, failure=Failure()))) == "stale_token"
    assert driver.send(spec()) == Ok()
    assert driver.sent[1:] == []


def test_nothing_is_left_after_the_retention() -> None:
    driver = scheduled()
    lease(driver)
    driver.send(CompleteActivity(token=token(driver)))
    driver.wake()
    assert driver.now == NOW + 24 * HOUR
    assert driver.alarm_ns is None
    assert not any(driver.tables.values())
    assert code(driver.send(RenewLease(token="x"))) == "not_found"


def test_a_token_of_an_earlier_attempt_changes_nothing() -> None:
    driver = scheduled()
    old = token(driver)
    lease(driver)
    fail(driver)
    driver.wake()
    lease(driver)
    before = dict(driver.tables["activity"])
    for message in (
        LeaseActivity(token=old),
        RenewLease(token=old),
        RecordHeartbeat(token=old, details=DETAILS),
        CompleteActivity(token=old),
        FailActivity(token=old, failure=Failure()),
        ReportActivityCanceled(token=old),
        DeferActivity(token=old),
    ):
        assert code(driver.send(message)) == "stale_token"
    assert driver.send(ActivityParked(token=old)) == driver.send(DispatchActivity(token=old)) == Ok()
    assert driver.tables["activity"] == before


def test_a_failed_attempt_backs_off_as_the_policy_says() -> None:
    policy = RetryPolicyRecord(
        initial_interval=3 * SECOND, backoff_coefficient=3.0, maximum_interval=20 * SECOND
    )
    driver = scheduled(retry_policy=policy)
    pauses = []
    for _ in range(4):
        lease(driver)
        fail(driver)
        assert driver.alarm_ns is not None
        pauses.append((driver.alarm_ns - driver.now) // SECOND)
        driver.wake()
    assert pauses == [3, 9, 20, 20]
    assert len(driver.take(ActivityTask)) == 5


def test_the_policy_defaults_to_one_second_doubled_without_limit() -> None:
    driver = scheduled()
    for attempt in range(1, 15):
        lease(driver)
        fail(driver)
        assert driver.alarm_ns is not None
        assert (driver.alarm_ns - driver.now) // SECOND == min(2 ** (attempt - 1), 100)
        driver.wake()


@pytest.mark.parametrize(
    ("failure", "policy", "state"),
    [
        (ApplicationFailureInfo(type="E", non_retryable=True), {}, "NON_RETRYABLE_FAILURE"),
        (ApplicationFailureInfo(type="E"), {"non_retryable_error_types": ("E",)}, "NON_RETRYABLE_FAILURE"),
        (ApplicationFailureInfo(type="E"), {"maximum_attempts": 1}, "MAXIMUM_ATTEMPTS_REACHED"),
        (CanceledFailureInfo(), {}, "NON_RETRYABLE_FAILURE"),
        (ServerFailureInfo(non_retryable=True), {}, "NON_RETRYABLE_FAILURE"),
    ],
)
def test_a_failure_is_final_for_temporals_reasons(failure: Any, policy: dict[str, Any], state: str) -> None:
    driver = scheduled(retry_policy=RetryPolicyRecord(**policy))
    lease(driver)
    field = {
        ApplicationFailureInfo: "application_failure_info",
        CanceledFailureInfo: "canceled_failure_info",
        ServerFailureInfo: "server_failure_info",
    }[type(failure)]
    record = Failure(message="no", **{field: failure})
    driver.send(FailActivity(token=token(driver), failure=record))
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.failure) == ("failed", record)
    assert resolved.retry_state == f"RETRY_STATE_{state}"


def test_a_retry_that_would_end_after_schedule_to_close_is_not_begun() -> None:
    driver = scheduled(schedule_to_close_timeout_ns=2 * SECOND)
    lease(driver)
    fail(driver)
    driver.wake()
    lease(driver)
    fail(driver)
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.attempt) == ("failed", 2)
    assert resolved.retry_state == "RETRY_STATE_TIMEOUT"


def test_next_retry_delay_overrides_even_the_maximum_interval() -> None:
    driver = scheduled(retry_policy=RetryPolicyRecord(maximum_interval=SECOND))
    lease(driver)
    fail(driver, next_retry_delay=50 * SECOND)
    assert driver.alarm_ns == NOW + 50 * SECOND


def test_a_retry_without_a_pause_is_dispatched_at_once() -> None:
    driver = scheduled()
    lease(driver)
    fail(driver, next_retry_delay=0)
    assert driver.state.phase == "scheduled"
    assert len(driver.take(ActivityTask)) == 2


def timed_out(driver: Driver) -> tuple[str, str, str, int]:
    resolved = outcome(driver)
    assert resolved.outcome == "timed_out"
    assert resolved.failure is not None and resolved.failure.timeout_failure_info is not None
    assert resolved.failure.source == "Server"
    kind = resolved.failure.timeout_failure_info.timeout_type.removeprefix("TIMEOUT_TYPE_")
    return (
        kind,
        resolved.retry_state.removeprefix("RETRY_STATE_"),
        resolved.failure.message,
        (driver.now - NOW) // SECOND,
    )


ONCE = RetryPolicyRecord(maximum_attempts=1)
TWICE = RetryPolicyRecord(maximum_attempts=2)


def test_schedule_to_start_is_final_and_has_no_start() -> None:
    driver = scheduled(schedule_to_start_timeout_ns=7 * SECOND)
    driver.wake()
    assert driver.sent[-1].body.started_ns is None
    message = "activity ScheduleToStart timeout"
    assert timed_out(driver) == ("SCHEDULE_TO_START", "NON_RETRYABLE_FAILURE", message, 7)


def test_start_to_close_is_retried_until_the_policy_ends_it() -> None:
    driver = scheduled(start_to_close_timeout_ns=7 * SECOND, retry_policy=TWICE)
    lease(driver)
    driver.wake()
    assert driver.state.phase == "backing_off"
    driver.wake()
    lease(driver)
    driver.wake()
    message = "activity StartToClose timeout"
    assert timed_out(driver) == ("START_TO_CLOSE", "MAXIMUM_ATTEMPTS_REACHED", message, 15)


def test_start_to_close_is_ten_minutes_when_nothing_limits_the_activity() -> None:
    driver = scheduled(retry_policy=ONCE)
    leased = lease(driver)
    assert leased.start_to_close_timeout_ns == 10 * MINUTE
    while driver.now < NOW + 10 * MINUTE:
        driver.now += 30 * SECOND
        driver.send(Alarm(scheduled_ns=driver.now))
        driver.send(RenewLease(token=leased.token))
    assert timed_out(driver)[0] == "START_TO_CLOSE"


def test_schedule_to_close_ends_an_attempt_with_the_last_failure_as_cause() -> None:
    driver = scheduled(schedule_to_close_timeout_ns=20 * SECOND)
    lease(driver)
    fail(driver, type="First")
    driver.wake()
    lease(driver)
    driver.wake()
    cause = driver.sent[-1].body.failure.cause
    assert cause.application_failure_info.type == "First"
    assert timed_out(driver) == ("SCHEDULE_TO_CLOSE", "TIMEOUT", "activity ScheduleToClose timeout", 20)


def test_a_heartbeat_moves_its_timeout_and_its_details_are_handed_on() -> None:
    driver = scheduled(heartbeat_timeout_ns=10 * SECOND, retry_policy=TWICE)
    lease(driver)
    driver.now += 8 * SECOND
    assert driver.send(RecordHeartbeat(token=token(driver), details=DETAILS)) == AttemptStatus()
    driver.wake()
    assert driver.now == NOW + 18 * SECOND
    driver.wake()
    leased = lease(driver)
    assert (leased.attempt, leased.heartbeat_details) == (2, DETAILS)
    assert driver.alarm_ns == driver.now + 10 * SECOND
    driver.wake()
    assert driver.sent[-1].body.failure.timeout_failure_info.last_heartbeat_details == DETAILS
    assert timed_out(driver)[:2] == ("HEARTBEAT", "MAXIMUM_ATTEMPTS_REACHED")


def test_a_lease_that_is_not_renewed_costs_the_attempt() -> None:
    driver = scheduled(retry_policy=ONCE)
    lease(driver)
    driver.now += 50 * SECOND
    assert driver.send(RenewLease(token=token(driver))) == AttemptStatus()
    driver.wake()
    assert driver.now == NOW + 110 * SECOND
    assert timed_out(driver)[2] == "activity worker lost: its lease ran out"


def test_a_deferred_attempt_needs_no_lease_and_is_completed_by_its_token() -> None:
    driver = scheduled(start_to_close_timeout_ns=24 * HOUR)
    lease(driver)
    assert driver.send(DeferActivity(token=token(driver))) == AttemptStatus()
    assert driver.send(DeferActivity(token=token(driver))) == AttemptStatus()
    assert driver.alarm_ns == NOW + 24 * HOUR
    driver.now += 20 * HOUR
    assert driver.send(CompleteActivity(token=token(driver), result=DETAILS)) == Ok()
    assert outcome(driver).result == DETAILS


@pytest.mark.parametrize("backing_off", [False, True])
def test_cancelling_what_does_not_run_ends_it_at_once(backing_off: bool) -> None:
    driver = scheduled()
    if backing_off:
        lease(driver)
        fail(driver)
    assert driver.send(CANCEL) == driver.send(CANCEL) == Ok()
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.started_ns) == ("canceled", None)


def test_a_running_attempt_learns_of_cancellation_by_heartbeat() -> None:
    driver = scheduled()
    lease(driver)
    assert code(driver.send(ReportActivityCanceled(token=token(driver)))) == "cancel_not_requested"
    driver.send(CANCEL)
    assert driver.send(RecordHeartbeat(token=token(driver))) == AttemptStatus(cancel_requested=True)
    assert driver.send(ReportActivityCanceled(token=token(driver), details=DETAILS)) == Ok()
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.details) == ("canceled", DETAILS)


def test_a_failure_after_a_cancel_request_is_not_retried() -> None:
    driver = scheduled()
    lease(driver)
    driver.send(CANCEL)
    fail(driver)
    resolved = outcome(driver)
    assert (resolved.outcome, resolved.retry_state) == ("failed", "RETRY_STATE_CANCEL_REQUESTED")


def test_an_abandoned_activity_tells_nobody() -> None:
    driver = scheduled()
    lease(driver)
    attempt = token(driver)
    assert driver.send(AbandonActivityTask(run_id="run", scheduled_event_id=5)) == Ok()
    assert code(driver.send(RecordHeartbeat(token=attempt))) == "stale_token"
    assert code(driver.send(CompleteActivity(token=attempt))) == "stale_token"
    assert driver.take(ActivityResolved) == []


def test_a_task_that_was_lost_goes_to_the_queue_again_with_the_same_token() -> None:
    driver = scheduled()
    waits = []
    for _ in range(6):
        before = driver.now
        driver.wake()
        waits.append((driver.now - before) // MINUTE)
    assert waits == [5, 10, 20, 40, 60, 60]
    assert {task.token for task in driver.take(ActivityTask)} == {token(driver)}


def test_a_parked_task_waits_without_an_alarm_until_it_is_dispatched() -> None:
    driver = scheduled()
    driver.send(ActivityParked(token=token(driver)))
    assert driver.alarm_ns is None
    driver.now += 1000 * HOUR
    driver.send(DispatchActivity(token=token(driver)))
    assert len(driver.take(ActivityTask)) == 2
    assert driver.alarm_ns == driver.now + 5 * MINUTE
    assert type(lease(driver)) is Leased


def test_an_early_or_repeated_alarm_does_nothing() -> None:
    driver = scheduled()
    before = dict(driver.tables["activity"])
    driver.send(Alarm(scheduled_ns=NOW))
    assert driver.tables["activity"] == before
