"""Handles: what a client can do with a workflow that exists.

Owns the translation between the user's values and messages, and between refusals and exceptions. Holds no
state of the workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import attrs

from .actor import Refusal
from .connection import request
from .errors import (
    InvalidArgumentError,
    QueryFailedError,
    QueryRejectedError,
    TemporalError,
    UpdateFailedError,
    WorkflowAlreadyStartedError,
    WorkflowClosedError,
    WorkflowFailureError,
    WorkflowNotFoundError,
)
from .instants import to_datetime
from .keys import history_key, workflow_key
from .messages.workflow import (
    AwaitClose,
    Closed,
    DescribeWorkflow,
    QueryWorkflow,
    ReadHistory,
    RequestCancelWorkflow,
    ResetWorkflow,
    SignalInput,
    SignalWorkflow,
    TerminateWorkflow,
    UpdateWorkflow,
    WorkflowDescription,
)
from .policies import WorkflowStatus, choose, status_word
from .search_attributes import decode_search_attributes
from .texts import checked_text

if TYPE_CHECKING:
    from .application import Temporal
    from .history import Failure, History, HistoryEvent, Memo
    from .host import Host
    from .payloads import DataConverter

R = TypeVar("R")
IDENTITY = "client"
REJECT_CONDITIONS = ("", "not_open", "not_completed_cleanly")


def new_id(host: Host) -> str:
    """A fresh id from the host's entropy."""
    return str(UUID(bytes=host.entropy(16), version=4))


def raise_refusal(refusal: Refusal, workflow_id: str, run_id: str = "") -> None:
    """Raise what a refusal means to a client."""
    which = f"workflow {workflow_id!r}" + (f" (run {run_id})" if run_id else "")
    if refusal.code == "not_found":
        raise WorkflowNotFoundError(
            f"{which} does not exist, or its retention is over", workflow_id=workflow_id
        )
    if refusal.code == "already_started":
        raise WorkflowAlreadyStartedError(workflow_id, str(refusal.fields.get("run_id", "")), refusal.message)
    if refusal.code == "closed":
        raise WorkflowClosedError(f"{which}: {refusal.message}", workflow_id=workflow_id)
    if refusal.code == "invalid":
        raise InvalidArgumentError(f"{which}: {refusal.message}")
    if refusal.code == "no_worker":
        raise QueryFailedError(f"{which}: {refusal.message}")
    raise TemporalError(f"{which}: refused ({refusal.code}): {refusal.message}")


@attrs.frozen(kw_only=True)
class PendingActivity:
    """An activity that has not ended."""

    activity_id: str
    activity_type: str
    scheduled_time: datetime


@attrs.frozen(kw_only=True)
class PendingTimer:
    """A timer that has not fired; ``name`` is the step's."""

    timer_id: str
    name: str
    fire_time: datetime


@attrs.frozen(kw_only=True)
class PendingChild:
    """A child workflow that has not closed."""

    workflow_id: str
    run_id: str
    workflow_type: str


@attrs.frozen(kw_only=True)
class WorkflowExecutionDescription:
    """A workflow run as it is: identity, status, sizes, what it waits for."""

    workflow_id: str
    run_id: str
    workflow_type: str
    task_queue: str
    status: WorkflowStatus
    start_time: datetime
    close_time: datetime | None
    history_length: int
    history_size_bytes: int
    attempt: int
    parent_workflow_id: str | None
    parent_run_id: str | None
    memo: Mapping[str, Any]
    search_attributes: Mapping[str, Any]
    pending_activities: tuple[PendingActivity, ...]
    pending_timers: tuple[PendingTimer, ...]
    pending_children: tuple[PendingChild, ...]
    workflow_task_attempt: int
    """Above 1: the workflow's code fails, and ``last_workflow_task_failure`` says why."""
    last_workflow_task_failure: str | None


class WorkflowHandle(Generic[R]):
    """One workflow, by id; made by ``start_workflow`` and ``get_handle``.

    ``run_id`` is the run that every call means; None is the newest one at the time of each call. A handle
    that ``start_workflow`` returned has None: signals and queries reach the run that continues the started
    one; ``first_execution_run_id`` is the started run, whose result ``result`` waits for.
    """

    def __init__(
        self,
        temporal: Temporal,
        workflow_id: str,
        run_id: str | None = None,
        *,
        first_execution_run_id: str | None = None,
        result_type: Any = Any,
        workflow_type: str = "",
    ) -> None:
        self._temporal = temporal
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.first_execution_run_id = first_execution_run_id
        self._result_type = result_type
        self._workflow_type = workflow_type
        self._key = workflow_key(temporal.namespace, workflow_id)

    def __repr__(self) -> str:
        run = f", run_id={self.run_id!r}" if self.run_id else ""
        return f"WorkflowHandle({self.workflow_id!r}{run})"

    @property
    def _converter(self) -> DataConverter:
        return self._temporal.converter

    async def _ask(self, message: Any, *, retry_for_ever: bool = False) -> Any:
        host = self._temporal.host()
        if retry_for_ever:
            reply = await request(host, self._key, message, retry_for_ns=None)
        else:
            reply = await request(host, self._key, message)
        if isinstance(reply, Refusal):
            raise_refusal(reply, self.workflow_id, self.run_id or "")
        return reply

    def _request_id(self, given: str | None, name: str) -> str:
        return new_id(self._temporal.host()) if given is None else checked_text(given, name)

    async def result(self, *, follow_runs: bool = True) -> R:
        """Wait for the end of the workflow and return its result.

        ``follow_runs``: go on to the run that continued this one (continue-as-new, retry). Raises
        WorkflowFailureError, whose ``cause`` is an ApplicationError, CancelledError, TerminatedError or
        TimeoutError; WorkflowNotFoundError.
        """
        run_id = self.run_id or self.first_execution_run_id or ""
        while True:
            closed: Closed = await self._ask(AwaitClose(run_id=run_id), retry_for_ever=True)
            follows = closed.new_run_id and closed.status != WorkflowStatus.TERMINATED.value
            if follow_runs and follows:
                run_id = closed.new_run_id
                continue
            return self._outcome(closed)

    def _outcome(self, closed: Closed) -> R:
        if closed.status == WorkflowStatus.COMPLETED.value:
            if not closed.result:
                return None  # type: ignore[return-value]
            hint = self._result_type
            if closed.workflow_type and self._workflow_type not in ("", closed.workflow_type):
                hint = self._temporal.result_type_of(closed.workflow_type)  # it continued as another workflow
            where = f"the result of workflow {self.workflow_id!r}"
            result: R = self._converter.from_payload(closed.result[0], hint, where=where)
            return result
        raise WorkflowFailureError(
            cause=self._cause(closed), workflow_id=self.workflow_id, run_id=closed.run_id
        )

    def _cause(self, closed: Closed) -> BaseException:
        from .failure_errors import CancelledError, TerminatedError, TimeoutError, TimeoutType
        from .failures import exception_from_failure

        if closed.status == WorkflowStatus.TERMINATED.value:
            return TerminatedError(closed.failure.message if closed.failure else "terminated")
        if closed.status == WorkflowStatus.CANCELED.value:
            return CancelledError("Workflow cancelled")
        if closed.status == WorkflowStatus.TIMED_OUT.value:
            return TimeoutError("Workflow timed out", timeout_type=TimeoutType.START_TO_CLOSE)
        if closed.failure is not None:
            return exception_from_failure(closed.failure, self._converter)
        return TemporalError(f"the run ended as {status_word(closed.status)}")

    async def query(self, name: str, *args: Any, result_type: Any = Any, reject_condition: str = "") -> Any:
        """Ask the workflow's query handler ``name``.

        ``reject_condition``: ``"not_open"`` asks running workflows only, ``"not_completed_cleanly"`` those
        too that completed. Raises QueryFailedError, QueryRejectedError.
        """
        if reject_condition not in REJECT_CONDITIONS:
            raise InvalidArgumentError(
                "reject_condition must be 'not_open', 'not_completed_cleanly' or '', "
                f"not {reject_condition!r}"
            )
        message = QueryWorkflow(
            query_id=new_id(self._temporal.host()),
            query_type=_name(name, "query"),
            args=self._converter.to_payloads(args),
            run_id=self.run_id or "",
            reject_condition=reject_condition,
        )
        reply = await self._ask(message)
        if reply.rejected_status:
            raise QueryRejectedError(
                f"query {name!r} of workflow {self.workflow_id!r} rejected: "
                f"the run is {status_word(reply.rejected_status)}"
            )
        if reply.failure is not None:
            raise QueryFailedError(
                f"query {name!r} of workflow {self.workflow_id!r}: {reply.failure.message}"
            )
        if not reply.result:
            return None
        return self._converter.from_payload(reply.result[0], result_type, where=f"result of query {name!r}")

    async def signal(self, name: str, *args: Any, request_id: str | None = None) -> None:
        """Send a signal; it is recorded once when this returns. ``request_id`` makes a repeat harmless."""
        signal = SignalInput(
            request_id=self._request_id(request_id, "request_id"),
            signal_name=_name(name, "signal"),
            input=self._converter.to_payloads(args),
            identity=IDENTITY,
        )
        await self._ask(SignalWorkflow(signal=signal, run_id=self.run_id or ""))

    async def update(
        self,
        name: str,
        *args: Any,
        update_id: str | None = None,
        wait_for: str = "completed",
        result_type: Any = Any,
    ) -> Any:
        """Run an update handler and return what it returned (None with ``wait_for="accepted"``).

        Raises UpdateFailedError when the validator refuses or the handler fails.
        """
        if wait_for not in ("accepted", "completed"):
            raise InvalidArgumentError(f"wait_for must be 'accepted' or 'completed', not {wait_for!r}")
        message = UpdateWorkflow(
            update_id=self._request_id(update_id, "update_id"),
            name=_name(name, "update"),
            args=self._converter.to_payloads(args),
            run_id=self.run_id or "",
            identity=IDENTITY,
            wait_for=wait_for,
        )
        reply = await self._ask(message, retry_for_ever=True)
        if reply.failure is not None:
            raise UpdateFailedError(
                cause=self._exception(reply.failure), workflow_id=self.workflow_id, update_id=reply.update_id
            )
        if not reply.result:
            return None
        return self._converter.from_payload(reply.result[0], result_type, where=f"result of update {name!r}")

    def _exception(self, failure: Failure) -> BaseException:
        from .failures import exception_from_failure

        return exception_from_failure(failure, self._converter)

    async def cancel(self, reason: str = "") -> None:
        """Ask the workflow to stop; its code may clean up first."""
        await self._ask(
            RequestCancelWorkflow(
                request_id=new_id(self._temporal.host()),
                run_id=self.run_id or "",
                reason=checked_text(reason, "reason", may_be_empty=True),
                identity=IDENTITY,
            )
        )

    async def terminate(self, reason: str = "", *details: Any) -> None:
        """Close the workflow at once; its code is not asked."""
        await self._ask(
            TerminateWorkflow(
                request_id=new_id(self._temporal.host()),
                run_id=self.run_id or "",
                reason=checked_text(reason, "reason", may_be_empty=True),
                details=self._converter.to_payloads(details),
                identity=IDENTITY,
            )
        )

    async def reset(self, event_id: int, *, reason: str = "") -> WorkflowHandle[R]:
        """Start a new run from this run's history up to the workflow task of ``event_id``; its handle.

        ``event_id`` is a WorkflowTaskCompleted, -Failed, -TimedOut or -Started event. The open run is
        terminated.
        """
        if isinstance(event_id, bool) or not isinstance(event_id, int) or event_id < 1:
            raise InvalidArgumentError(f"event_id is the number of an event (1, 2, ...), not {event_id!r}")
        host = self._temporal.host()
        reply = await self._ask(
            ResetWorkflow(
                request_id=new_id(host),
                event_id=event_id,
                new_run_id=new_id(host),
                run_id=self.run_id or "",
                reason=checked_text(reason, "reason", may_be_empty=True),
                identity=IDENTITY,
            )
        )
        return WorkflowHandle(
            self._temporal,
            self.workflow_id,
            reply.run_id,
            result_type=self._result_type,
            workflow_type=self._workflow_type,
        )

    async def describe(self) -> WorkflowExecutionDescription:
        """The run as it is now."""
        found: WorkflowDescription = await self._ask(DescribeWorkflow(run_id=self.run_id or ""))
        return _describe(found, self._converter)

    async def fetch_history(self) -> History:
        """The run's whole history, from the workflow or from its archive."""
        from .history import History

        run_id = self.run_id or ""
        events: list[HistoryEvent] = []
        while True:
            message = ReadHistory(run_id=run_id, after_event_id=len(events))
            reply = await self._ask(message)
            if reply.archived:
                return await self._fetch_archived(run_id)
            run_id = reply.run_id
            if not reply.events:
                return History(events=tuple(events), workflow_id=self.workflow_id)
            events.extend(reply.events)

    async def _fetch_archived(self, run_id: str) -> History:
        from .history import History
        from .messages.history import ReadArchive

        host = self._temporal.host()
        events: list[HistoryEvent] = []
        while True:
            reply = await request(
                host,
                history_key(self._temporal.namespace, run_id),
                ReadArchive(after_event_id=len(events)),
                also_refused=True,
            )
            if isinstance(reply, Refusal):
                raise_refusal(reply, self.workflow_id, run_id)
            if not reply.events and not events:
                raise WorkflowNotFoundError(f"workflow {self.workflow_id!r} has no run {run_id}")
            if not reply.events:
                return History(events=tuple(events), workflow_id=self.workflow_id)
            events.extend(reply.events)


def _describe(found: WorkflowDescription, converter: DataConverter) -> WorkflowExecutionDescription:
    failure = found.last_workflow_task_failure
    return WorkflowExecutionDescription(
        workflow_id=found.workflow_id,
        run_id=found.run_id,
        workflow_type=found.workflow_type,
        task_queue=found.task_queue,
        status=choose(WorkflowStatus, found.status, "status"),
        start_time=to_datetime(found.start_ns),
        close_time=None if found.close_ns is None else to_datetime(found.close_ns),
        history_length=found.history_length,
        history_size_bytes=found.history_size_bytes,
        attempt=found.attempt,
        parent_workflow_id=found.parent.workflow_id if found.parent else None,
        parent_run_id=found.parent.run_id if found.parent else None,
        memo=decode_memo(found.memo, converter),
        search_attributes=decode_search_attributes(found.search_attributes),
        pending_activities=tuple(
            PendingActivity(
                activity_id=row.activity_id,
                activity_type=row.activity_type,
                scheduled_time=to_datetime(row.scheduled_ns),
            )
            for row in found.pending_activities
        ),
        pending_timers=tuple(
            PendingTimer(timer_id=row.timer_id, name=row.summary, fire_time=to_datetime(row.fire_ns))
            for row in found.pending_timers
        ),
        pending_children=tuple(
            PendingChild(workflow_id=row.workflow_id, run_id=row.run_id, workflow_type=row.workflow_type)
            for row in found.pending_children
        ),
        workflow_task_attempt=found.workflow_task_attempt,
        last_workflow_task_failure=failure.message if failure is not None else None,
    )


def decode_memo(memo: Memo | None, converter: DataConverter) -> dict[str, Any]:
    """The values of a recorded memo."""
    if memo is None:
        return {}
    return {name: converter.from_payload(payload) for name, payload in memo.fields.items()}


def _name(value: Any, what: str) -> str:
    return checked_text(value, f"the name of {'an' if what[0] in 'aeiou' else 'a'} {what}")
