"""What a client is shown of a schedule: its definition, its state and its coming times, in a user's terms.

Owns the translation from records, in nanoseconds and payloads, to datetimes, timedeltas and values. Holds no
state and asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from .handles import decode_memo
from .instants import to_datetime
from .policies import WorkflowStatus
from .schedules.calendars import CalendarSpec
from .schedules.messages import ScheduleReply
from .schedules.overlap import OverlapPolicy
from .schedules.state import RecentAction, ScheduleCounters, ScheduledRun
from .search_attributes import decode_search_attributes

if TYPE_CHECKING:
    from .payloads import DataConverter


@attrs.frozen(kw_only=True)
class ScheduledStart:
    """One run that a schedule started.

    ``nominal_time`` is the time it was started for (what its workflow id says), ``start_time`` when that
    happened. ``run_id`` is None until the start has been answered; ``status`` is None for a start that was
    refused, because a workflow of that id was running.
    """

    workflow_id: str
    run_id: str | None
    nominal_time: datetime
    start_time: datetime
    status: WorkflowStatus | None


@attrs.frozen(kw_only=True)
class ScheduleDescription:
    """A schedule as it is now. Datetimes are in UTC."""

    schedule_id: str
    paused: bool
    note: str
    next_times: tuple[datetime, ...]
    """The coming starts, jitter included, at most ten; while paused, when they would come."""
    running: tuple[ScheduledStart, ...]
    recent_actions: tuple[ScheduledStart, ...]
    """The last ten starts, oldest first."""
    waiting: int
    """Fires that wait for a run to close."""
    backfills: int
    """Backfills that are not finished."""
    counters: ScheduleCounters
    """What has happened since the schedule was made."""
    create_time: datetime
    update_time: datetime

    # When
    cron: tuple[str, ...]
    interval: timedelta | None
    offset: timedelta | None
    calendars: tuple[CalendarSpec, ...]
    jitter: timedelta | None
    timezone: str
    start_at: datetime | None
    end_at: datetime | None

    # How
    overlap: OverlapPolicy
    catchup_window: timedelta
    pause_on_failure: bool
    remaining_actions: int | None

    # What
    workflow_type: str
    workflow_id: str
    """What the ids of its workflows begin with."""
    task_queue: str
    args: tuple[Any, ...]
    memo: Mapping[str, Any]
    search_attributes: Mapping[str, Any]


def read_description(reply: ScheduleReply, converter: DataConverter) -> ScheduleDescription:
    """A TimerDO's answer in a user's terms."""
    snapshot, definition = reply.snapshot, reply.definition
    spec, policies, action = definition.spec, definition.policies, definition.action
    return ScheduleDescription(
        schedule_id=snapshot.schedule_id,
        paused=snapshot.paused,
        note=snapshot.note,
        next_times=tuple(map(to_datetime, snapshot.next_times)),
        running=tuple(map(_read_start, snapshot.running)),
        recent_actions=tuple(map(_read_start, snapshot.recent)),
        waiting=snapshot.buffered,
        backfills=snapshot.backfills,
        counters=snapshot.counters,
        create_time=to_datetime(snapshot.created_ns),
        update_time=to_datetime(snapshot.updated_ns),
        cron=spec.cron,
        interval=to_timedelta(spec.interval_ns) if spec.interval_ns else None,
        offset=to_timedelta(spec.offset_ns) if spec.offset_ns else None,
        calendars=spec.calendars,
        jitter=to_timedelta(spec.jitter_ns) if spec.jitter_ns else None,
        timezone=spec.timezone,
        start_at=None if spec.start_ns is None else to_datetime(spec.start_ns),
        end_at=None if spec.end_ns is None else to_datetime(spec.end_ns),
        overlap=policies.overlap,
        catchup_window=to_timedelta(policies.catchup_window_ns),
        pause_on_failure=policies.pause_on_failure,
        remaining_actions=snapshot.remaining_actions,
        workflow_type=action.workflow_type,
        workflow_id=definition.workflow_id_base,
        task_queue=action.task_queue,
        args=converter.from_payloads(action.input),
        memo=decode_memo(action.memo, converter),
        search_attributes=decode_search_attributes(action.search_attributes),
    )


def to_timedelta(duration_ns: int) -> timedelta:
    """A duration of whole milliseconds, in nanoseconds, as a timedelta."""
    return timedelta(microseconds=duration_ns // 1_000)


def _read_start(start: RecentAction | ScheduledRun) -> ScheduledStart:
    status: WorkflowStatus | None = WorkflowStatus.RUNNING
    if isinstance(start, RecentAction) and start.status:
        closed = {member.value: member for member in WorkflowStatus}
        status = closed.get(start.status)
    return ScheduledStart(
        workflow_id=start.workflow_id,
        run_id=start.run_id or None,
        nominal_time=to_datetime(start.nominal_ns),
        start_time=to_datetime(start.started_ns),
        status=status,
    )
