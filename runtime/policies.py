"""Retry policies and the other choices a user makes, by Temporal's names.

Owns the defaults and their checks; durations are accepted in every form ``parse_duration`` takes and kept in
nanoseconds. Imports no engine part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import attrs

from .durations import SECOND, parse_duration
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    from .history import RetryPolicyRecord

Duration = str | int | float | timedelta


def _interval(value: Duration) -> int:
    return parse_duration(value, name="retry interval")


def _optional_interval(value: Duration | None) -> int | None:
    return None if value is None else _interval(value)


def _names(value: Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidArgumentError(
            f"non_retryable_errors is a list of error type names, not the text {value!r}; write [{value!r}]"
        )
    if not isinstance(value, Iterable):
        raise InvalidArgumentError(f"non_retryable_errors is a list of error type names, not {value!r}")
    names = tuple(value)
    for name in names:
        if not isinstance(name, str) or not name:
            hint = f"; write {name.__name__!r}" if isinstance(name, type) else ""
            raise InvalidArgumentError(
                f"non_retryable_errors is a list of error type names, and {name!r} is none{hint}"
            )
    return names


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When and how often a failed attempt is made again.

    Arguments: ``initial_interval`` before the second attempt (1 s), multiplied by ``backoff_coefficient`` (2)
    for each further one up to ``maximum_interval`` (100 times the initial one); ``maximum_attempts`` counts
    the first one, 0 means unlimited; ``non_retryable_errors`` are error type names that end the retries.
    Durations: ``'5m'``, seconds or timedelta. Raises InvalidArgumentError.
    """

    initial_interval_ns: int = attrs.field(  # type: ignore[assignment]
        default="1s", alias="initial_interval", converter=_interval
    )
    backoff_coefficient: float = 2.0
    maximum_interval_ns: int | None = attrs.field(
        default=None, alias="maximum_interval", converter=_optional_interval
    )
    maximum_attempts: int = 0
    non_retryable_errors: tuple[str, ...] = attrs.field(default=(), converter=_names)

    def __attrs_post_init__(self) -> None:
        if self.initial_interval_ns <= 0:
            raise InvalidArgumentError("initial_interval must be longer than 0, e.g. '1s'")
        if (
            isinstance(self.backoff_coefficient, bool)
            or not isinstance(self.backoff_coefficient, (int, float))
            or not 1 <= self.backoff_coefficient < float("inf")
        ):
            raise InvalidArgumentError(
                f"backoff_coefficient must be a finite number >= 1, not {self.backoff_coefficient!r}"
            )
        if (
            isinstance(self.maximum_attempts, bool)
            or not isinstance(self.maximum_attempts, int)
            or self.maximum_attempts < 0
        ):
            raise InvalidArgumentError(
                f"maximum_attempts must be a whole number >= 0, not {self.maximum_attempts!r}"
            )
        if self.maximum_interval_ns is not None and self.maximum_interval_ns < self.initial_interval_ns:
            raise InvalidArgumentError("maximum_interval must not be shorter than initial_interval")

    def to_record(self) -> RetryPolicyRecord:
        """This policy as history records it."""
        from .history import RetryPolicyRecord

        return RetryPolicyRecord(
            initial_interval=self.initial_interval_ns,
            backoff_coefficient=float(self.backoff_coefficient),
            maximum_interval=self.maximum_interval_ns or 100 * self.initial_interval_ns,
            maximum_attempts=self.maximum_attempts,
            non_retryable_error_types=self.non_retryable_errors,
        )


def backoff_ns(policy: RetryPolicyRecord, attempt: int) -> int:
    """The pause after failed attempt number ``attempt`` (from 1), by ``policy``."""
    initial = policy.initial_interval or SECOND
    longest = policy.maximum_interval or 100 * initial
    try:
        pause = initial * (policy.backoff_coefficient or 2.0) ** (attempt - 1)
    except OverflowError:
        return longest
    return longest if pause >= longest else int(pause)


class IdReusePolicy(str, Enum):
    """May a closed workflow's id be used again?"""

    ALLOW_DUPLICATE = "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE"
    ALLOW_DUPLICATE_FAILED_ONLY = "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY"
    REJECT_DUPLICATE = "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE"
    TERMINATE_IF_RUNNING = "WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING"


class IdConflictPolicy(str, Enum):
    """What if a workflow with this id is running?"""

    FAIL = "WORKFLOW_ID_CONFLICT_POLICY_FAIL"
    USE_EXISTING = "WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING"
    TERMINATE_EXISTING = "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"


class ParentClosePolicy(str, Enum):
    """What happens to a child whose parent closes first."""

    TERMINATE = "PARENT_CLOSE_POLICY_TERMINATE"
    ABANDON = "PARENT_CLOSE_POLICY_ABANDON"
    REQUEST_CANCEL = "PARENT_CLOSE_POLICY_REQUEST_CANCEL"


class WorkflowStatus(str, Enum):
    """The state of one run."""

    RUNNING = "WORKFLOW_EXECUTION_STATUS_RUNNING"
    COMPLETED = "WORKFLOW_EXECUTION_STATUS_COMPLETED"
    FAILED = "WORKFLOW_EXECUTION_STATUS_FAILED"
    CANCELED = "WORKFLOW_EXECUTION_STATUS_CANCELED"
    TERMINATED = "WORKFLOW_EXECUTION_STATUS_TERMINATED"
    CONTINUED_AS_NEW = "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW"
    TIMED_OUT = "WORKFLOW_EXECUTION_STATUS_TIMED_OUT"


def status_word(status: str) -> str:
    """A status as people say it: ``timed out`` for ``WORKFLOW_EXECUTION_STATUS_TIMED_OUT``."""
    return status.removeprefix("WORKFLOW_EXECUTION_STATUS_").lower().replace("_", " ")


class CancellationType(str, Enum):
    """When does a cancelled activity or child raise in the workflow?"""

    TRY_CANCEL = "try_cancel"
    """At once; the request goes out."""
    WAIT_CANCELLATION_COMPLETED = "wait_cancellation_completed"
    """When it has ended."""
    ABANDON = "abandon"
    """At once; no request goes out."""


E = TypeVar("E", bound=Enum)


def choose(kind: type[E], value: E | str, name: str) -> E:
    """``value`` as a member of ``kind``: the member, its name in any case, or Temporal's long form."""
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        wanted = value.upper()
        for member in kind:
            if wanted in (member.name, str(member.value).upper()):
                return member
    accepted = ", ".join(repr(member.name.lower()) for member in kind)
    raise InvalidArgumentError(f"{name} must be one of {accepted}, not {value!r}")
