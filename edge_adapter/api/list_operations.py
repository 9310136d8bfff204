"""The rows of the table that ask the index: lists and counts.

Owns their paths, fields and replies, and the merging of the index's shards. A request names one shard, as the
client's handles do, or none, and gets them merged. Must not import: a host, a server, a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...runtime.actor import Refusal
from ...runtime.keys import VISIBILITY, VISIBILITY_SHARDS, visibility_key
from ...runtime.messages.visibility import (
    CountExecutions,
    ExecutionCount,
    ExecutionList,
    ExecutionRecord,
    ListExecutions,
    ListSchedules,
    ScheduleList,
)
from .kinds import ANY_TEXT, COUNT, TIME, WORD, integer, many, text
from .shapes import object_kind
from .table import NAMESPACE, Operation, Receiver, query_field
from .temporal_kinds import MEMO_OUT, SEARCH_ATTRIBUTES_OUT

if TYPE_CHECKING:
    from ...runtime.host import Host
    from .table import Parameters

PAGE_SIZE: Final = 100

_SHARD: Final = query_field(
    "shard", integer(0, VISIBILITY_SHARDS - 1), None, "One shard of the index; all of them if absent."
)
_INDEX: Final = Receiver(kind=VISIBILITY, parameters=("shard",))
_QUERY: Final = query_field(
    "query",
    text(least=0, most=4_000),
    "",
    "Temporal's list filter, such as `ExecutionStatus = 'Running' AND CustomerId = 'c1'`.",
)
_PAGE: Final = (
    query_field("page_size", integer(1, 1_000), PAGE_SIZE),
    query_field("page_token", ANY_TEXT, "", "The `nextPageToken` of the page before."),
)


async def _ask(host: Host, parameters: Parameters, message: Any) -> list[Any] | Refusal:
    """Every shard's answer, or the first refusal."""
    from ...runtime.connection import request

    shard = parameters["shard"]
    found = []
    for number in range(VISIBILITY_SHARDS) if shard is None else (shard,):
        reply = await request(host, visibility_key(parameters["namespace"], int(number)), message)
        if isinstance(reply, Refusal):
            return reply
        found.append(reply)
    return found


async def _list(host: Host, parameters: Parameters) -> Any:
    from ...runtime.actors.visibility import list_order, page_token_after

    size = parameters["page_size"]
    pages = await _ask(
        host,
        parameters,
        ListExecutions(query=parameters["query"], page_size=size, page_token=parameters["page_token"]),
    )
    if isinstance(pages, Refusal):
        return pages
    found = [execution for page in pages for execution in page.executions]
    found.sort(key=list_order)
    more = len(found) > size or any(page.next_page_token for page in pages)
    found = found[:size]
    return ExecutionList(
        executions=tuple(found), next_page_token=page_token_after(found[-1]) if more and found else ""
    )


async def _count(host: Host, parameters: Parameters) -> Any:
    counts = await _ask(host, parameters, CountExecutions(query=parameters["query"]))
    return counts if isinstance(counts, Refusal) else ExecutionCount(count=sum(one.count for one in counts))


async def _list_schedules(host: Host, parameters: Parameters) -> Any:
    size = parameters["page_size"]
    pages = await _ask(host, parameters, ListSchedules(page_size=size, page_token=parameters["page_token"]))
    if isinstance(pages, Refusal):
        return pages
    found = sorted(schedule_id for page in pages for schedule_id in page.schedule_ids)
    more = len(found) > size or any(page.next_page_token for page in pages)
    return ScheduleList(
        schedule_ids=tuple(found[:size]), next_page_token=found[size - 1] if more and found else ""
    )


_EXECUTION: Final = object_kind(
    ExecutionRecord,
    reply=True,
    namespace=WORD,
    workflow_id=WORD,
    run_id=WORD,
    workflow_type=WORD,
    task_queue=WORD,
    status=WORD,
    start_ns=TIME,
    version=COUNT,
    close_ns=TIME,
    history_length=COUNT,
    parent_workflow_id=WORD,
    parent_run_id=WORD,
    memo=MEMO_OUT,
    search_attributes=SEARCH_ATTRIBUTES_OUT,
)


OPERATIONS: Final = (
    Operation(
        name="listWorkflows",
        method="GET",
        path="/namespaces/{namespace}/workflows",
        summary="Runs of this namespace, newest start first.",
        receiver=_INDEX,
        message=ListExecutions,
        fields=(NAMESPACE, _QUERY, *_PAGE, _SHARD),
        reply=object_kind(ExecutionList, reply=True, executions=many(_EXECUTION), next_page_token=WORD),
        refusals=("invalid_query",),
        perform=_list,
    ),
    Operation(
        name="countWorkflows",
        method="GET",
        path="/namespaces/{namespace}/workflow-count",
        summary="How many runs a list would hold.",
        receiver=_INDEX,
        message=CountExecutions,
        fields=(NAMESPACE, _QUERY, _SHARD),
        reply=object_kind(ExecutionCount, reply=True, count=COUNT),
        refusals=("invalid_query",),
        perform=_count,
    ),
    Operation(
        name="listSchedules",
        method="GET",
        path="/namespaces/{namespace}/schedules",
        summary="The ids of this namespace's schedules, in their order.",
        receiver=_INDEX,
        message=ListSchedules,
        fields=(NAMESPACE, *_PAGE, _SHARD),
        reply=object_kind(ScheduleList, reply=True, schedule_ids=many(WORD), next_page_token=WORD),
        perform=_list_schedules,
        tag="schedules",
    ),
)
