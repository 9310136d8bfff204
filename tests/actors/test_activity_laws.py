"""The ActivityDO under every order of events: leases, reports, alarms, repeats, stale tokens, lost memory."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from temporal_do.runtime.actor import Alarm
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.actors.activity_rows import BACKING_OFF, RETENTION_NS, SCHEDULED, attempt_token
from temporal_do.runtime.history import ApplicationFailureInfo, Failure, Payload, RetryPolicyRecord
from temporal_do.runtime.keys import ACTIVITY, activity_key
from temporal_do.runtime.messages.activity import (
    AbandonActivityTask,
    ActivityParked,
    ActivityTask,
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
from temporal_do.runtime.messages.workflow import ActivityResolved, Poke
from temporal_do.runtime.policies import backoff_ns

from .driver import Driver

SECOND = 10**9
NOW = 1_767_225_600 * SECOND
KEY = activity_key("default", "run", "1")

timeouts = st.sampled_from([None, None, None, 3 * SECOND, 40 * SECOND, 200 * SECOND])
payloads = st.just(()) | st.binary(max_size=4).map(lambda data: (Payload(data=data),))
# Which attempt's token: mostly the current one's, sometimes that of one before, or of one to come.
recency = st.sampled_from([0, 0, 0, 1, -1])


policies = st.builds(
    RetryPolicyRecord,
    initial_interval=st.integers(1, 30).map(lambda seconds: seconds * SECOND),
    backoff_coefficient=st.sampled_from([1.0, 2.0, 3.5]),
    maximum_interval=st.none() | st.integers(30, 90).map(lambda seconds: seconds * SECOND),
    maximum_attempts=st.sampled_from([0, 0, 4, 3, 2, 1]),
    non_retryable_error_types=st.just(("Fatal",)),
)
specs = st.builds(
    ScheduleActivityTask,
    namespace=st.just("default"),
    workflow_key=st.just("WorkflowDO/default/w"),
    workflow_id=st.just("w"),
    run_id=st.just("run"),
    workflow_type=st.just("order"),
    activity_id=st.just("1"),
    scheduled_event_id=st.just(5),
    activity_type=st.just("charge"),
    task_queue=st.just("main"),
    scheduled_ns=st.just(NOW),
    retry_policy=policies,
    schedule_to_close_timeout_ns=timeouts,
    schedule_to_start_timeout_ns=timeouts,
    start_to_close_timeout_ns=timeouts,
    heartbeat_timeout_ns=timeouts,
)


class ActivityLife(RuleBasedStateMachine):
    """One activity and a world that sends it anything at any time; when it is forgotten, the next one."""

    @initialize(spec=specs)
    def schedule(self, spec: ScheduleActivityTask) -> None:
        self.spec = spec
        assert spec.retry_policy is not None
        self.policy = spec.retry_policy
        self.driver = Driver(ACTORS[ACTIVITY], KEY, now=NOW)
        self.leases: dict[str, str] = {}
        self.resolved: list[ActivityResolved] = []
        self.abandoned = False
        self.closed_ns = 0
        self.ended_ns: dict[int, int] = {}
        self.dispatched: dict[str, int] = {}
        self.send(self.spec)

    def send(self, message: Any) -> Any:
        number_before = self.number
        rows_before = dict(self.driver.state.table("activity"))
        stale = self.open and getattr(message, "token", "") not in ("", self.driver.state.attempt.token)
        reply = self.driver.send(message)
        if stale:
            assert dict(self.driver.state.table("activity")) == rows_before, "a stale token changed something"
        if number_before and not self.open:
            self.closed_ns = self.driver.now
        self.resolved += self.driver.take(ActivityResolved)
        for task in self.driver.take(ActivityTask):
            self.dispatched.setdefault(task.token, self.driver.now)
        if number_before and self.number > number_before:
            self.ended_ns[number_before] = self.driver.now
        return reply

    @property
    def number(self) -> int:
        return self.driver.state.attempt.number if self.open else 0

    @property
    def open(self) -> bool:
        return self.driver.state.phase not in ("absent", "finished")

    def token(self, back: int) -> str:
        return attempt_token(KEY, max(self.number - back, 1))

    # --- what can happen ---

    @rule(spec=specs)
    @precondition(lambda self: self.driver.state.phase == "absent")
    def next_life(self, spec: ScheduleActivityTask) -> None:
        self.end()
        self.schedule(spec)

    @rule()
    @precondition(lambda self: self.driver.state.phase != "absent")
    def schedule_again(self) -> None:
        self.send(self.spec)

    @rule(type=st.sampled_from(["Odd", "Odd", "Fatal"]))
    @precondition(lambda self: self.driver.state.phase in (SCHEDULED, BACKING_OFF))
    def fail_as_soon_as_possible(self, type: str) -> None:
        if self.driver.state.phase == BACKING_OFF:
            self.alarm(0)
        if self.open:
            self.lease(0, "c")
            self.fail(0, type, None)

    @rule(back=recency, request_id=st.sampled_from(["", "a", "b"]))
    def lease(self, back: int, request_id: str) -> None:
        token = self.token(back)
        reply = self.send(LeaseActivity(token=token, request_id=request_id))
        if type(reply) is Leased:
            assert reply.token == token
            if token in self.leases:
                assert self.leases[token] == request_id != "", "two holders of one lease"
            self.leases[token] = request_id

    @rule(back=recency)
    def renew(self, back: int) -> None:
        self.send(RenewLease(token=self.token(back)))

    @rule(back=recency, details=payloads)
    def heartbeat(self, back: int, details: Any) -> None:
        self.send(RecordHeartbeat(token=self.token(back), details=details))

    @rule(back=recency, times=st.integers(1, 2))
    def complete(self, back: int, times: int) -> None:
        token = self.token(back)
        for _ in range(times):
            self.send(CompleteActivity(token=token))

    @rule(
        back=recency,
        type=st.sampled_from(["Odd", "Odd", "Odd", "Fatal"]),
        delay=st.sampled_from([None, None, 0, 50]),
    )
    def fail(self, back: int, type: str, delay: int | None) -> None:
        info = ApplicationFailureInfo(type=type, next_retry_delay=None if delay is None else delay * SECOND)
        self.send(FailActivity(token=self.token(back), failure=Failure(application_failure_info=info)))

    @rule(back=recency)
    def report_canceled(self, back: int) -> None:
        self.send(ReportActivityCanceled(token=self.token(back)))

    @rule(back=recency)
    def defer(self, back: int) -> None:
        self.send(DeferActivity(token=self.token(back)))

    @rule(back=recency)
    def park(self, back: int) -> None:
        self.send(ActivityParked(token=self.token(back)))

    @rule(back=recency)
    def dispatch(self, back: int) -> None:
        self.send(DispatchActivity(token=self.token(back)))

    @rule()
    def cancel(self) -> None:
        self.send(CancelActivityTask(run_id="run", scheduled_event_id=5))

    @rule(chance=st.integers(0, 9))
    def abandon(self, chance: int) -> None:
        if not chance and self.open:
            self.send(AbandonActivityTask(run_id="run", scheduled_event_id=5))
            self.abandoned = True

    @rule(seconds=st.integers(0, 100))
    def time_passes(self, seconds: int) -> None:
        self.driver.now += seconds * SECOND

    @rule(late_seconds=st.integers(0, 90))
    @precondition(lambda self: self.driver.alarm_ns is not None)
    def alarm(self, late_seconds: int) -> None:
        alarm_ns = self.driver.alarm_ns
        assert alarm_ns is not None
        self.driver.now = max(self.driver.now, alarm_ns + late_seconds * SECOND)
        self.send(Alarm(scheduled_ns=alarm_ns))

    @rule()
    def poke(self) -> None:
        self.send(Poke())

    @rule()
    def memory_is_lost(self) -> None:
        self.driver.reload()

    # --- what must always hold ---

    @invariant()
    def the_rows_are_the_whole_state(self) -> None:
        reloaded = self.driver.actor.load(KEY, self.driver.tables)
        assert reloaded.phase == self.driver.state.phase
        assert dict(reloaded.table("activity")) == dict(self.driver.state.table("activity"))
        assert self.driver.actor.next_alarm(reloaded) == self.driver.alarm_ns

    @invariant()
    def there_is_one_outcome_at_most(self) -> None:
        assert len(self.resolved) <= 1
        if self.resolved:
            assert not self.open and not self.abandoned

    @invariant()
    def attempts_stay_within_the_policy(self) -> None:
        limit = self.policy.maximum_attempts
        assert not limit or max(self.number, len(self.leases)) <= limit

    @invariant()
    def no_attempt_begins_before_its_backoff_is_over(self) -> None:
        for number, ended_ns in self.ended_ns.items():
            begun_ns = self.dispatched.get(attempt_token(KEY, number + 1))
            failure = self.driver.state.last_failure if self.open and self.number == number + 1 else None
            info = failure.application_failure_info if failure else None
            if begun_ns is not None and failure is not None:
                pause = backoff_ns(self.policy, number)
                if info is not None and info.next_retry_delay is not None:
                    pause = info.next_retry_delay
                assert begun_ns - ended_ns >= pause

    @invariant()
    def something_always_wakes_an_open_activity(self) -> None:
        state = self.driver.state
        if state.phase == "absent":
            assert self.driver.alarm_ns is None
            assert self.driver.now - self.closed_ns >= RETENTION_NS, "forgotten too early"
        elif state.phase != SCHEDULED or state.attempt.redispatch_ns is not None:
            assert self.driver.alarm_ns is not None

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.end()

    def end(self) -> None:
        """Let the activity finish as soon as it can, and be forgotten."""
        for _ in range(50):
            phase = self.driver.state.phase
            if phase == "absent":
                break
            if phase == SCHEDULED:
                self.send(LeaseActivity(token=self.driver.state.attempt.token))
            elif phase in (BACKING_OFF, "finished"):
                self.alarm(0)
            else:
                self.send(CompleteActivity(token=self.driver.state.attempt.token))
        assert len(self.resolved) == (0 if self.abandoned else 1)
        assert not any(self.driver.tables.values()), "something is left of a forgotten activity"
        assert self.driver.alarm_ns is None


TestActivityLife = ActivityLife.TestCase
TestActivityLife.settings = settings(stateful_step_count=80)
