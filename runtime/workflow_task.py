"""The seam between a workflow's state and its code: tasks out, commands back.

The WorkflowDO hands out a :class:`WorkflowTask` and takes back a :class:`CompleteWorkflowTask` or
:class:`FailWorkflowTask`; an executor turns one into the other. The inline executor runs the user's
coroutine in the same process; a remote one can be plugged into the same seam. Imports neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .commands import Command
from .history import Failure, Header, HistoryEvent, Payload
from .records import record


class HistoryView(Protocol):
    """Read access to the history of one run, by event id."""

    @property
    def last_event_id(self) -> int:
        """The id of the newest event; ids run from 1 without gaps."""
        ...

    def after(self, event_id: int) -> Sequence[HistoryEvent]:
        """Every event whose id is greater than ``event_id``, in order."""
        ...


@record
class Query:
    """A question to the workflow's query handlers; leaves no trace in its history."""

    query_id: str
    query_type: str
    args: tuple[Payload, ...] = ()
    header: Header | None = None


@record
class AdmittedUpdate:
    """An update that waits to be validated and accepted."""

    update_id: str
    name: str
    args: tuple[Payload, ...] = ()
    header: Header | None = None
    identity: str = ""


@record
class WorkflowTask:
    """Run the workflow up to its next point of waiting.

    ``started_event_id`` is 0 for a task that only answers queries. ``events`` reads the run's history;
    it does not change while the task is out, since new events are buffered until it is completed.
    """

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    events: HistoryView
    started_event_id: int = 0
    attempt: int = 1
    queries: tuple[Query, ...] = ()
    updates: tuple[AdmittedUpdate, ...] = ()


@record
class QueryAnswer:
    """What a query handler returned (``result``), or how it failed."""

    query_id: str
    result: tuple[Payload, ...] = ()
    failure: Failure | None = None


@record
class CompleteWorkflowTask:
    """The workflow waits again (or is finished): what it asked for, in the order it asked.

    Updates are accepted, rejected and completed by commands. ``more`` asks for another workflow task at
    once, because local activities are still running.
    """

    run_id: str
    started_event_id: int
    attempt: int = 1
    commands: tuple[Command, ...] = ()
    answers: tuple[QueryAnswer, ...] = ()
    more: bool = False
    sdk_version: str = ""


@record
class FailWorkflowTask:
    """The task could not be completed: a bug in the workflow's code, or code that no longer fits its history.

    ``cause`` is Temporal's, e.g. ``WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR``. The task is tried
    again with backoff; the workflow does not fail.
    """

    run_id: str
    started_event_id: int
    attempt: int = 1
    cause: str = "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"
    failure: Failure | None = None
    answers: tuple[QueryAnswer, ...] = ()
