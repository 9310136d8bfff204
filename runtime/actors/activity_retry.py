"""Does a failed attempt get another one, and what is a timeout's failure?

Owns the decision (Temporal's order of checks and its RetryState names) and the failures the server itself
writes. Pure functions of records and times; must not import rows or handlers.

The rules are Temporal's: a canceled or terminated failure, a schedule-to-start and a schedule-to-close
timeout are final; start-to-close and heartbeat timeouts are retried; an application failure is retried unless
it says otherwise or the policy lists its type; ``next_retry_delay`` overrides the policy's pause, its
maximum included.
"""

from __future__ import annotations

from typing import Final

from ..failure_errors import RetryState, TimeoutType
from ..history import Failure, RetryPolicyRecord, TimeoutFailureInfo
from ..messages.activity import Payloads
from ..policies import backoff_ns

DEFAULT_POLICY: Final = RetryPolicyRecord()
"""What a schedule without a policy gets; ``backoff_ns`` fills in 1 s, x2, at most 100 s, unlimited."""

NOT_ENOUGH_TIME: Final = (
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"
)

_MESSAGES: Final = {
    TimeoutType.START_TO_CLOSE: "activity StartToClose timeout",
    TimeoutType.SCHEDULE_TO_START: "activity ScheduleToStart timeout",
    TimeoutType.SCHEDULE_TO_CLOSE: "activity ScheduleToClose timeout",
    TimeoutType.HEARTBEAT: "activity Heartbeat timeout",
}

_RETRIED_TIMEOUTS: Final = (TimeoutType.START_TO_CLOSE.value, TimeoutType.HEARTBEAT.value)


def timeout_failure(
    kind: TimeoutType,
    *,
    heartbeat_details: Payloads = (),
    cause: Failure | None = None,
    message: str = "",
) -> Failure:
    """The failure of a timeout, as Temporal's server writes it."""
    return Failure(
        message=message or _MESSAGES[kind],
        source="Server",
        cause=cause,
        timeout_failure_info=TimeoutFailureInfo(
            timeout_type=kind.value, last_heartbeat_details=heartbeat_details or None
        ),
    )


def is_retryable(failure: Failure, policy: RetryPolicyRecord) -> bool:
    """May an attempt that ended with ``failure`` be made again, however often it was tried?"""
    application = failure.application_failure_info
    if application is not None:
        return not application.non_retryable and application.type not in policy.non_retryable_error_types
    timeout = failure.timeout_failure_info
    if timeout is not None:
        return timeout.timeout_type in _RETRIED_TIMEOUTS
    server = failure.server_failure_info
    if server is not None:
        return not server.non_retryable
    return failure.canceled_failure_info is None and failure.terminated_failure_info is None


def next_attempt(
    failure: Failure,
    policy: RetryPolicyRecord,
    *,
    attempt: int,
    now: int,
    expiry: int | None,
    cancel_requested: bool,
) -> tuple[RetryState, int]:
    """What follows attempt number ``attempt`` (from 1), which ended with ``failure`` at ``now``.

    Returns ``IN_PROGRESS`` and the pause in ns, or the reason why there is no further attempt and 0.
    ``expiry`` is when the whole activity must be over.
    """
    if cancel_requested:
        return RetryState.CANCEL_REQUESTED, 0
    if not is_retryable(failure, policy):
        return RetryState.NON_RETRYABLE_FAILURE, 0
    if policy.maximum_attempts and attempt >= policy.maximum_attempts:
        return RetryState.MAXIMUM_ATTEMPTS_REACHED, 0
    application = failure.application_failure_info
    if application is not None and application.next_retry_delay is not None:
        pause = application.next_retry_delay
    else:
        pause = backoff_ns(policy, attempt)
    if expiry is not None and now + pause >= expiry:
        return RetryState.TIMEOUT, 0
    return RetryState.IN_PROGRESS, pause
