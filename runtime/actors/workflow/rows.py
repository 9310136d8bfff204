"""The rows of a WorkflowDO: one record class per table. Records only.

    meta       "current"            CurrentRun      which run is the newest
    run        run id               RunRow          one run's mutable state
    start      run id               RunStart        one run's parameters, written once
    events:R   event id             HistoryEvent    the history of run R
    timer      timer id             PendingTimer        \
    activity   activity id          PendingActivity      |  of the open run,
    child      initiated event id   PendingChild         |  deleted with its close
    external   initiated event id   PendingExternal      |
    buffered   number               BufferedEvent       /   arrived during a workflow task
    update     update id            UpdateRow       until the run's retention ends
    request    request id           RequestRow      until the run's retention ends
    late       run, event, order    LateFact        until the run's retention ends
"""

from __future__ import annotations

from typing import Any

from ...archiving import ArchivePolicy
from ...history import Failure, Header, Memo, Payload, RetryPolicyRecord, SearchAttributes
from ...messages.workflow import ParentLink
from ...records import record

Payloads = tuple[Payload, ...]


@record
class CurrentRun:
    run_id: str


@record
class Origin:
    """Up to ``last_event_id`` a run's history was written by the run ``run_id``: a reset has copied it."""

    last_event_id: int
    run_id: str


@record
class RunStart:
    """What a run was started with; enough to start its successor."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    input: Payloads
    start_ns: int
    first_run_id: str
    first_start_ns: int
    attempt: int = 1
    execution_timeout_ns: int | None = None
    run_timeout_ns: int | None = None
    task_timeout_ns: int | None = None
    retry_policy: RetryPolicyRecord | None = None
    memo: Memo | None = None
    header: Header | None = None
    parent: ParentLink | None = None
    schedule_key: str = ""
    origins: tuple[Origin, ...] = ()
    archive: ArchivePolicy | None = None


@record
class RunRow:
    """One run's mutable state. ``task_*`` is its workflow task; see ``tasks`` for its states."""

    run_id: str
    status: str
    next_event_id: int = 1
    history_size_bytes: int = 0
    version: int = 1
    task_state: str = "none"
    task_attempt: int = 1
    task_scheduled_event_id: int = 0
    task_started_event_id: int = 0
    task_started_ns: int = 0
    task_deadline_ns: int = 0
    last_completed_event_id: int = 0
    expires_ns: int = 0
    cancel_requested: bool = False
    next_buffer_number: int = 1
    search_attributes: SearchAttributes | None = None
    memo: Memo | None = None
    last_task_failure: Failure | None = None
    close_ns: int = 0
    retained_until_ns: int = 0
    new_run_id: str = ""
    result: Payloads = ()
    failure: Failure | None = None


@record
class PendingTimer:
    timer_id: str
    started_event_id: int
    fire_ns: int
    summary: str = ""


@record
class PendingActivity:
    activity_id: str
    scheduled_event_id: int
    activity_type: str
    task_queue: str
    scheduled_ns: int
    cancel_requested_event_id: int = 0


@record
class PendingChild:
    initiated_event_id: int
    workflow_id: str
    workflow_type: str
    parent_close_policy: str
    run_id: str = ""
    started_event_id: int = 0


@record
class PendingExternal:
    """A signal or cancel request to another workflow whose outcome is not known yet."""

    initiated_event_id: int
    kind: str
    workflow_id: str
    run_id: str = ""


@record
class BufferedEvent:
    """An event that waits for the workflow task in progress; it gets its id when it enters the history."""

    number: int
    event_type: str
    attributes: Any
    event_ns: int


@record
class UpdateRow:
    """``stage``: admitted -> accepted -> completed, or rejected."""

    update_id: str
    run_id: str
    name: str
    args: Payloads = ()
    header: Header | None = None
    identity: str = ""
    stage: str = "admitted"
    accepted_event_id: int = 0
    result: Payloads = ()
    failure: Failure | None = None


@record
class RequestRow:
    """The outcome of a client's request, so that the same request id gets it again."""

    kind: str
    run_id: str


@record
class LateFact:
    """What became of something the closed run ``run_id`` had asked for: a reset of it will want to know."""

    run_id: str
    fact: Any
