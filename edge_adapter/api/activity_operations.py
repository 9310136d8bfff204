"""The rows of the table for external workers: taking tasks of a queue, and ending attempts by their token.

Owns their paths, fields and replies. A task carries its activity's key, an opaque text that is a segment of
the path here. Must not import: a host, a server, a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...runtime.keys import ACTIVITY, TASK_QUEUE
from ...runtime.messages.activity import (
    ActivityTask,
    AttemptStatus,
    CompleteActivity,
    DeferActivity,
    FailActivity,
    LeaseActivity,
    Leased,
    RecordHeartbeat,
    RenewLease,
    ReportActivityCanceled,
)
from ...runtime.messages.task_queue import LeavePoll, PollActivityTasks, PolledActivityTasks
from .kinds import ANY_TEXT, COUNT, DURATION, FLAG, TIME, WORD, Kind, integer, many, text
from .shapes import object_kind
from .table import NAMESPACE, Field, Operation, Receiver, body_field, path_field
from .temporal_kinds import FAILURE, HEADER_OUT, PAYLOADS, PAYLOADS_OUT, RETRY_POLICY_OUT
from .workflow_operations import OK

if TYPE_CHECKING:
    from .table import Parameters

_PATH: Final = "/namespaces/{namespace}/activities/{activityKey}"
_ACTIVITY: Final = Receiver(kind=ACTIVITY, parameters=("activity_key",), whole_key=True)
_TOKEN: Final = body_field("token", says="The attempt's token, as the task carries it.")
_IDENTITY: Final = body_field("identity", ANY_TEXT, "", "Who works; recorded in the history.")
_DETAILS: Final = body_field("details", PAYLOADS, ())
_STATUS: Final = object_kind(AttemptStatus, reply=True, cancel_requested=FLAG)
_KEY: Final = path_field("activity_key", text(most=2_000), "As the task carries it.")
_LEASED: Final = object_kind(
    Leased,
    reply=True,
    namespace=WORD,
    workflow_id=WORD,
    run_id=WORD,
    workflow_type=WORD,
    activity_id=WORD,
    activity_type=WORD,
    task_queue=WORD,
    attempt=COUNT,
    token=WORD,
    lease_ns=DURATION,
    scheduled_ns=TIME,
    attempt_scheduled_ns=TIME,
    started_ns=TIME,
    input=PAYLOADS_OUT,
    header=HEADER_OUT,
    heartbeat_details=PAYLOADS_OUT,
    start_to_close_timeout_ns=DURATION,
    schedule_to_close_timeout_ns=DURATION,
    heartbeat_timeout_ns=DURATION,
    retry_policy=RETRY_POLICY_OUT,
)


def _row(
    name: str,
    step: str,
    summary: str,
    message: type,
    reply: Kind,
    *fields: Field,
    refusals: tuple[str, ...] = (),
) -> Operation:
    return Operation(
        name=name,
        method="POST",
        path=f"{_PATH}/{step}",
        summary=summary,
        receiver=_ACTIVITY,
        message=message,
        fields=(NAMESPACE, _KEY, _TOKEN, *fields),
        reply=reply,
        refusals=("not_found", "stale_token", *refusals),
        tag="activities",
    )


_QUEUE_PATH: Final = "/namespaces/{namespace}/task-queues/{taskQueue}"
_QUEUE: Final = Receiver(kind=TASK_QUEUE, parameters=("task_queue",))
_POLL: Final = body_field("poll_id", says="A repeat with the same id is given the same tasks.")
_TASK: Final = object_kind(
    ActivityTask,
    reply=True,
    namespace=WORD,
    task_queue=WORD,
    activity_key=WORD,
    token=WORD,
    attempt=COUNT,
)


def _leave(poll: Parameters) -> LeavePoll:
    """A task that comes now must not go to a poll whose answer nobody reads."""
    return LeavePoll(namespace=poll["namespace"], task_queue=poll["task_queue"], poll_id=poll["poll_id"])


POLL: Final = Operation(
    name="pollActivityTasks",
    method="POST",
    path=f"{_QUEUE_PATH}/poll",
    summary="Take activity tasks of a queue that no worker of the deployment serves; waits for one.",
    receiver=_QUEUE,
    message=PollActivityTasks,
    fields=(
        NAMESPACE,
        path_field("task_queue"),
        _POLL,
        _IDENTITY,
        body_field("wait_ns", DURATION, 0, "So long at most; the server may answer earlier."),
        body_field("max_tasks", integer(1, 1_000), 1),
    ),
    reply=object_kind(PolledActivityTasks, reply=True, tasks=many(_TASK)),
    refusals=("too_many_polls",),
    waits_ns="wait_ns",
    farewell=_leave,
    tag="task queues",
)

LEAVE: Final = Operation(
    name="leavePoll",
    method="POST",
    path=f"{_QUEUE_PATH}/leave-poll",
    summary="The poller goes away: what it was given and has not leased may be given to another.",
    receiver=_QUEUE,
    message=LeavePoll,
    fields=(NAMESPACE, path_field("task_queue"), _POLL),
    reply=OK,
    tag="task queues",
)

OPERATIONS: Final = (
    POLL,
    LEAVE,
    _row(
        "leaseActivity",
        "lease",
        "May I run this attempt? The answer holds everything that it needs.",
        LeaseActivity,
        _LEASED,
        _IDENTITY,
        body_field("request_id", ANY_TEXT, "", "A repeat with the same id is granted again."),
        refusals=("already_leased",),
    ),
    _row("renewLease", "renew", "The worker that runs the attempt is alive.", RenewLease, _STATUS),
    _row(
        "recordHeartbeat",
        "heartbeat",
        "Report progress; `details` are handed to the next attempt.",
        RecordHeartbeat,
        _STATUS,
        _DETAILS,
    ),
    _row(
        "completeActivity",
        "complete",
        "The attempt returned.",
        CompleteActivity,
        OK,
        body_field("result", PAYLOADS, ()),
        _IDENTITY,
    ),
    _row(
        "failActivity",
        "fail",
        "The attempt failed; the retry policy decides what follows.",
        FailActivity,
        OK,
        body_field("failure", FAILURE),
        _IDENTITY,
    ),
    _row(
        "reportActivityCancelled",
        "cancelled",
        "The attempt gave way to a cancellation.",
        ReportActivityCanceled,
        OK,
        _DETAILS,
        _IDENTITY,
        refusals=("cancel_not_requested",),
    ),
    _row(
        "deferActivity",
        "defer",
        "The attempt goes on outside any worker, and is completed by its token.",
        DeferActivity,
        _STATUS,
    ),
)
