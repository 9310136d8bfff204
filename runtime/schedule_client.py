"""The client side of schedules: what a user asks for, checked and made into messages.

Owns the creation of a schedule and the handle. Invariants: what is wrong is refused before anything is sent;
an update is made from the definition it changes, and made again when somebody else was faster. Holds no state
of a schedule, and no host.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from .actor import Refusal
from .connection import request
from .definitions import WorkflowDefinition
from .errors import (
    InvalidArgumentError,
    ScheduleAlreadyExistsError,
    ScheduleNotFoundError,
    TemporalError,
)
from .handles import new_id
from .instants import from_datetime
from .keys import schedule_key
from .policies import Duration
from .schedule_description import ScheduleDescription, read_description
from .schedule_options import (
    CHANGES,
    OPTIONS,
    ScheduleChanges,
    change_definition,
    check_names,
    checked_count,
    checked_flag,
    checked_schedule_id,
    checked_text,
    make_action,
    make_policies,
    make_schedule_spec,
    names_zone,
    workflow_id_base,
)
from .schedules.messages import (
    LEAVE_REMAINING,
    BackfillSchedule,
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    PauseSchedule,
    ScheduleDefinition,
    ScheduleReply,
    TriggerSchedule,
    UnpauseSchedule,
    UpdateSchedule,
    WorkflowToStart,
)
from .schedules.overlap import OverlapPolicy
from .schedules.requests import check_overlap
from .schedules.state import SchedulePolicies

if TYPE_CHECKING:
    from .application import Temporal

UPDATE_ATTEMPTS_MAX = 10
CREATE_PATIENCE_SECONDS = 30.0
"""A creation is answered when the schedule is registered. After so long without an answer it is asked for
again."""


async def create_schedule(
    temporal: Temporal,
    workflow_type: str,
    definition: WorkflowDefinition | None,
    *,
    schedule_id: str,
    cron: str | Sequence[str] | None = None,
    interval: Duration | None = None,
    jitter: Duration | None = None,
    timezone: str | None = None,
    overlap: OverlapPolicy | str = OverlapPolicy.SKIP,
    catchup_window: Duration | None = None,
    args: Sequence[Any] = (),
    workflow_id: str | None = None,
    task_queue: str,
    paused: bool = False,
    note: str = "",
    **options: Any,
) -> ScheduleHandle:
    """Make a schedule that starts workflows of this type; it is durable when this returns.

    ``definition``: None if only other code has it, and its arguments cannot be checked.

    ``workflow_id`` is what the ids of its workflows begin with (the schedule's id if None); a time follows.
    ``options``: ``calendars``, ``offset`` (of an interval), ``start_at`` and ``end_at`` (datetimes between
    which it fires), ``pause_on_failure``, ``remaining_actions`` (that many starts, then no more),
    ``trigger_immediately``, and for the workflow ``retry``, ``execution_timeout``, ``run_timeout``,
    ``task_timeout``, ``memo`` and ``search_attributes``. A ``CRON_TZ=`` in an expression stands for the time
    zone when ``timezone`` is None or UTC. Raises ScheduleAlreadyExistsError, InvalidArgumentError,
    PayloadTooLargeError.
    """
    check_names(options, OPTIONS, "schedule_workflow")
    checked_id = checked_schedule_id(schedule_id)
    if timezone == "UTC" and names_zone(cron):
        timezone = None
    changes: dict[str, Any] = {
        **options,
        "cron": cron,
        "interval": interval,
        "jitter": jitter,
        "timezone": timezone,
        "overlap": overlap,
        "catchup_window": catchup_window,
        "args": args,
        "workflow_id": workflow_id,
        "task_queue": task_queue,
    }
    action = WorkflowToStart(workflow_type=workflow_type, task_queue="", archive=temporal.archive_policy)
    host = temporal.host()
    message = CreateSchedule(
        request_id=new_id(host),
        namespace=temporal.namespace,
        schedule_id=checked_id,
        definition=ScheduleDefinition(
            spec=make_schedule_spec(None, changes),
            policies=make_policies(SchedulePolicies(), changes),
            action=make_action(temporal, action, definition, changes),
            workflow_id_base=workflow_id_base(workflow_id, checked_id),
        ),
        paused=checked_flag("paused", paused),
        note=checked_text("note", note),
        remaining_actions=checked_count("remaining_actions", options.get("remaining_actions")),
        trigger_immediately=checked_flag("trigger_immediately", options.get("trigger_immediately", False)),
    )
    reply = await request(
        host, schedule_key(temporal.namespace, checked_id), message, patience_seconds=CREATE_PATIENCE_SECONDS
    )
    if isinstance(reply, Refusal):
        _raise_refusal(reply, checked_id)
    return ScheduleHandle(temporal, checked_id)


class ScheduleHandle:
    """One schedule, by id; made by ``schedule_workflow`` and ``get_schedule_handle``.

    Every call raises ScheduleNotFoundError when there is no schedule of that id.
    """

    def __init__(self, temporal: Temporal, schedule_id: str) -> None:
        self._temporal = temporal
        self.schedule_id = checked_schedule_id(schedule_id)
        self._key = schedule_key(temporal.namespace, schedule_id)

    def __repr__(self) -> str:
        return f"ScheduleHandle({self.schedule_id!r})"

    async def _ask(self, message: Any) -> Any:
        reply = await request(self._temporal.host(), self._key, message)
        if isinstance(reply, Refusal):
            _raise_refusal(reply, self.schedule_id)
        return reply

    def _request_id(self) -> str:
        return new_id(self._temporal.host())

    async def pause(self, note: str = "") -> None:
        """Start nothing by itself any more; runs go on, and times pass without being caught up later."""
        await self._ask(PauseSchedule(request_id=self._request_id(), note=checked_text("note", note)))

    async def unpause(self, note: str = "") -> None:
        """Start runs again, from the next time on."""
        await self._ask(UnpauseSchedule(request_id=self._request_id(), note=checked_text("note", note)))

    async def trigger(self, *, overlap: OverlapPolicy | str | None = None) -> None:
        """Fire now, paused or not. ``overlap`` replaces the schedule's policy this once."""
        policy = None if overlap is None else check_overlap(overlap)
        await self._ask(TriggerSchedule(request_id=self._request_id(), overlap=policy))

    async def backfill(
        self, start: datetime, end: datetime, *, overlap: OverlapPolicy | str | None = None
    ) -> None:
        """Replay the times from ``start`` to ``end``, both included and both past, as if they came now.

        With the policy skip only the first of them finds nothing running; ``buffer_all`` runs one after the
        other, ``allow_all`` all at once.
        """
        message = BackfillSchedule(
            request_id=self._request_id(),
            start_ns=from_datetime(start, name="start"),
            end_ns=from_datetime(end, name="end"),
            overlap=None if overlap is None else check_overlap(overlap),
        )
        await self._ask(message)

    async def describe(self) -> ScheduleDescription:
        """The schedule as it is now: definition, next times, what runs and what ran."""
        reply: ScheduleReply = await self._ask(DescribeSchedule())
        return read_description(reply, self._temporal.converter)

    async def update(self, **changes: Unpack[ScheduleChanges]) -> None:
        """Change what is named and leave the rest; runs, counters and the pause stay.

        Takes the options of ``schedule_workflow``, and ``workflow``. One of ``cron``, ``interval`` and
        ``calendars`` replaces whichever was set before. New times hold from now on.
        """
        check_names(changes, CHANGES, "update")
        request_id = self._request_id()
        host = self._temporal.host()
        for _ in range(UPDATE_ATTEMPTS_MAX):
            known: ScheduleReply = await self._ask(DescribeSchedule())
            message = UpdateSchedule(
                request_id=request_id,
                expected_version=known.version,
                definition=change_definition(self._temporal, self.schedule_id, known.definition, changes),
                note=checked_text("note", changes["note"]) if "note" in changes else None,
                remaining_actions=(
                    checked_count("remaining_actions", changes["remaining_actions"])
                    if "remaining_actions" in changes
                    else LEAVE_REMAINING
                ),
            )
            reply = await request(host, self._key, message)
            if not isinstance(reply, Refusal):
                return
            if reply.code != "conflict":
                _raise_refusal(reply, self.schedule_id)
        raise TemporalError(
            f"schedule {self.schedule_id!r}: {UPDATE_ATTEMPTS_MAX} times in a row another update was faster"
        )

    async def delete(self) -> None:
        """Delete the schedule; open runs go on. Its id may be used again."""
        await self._ask(DeleteSchedule(request_id=self._request_id()))


def _raise_refusal(refusal: Refusal, schedule_id: str) -> None:
    if refusal.code == "not_found":
        raise ScheduleNotFoundError(f"there is no schedule {schedule_id!r}", schedule_id=schedule_id)
    if refusal.code == "already_exists":
        raise ScheduleAlreadyExistsError(
            f"schedule {schedule_id!r} exists already; update it, or delete it first", schedule_id=schedule_id
        )
    if refusal.code == "invalid":
        raise InvalidArgumentError(refusal.message, schedule_id=schedule_id)
    raise TemporalError(f"schedule {schedule_id!r}: refused ({refusal.code}): {refusal.message}")
