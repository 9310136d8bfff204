"""The rows of the table that read histories: of a workflow's run, and of its archive.

Owns their paths, fields and replies, and that a history is found where it is. Must not import: a host, a
server, a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...runtime.actor import Refusal
from ...runtime.keys import HISTORY, history_key, workflow_key
from ...runtime.messages.history import ArchiveReply, ArchiveVersion, ReadArchive, ReadVersions
from ...runtime.messages.workflow import HistoryReply, ReadHistory
from .kinds import COUNT, FLAG, TIME, WORD, integer, many
from .shapes import object_kind
from .table import NAMESPACE, Operation, Receiver, path_field, query_field
from .temporal_kinds import EVENT
from .workflow_operations import HERE, PATH, RUN_IN_QUERY, WORKFLOW_RECEIVER

if TYPE_CHECKING:
    from ...runtime.host import Host
    from .table import Parameters

HISTORY_PAGE_EVENTS: Final = 1_000

_RUN: Final = Receiver(kind=HISTORY, parameters=("run_id",))


async def _read_history(host: Host, parameters: Parameters) -> Any:
    """A page from the workflow, or from the run's archive when the workflow holds it no more."""
    from ...runtime.connection import request

    namespace, after, size = parameters["namespace"], parameters["after_event_id"], parameters["page_size"]
    key = workflow_key(namespace, parameters["workflow_id"])
    reply = await request(host, key, ReadHistory(run_id=parameters["run_id"], after_event_id=after))
    if isinstance(reply, Refusal):
        return reply
    if not reply.archived:
        return HistoryReply(run_id=reply.run_id, workflow_id=reply.workflow_id, events=reply.events[:size])
    archive = await request(
        host,
        history_key(namespace, reply.run_id),
        ReadArchive(after_event_id=after, event_count_max=size),
        also_refused=True,
    )
    if isinstance(archive, Refusal):
        return archive
    if not archive.last_event_id:
        return Refusal(code="not_found", message="no such workflow run")
    return HistoryReply(run_id=reply.run_id, workflow_id=archive.workflow_id, events=archive.events)


HISTORY_PAGE: Final = Operation(
    name="readWorkflowHistory",
    method="GET",
    path=f"{PATH}/history",
    summary="Events of a run in Temporal's JSON, from the workflow or from its archive. There are no more "
    "when a page is empty.",
    receiver=WORKFLOW_RECEIVER,
    message=ReadHistory,
    fields=(
        *HERE,
        RUN_IN_QUERY,
        query_field("after_event_id", integer(0, 2**31 - 1), 0, "The last event that is known already."),
        query_field("page_size", integer(1, 2_000), HISTORY_PAGE_EVENTS),
    ),
    reply=object_kind(HistoryReply, reply=True, run_id=WORD, workflow_id=WORD, events=many(EVENT)),
    refusals=("not_found",),
    perform=_read_history,
)

_VERSION: Final = object_kind(
    ArchiveVersion, reply=True, number=COUNT, last_event_id=COUNT, appended_ns=TIME, path=WORD
)
_ARCHIVE: Final = object_kind(
    ArchiveReply,
    reply=True,
    run_id=WORD,
    workflow_id=WORD,
    events=many(EVENT),
    closed=FLAG,
    versions=many(_VERSION),
    last_event_id=COUNT,
    blob_key=WORD,
    problem=WORD,
)

ARCHIVE_PAGE: Final = Operation(
    name="readArchive",
    method="GET",
    path="/namespaces/{namespace}/runs/{runId}/archive",
    summary="Events of a run from its archive.",
    receiver=_RUN,
    message=ReadArchive,
    fields=(
        NAMESPACE,
        path_field("run_id"),
        query_field("after_event_id", integer(0, 2**31 - 1), 0),
        query_field("event_count_max", integer(0, 2_000), HISTORY_PAGE_EVENTS, "0: all of them."),
    ),
    reply=_ARCHIVE,
    refusals=("not_found",),
    tag="runs",
)

VERSIONS: Final = Operation(
    name="readArchiveVersions",
    method="GET",
    path="/namespaces/{namespace}/runs/{runId}/versions",
    summary="The version log of a run's history file: one entry per append.",
    receiver=_RUN,
    message=ReadVersions,
    fields=(NAMESPACE, path_field("run_id")),
    reply=_ARCHIVE,
    refusals=("not_found",),
    tag="runs",
)

OPERATIONS: Final = (HISTORY_PAGE, ARCHIVE_PAGE, VERSIONS)
