"""Listing and counting executions: asks every visibility shard and merges the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from .actor import Refusal
from .connection import RETRY_FOR_NS, request
from .errors import InvalidArgumentError
from .handles import decode_memo
from .instants import to_datetime
from .keys import VISIBILITY_SHARDS, visibility_key
from .messages.visibility import CountExecutions, ExecutionRecord, ListExecutions, ListSchedules
from .policies import WorkflowStatus, choose
from .records import evolve
from .search_attributes import decode_search_attributes
from .texts import pascal_case

if TYPE_CHECKING:
    from .application import Temporal

PAGE_SIZE: Final = 1_000
"""So many rows at most are asked of a shard at once."""


@attrs.frozen(kw_only=True)
class WorkflowExecutionInfo:
    """One run, as lists show it."""

    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: WorkflowStatus
    start_time: datetime
    close_time: datetime | None
    history_length: int
    parent_workflow_id: str | None
    memo: Mapping[str, Any]
    search_attributes: Mapping[str, Any]


async def list_executions(
    temporal: Temporal, query: str, status: WorkflowStatus | str | None, workflow_type: str | None, limit: int
) -> list[WorkflowExecutionInfo]:
    """See ``Temporal.list_workflows``."""
    _check_limit(limit)
    text = _narrowed(query, status, workflow_type)
    return [_info(temporal, record) for record in await list_records(temporal, text, limit)]


async def list_records(
    temporal: Temporal, query: str, limit: int | None, *, first_answer_ns: int = RETRY_FOR_NS
) -> list[ExecutionRecord]:
    """What the index holds of the runs that ``query`` selects, newest start first; at most ``limit`` of them
    (None: all). An application that has not answered yet is asked for ``first_answer_ns``. Raises
    InvalidArgumentError for a bad filter, HostError."""
    found = await _list_all(
        temporal, ListExecutions(query=query), attrgetter("executions"), limit, first_answer_ns
    )
    found.sort(key=lambda record: (-record.start_ns, record.run_id))
    return found[:limit]


async def count_executions(
    temporal: Temporal, query: str, status: WorkflowStatus | str | None, workflow_type: str | None
) -> int:
    """See ``Temporal.count_workflows``."""
    text = _narrowed(query, status, workflow_type)
    total = 0
    for shard in range(VISIBILITY_SHARDS):
        total += (await _ask(temporal, shard, CountExecutions(query=text))).count
    return total


async def list_schedule_ids(temporal: Temporal, limit: int) -> list[str]:
    """See ``Temporal.list_schedules``."""
    _check_limit(limit)
    found = await _list_all(temporal, ListSchedules(), attrgetter("schedule_ids"), limit)
    return sorted(found)[:limit]


async def _list_all(
    temporal: Temporal,
    message: Any,
    rows: Callable[[Any], Iterable[Any]],
    limit: int | None,
    first_answer_ns: int = RETRY_FOR_NS,
) -> list[Any]:
    """The ``rows`` of every page of every shard, but of no shard more than ``limit``: what comes behind its
    first ``limit`` is not among the first ``limit`` of all."""
    found: list[Any] = []
    retry_for_ns = first_answer_ns
    for shard in range(VISIBILITY_SHARDS):
        end = None if limit is None else len(found) + limit
        token = ""
        while end is None or len(found) < end:
            size = PAGE_SIZE if end is None else min(PAGE_SIZE, end - len(found))
            page = await _ask(
                temporal, shard, evolve(message, page_size=size, page_token=token), retry_for_ns
            )
            retry_for_ns = RETRY_FOR_NS
            found.extend(rows(page))
            token = page.next_page_token
            if not token:
                break
    return found


def _check_limit(limit: Any) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidArgumentError(f"limit is a whole number >= 1, not {limit!r}")


async def _ask(temporal: Temporal, shard: int, message: Any, retry_for_ns: int = RETRY_FOR_NS) -> Any:
    key = visibility_key(temporal.namespace, shard)
    reply = await request(temporal.host(), key, message, retry_for_ns=retry_for_ns)
    if isinstance(reply, Refusal):
        raise InvalidArgumentError(reply.message)
    return reply


def has_status(*statuses: WorkflowStatus) -> str:
    """The term of a list filter for runs in one of these states."""
    return _is_one_of("ExecutionStatus", [pascal_case(each.name) for each in statuses])


def has_type(*workflow_types: str) -> str:
    """The term of a list filter for runs of one of these workflows."""
    return _is_one_of("WorkflowType", workflow_types)


def _is_one_of(attribute: str, values: Sequence[str]) -> str:
    quoted = ["'" + each.replace("'", "''") + "'" for each in values]
    return f"{attribute} = {quoted[0]}" if len(quoted) == 1 else f"{attribute} IN ({', '.join(quoted)})"


def _narrowed(query: str, status: WorkflowStatus | str | None, workflow_type: str | None) -> str:
    if not isinstance(query, str):
        raise InvalidArgumentError(f"query is a text such as \"ExecutionStatus = 'Running'\", not {query!r}")
    parts = [f"({query})"] if query.strip() else []
    if status is not None:
        parts.append(has_status(choose(WorkflowStatus, status, "status")))
    if workflow_type is not None:
        if not isinstance(workflow_type, str):
            raise InvalidArgumentError(f"workflow_type is the name of a workflow, not {workflow_type!r}")
        parts.append(has_type(workflow_type))
    return " AND ".join(parts)


def _info(temporal: Temporal, record: ExecutionRecord) -> WorkflowExecutionInfo:
    return WorkflowExecutionInfo(
        workflow_id=record.workflow_id,
        run_id=record.run_id,
        workflow_type=record.workflow_type,
        task_queue=record.task_queue,
        status=choose(WorkflowStatus, record.status, "status"),
        start_time=to_datetime(record.start_ns),
        close_time=None if record.close_ns is None else to_datetime(record.close_ns),
        history_length=record.history_length,
        parent_workflow_id=record.parent_workflow_id or None,
        memo=decode_memo(record.memo, temporal.converter),
        search_attributes=decode_search_attributes(record.search_attributes),
    )
