"""What one schedule remembers, and what it asks its object to do: records only.

Owns no behaviour; ``transitions.py`` and ``requests.py`` change a :class:`ScheduleState`,
``description.py`` shows it.

Invariants: ``cursor_ns`` never goes back; every start has its own ``sequence``, which is the request id that
makes a repeated start harmless; every start in ``running`` was ordered by an effect and has not been
reported closed.
"""

from __future__ import annotations

from ..durations import DAY, SECOND
from ..records import record
from .overlap import OverlapPolicy
from .spec import ScheduleSpec

CATCHUP_WINDOW_DEFAULT_NS = 365 * DAY
CATCHUP_WINDOW_MIN_NS = 10 * SECOND
BUFFER_MAX = 1_000
RECENT_ACTIONS_MAX = 10
FIRES_PER_TURN_MAX = 1_000
STARTS_PER_TURN_MAX = 100
BACKFILLS_MAX = 100


@record
class SchedulePolicies:
    """How a schedule treats overlap, downtime and failure. The defaults are Temporal's."""

    overlap: OverlapPolicy = OverlapPolicy.SKIP
    catchup_window_ns: int = CATCHUP_WINDOW_DEFAULT_NS
    pause_on_failure: bool = False


@record
class BufferedStart:
    """A fire that waits for open runs to close. ``manual``: triggered or backfilled."""

    nominal_ns: int
    scheduled_ns: int
    overlap: OverlapPolicy
    manual: bool = False


@record
class Backfill:
    """Past fire times still to be replayed: nominal times from ``next_ns`` to ``end_ns``, both included."""

    next_ns: int
    end_ns: int
    overlap: OverlapPolicy
    requested_ns: int


@record
class ScheduledRun:
    """A start that was ordered and not reported closed. ``run_id`` is "" until the start is known."""

    sequence: int
    workflow_id: str
    run_id: str = ""
    nominal_ns: int
    started_ns: int
    cancel_requested: bool = False
    terminate_requested: bool = False


@record
class RecentAction:
    """One start in a schedule's memory. ``status`` is "" while the run is open."""

    sequence: int
    workflow_id: str
    run_id: str = ""
    nominal_ns: int
    started_ns: int
    status: str = ""


@record
class ScheduleCounters:
    """What has happened since the schedule was made."""

    actions: int = 0
    """Runs that were ordered."""
    missed_catchup: int = 0
    """Fires that were noticed later than the catch-up window."""
    overlap_skipped: int = 0
    """Fires that the overlap policy dropped, or replaced by a later one."""
    buffer_dropped: int = 0
    """Fires for which the buffer had no room."""
    start_failed: int = 0
    """Starts that were refused."""


@record
class ScheduleState:
    """Everything one schedule knows. Times in nanoseconds since the Unix epoch."""

    schedule_id: str
    workflow_id_base: str
    spec: ScheduleSpec
    policies: SchedulePolicies = SchedulePolicies()
    paused: bool = False
    note: str = ""
    remaining_actions: int | None = None
    """Scheduled starts that are left; None is no limit. Triggers and backfills do not count."""
    cursor_ns: int
    """Nominal times up to here have been dealt with."""
    buffered: tuple[BufferedStart, ...] = ()
    backfills: tuple[Backfill, ...] = ()
    running: tuple[ScheduledRun, ...] = ()
    recent: tuple[RecentAction, ...] = ()
    counters: ScheduleCounters = ScheduleCounters()
    next_sequence: int = 1
    created_ns: int
    updated_ns: int
    deleted: bool = False


@record
class StartRun:
    """Effect: start a workflow run. ``(schedule id, sequence)`` identifies the request for ever."""

    sequence: int
    workflow_id: str
    nominal_ns: int
    scheduled_ns: int


@record
class CancelRun:
    """Effect: ask a run of the schedule to cancel. ``run_id`` "" is whichever run has the workflow id."""

    workflow_id: str
    run_id: str


@record
class TerminateRun:
    """Effect: terminate a run of the schedule."""

    workflow_id: str
    run_id: str
    reason: str


Effect = StartRun | CancelRun | TerminateRun
