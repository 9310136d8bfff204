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
class ExecutionList:
    executions: tuple[ExecutionRecord, ...] = ()
    next_page_token: str = ""


@record
class ExecutionCount:
    count: int
