"""The rows of the table that address one schedule.

Owns their paths, fields and replies, and the JSON form of a schedule's definition. Must not import: a host, a
server, a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...runtime.archiving import ArchivePolicy
from ...runtime.keys import TIMER
from ...runtime.records import EMPTY
from ...runtime.schedules.calendars import CalendarSpec
from ...runtime.schedules.description import ScheduleSnapshot
from ...runtime.schedules.messages import (
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
from ...runtime.schedules.overlap import OverlapPolicy
from ...runtime.schedules.spec import ScheduleSpec
from ...runtime.schedules.state import RecentAction, ScheduleCounters, ScheduledRun, SchedulePolicies
from .kinds import ANY_TEXT, COUNT, DURATION, FLAG, NOTE, TEXT, TIME, WORD, Kind, integer, many, one_of
from .shapes import object_kind
from .table import FRESH, NAMESPACE, Field, Operation, Place, Receiver, body_field, path_field
from .temporal_kinds import (
    MEMO,
    MEMO_OUT,
    PAYLOADS,
    PAYLOADS_OUT,
    RETRY_POLICY,
    RETRY_POLICY_OUT,
    SEARCH_ATTRIBUTES,
    SEARCH_ATTRIBUTES_OUT,
)
from .workflow_operations import OK, TASK_QUEUE_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH: Final = "/namespaces/{namespace}/schedules/{scheduleId}"
_SCHEDULE: Final = Receiver(kind=TIMER, parameters=("schedule_id",))
_HERE: Final = (NAMESPACE, path_field("schedule_id"))
_REQUEST: Final = body_field(
    "request_id", TEXT, FRESH, "The same id again gets the same outcome and changes nothing."
)
_NOTE: Final = body_field("note", NOTE, "")

_OVERLAP_NAMES: Final = one_of(*(policy.value for policy in OverlapPolicy))
OVERLAP: Final = Kind(
    schema=_OVERLAP_NAMES.schema,
    read=lambda value: OverlapPolicy(_OVERLAP_NAMES.read(value)),
    write=lambda policy: OverlapPolicy(policy).value,
)
_OVERLAP: Final = body_field("overlap", OVERLAP, None, "Replaces the schedule's policy this once.")
_FIELD_TEXTS: Final = dict.fromkeys(
    ("second", "minute", "hour", "day_of_month", "month", "year", "day_of_week", "comment"), ANY_TEXT
)


def _definition(*, reply: bool) -> Kind:
    suffix = "InReply" if reply else ""

    def part(cls: type, defaults: Mapping[str, Any] = EMPTY, /, **kinds: Kind) -> Kind:
        return object_kind(cls, reply=reply, component=cls.__name__ + suffix, defaults=defaults, **kinds)

    return part(
        ScheduleDefinition,
        {"policies": SchedulePolicies(), "workflow_id_base": ""},
        spec=part(
            ScheduleSpec,
            cron=many(TEXT, most=100),
            interval_ns=DURATION,
            offset_ns=DURATION,
            calendars=many(part(CalendarSpec, **_FIELD_TEXTS), most=100),
            jitter_ns=DURATION,
            timezone=TEXT,
            start_ns=TIME,
            end_ns=TIME,
        ),
        policies=part(SchedulePolicies, overlap=OVERLAP, catchup_window_ns=DURATION, pause_on_failure=FLAG),
        action=part(
            WorkflowToStart,
            {"task_queue": TASK_QUEUE_DEFAULT},
            workflow_type=TEXT,
            task_queue=TEXT,
            input=PAYLOADS_OUT if reply else PAYLOADS,
            execution_timeout_ns=DURATION,
            run_timeout_ns=DURATION,
            task_timeout_ns=DURATION,
            retry_policy=RETRY_POLICY_OUT if reply else RETRY_POLICY,
            memo=MEMO_OUT if reply else MEMO,
            search_attributes=SEARCH_ATTRIBUTES_OUT if reply else SEARCH_ATTRIBUTES,
            archive=part(ArchivePolicy, retention_ns=DURATION, stored=FLAG, store_bytes=COUNT),
        ),
        workflow_id_base=ANY_TEXT,
    )


DEFINITION: Final = _definition(reply=False)
DEFINITION_OUT: Final = _definition(reply=True)
_SAYS_DEFINITION: Final = "When, how and what. Exactly one of `cron`, `interval` and `calendars` is given."
_SAYS_REMAINING: Final = "So many scheduled starts, then no more; no limit if absent."


def _with_base(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without a name of its own the ids of its workflows begin with the schedule's."""
    definition: ScheduleDefinition = parameters["definition"]
    if not definition.workflow_id_base:
        from ...runtime.records import evolve

        changed = evolve(definition, workflow_id_base=parameters["schedule_id"])
        return {**parameters, "definition": changed}
    return parameters


def _build_update(parameters: dict[str, Any]) -> UpdateSchedule:
    found = _with_base(parameters)
    del found["namespace"], found["schedule_id"]
    return UpdateSchedule(**found)


CREATE: Final = Operation(
    name="createSchedule",
    method="POST",
    path="/namespaces/{namespace}/schedules",
    summary="Make a schedule; it is durable when this is answered.",
    receiver=_SCHEDULE,
    message=CreateSchedule,
    fields=(
        NAMESPACE,
        body_field("schedule_id"),
        body_field("definition", DEFINITION, says=_SAYS_DEFINITION),
        body_field("paused", FLAG, False),
        _NOTE,
        body_field("remaining_actions", COUNT, None, _SAYS_REMAINING),
        body_field("trigger_immediately", FLAG, False, "Fire once at once."),
        _REQUEST,
    ),
    reply=OK,
    refusals=("already_exists", "invalid"),
    build=lambda parameters: CreateSchedule(**_with_base(parameters)),
    tag="schedules",
)

_RUN: Final = object_kind(
    ScheduledRun,
    reply=True,
    sequence=COUNT,
    workflow_id=WORD,
    run_id=WORD,
    nominal_ns=TIME,
    started_ns=TIME,
    cancel_requested=FLAG,
    terminate_requested=FLAG,
)
_RECENT: Final = object_kind(
    RecentAction,
    reply=True,
    sequence=COUNT,
    workflow_id=WORD,
    run_id=WORD,
    nominal_ns=TIME,
    started_ns=TIME,
    status=WORD,
)
_COUNTERS: Final = object_kind(
    ScheduleCounters,
    reply=True,
    actions=COUNT,
    missed_catchup=COUNT,
    overlap_skipped=COUNT,
    buffer_dropped=COUNT,
    start_failed=COUNT,
)
_SNAPSHOT: Final = object_kind(
    ScheduleSnapshot,
    reply=True,
    schedule_id=WORD,
    spec=DEFINITION_OUT.parts[0],
    policies=DEFINITION_OUT.parts[1],
    paused=FLAG,
    note=WORD,
    remaining_actions=COUNT,
    next_times=many(TIME),
    recent=many(_RECENT),
    running=many(_RUN),
    buffered=COUNT,
    backfills=COUNT,
    counters=_COUNTERS,
    created_ns=TIME,
    updated_ns=TIME,
)

DESCRIBE: Final = Operation(
    name="describeSchedule",
    method="GET",
    path=_PATH,
    summary="A schedule as it is now: definition, coming times, what runs and what ran.",
    receiver=_SCHEDULE,
    message=DescribeSchedule,
    fields=_HERE,
    reply=object_kind(
        ScheduleReply, reply=True, version=integer(0), definition=DEFINITION_OUT, snapshot=_SNAPSHOT
    ),
    refusals=("not_found",),
    tag="schedules",
)

UPDATE: Final = Operation(
    name="updateSchedule",
    method="PUT",
    path=_PATH,
    summary="Replace the definition, if it still is the version that the new one was made from.",
    receiver=_SCHEDULE,
    message=UpdateSchedule,
    fields=(
        *_HERE,
        body_field("expected_version", COUNT, says="The `version` that was described."),
        body_field("definition", DEFINITION, says=_SAYS_DEFINITION),
        body_field("note", NOTE, None),
        Field(
            attribute="remaining_actions",
            kind=integer(LEAVE_REMAINING),
            place=Place.BODY,
            default=LEAVE_REMAINING,
            says="-1 or absent leaves the number as it is; null is no limit.",
            null_counts=True,
        ),
        _REQUEST,
    ),
    reply=OK,
    refusals=("not_found", "conflict", "invalid"),
    build=_build_update,
    tag="schedules",
)


def _change(
    name: str, method: str, step: str, summary: str, message: type, *fields: Any, invalid: bool = False
) -> Operation:
    return Operation(
        name=name,
        method=method,
        path=_PATH + step,
        summary=summary,
        receiver=_SCHEDULE,
        message=message,
        fields=(*_HERE, *fields, _REQUEST),
        reply=OK,
        refusals=("not_found", "invalid") if invalid else ("not_found",),
        tag="schedules",
    )


OPERATIONS: Final = (
    CREATE,
    DESCRIBE,
    UPDATE,
    _change("deleteSchedule", "DELETE", "", "Delete the schedule; open runs go on.", DeleteSchedule),
    _change("pauseSchedule", "POST", "/pause", "Start nothing by itself any more.", PauseSchedule, _NOTE),
    _change("unpauseSchedule", "POST", "/unpause", "Start runs again.", UnpauseSchedule, _NOTE),
    _change(
        "triggerSchedule",
        "POST",
        "/trigger",
        "Fire now, paused or not.",
        TriggerSchedule,
        _OVERLAP,
        invalid=True,
    ),
    _change(
        "backfillSchedule",
        "POST",
        "/backfill",
        "Replay the times from `startTime` to `endTime`, both included and past, as if they came now.",
        BackfillSchedule,
        body_field("start_ns", TIME),
        body_field("end_ns", TIME),
        _OVERLAP,
        invalid=True,
    ),
)
