"""ActivityDO: one scheduled activity of one run, from its first attempt to its single outcome.

Owns the attempts, their fencing tokens, leases, timeouts and retries. Invariants:
- at most one ActivityResolved ever leaves, in the commit that turns the activity into a tombstone;
- at most one worker holds the lease, and an attempt is leased once: user code never runs more often than
  attempts were leased;
- what carries another attempt's token changes nothing;
- every handler may see its message twice, late, or never.

A lease that runs out means that the worker died: the attempt has failed with a heartbeat timeout, because
the lease is the worker's own heartbeat, and it counts against ``maximum_attempts``. A lease is not the
activity's heartbeat: it needs no cooperation of user code. A task that no worker leased goes to the queue
again after a while, with the same token, since queues may lose messages for good; not while a TaskQueueDO
holds it. A TaskQueueDO hears when what it holds waits no longer, and when it holds what does not wait.

Must not import a clock, a host or the worker side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..actor import Actor, Alarm, Ok, Refusal, Turn
from ..durations import MILLISECOND
from ..errors import invariant
from ..failure_errors import RetryState, TimeoutType
from ..history import Failure
from ..host import Tables
from ..keys import ACTIVITY, task_queue_key
from ..messages.activity import (
    ACTIVITY_QUEUE,
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
    Payloads,
    RecordHeartbeat,
    RenewLease,
    ReportActivityCanceled,
    ScheduleActivityTask,
)
from ..messages.task_queue import ActivityUnparked
from ..messages.workflow import ActivityResolved, Poke
from ..records import evolve
from .activity_retry import DEFAULT_POLICY, NOT_ENOUGH_TIME, next_attempt, timeout_failure
from .activity_rows import (
    ABSENT,
    BACKING_OFF,
    DEFERRED,
    FINISHED,
    LEASE_NS,
    REDISPATCH_DELAY_MAX_NS,
    REDISPATCH_DELAY_NS,
    RETENTION_NS,
    SCHEDULED,
    STARTED,
    TABLE,
    ActivityState,
    Attempt,
    HeartbeatRow,
    LastFailure,
    Lease,
    Tombstone,
    attempt_token,
    expiry_ns,
    leased,
    next_deadline,
)

# (phase, message or deadline) -> handler. A message that is not listed is refused by `_refusal`; a deadline
# that is not listed does not exist in that phase. Handlers marked * compare tokens first.
TRANSITIONS: Final[Mapping[tuple[str, type | str], str]] = {
    (ABSENT, ScheduleActivityTask): "create",  # -> scheduled
    (SCHEDULED, LeaseActivity): "lease",  # * -> started
    (SCHEDULED, ActivityParked): "park",  # *
    (SCHEDULED, DispatchActivity): "dispatch_again",  # *
    (SCHEDULED, CancelActivityTask): "cancel_now",  # -> finished
    (SCHEDULED, "redispatch"): "redispatch",
    (SCHEDULED, "schedule_to_start"): "time_out",  # -> finished
    (SCHEDULED, "schedule_to_close"): "time_out",  # -> finished
    (STARTED, LeaseActivity): "lease_again",  # *
    (STARTED, RenewLease): "renew",  # *
    (STARTED, RecordHeartbeat): "record_heartbeat",  # *
    (STARTED, DeferActivity): "defer",  # * -> deferred
    (STARTED, CompleteActivity): "complete",  # * -> finished
    (STARTED, FailActivity): "fail",  # * -> scheduled, backing_off or finished
    (STARTED, ReportActivityCanceled): "report_canceled",  # * -> finished
    (STARTED, CancelActivityTask): "request_cancel",
    (STARTED, "start_to_close"): "time_out_attempt",  # -> scheduled, backing_off or finished
    (STARTED, "heartbeat"): "time_out_attempt",
    (STARTED, "lease"): "time_out_attempt",
    (STARTED, "schedule_to_close"): "time_out",  # -> finished
    (DEFERRED, LeaseActivity): "lease_again",  # * (refused: it is taken)
    (DEFERRED, RenewLease): "status",  # *
    (DEFERRED, RecordHeartbeat): "record_heartbeat",  # *
    (DEFERRED, DeferActivity): "status",  # *
    (DEFERRED, CompleteActivity): "complete",  # * -> finished
    (DEFERRED, FailActivity): "fail",  # * -> scheduled, backing_off or finished
    (DEFERRED, ReportActivityCanceled): "report_canceled",  # * -> finished
    (DEFERRED, CancelActivityTask): "request_cancel",
    (DEFERRED, "start_to_close"): "time_out_attempt",
    (DEFERRED, "heartbeat"): "time_out_attempt",
    (DEFERRED, "schedule_to_close"): "time_out",  # -> finished
    (BACKING_OFF, CancelActivityTask): "cancel_now",  # -> finished
    (BACKING_OFF, "retry"): "begin_attempt",  # -> scheduled
    (BACKING_OFF, "schedule_to_close"): "time_out",  # -> finished
    (FINISHED, CompleteActivity): "repeat_outcome",
    (FINISHED, FailActivity): "repeat_outcome",
    (FINISHED, ReportActivityCanceled): "repeat_outcome",
    (FINISHED, "retention"): "forget",  # -> absent
    **{(phase, AbandonActivityTask): "abandon" for phase in (SCHEDULED, STARTED, DEFERRED, BACKING_OFF)},
}

_FACTS: Final = (
    ScheduleActivityTask,
    CancelActivityTask,
    AbandonActivityTask,
    ActivityParked,
    DispatchActivity,
)
_OUTCOMES: Final[Mapping[type, str]] = {
    CompleteActivity: "completed",
    FailActivity: "failed",
    ReportActivityCanceled: "canceled",
}
_TIMEOUTS: Final = {
    "start_to_close": TimeoutType.START_TO_CLOSE,
    "schedule_to_start": TimeoutType.SCHEDULE_TO_START,
    "schedule_to_close": TimeoutType.SCHEDULE_TO_CLOSE,
    "heartbeat": TimeoutType.HEARTBEAT,
    "lease": TimeoutType.HEARTBEAT,
}

OK: Final = Ok()


class ActivityActor(Actor[ActivityState]):
    """The behaviour of every ActivityDO."""

    kind = ACTIVITY

    def __init__(self) -> None:
        messages = {event for _, event in TRANSITIONS if isinstance(event, type)}
        self.handlers = {**dict.fromkeys(messages, _receive), Alarm: _wake, Poke: _poked}

    def load(self, key: str, tables: Tables) -> ActivityState:
        """The activity ``key`` from its rows."""
        return ActivityState(key, tables)

    def next_alarm(self, state: ActivityState) -> int | None:
        """The nearest timeout, lease end, retry or end of retention."""
        deadline = next_deadline(state)
        return None if deadline is None else deadline[0]


def _receive(state: ActivityState, message: Any, turn: Turn) -> Any:
    phase = state.phase
    kind = type(message)
    name = TRANSITIONS.get((phase, kind))
    if name is None:
        return _too_late(state, message, turn) if kind in _FACTS else _refusal(phase)
    if phase is not FINISHED and hasattr(message, "token") and message.token != state.attempt.token:
        return _too_late(state, message, turn) if kind in _FACTS else _stale()
    return _HANDLERS[name](state, message, turn)


def _too_late(state: ActivityState, message: Any, turn: Turn) -> Any:
    """A fact that comes twice, or after the end, has done its work; but what is parked must not stay so."""
    if type(message) is ActivityParked and message.parked_with:
        turn.send(message.parked_with, ActivityUnparked(activity_key=state.key, token=message.token))
    return OK


def _wake(state: ActivityState, message: Any, turn: Turn) -> Any:
    """An alarm, possibly late, repeated or for a deadline that has moved: do everything that is due."""
    while True:
        deadline = next_deadline(state)
        if deadline is None or deadline[0] > turn.now:
            return OK
        phase, event = state.phase, deadline[1]
        name = TRANSITIONS.get((phase, event), "")
        invariant(name, "a deadline without a transition", phase=phase, deadline=event)
        _HANDLERS[name](state, event, turn)


def _poked(state: ActivityState, message: Poke, turn: Turn) -> Any:
    """An alarm may have been lost: ours, or that of the TaskQueueDO which holds our task."""
    _wake(state, message, turn)
    if state.phase == SCHEDULED and state.attempt.redispatch_ns is None:
        return (task_queue_key(state.spec.namespace, state.spec.task_queue),)
    return OK


def _stale() -> Refusal:
    return Refusal(code="stale_token", message="this attempt is over")


def _refusal(phase: str) -> Refusal:
    if phase == ABSENT:
        return Refusal(code="not_found", message="there is no such activity, or its retention is over")
    return _stale()


# --- waiting for a worker ---


def _create(state: ActivityState, message: ScheduleActivityTask, turn: Turn) -> Any:
    turn.put(TABLE, "spec", message)
    _dispatch(state, turn, number=1)
    return OK


def _dispatch(state: ActivityState, turn: Turn, *, number: int) -> None:
    attempt = Attempt(
        number=number,
        phase=SCHEDULED,
        token=attempt_token(state.key, number),
        scheduled_ns=turn.now,
        redispatch_ns=turn.now + REDISPATCH_DELAY_NS,
    )
    turn.put(TABLE, "attempt", attempt)
    _enqueue(state, turn)


def _enqueue(state: ActivityState, turn: Turn) -> None:
    spec = state.spec
    task = ActivityTask(
        namespace=spec.namespace,
        task_queue=spec.task_queue,
        activity_key=state.key,
        token=state.attempt.token,
        attempt=state.attempt.number,
    )
    turn.enqueue(ACTIVITY_QUEUE, task)


def _begin_attempt(state: ActivityState, _: Any, turn: Turn) -> Any:
    _dispatch(state, turn, number=state.attempt.number)


def _park(state: ActivityState, message: ActivityParked, turn: Turn) -> Any:
    turn.put(TABLE, "attempt", evolve(state.attempt, redispatch_ns=None))
    return OK


def _dispatch_again(state: ActivityState, message: DispatchActivity, turn: Turn) -> Any:
    later_ns = turn.now + REDISPATCH_DELAY_NS
    turn.put(
        TABLE,
        "attempt",
        evolve(state.attempt, redispatch_ns=later_ns, redispatch_delay_ns=REDISPATCH_DELAY_NS),
    )
    _enqueue(state, turn)
    return OK


def _unpark(state: ActivityState, turn: Turn) -> None:
    """The attempt waits no longer: if a TaskQueueDO holds its task, it hears of it."""
    attempt = state.attempt
    if attempt.phase == SCHEDULED and attempt.redispatch_ns is None:
        holder = task_queue_key(state.spec.namespace, state.spec.task_queue)
        turn.send(holder, ActivityUnparked(activity_key=state.key, token=attempt.token))


def _redispatch(state: ActivityState, _: Any, turn: Turn) -> None:
    attempt = state.attempt
    delay_ns = min(2 * attempt.redispatch_delay_ns, REDISPATCH_DELAY_MAX_NS)
    turn.put(
        TABLE, "attempt", evolve(attempt, redispatch_ns=turn.now + delay_ns, redispatch_delay_ns=delay_ns)
    )
    _enqueue(state, turn)


# --- running ---


def _lease(state: ActivityState, message: LeaseActivity, turn: Turn) -> Any:
    waiting = state.attempt
    _unpark(state, turn)
    attempt = Attempt(
        number=waiting.number,
        phase=STARTED,
        token=waiting.token,
        scheduled_ns=waiting.scheduled_ns,
        started_ns=turn.now,
        identity=message.identity,
        lease_request_id=message.request_id,
    )
    turn.put(TABLE, "attempt", attempt)
    turn.put(TABLE, "lease", Lease(expires_ns=turn.now + LEASE_NS))
    return leased(state)


def _lease_again(state: ActivityState, message: LeaseActivity, turn: Turn) -> Any:
    attempt = state.attempt
    if attempt.phase == STARTED and message.request_id and message.request_id == attempt.lease_request_id:
        return leased(state)
    holder = attempt.identity or "a worker"
    return Refusal(code="already_leased", message=f"this attempt is taken by {holder}")


def _renew(state: ActivityState, message: RenewLease, turn: Turn) -> Any:
    turn.put(TABLE, "lease", Lease(expires_ns=turn.now + LEASE_NS))
    return _status(state, message, turn)


def _status(state: ActivityState, message: Any, turn: Turn) -> Any:
    return AttemptStatus(cancel_requested=state.attempt.cancel_requested)


def _record_heartbeat(state: ActivityState, message: RecordHeartbeat, turn: Turn) -> Any:
    turn.put(TABLE, "heartbeat", HeartbeatRow(recorded_ns=turn.now, details=message.details))
    return _status(state, message, turn)


def _defer(state: ActivityState, message: DeferActivity, turn: Turn) -> Any:
    turn.put(TABLE, "attempt", evolve(state.attempt, phase=DEFERRED))
    turn.delete(TABLE, "lease")
    return _status(state, message, turn)


def _request_cancel(state: ActivityState, message: CancelActivityTask, turn: Turn) -> Any:
    if not state.attempt.cancel_requested:
        turn.put(TABLE, "attempt", evolve(state.attempt, cancel_requested=True))
    return OK


# --- the end of an attempt ---


def _complete(state: ActivityState, message: CompleteActivity, turn: Turn) -> Any:
    _finish(state, turn, "completed", result=message.result, identity=message.identity)
    return OK


def _report_canceled(state: ActivityState, message: ReportActivityCanceled, turn: Turn) -> Any:
    if not state.attempt.cancel_requested:
        return Refusal(code="cancel_not_requested", message="nobody asked this activity to stop")
    _finish(state, turn, "canceled", details=message.details, identity=message.identity)
    return OK


def _fail(state: ActivityState, message: FailActivity, turn: Turn) -> Any:
    retry_state = _retry(state, message.failure, turn)
    if retry_state is not RetryState.IN_PROGRESS:
        _finish(
            state,
            turn,
            "failed",
            failure=message.failure,
            retry_state=retry_state.value,
            identity=message.identity,
        )
    return OK


def _time_out_attempt(state: ActivityState, deadline: str, turn: Turn) -> None:
    message = "activity worker lost: its lease ran out" if deadline == "lease" else ""
    failure = timeout_failure(_TIMEOUTS[deadline], heartbeat_details=_details(state), message=message)
    retry_state = _retry(state, failure, turn)
    if retry_state is RetryState.IN_PROGRESS:
        return
    if retry_state is RetryState.TIMEOUT:
        failure = timeout_failure(
            TimeoutType.SCHEDULE_TO_CLOSE,
            heartbeat_details=_details(state),
            cause=failure,
            message=NOT_ENOUGH_TIME,
        )
    _finish(state, turn, "timed_out", failure=failure, retry_state=retry_state.value)


def _time_out(state: ActivityState, deadline: str, turn: Turn) -> None:
    kind = _TIMEOUTS[deadline]
    failure = timeout_failure(kind, heartbeat_details=_details(state), cause=state.last_failure)
    final = kind is TimeoutType.SCHEDULE_TO_CLOSE
    retry_state = RetryState.TIMEOUT if final else RetryState.NON_RETRYABLE_FAILURE
    _finish(state, turn, "timed_out", failure=failure, retry_state=retry_state.value)


def _retry(state: ActivityState, failure: Failure, turn: Turn) -> RetryState:
    """Begin the next attempt, or its backoff, if there is to be one."""
    spec = state.spec
    attempt = state.attempt
    retry_state, pause_ns = next_attempt(
        failure,
        spec.retry_policy or DEFAULT_POLICY,
        attempt=attempt.number,
        now=turn.now,
        expiry=expiry_ns(spec),
        cancel_requested=attempt.cancel_requested,
    )
    if retry_state is RetryState.IN_PROGRESS:
        turn.put(TABLE, "failure", LastFailure(failure=failure))
        turn.delete(TABLE, "lease")
        number = attempt.number + 1
        if pause_ns < MILLISECOND:
            _dispatch(state, turn, number=number)
        else:
            waiting = Attempt(
                number=number,
                phase=BACKING_OFF,
                token=attempt_token(state.key, number),
                scheduled_ns=turn.now + pause_ns,
            )
            turn.put(TABLE, "attempt", waiting)
    return retry_state


def _details(state: ActivityState) -> Payloads:
    heartbeat = state.heartbeat
    return () if heartbeat is None else heartbeat.details


# --- the end of the activity ---


def _cancel_now(state: ActivityState, message: CancelActivityTask, turn: Turn) -> Any:
    _finish(state, turn, "canceled")
    return OK


def _finish(
    state: ActivityState,
    turn: Turn,
    outcome: str,
    *,
    result: Payloads = (),
    failure: Failure | None = None,
    details: Payloads = (),
    retry_state: str = "",
    identity: str = "",
) -> None:
    spec = state.spec
    attempt = state.attempt
    resolved = ActivityResolved(
        run_id=spec.run_id,
        activity_id=spec.activity_id,
        scheduled_event_id=spec.scheduled_event_id,
        outcome=outcome,
        attempt=attempt.number,
        started_ns=attempt.started_ns,
        identity=identity or attempt.identity,
        request_id=attempt.token,
        last_failure=state.last_failure,
        result=result,
        failure=failure,
        details=details,
        retry_state=retry_state,
    )
    turn.send(spec.workflow_key, resolved)
    _bury(state, turn, outcome)


def _abandon(state: ActivityState, message: AbandonActivityTask, turn: Turn) -> Any:
    _bury(state, turn, "abandoned")
    return OK


def _bury(state: ActivityState, turn: Turn, outcome: str) -> None:
    _unpark(state, turn)
    tombstone = Tombstone(token=state.attempt.token, outcome=outcome, expires_ns=turn.now + RETENTION_NS)
    turn.drop_table(TABLE)
    turn.put(TABLE, "tombstone", tombstone)


def _repeat_outcome(state: ActivityState, message: Any, turn: Turn) -> Any:
    tombstone = state.tombstone
    if tombstone is None or tombstone.token != message.token:
        return _stale()
    return OK if tombstone.outcome == _OUTCOMES[type(message)] else _stale()


def _forget(state: ActivityState, _: Any, turn: Turn) -> None:
    turn.drop_table(TABLE)


_HANDLERS: Final[Mapping[str, Callable[[ActivityState, Any, Turn], Any]]] = {
    name: globals()[f"_{name}"] for name in dict.fromkeys(TRANSITIONS.values())
}
