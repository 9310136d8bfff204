"""A retry policy for the workflow itself: does a failed run get a successor, and when?

Reasons not to, first match wins:

    no retry policy                                     RETRY_STATE_RETRY_POLICY_NOT_SET
    the failure says so, or its type is listed          RETRY_STATE_NON_RETRYABLE_FAILURE
    maximum_attempts made                               RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
    the execution timeout would pass before the retry   RETRY_STATE_TIMEOUT
"""

from __future__ import annotations

from typing import Any

import attrs

from ...actor import Turn
from ...history import Failure
from ...policies import WorkflowStatus, backoff_ns
from .closing import close, successor_run_id
from .limits import Limits
from .starting import begin, succeed
from .state import Run, WorkflowState


@attrs.frozen
class Retry:
    """The decision: ``run_id`` of the successor, "" for none."""

    state: str
    run_id: str = ""
    delay_ns: int = 0


def decide(run: Run, now: int, failure: Failure | None) -> Retry:
    """Is there another attempt after this failure (None: the run timed out)?"""
    policy = run.start.retry_policy
    if policy is None:
        return Retry("RETRY_STATE_RETRY_POLICY_NOT_SET")
    info = failure.application_failure_info if failure is not None else None
    if info is not None and (info.non_retryable or info.type in policy.non_retryable_error_types):
        return Retry("RETRY_STATE_NON_RETRYABLE_FAILURE")
    if policy.maximum_attempts and run.start.attempt >= policy.maximum_attempts:
        return Retry("RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED")
    delay_ns = backoff_ns(policy, run.start.attempt)
    if info is not None and info.next_retry_delay:
        delay_ns = info.next_retry_delay
    start = run.start
    if start.execution_timeout_ns and now + delay_ns >= start.first_start_ns + start.execution_timeout_ns:
        return Retry("RETRY_STATE_TIMEOUT")
    return Retry("RETRY_STATE_IN_PROGRESS", successor_run_id(run.run_id, "retry"), delay_ns)


def close_and_retry(
    state: WorkflowState,
    run: Run,
    turn: Turn,
    limits: Limits,
    retry: Retry,
    status: WorkflowStatus,
    event_type: str,
    attributes: Any,
    failure: Failure | None,
) -> None:
    """Close the run and, if it is to be retried, start its successor in the same commit."""
    close(
        state,
        run,
        turn,
        limits,
        status,
        event_type,
        attributes,
        failure=failure,
        new_run_id=retry.run_id,
        retry_state=retry.state,
    )
    if retry.run_id:
        begin(
            state,
            turn,
            limits,
            succeed(run, turn, retry.run_id, attempt=run.start.attempt + 1),
            search_attributes=run.search_attributes,
            delay_ns=retry.delay_ns,
            continued_from=run.run_id,
            initiator="CONTINUE_AS_NEW_INITIATOR_RETRY",
            continued_failure=failure,
        )
