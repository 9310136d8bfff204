"""What an ActivityDO remembers: its rows, its state in memory, and when it must wake up.

Owns the row records of one activity, the name of its phase and the query for its next deadline.
Invariants: an object has either a ``spec`` and an ``attempt`` row, or a ``tombstone``, or nothing; what
grows with use (heartbeat details, last failure) has a row of its own, so that renewing a lease writes a
few bytes. Must not import the handlers, nor decide anything about retries.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from ..actor import State
from ..durations import HOUR, MINUTE, SECOND
from ..history import Failure
from ..messages.activity import Leased, Payloads, ScheduleActivityTask
from ..records import record

TABLE: Final = "activity"

ABSENT: Final = "absent"
SCHEDULED: Final = "scheduled"
STARTED: Final = "started"
DEFERRED: Final = "deferred"
BACKING_OFF: Final = "backing_off"
FINISHED: Final = "finished"
PHASES: Final = (ABSENT, SCHEDULED, STARTED, DEFERRED, BACKING_OFF, FINISHED)

LEASE_NS: Final = 60 * SECOND
START_TO_CLOSE_DEFAULT_NS: Final = 10 * MINUTE
RETENTION_NS: Final = 24 * HOUR
REDISPATCH_DELAY_NS: Final = 5 * MINUTE
REDISPATCH_DELAY_MAX_NS: Final = HOUR


@record
class Attempt:
    """The attempt that runs, waits for a worker, or waits for its backoff to end.

    ``scheduled_ns`` is when it was (or, backing off, will be) put on the queue. ``redispatch_ns`` is when a
    task that no worker leased is put there again; None while a TaskQueueDO holds it.
    """

    number: int
    phase: str
    token: str
    scheduled_ns: int
    started_ns: int | None = None
    identity: str = ""
    lease_request_id: str = ""
    cancel_requested: bool = False
    redispatch_ns: int | None = None
    redispatch_delay_ns: int = REDISPATCH_DELAY_NS


@record
class Lease:
    """Until when the worker that runs the attempt is believed to be alive."""

    expires_ns: int


@record
class HeartbeatRow:
    """The last heartbeat of any attempt."""

    recorded_ns: int
    details: Payloads = ()


@record
class LastFailure:
    """How the attempt before this one ended."""

    failure: Failure


@record
class Tombstone:
    """A finished activity: answers repeats until ``expires_ns``, then nothing is left."""

    token: str
    outcome: str
    expires_ns: int


class ActivityState(State):
    """One activity's rows, by name."""

    __slots__ = ()

    @property
    def spec(self) -> ScheduleActivityTask:
        """What was scheduled. Only while it is neither absent nor finished."""
        return self.rows[TABLE]["spec"]  # type: ignore[no-any-return]

    @property
    def attempt(self) -> Attempt:
        """The current attempt. Only while the activity is neither absent nor finished."""
        return self.rows[TABLE]["attempt"]  # type: ignore[no-any-return]

    @property
    def lease(self) -> Lease | None:
        """The lease of a started attempt."""
        return self.get(TABLE, "lease")

    @property
    def heartbeat(self) -> HeartbeatRow | None:
        """The last heartbeat, of this attempt or an earlier one."""
        return self.get(TABLE, "heartbeat")

    @property
    def last_failure(self) -> Failure | None:
        """How the previous attempt ended."""
        row: LastFailure | None = self.get(TABLE, "failure")
        return None if row is None else row.failure

    @property
    def tombstone(self) -> Tombstone | None:
        """What is left of a finished activity."""
        return self.get(TABLE, "tombstone")

    @property
    def phase(self) -> str:
        """One of ``PHASES``."""
        rows = self.rows.get(TABLE)
        if not rows:
            return ABSENT
        attempt: Attempt | None = rows.get("attempt")
        return FINISHED if attempt is None else attempt.phase


def attempt_token(key: str, number: int) -> str:
    """The token of attempt ``number`` of the activity ``key``: the same whoever computes it."""
    return blake2b(f"{key}#{number}".encode(), digest_size=12).hexdigest()


def start_to_close_ns(spec: ScheduleActivityTask) -> int | None:
    """How long one attempt may take. Ten minutes if the user limited neither it nor the whole activity."""
    if spec.start_to_close_timeout_ns:
        return spec.start_to_close_timeout_ns
    return None if spec.schedule_to_close_timeout_ns else START_TO_CLOSE_DEFAULT_NS


def expiry_ns(spec: ScheduleActivityTask) -> int | None:
    """When the whole activity, retries included, must be over."""
    limit = spec.schedule_to_close_timeout_ns
    return spec.scheduled_ns + limit if limit else None


def leased(state: ActivityState) -> Leased:
    """What the worker that holds the lease of the current attempt is told."""
    spec = state.spec
    attempt = state.attempt
    heartbeat = state.heartbeat
    return Leased(
        namespace=spec.namespace,
        workflow_id=spec.workflow_id,
        run_id=spec.run_id,
        workflow_type=spec.workflow_type,
        activity_id=spec.activity_id,
        activity_type=spec.activity_type,
        task_queue=spec.task_queue,
        attempt=attempt.number,
        token=attempt.token,
        lease_ns=LEASE_NS,
        scheduled_ns=spec.scheduled_ns,
        attempt_scheduled_ns=attempt.scheduled_ns,
        started_ns=attempt.started_ns or 0,
        input=spec.input,
        header=spec.header,
        heartbeat_details=() if heartbeat is None else heartbeat.details,
        start_to_close_timeout_ns=start_to_close_ns(spec),
        schedule_to_close_timeout_ns=spec.schedule_to_close_timeout_ns,
        heartbeat_timeout_ns=spec.heartbeat_timeout_ns,
        retry_policy=spec.retry_policy,
    )


def next_deadline(state: ActivityState) -> tuple[int, str] | None:
    """When something happens by itself, and what: the name of an event in the transition table.

    Of deadlines at the same moment the widest wins.
    """
    rows = state.rows.get(TABLE)
    if not rows:
        return None
    attempt: Attempt | None = rows.get("attempt")
    if attempt is None:
        return rows["tombstone"].expires_ns, "retention"
    spec: ScheduleActivityTask = rows["spec"]
    found: list[tuple[int, str]] = []
    expiry = expiry_ns(spec)
    if expiry is not None:
        found.append((expiry, "schedule_to_close"))
    phase = attempt.phase
    if phase == SCHEDULED:
        if spec.schedule_to_start_timeout_ns:
            found.append((attempt.scheduled_ns + spec.schedule_to_start_timeout_ns, "schedule_to_start"))
        if attempt.redispatch_ns is not None:
            found.append((attempt.redispatch_ns, "redispatch"))
    elif phase == BACKING_OFF:
        found.append((attempt.scheduled_ns, "retry"))
    else:
        started_ns = attempt.started_ns or 0
        limit = start_to_close_ns(spec)
        if limit is not None:
            found.append((started_ns + limit, "start_to_close"))
        if spec.heartbeat_timeout_ns:
            heartbeat: HeartbeatRow | None = rows.get("heartbeat")
            heard_ns = started_ns if heartbeat is None else max(started_ns, heartbeat.recorded_ns)
            found.append((heard_ns + spec.heartbeat_timeout_ns, "heartbeat"))
        lease: Lease | None = rows.get("lease")
        if lease is not None:
            found.append((lease.expires_ns, "lease"))
    # min() keeps the first of equals; comparing by time alone, not by name.
    return min(found, key=_when) if found else None


def _when(deadline: tuple[int, str]) -> int:
    return deadline[0]
