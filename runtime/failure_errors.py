"""Temporal's failure types: the exceptions that cross a workflow, activity or child boundary.

Owns: the exception classes and the two enumerations they carry. Invariants: each class has exactly one
counterpart among the kinds of a Failure record (the conversion is in `failures`, from where users and
the engine import everything). Must not import: the payload converter or the history at import time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .errors import TemporalError

if TYPE_CHECKING:
    from datetime import timedelta

    from .history.failure import Failure


class TimeoutType(StrEnum):
    """Which of an activity's or workflow's timeouts fired (Temporal's JSON names)."""

    UNSPECIFIED = "TIMEOUT_TYPE_UNSPECIFIED"
    START_TO_CLOSE = "TIMEOUT_TYPE_START_TO_CLOSE"
    SCHEDULE_TO_START = "TIMEOUT_TYPE_SCHEDULE_TO_START"
    SCHEDULE_TO_CLOSE = "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"
    HEARTBEAT = "TIMEOUT_TYPE_HEARTBEAT"


class RetryState(StrEnum):
    """Why something is not retried (any more) (Temporal's JSON names)."""

    UNSPECIFIED = "RETRY_STATE_UNSPECIFIED"
    IN_PROGRESS = "RETRY_STATE_IN_PROGRESS"
    NON_RETRYABLE_FAILURE = "RETRY_STATE_NON_RETRYABLE_FAILURE"
    TIMEOUT = "RETRY_STATE_TIMEOUT"
    MAXIMUM_ATTEMPTS_REACHED = "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED"
    RETRY_POLICY_NOT_SET = "RETRY_STATE_RETRY_POLICY_NOT_SET"
    INTERNAL_SERVER_ERROR = "RETRY_STATE_INTERNAL_SERVER_ERROR"
    CANCEL_REQUESTED = "RETRY_STATE_CANCEL_REQUESTED"


class FailureError(TemporalError):
    """Base of the failures that cross a boundary: they travel as a Failure record and come back as this.

    `failure` is the record it was decoded from (None when raised here), `cause` the next failure in the
    chain (also `__cause__`).
    """

    fault = "user"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.failure: Failure | None = None

    @property
    def cause(self) -> BaseException | None:
        """The failure that led to this one."""
        return self.__cause__


class ApplicationError(FailureError):
    """A failure of user code.

    `type` names the kind of error (the class name of the original exception; retry policies match it),
    `details` are values for the caller, `non_retryable` ends the retries at once, `next_retry_delay`
    ("30s", seconds or a timedelta; kept as `next_retry_delay_ns`) replaces the policy's next backoff once.
    """

    def __init__(
        self,
        message: str,
        *details: Any,
        type: str | None = None,
        non_retryable: bool = False,
        next_retry_delay: str | float | timedelta | None = None,
    ) -> None:
        super().__init__(message, type=type, non_retryable=non_retryable)
        self.details = details
        self.type = type
        self.non_retryable = non_retryable
        self.next_retry_delay_ns: int | None = None
        if next_retry_delay is not None:
            from .durations import parse_duration

            self.next_retry_delay_ns = parse_duration(next_retry_delay, name="next_retry_delay")


class ActivityError(FailureError):
    """An activity failed for good; `cause` is its last failure."""

    def __init__(
        self,
        message: str = "Activity task failed",
        *,
        scheduled_event_id: int = 0,
        started_event_id: int = 0,
        identity: str = "",
        activity_type: str = "",
        activity_id: str = "",
        retry_state: RetryState | None = None,
    ) -> None:
        super().__init__(
            message, activity_type=activity_type, activity_id=activity_id, retry_state=retry_state
        )
        self.scheduled_event_id = scheduled_event_id
        self.started_event_id = started_event_id
        self.identity = identity
        self.activity_type = activity_type
        self.activity_id = activity_id
        self.retry_state = retry_state


class ChildWorkflowError(FailureError):
    """A child workflow did not complete; `cause` is its failure."""

    def __init__(
        self,
        message: str = "Child workflow execution failed",
        *,
        namespace: str = "",
        workflow_id: str = "",
        run_id: str = "",
        workflow_type: str = "",
        initiated_event_id: int = 0,
        started_event_id: int = 0,
        retry_state: RetryState | None = None,
    ) -> None:
        super().__init__(message, workflow_id=workflow_id, run_id=run_id, workflow_type=workflow_type)
        self.namespace = namespace
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.workflow_type = workflow_type
        self.initiated_event_id = initiated_event_id
        self.started_event_id = started_event_id
        self.retry_state = retry_state


class CancelledError(FailureError):
    """The operation was cancelled. (Inside workflow code a cancellation arrives as asyncio's own error.)"""

    def __init__(self, message: str = "Cancelled", *details: Any) -> None:
        super().__init__(message)
        self.details = details


class TerminatedError(FailureError):
    """The execution was terminated from outside, without a chance to clean up."""

    def __init__(self, message: str = "Terminated", *details: Any) -> None:
        super().__init__(message)
        self.details = details


class TimeoutError(FailureError):
    """A timeout fired: `timeout_type` says which, `last_heartbeat_details` what was last reported."""

    def __init__(
        self,
        message: str = "Timed out",
        *,
        timeout_type: TimeoutType | None = None,
        last_heartbeat_details: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message, timeout_type=timeout_type)
        self.timeout_type = timeout_type
        self.last_heartbeat_details = last_heartbeat_details


class ServerError(FailureError):
    """A failure of the service itself rather than of user code."""

    def __init__(self, message: str, *, non_retryable: bool = False) -> None:
        super().__init__(message, non_retryable=non_retryable)
        self.non_retryable = non_retryable
