"""5. Attempts follow the retry policy: one after the other, no more than allowed, never sooner than
specified, and no later where nothing delays anything.

Source: Temporal's retry policies. The n-th pause is ``initial_interval * backoff_coefficient ** (n - 1)``, at
most ``maximum_interval``, unless the failure names its own. Every attempt is leased at most once, so user
code never runs more often than there were attempts.
"""

from __future__ import annotations

from typing import Any

from ...runtime.durations import MILLISECOND, SECOND
from ...runtime.messages.activity import FailActivity, LeaseActivity, Leased
from ..trace import Step
from .base import Checker

WAITING = ("scheduled", "backing_off")

LATE_MAX_NS = SECOND
"""Where nothing delays anything a retry is at most so late: commits take some milliseconds."""


class Attempts(Checker):
    """Follows the attempt row of every activity object."""

    number = 5
    name = "attempts"
    kinds = ("deliver", "reply")
    tables = ("ActivityDO.activity",)

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, tuple[int, FailActivity | None]] = {}
        self._leasing: dict[int, LeaseActivity] = {}
        self._granted: dict[str, str] = {}

    def step(self, number: int, step: Step) -> None:
        if step[0] == "deliver":
            message = step[5]
            if type(message) is FailActivity:
                self._failed.setdefault(message.token, (step[1], message))
            elif type(message) is LeaseActivity:
                self._leasing[step[4]] = message
        elif type(step[5]) is Leased:
            message = self._leasing.get(step[4])
            if message is None:
                return
            holder = self._granted.setdefault(message.token, message.request_id)
            if holder != message.request_id:
                self.violated(f"attempt {step[5].attempt} of {step[2]} was leased twice", number)

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if key != "attempt" or row is None:
            return
        before = self.ledger.get(step[2], "activity", "attempt")
        spec = self.ledger.get(step[2], "activity", "spec")
        if before is None or spec is None:
            if row.number != 1:
                self.violated(f"{step[2]} begins with attempt {row.number}", number)
            return
        if row.number == before.number:
            if row.phase in WAITING and before.phase not in WAITING:
                self.violated(f"attempt {row.number} of {step[2]} was started and waits again", number)
            if row.phase == "started" and before.phase == "backing_off":
                self.violated(f"attempt {row.number} of {step[2]} started during its backoff", number)
            if before.phase == "backing_off" and row.scheduled_ns < before.scheduled_ns:
                early = (before.scheduled_ns - row.scheduled_ns) / SECOND
                self.violated(f"attempt {row.number} of {step[2]} came {early:g} s before its time", number)
            if before.phase == "backing_off" and row.phase == "scheduled" and self.is_punctual:
                late_ns = row.scheduled_ns - before.scheduled_ns
                if late_ns > LATE_MAX_NS:
                    late = f"{late_ns / SECOND:g} s after its time"
                    self.violated(f"attempt {row.number} of {step[2]} came {late}", number)
            return
        if row.number != before.number + 1:
            self.violated(f"{step[2]}: attempt {row.number} follows attempt {before.number}", number)
        if before.phase in WAITING:
            self.violated(f"attempt {before.number} of {step[2]} was given up and never started", number)
        self._allowed(number, step, before, row, spec)

    def _allowed(self, number: int, step: Step, before: Any, row: Any, spec: Any) -> None:
        policy = spec.retry_policy
        if policy is not None and policy.maximum_attempts and row.number > policy.maximum_attempts:
            self.violated(
                f"{step[2]} makes attempt {row.number}; its policy allows {policy.maximum_attempts}", number
            )
        limit_ns = spec.schedule_to_close_timeout_ns
        if limit_ns and row.scheduled_ns >= spec.scheduled_ns + limit_ns:
            self.violated(f"{step[2]} plans attempt {row.number} after its own time is over", number)
        pause_ns = _pause_ns(policy, before.number)
        began_ns = (before.started_ns or 0) - 2 * self.skew_ns  # two incarnations, two clocks
        failure = next((each.failure for _, name, each in step[5] if name == "failure" and each), None)
        failed_ns, message = self._failed.get(before.token, (0, None))
        if failure is not None and message is not None and message.failure == failure:
            info = failure.application_failure_info
            if info is not None:
                if info.non_retryable or (
                    policy is not None and info.type in policy.non_retryable_error_types
                ):
                    self.violated(f"{step[2]} retries a failure that must not be retried", number)
                if info.next_retry_delay is not None:
                    pause_ns = info.next_retry_delay
            began_ns = max(began_ns, failed_ns - self.skew_ns)
        if row.scheduled_ns < began_ns + pause_ns - MILLISECOND:
            got = max(0, row.scheduled_ns - began_ns) / SECOND
            self.violated(
                f"attempt {row.number} of {step[2]} comes {got:g} s after the failure; the policy says "
                f"{pause_ns / SECOND:g} s",
                number,
            )
        elif failed_ns and self.is_punctual and row.scheduled_ns > failed_ns + pause_ns + LATE_MAX_NS:
            got = (row.scheduled_ns - failed_ns) / SECOND
            self.violated(
                f"attempt {row.number} of {step[2]} comes {got:g} s after the failure; the policy says at "
                f"most {pause_ns / SECOND:g} s",
                number,
            )


def _pause_ns(policy: Any, attempt: int) -> int:
    initial: int = (policy.initial_interval if policy else None) or SECOND
    longest: int = (policy.maximum_interval if policy else None) or 100 * initial
    coefficient: float = (policy.backoff_coefficient if policy else None) or 2.0
    pause = initial
    for _ in range(attempt - 1):
        pause = int(pause * coefficient)
        if pause >= longest:
            return longest
    return min(pause, longest)
