"""The client side of schedules: what a user asks for, checked and made into messages.

Owns the options of a schedule and their checks, and the handle. Invariants: a bad option is refused before
anything is sent, by its name and with what is accepted; an update is made from the definition it changes, and
made again when somebody else was faster. Holds no state of a schedule, and no host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from .actor import Refusal
from .application import WORKFLOW_ID_LENGTH_MAX, check_arguments
from .connection import request
from .definitions import WorkflowDefinition
from .durations import parse_duration, parse_optional_duration
from .errors import (
    InvalidArgumentError,
    ScheduleAlreadyExistsError,
    ScheduleNotFoundError,
    TemporalError,
    WorkflowNotRegisteredError,
)
from .handles import new_id
from .instants import from_datetime, to_datetime
from .keys import schedule_key
from .policies import Duration, RetryPolicy
from .records import evolve
from .schedule_description import ScheduleDescription, read_description, to_timedelta
from .schedules.calendars import CalendarSpec
from .schedules.cron import split_timezone
from .schedules.messages import (
    LEAVE_REMAINING,
    SCHEDULED_BY_ID,
    SCHEDULED_START_TIME,
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
from .schedules.requests import check_overlap, validate_policies
from .schedules.spec import ScheduleSpec, make_spec
from .schedules.state import CATCHUP_WINDOW_DEFAULT_NS, SchedulePolicies
from .search_attributes import encode_search_attributes

if TYPE_CHECKING:
    from .application import Temporal

UPDATE_ATTEMPTS_MAX = 10
TIMESTAMP_LENGTH = len("-2026-01-01T00:00:00.000000000Z-99999")
"""What a schedule adds to the workflow id it was given, at most."""

_KINDS = ("cron", "interval", "calendars")
_WHEN = (*_KINDS, "offset", "jitter", "timezone", "start_at", "end_at")
_HOW = ("overlap", "catchup_window", "pause_on_failure")
_WHAT = (
    "args",
    "workflow_id",
    "task_queue",
    "retry",
    "execution_timeout",
    "run_timeout",
    "task_timeout",
    "memo",
    "search_attributes",
)
_CHANGES = (*_WHEN, *_HOW, *_WHAT, "workflow", "note", "remaining_actions")
_OPTIONS = (
    *_WHEN,
    *_HOW,
    *_WHAT,
    "schedule_id",
    "paused",
    "note",
    "remaining_actions",
    "trigger_immediately",
)


class ScheduleChanges(TypedDict, total=False):
    """What :meth:`ScheduleHandle.update` takes; None is the default of an option, as at the creation."""

    cron: str | Sequence[str] | None
    interval: Duration | None
    calendars: CalendarSpec | Sequence[CalendarSpec] | None
    offset: Duration | None
    jitter: Duration | None
    timezone: str | None
    start_at: datetime | None
    end_at: datetime | None
    overlap: OverlapPolicy | str
    catchup_window: Duration | None
    pause_on_failure: bool
    workflow: WorkflowDefinition | str
    args: Sequence[Any]
    workflow_id: str | None
    task_queue: str
    retry: RetryPolicy | None
    execution_timeout: Duration | None
    run_timeout: Duration | None
    task_timeout: Duration | None
    memo: Mapping[str, Any] | None
    search_attributes: Mapping[str, Any] | None
    note: str
    remaining_actions: int | None


async def create_schedule(
    temporal: Temporal,
    definition: WorkflowDefinition,
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
    """Make a schedule that starts ``definition``; it is durable when this returns.

    ``workflow_id`` is what the ids of its workflows begin with (the schedule's id if None); a time follows.
    ``options``: ``calendars``, ``offset`` (of an interval), ``start_at`` and ``end_at`` (datetimes between
    which it fires), ``pause_on_failure``, ``remaining_actions`` (that many starts, then no more),
    ``trigger_immediately``, and for the workflow ``retry``, ``execution_timeout``, ``run_timeout``,
    ``task_timeout``, ``memo`` and ``search_attributes``. A ``CRON_TZ=`` in an expression stands for the time
    zone when ``timezone`` is None or UTC. Raises ScheduleAlreadyExistsError, InvalidArgumentError,
    PayloadTooLargeError.
    """
    check_names(options, _OPTIONS, "schedule_workflow")
    checked_id = _checked_id(schedule_id)
    if timezone == "UTC" and _names_zone(cron):
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
    action = WorkflowToStart(workflow_type=definition.name, task_queue="")
    host = temporal.host()
    message = CreateSchedule(
        request_id=new_id(host),
        namespace=temporal.namespace,
        schedule_id=checked_id,
        definition=ScheduleDefinition(
            spec=_spec(None, changes),
            policies=_policies(SchedulePolicies(), changes),
            action=_action(temporal, action, definition, changes),
            workflow_id_base=_base(workflow_id, checked_id),
        ),
        paused=_flag("paused", paused),
        note=_text("note", note),
        remaining_actions=_count("remaining_actions", options.get("remaining_actions")),
        trigger_immediately=_flag("trigger_immediately", options.get("trigger_immediately", False)),
    )
    reply = await request(host, schedule_key(temporal.namespace, checked_id), message)
    if isinstance(reply, Refusal):
        _raise_refusal(reply, checked_id)
    return ScheduleHandle(temporal, checked_id)


class ScheduleHandle:
    """One schedule, by id; made by ``schedule_workflow`` and ``get_schedule_handle``.

    Every call raises ScheduleNotFoundError when there is no schedule of that id.
    """

    def __init__(self, temporal: Temporal, schedule_id: str) -> None:
        self._temporal = temporal
        self.schedule_id = _checked_id(schedule_id)
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
        await self._ask(PauseSchedule(request_id=self._request_id(), note=_text("note", note)))

    async def unpause(self, note: str = "") -> None:
        """Start runs again, from the next time on."""
        await self._ask(UnpauseSchedule(request_id=self._request_id(), note=_text("note", note)))

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
        check_names(changes, _CHANGES, "update")
        request_id = self._request_id()
        host = self._temporal.host()
        for _ in range(UPDATE_ATTEMPTS_MAX):
            known: ScheduleReply = await self._ask(DescribeSchedule())
            message = UpdateSchedule(
                request_id=request_id,
                expected_version=known.version,
                definition=_changed(self._temporal, self.schedule_id, known.definition, changes),
                note=_text("note", changes["note"]) if "note" in changes else None,
                remaining_actions=(
                    _count("remaining_actions", changes["remaining_actions"])
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
            f"schedule {self.schedule_id!r}: others updated it meanwhile, {UPDATE_ATTEMPTS_MAX} times in a row"
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


# --- from options to records ------------------------------------------------------------------------------


def check_names(given: Mapping[str, Any], accepted: Sequence[str], where: str) -> None:
    """Refuse options that do not exist. Raises InvalidArgumentError with the nearest name."""
    for name in given:
        if name not in accepted:
            from difflib import get_close_matches

            near = get_close_matches(name, accepted, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidArgumentError(
                f"{where} has no option {name!r}{hint} (accepted: {', '.join(sorted(accepted))})"
            )


def _changed(
    temporal: Temporal, schedule_id: str, known: ScheduleDefinition, changes: Mapping[str, Any]
) -> ScheduleDefinition:
    """``known`` with the changes made."""
    action, workflow = known.action, None
    if "workflow" in changes:
        workflow = temporal.find_workflow(changes["workflow"])
        action = evolve(action, workflow_type=workflow.name)
    elif "args" in changes:
        try:
            workflow = temporal.find_workflow(action.workflow_type)
        except WorkflowNotRegisteredError:
            workflow = None  # It is defined in another application, which will check its arguments.
    return ScheduleDefinition(
        spec=_spec(known.spec, changes) if any(name in changes for name in _WHEN) else known.spec,
        policies=_policies(known.policies, changes),
        action=_action(temporal, action, workflow, changes),
        workflow_id_base=(
            _base(changes["workflow_id"], schedule_id) if "workflow_id" in changes else known.workflow_id_base
        ),
    )


def _spec(known: ScheduleSpec | None, changes: Mapping[str, Any]) -> ScheduleSpec:
    given: dict[str, Any] = dict.fromkeys(_WHEN)
    if known is not None:
        replaced = any(name in changes for name in _KINDS)
        if not replaced:
            given["cron"] = known.cron or None
            given["interval"] = to_timedelta(known.interval_ns) if known.interval_ns else None
            given["calendars"] = known.calendars or None
            given["offset"] = to_timedelta(known.offset_ns) if known.offset_ns else None
        given["jitter"] = to_timedelta(known.jitter_ns) if known.jitter_ns else None
        given["timezone"] = None if _names_zone(changes.get("cron")) else known.timezone
        given["start_at"] = None if known.start_ns is None else to_datetime(known.start_ns)
        given["end_at"] = None if known.end_ns is None else to_datetime(known.end_ns)
    given.update((name, changes[name]) for name in _WHEN if name in changes)
    return make_spec(
        cron=given["cron"],
        interval=given["interval"],
        offset=given["offset"],
        calendars=given["calendars"],
        jitter=given["jitter"],
        timezone=given["timezone"],
        start=given["start_at"],
        end=given["end_at"],
    )


def _names_zone(cron: Any) -> bool:
    """Does an expression bring its own time zone?"""
    expressions = (cron,) if isinstance(cron, str) else cron if isinstance(cron, (list, tuple)) else ()
    return any(isinstance(text, str) and split_timezone(text)[1] is not None for text in expressions)


def _policies(known: SchedulePolicies, changes: Mapping[str, Any]) -> SchedulePolicies:
    found: dict[str, Any] = {}
    if "overlap" in changes:
        found["overlap"] = check_overlap(changes["overlap"])
    if "catchup_window" in changes:
        window = parse_optional_duration(changes["catchup_window"], name="catchup_window")
        found["catchup_window_ns"] = CATCHUP_WINDOW_DEFAULT_NS if window is None else window
    if "pause_on_failure" in changes:
        found["pause_on_failure"] = _flag("pause_on_failure", changes["pause_on_failure"])
    return validate_policies(evolve(known, **found))


def _action(
    temporal: Temporal,
    known: WorkflowToStart,
    workflow: WorkflowDefinition | None,
    changes: Mapping[str, Any],
) -> WorkflowToStart:
    found: dict[str, Any] = {}
    if "args" in changes:
        args = changes["args"]
        if workflow is not None:
            args = check_arguments(workflow, args)
        elif isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
            raise InvalidArgumentError(f"args is a list of arguments, not {args!r}; write args=[{args!r}]")
        found["input"] = temporal.converter.to_payloads(args)
    if "task_queue" in changes:
        task_queue = _text("task_queue", changes["task_queue"])
        if not task_queue:
            raise InvalidArgumentError("task_queue: '' is not accepted. Accepted: non-empty text")
        found["task_queue"] = task_queue
    for name in ("execution_timeout", "run_timeout", "task_timeout"):
        if name in changes:
            timeout = changes[name]
            found[f"{name}_ns"] = None if timeout is None else parse_duration(timeout, name=name)
    if "retry" in changes:
        retry = changes["retry"]
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise InvalidArgumentError(f"retry is a RetryPolicy(...), not {retry!r}")
        found["retry_policy"] = None if retry is None else retry.to_record()
    if "memo" in changes:
        found["memo"] = temporal._memo(changes["memo"])
    if "search_attributes" in changes:
        own = changes["search_attributes"]
        encoded = encode_search_attributes(own)
        for name in (SCHEDULED_START_TIME, SCHEDULED_BY_ID):
            if own and name in own:
                raise InvalidArgumentError(f"search attribute {name!r} is set by the schedule itself")
        found["search_attributes"] = encoded
    return evolve(known, **found)


def _checked_id(schedule_id: Any) -> str:
    if not isinstance(schedule_id, str) or not schedule_id:
        raise InvalidArgumentError(f"a schedule id is a non-empty text, not {schedule_id!r}")
    if len(schedule_id) > WORKFLOW_ID_LENGTH_MAX:
        raise InvalidArgumentError(
            f"a schedule id has at most {WORKFLOW_ID_LENGTH_MAX} characters; this one has {len(schedule_id)}"
        )
    return schedule_id


def _base(workflow_id: Any, schedule_id: str) -> str:
    """What the workflow ids begin with; the time that follows must fit too."""
    base = schedule_id if workflow_id is None else workflow_id
    longest = WORKFLOW_ID_LENGTH_MAX - TIMESTAMP_LENGTH
    if not isinstance(base, str) or not base:
        raise InvalidArgumentError(f"workflow_id is a non-empty text, not {base!r}")
    if len(base) > longest:
        raise InvalidArgumentError(
            f"workflow_id: a schedule's has at most {longest} characters, since it adds the time; "
            f"this one has {len(base)}"
        )
    return base


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} is a text, not {value!r}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is True or False, not {value!r}")
    return value


def _count(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidArgumentError(
            f"{name} is a whole number, 0 or more, or None for no limit; not {value!r}"
        )
    return value
