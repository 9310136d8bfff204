"""What a schedule says about itself.

Must not import: the host, a clock.
"""

from __future__ import annotations

from ..records import record
from .spec import ScheduleSpec, jittered, next_fire
from .state import RecentAction, ScheduleCounters, ScheduledRun, SchedulePolicies, ScheduleState

NEXT_TIMES_MAX = 10


@record
class ScheduleSnapshot:
    """A schedule at one moment. Times in nanoseconds since the Unix epoch."""

    schedule_id: str
    spec: ScheduleSpec
    policies: SchedulePolicies
    paused: bool
    note: str
    remaining_actions: int | None
    next_times: tuple[int, ...]
    """When the next starts come, jitter included; while paused, when they would come."""
    recent: tuple[RecentAction, ...]
    running: tuple[ScheduledRun, ...]
    buffered: int
    backfills: int
    counters: ScheduleCounters
    created_ns: int
    updated_ns: int


def describe(state: ScheduleState, now: int) -> ScheduleSnapshot:
    """Describe the schedule as of ``now``; changes nothing."""
    return ScheduleSnapshot(
        schedule_id=state.schedule_id,
        spec=state.spec,
        policies=state.policies,
        paused=state.paused,
        note=state.note,
        remaining_actions=state.remaining_actions,
        next_times=next_times(state, now),
        recent=state.recent,
        running=state.running,
        buffered=len(state.buffered),
        backfills=len(state.backfills),
        counters=state.counters,
        created_ns=state.created_ns,
        updated_ns=state.updated_ns,
    )


def next_times(state: ScheduleState, now: int, limit: int = NEXT_TIMES_MAX) -> tuple[int, ...]:
    """At most ``limit`` coming start times after ``now``, no more than there are actions left."""
    if state.deleted:
        return ()
    if state.remaining_actions is not None:
        limit = min(limit, state.remaining_actions)
    times: list[int] = []
    # One fire whose nominal time has passed may still be ahead by its jitter: the next one to deal with.
    pending = next_fire(state.spec, state.cursor_ns)
    if limit and pending is not None and pending <= now:
        start = jittered(state.spec, pending, state.schedule_id)
        if start > now:
            times.append(start)
    cursor = max(state.cursor_ns, now)
    while len(times) < limit:
        nominal = next_fire(state.spec, cursor)
        if nominal is None:
            break
        cursor = nominal
        times.append(jittered(state.spec, nominal, state.schedule_id))
    return tuple(times)
