"""The options of a schedule: their names, their checks, and the records they become.

Owns what ``schedule_workflow`` and ``ScheduleHandle.update`` accept. Invariant: a bad option is refused by
its name and with what is accepted. Must not import: a host, a clock; nothing is sent from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from .definitions import WorkflowDefinition, check_arguments
from .durations import parse_optional_duration
from .errors import InvalidArgumentError
from .instants import to_datetime
from .keys import WORKFLOW_ID_LENGTH_MAX
from .policies import Duration, RetryPolicy
from .records import evolve
from .schedule_description import to_timedelta
from .schedules.calendars import CalendarSpec
from .schedules.cron import split_timezone
from .schedules.messages import SCHEDULED_BY_ID, SCHEDULED_START_TIME, ScheduleDefinition, WorkflowToStart
from .schedules.overlap import OverlapPolicy
from .schedules.requests import check_overlap, validate_policies
from .schedules.spec import ScheduleSpec, make_spec
from .schedules.state import CATCHUP_WINDOW_DEFAULT_NS, SchedulePolicies
from .search_attributes import encode_search_attributes

if TYPE_CHECKING:
    from .application import Temporal

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
CHANGES = (*_WHEN, *_HOW, *_WHAT, "workflow", "note", "remaining_actions")
OPTIONS = (
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


def change_definition(
    temporal: Temporal, schedule_id: str, known: ScheduleDefinition, changes: Mapping[str, Any]
) -> ScheduleDefinition:
    """``known`` with the changes made."""
    action, workflow = known.action, None
    if "workflow" in changes:
        named, workflow = temporal.resolve_workflow(changes["workflow"], changes.get("task_queue"))
        action = evolve(action, workflow_type=named)
    elif "args" in changes:
        # Where only another application has it, that one will check the arguments.
        _, workflow = temporal.resolve_workflow(action.workflow_type, action.task_queue)
    return ScheduleDefinition(
        spec=make_schedule_spec(known.spec, changes)
        if any(name in changes for name in _WHEN)
        else known.spec,
        policies=make_policies(known.policies, changes),
        action=make_action(temporal, action, workflow, changes),
        workflow_id_base=(
            workflow_id_base(changes["workflow_id"], schedule_id)
            if "workflow_id" in changes
            else known.workflow_id_base
        ),
    )


def make_schedule_spec(known: ScheduleSpec | None, changes: Mapping[str, Any]) -> ScheduleSpec:
    given: dict[str, Any] = dict.fromkeys(_WHEN)
    if known is not None:
        replaced = any(name in changes for name in _KINDS)
        if not replaced:
            given["cron"] = known.cron or None
            given["interval"] = to_timedelta(known.interval_ns) if known.interval_ns else None
            given["calendars"] = known.calendars or None
            given["offset"] = to_timedelta(known.offset_ns) if known.offset_ns else None
        given["jitter"] = to_timedelta(known.jitter_ns) if known.jitter_ns else None
        given["timezone"] = None if names_zone(changes.get("cron")) else known.timezone
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


def names_zone(cron: Any) -> bool:
    """Does an expression bring its own time zone?"""
    expressions = (cron,) if isinstance(cron, str) else cron if isinstance(cron, (list, tuple)) else ()
    return any(isinstance(text, str) and split_timezone(text)[1] is not None for text in expressions)


def make_policies(known: SchedulePolicies, changes: Mapping[str, Any]) -> SchedulePolicies:
    found: dict[str, Any] = {}
    if "overlap" in changes:
        found["overlap"] = check_overlap(changes["overlap"])
    if "catchup_window" in changes:
        window = parse_optional_duration(changes["catchup_window"], name="catchup_window")
        found["catchup_window_ns"] = CATCHUP_WINDOW_DEFAULT_NS if window is None else window
    if "pause_on_failure" in changes:
        found["pause_on_failure"] = checked_flag("pause_on_failure", changes["pause_on_failure"])
    return validate_policies(evolve(known, **found))


def make_action(
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
        task_queue = checked_text("task_queue", changes["task_queue"])
        if not task_queue:
            raise InvalidArgumentError("task_queue: '' is not accepted. Accepted: non-empty text")
        found["task_queue"] = task_queue
    for name in ("execution_timeout", "run_timeout", "task_timeout"):
        if name in changes:
            timeout = changes[name]
            found[f"{name}_ns"] = parse_optional_duration(timeout, name=name, allow_zero=False)
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


def checked_schedule_id(schedule_id: Any) -> str:
    if not isinstance(schedule_id, str) or not schedule_id:
        raise InvalidArgumentError(f"a schedule id is a non-empty text, not {schedule_id!r}")
    if len(schedule_id) > WORKFLOW_ID_LENGTH_MAX:
        raise InvalidArgumentError(
            f"a schedule id has at most {WORKFLOW_ID_LENGTH_MAX} characters; this one has {len(schedule_id)}"
        )
    return schedule_id


def workflow_id_base(workflow_id: Any, schedule_id: str) -> str:
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


def checked_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} is a text, not {value!r}")
    return value


def checked_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is True or False, not {value!r}")
    return value


def checked_count(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidArgumentError(
            f"{name} is a whole number, 0 or more, or None for no limit; not {value!r}"
        )
    return value
