"""What a VisibilityDO shard is told and what it answers. Records only."""

from __future__ import annotations

from ..history import Memo, SearchAttributes
from ..records import record


@record
class ExecutionRecord:
    """What is known of one run. A higher ``version`` replaces a lower one; an older one is ignored."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: str
    start_ns: int
    version: int
    close_ns: int | None = None
    history_length: int = 0
    parent_workflow_id: str = ""
    parent_run_id: str = ""
    memo: Memo | None = None
    search_attributes: SearchAttributes | None = None


@record
class RecordExecution:
    execution: ExecutionRecord


@record
class ForgetExecution:
    """The run's retention is over."""

    run_id: str


@record
class ListExecutions:
    """``query`` is Temporal's list filter text; newest start first, ``page_size`` at most."""

    query: str = ""
    page_size: int = 1000
    page_token: str = ""


@record
class CountExecutions:
    query: str = ""


@record
class RegisterSchedule:
    """The schedule with this object key exists; the recovery sweep has to know.

    ``creation`` counts how often a schedule of that key was made: what is said of an older one is ignored.
    """

    key: str
    creation: int = 1


@record
class ForgetSchedule:
    """The schedule was deleted; ``creation`` as in RegisterSchedule."""

    key: str
    creation: int = 1


@record
class RecordExpiry:
    """The archive with this object key deletes itself in time; from ``due_ns`` on the recovery sweep has to
    see whether it did."""

    key: str
    due_ns: int


@record
class ListSchedules:
    """Answered by :class:`ScheduleList`: ids in their order; ``page_token`` is the last one known already."""

    page_size: int = 1000
    page_token: str = ""


@record
class ScheduleList:
    """``next_page_token`` "": the last page.

    An id too long to stand in an object's key comes as ``#`` and its hash, which names the same object.
    """

    schedule_ids: tuple[str, ...] = ()
    next_page_token: str = ""


@record
class ListAwake:
    """From the recovery sweep: which objects should be awake? ``after`` is the ``next`` of the page
    before."""

    page_size: int = 500
    after: str = ""


@record
class AwakeList:
    """Keys of objects to poke; beside each the closed run it is there for, or "" (beside a deleted schedule
    and an archive its own key). ``next`` "": the last page."""

    keys: tuple[str, ...] = ()
    closed_run_ids: tuple[str, ...] = ()
    next: str = ""
    later_ns: int | None = None
    """When there will be something more to poke although nothing happens."""


@record
class RunsAtRest:
    """From the recovery sweep: these closed runs have nothing left to send; nor have these deleted schedules
    and archives, by key."""

    run_ids: tuple[str, ...]


@record
class ExecutionList:
    executions: tuple[ExecutionRecord, ...] = ()
    next_page_token: str = ""


@record
class ExecutionCount:
    count: int
