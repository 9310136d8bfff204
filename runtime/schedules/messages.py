"""What the owner of a schedule asks of its TimerDO, and what it answers. Records only.

Requests carry the caller's ``request_id``: the same id again changes nothing and is answered as before.
Refusals: ``not_found``, ``already_exists``, ``invalid`` and ``conflict`` (an update that was made from an
older version of the definition). What the workflows report is in ``messages/schedule.py``.

Must not import: the host, a clock.
"""

from __future__ import annotations

from ..archiving import ArchivePolicy
from ..history import Memo, Payload, RetryPolicyRecord, SearchAttributes
from ..records import record
from .description import ScheduleSnapshot
from .overlap import OverlapPolicy
from .spec import ScheduleSpec
from .state import SchedulePolicies

SCHEDULED_START_TIME = "TemporalScheduledStartTime"
SCHEDULED_BY_ID = "TemporalScheduledById"
"""The search attributes of every run that a schedule starts: its nominal time, and who started it."""

LEAVE_REMAINING = -1
"""In an update: the number of actions that are left stays as it is."""


@record
class WorkflowToStart:
    """What a schedule starts. The workflow's id follows from the time."""

    workflow_type: str
    task_queue: str
    input: tuple[Payload, ...] = ()
    execution_timeout_ns: int | None = None
    run_timeout_ns: int | None = None
    task_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None
    archive: ArchivePolicy | None = None


@record
class ScheduleDefinition:
    """Everything its owner decides about a schedule: when, how and what."""

    spec: ScheduleSpec
    policies: SchedulePolicies
    action: WorkflowToStart
    workflow_id_base: str


@record
class CreateSchedule:
    """Make a schedule. ``remaining_actions`` None is no limit; ``trigger_immediately`` fires once at once."""

    request_id: str
    namespace: str
    schedule_id: str
    definition: ScheduleDefinition
    paused: bool = False
    note: str = ""
    remaining_actions: int | None = None
    trigger_immediately: bool = False


@record
class PauseSchedule:
    """Start nothing by itself any more."""

    request_id: str
    note: str = ""


@record
class UnpauseSchedule:
    """Start runs again, from the next time on."""

    request_id: str
    note: str = ""


@record
class TriggerSchedule:
    """Fire now. ``overlap`` None is the schedule's own policy."""

    request_id: str
    overlap: OverlapPolicy | None = None


@record
class BackfillSchedule:
    """Replay the nominal times from ``start_ns`` to ``end_ns``, both included."""

    request_id: str
    start_ns: int
    end_ns: int
    overlap: OverlapPolicy | None = None


@record
class UpdateSchedule:
    """Replace the definition, if it still is the ``expected_version`` that the new one was made from."""

    request_id: str
    expected_version: int
    definition: ScheduleDefinition
    note: str | None = None
    remaining_actions: int | None = LEAVE_REMAINING


@record
class DeleteSchedule:
    """Never start anything again; open runs go on."""

    request_id: str


@record
class DescribeSchedule:
    """Answered by :class:`ScheduleReply`. Changes nothing."""


@record
class ScheduleReply:
    """A schedule as it is; ``version`` counts the updates of its definition."""

    version: int
    definition: ScheduleDefinition
    snapshot: ScheduleSnapshot
