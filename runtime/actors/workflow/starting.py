"""The beginning of a run: by a client, a parent, a schedule, or as the successor of another run.

Owns the rules of Temporal's id policies: which of two starts of one workflow id wins.

    newest run   conflict / reuse policy          outcome
    -----------  -------------------------------  ---------------------------------------
    open         fail                             refused: already_started
    open         use_existing                     the open run, nothing started
    open         terminate_existing,              the open run is terminated, a new one starts
                 or reuse terminate_if_running
    closed       allow_duplicate                  a new one starts
    closed       allow_duplicate_failed_only      a new one starts unless the last completed
    closed       reject_duplicate                 refused: already_started
    none         any                              a new one starts
"""

from __future__ import annotations

from ...actor import AfterDelivery, Refusal, Turn
from ...history import (
    EventType,
    Failure,
    Header,
    Memo,
    RetryPolicyRecord,
    SearchAttributes,
    TaskQueueRecord,
    WorkflowExecutionRecord,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowType,
)
from ...keys import workflow_key
from ...messages.schedule import ScheduledRunStarted
from ...messages.workflow import ChildStarted, ChildStartFailed, SignalInput, Started, StartWorkflow
from ...policies import IdConflictPolicy, IdReusePolicy, WorkflowStatus
from . import tasks
from .closing import pending_registration, record_visibility, terminate
from .events import append, arrive
from .limits import Limits
from .rows import CurrentRun, Payloads, RequestRow, RunRow, RunStart
from .state import RUNNING, Run, WorkflowState


def handle_start(state: WorkflowState, message: StartWorkflow, turn: Turn, limits: Limits) -> object:
    """Start a run, or find the one that the policies name instead."""
    repeated = state.get("request", message.request_id)
    if repeated is not None:
        return _acknowledge(state, message, turn, repeated.run_id, started=repeated.kind == "start")
    existing = state.current
    terminate_open = (
        message.id_conflict_policy == IdConflictPolicy.TERMINATE_EXISTING.value
        or message.id_reuse_policy == IdReusePolicy.TERMINATE_IF_RUNNING.value
    )
    if existing is not None:
        if existing.is_open and not terminate_open:
            if (
                message.id_conflict_policy == IdConflictPolicy.USE_EXISTING.value
                or message.signal is not None
            ):
                turn.put(
                    "request", message.request_id, RequestRow(kind="use_existing", run_id=existing.run_id)
                )
                if message.signal is not None:
                    deliver_signal(state, existing, turn, message.signal, limits)
                return _acknowledge(state, message, turn, existing.run_id, started=False)
            return _refuse(state, message, turn, existing)
        if not existing.is_open and not _may_reuse(existing, message.id_reuse_policy):
            return _refuse(state, message, turn, existing)
        if existing.is_open:
            terminate(state, existing, turn, limits, reason="replaced by a new run of the same workflow id")
    run = begin(
        state,
        turn,
        limits,
        RunStart(
            namespace=message.namespace,
            workflow_id=message.workflow_id,
            run_id=message.run_id,
            workflow_type=message.workflow_type,
            task_queue=message.task_queue,
            input=message.input,
            start_ns=turn.now,
            first_run_id=message.run_id,
            first_start_ns=turn.now,
            execution_timeout_ns=message.execution_timeout_ns,
            run_timeout_ns=message.run_timeout_ns,
            task_timeout_ns=message.task_timeout_ns,
            retry_policy=message.retry_policy,
            memo=message.memo,
            header=message.header,
            parent=message.parent,
            schedule_key=message.schedule_key,
            archive=message.archive,
        ),
        search_attributes=message.search_attributes,
        delay_ns=message.start_delay_ns,
        identity=message.identity,
        first_signals=() if message.signal is None else (message.signal,),
    )
    turn.put("request", message.request_id, RequestRow(kind="start", run_id=run.run_id))
    return _acknowledge(state, message, turn, run.run_id, started=True)


def begin(
    state: WorkflowState,
    turn: Turn,
    limits: Limits,
    start: RunStart,
    *,
    search_attributes: SearchAttributes | None = None,
    delay_ns: int = 0,
    identity: str = "",
    first_signals: tuple[SignalInput, ...] = (),
    continued_from: str = "",
    initiator: str = "",
    continued_failure: Failure | None = None,
    last_result: Payloads = (),
) -> Run:
    """Write a new run's first events and schedule its first workflow task."""
    execution_expires = start.first_start_ns + start.execution_timeout_ns if start.execution_timeout_ns else 0
    expiries = [
        moment
        for moment in (
            turn.now + delay_ns + start.run_timeout_ns if start.run_timeout_ns else 0,
            execution_expires,
        )
        if moment
    ]
    row = RunRow(
        run_id=start.run_id,
        status=RUNNING,
        expires_ns=min(expiries, default=0),
        search_attributes=search_attributes,
        memo=start.memo,
    )
    turn.put("meta", "current", CurrentRun(run_id=start.run_id))
    turn.put("start", start.run_id, start)
    run = state.add_run(row, start)
    parent = start.parent
    append(
        state,
        run,
        turn,
        EventType.WORKFLOW_EXECUTION_STARTED,
        WorkflowExecutionStarted(
            workflow_type=WorkflowType(name=start.workflow_type),
            parent_workflow_namespace=parent.namespace if parent else "",
            parent_workflow_execution=(
                WorkflowExecutionRecord(workflow_id=parent.workflow_id, run_id=parent.run_id)
                if parent
                else None
            ),
            parent_initiated_event_id=parent.initiated_event_id if parent else 0,
            task_queue=TaskQueueRecord(name=start.task_queue, kind="TASK_QUEUE_KIND_NORMAL"),
            input=start.input or None,
            workflow_execution_timeout=start.execution_timeout_ns,
            workflow_run_timeout=start.run_timeout_ns,
            workflow_task_timeout=start.task_timeout_ns or tasks.TASK_TIMEOUT_NS,
            continued_execution_run_id=continued_from,
            initiator=initiator,
            continued_failure=continued_failure,
            last_completion_result=last_result or None,
            original_execution_run_id=start.run_id,
            identity=identity,
            first_execution_run_id=start.first_run_id,
            retry_policy=start.retry_policy,
            attempt=start.attempt,
            workflow_execution_expiration_time=execution_expires or None,
            first_workflow_task_backoff=delay_ns or None,
            memo=start.memo,
            search_attributes=search_attributes,
            header=start.header,
            workflow_id=start.workflow_id,
            root_workflow_execution=_root(start),
        ),
    )
    for signal in first_signals:
        arrive(state, run, turn, EventType.WORKFLOW_EXECUTION_SIGNALED, signaled(signal))
        turn.put("request", signal.request_id, RequestRow(kind="signal", run_id=run.run_id))
    if delay_ns:
        run.task_state = "delayed"
        run.task_deadline_ns = turn.now + delay_ns
    else:
        tasks.schedule(state, run, turn, limits)
    record_visibility(state, run, turn)
    return run


def succeed(
    previous: Run,
    turn: Turn,
    run_id: str,
    *,
    workflow_type: str = "",
    task_queue: str = "",
    input: Payloads | None = None,
    attempt: int = 1,
    run_timeout_ns: int | None = None,
    task_timeout_ns: int | None = None,
    retry_policy: RetryPolicyRecord | None = None,
    memo: Memo | None = None,
    header: Header | None = None,
) -> RunStart:
    """The parameters of the run that follows ``previous``: its own, but for what is given."""
    old = previous.start
    return RunStart(
        namespace=old.namespace,
        workflow_id=old.workflow_id,
        run_id=run_id,
        workflow_type=workflow_type or old.workflow_type,
        task_queue=task_queue or old.task_queue,
        input=old.input if input is None else input,
        start_ns=turn.now,
        first_run_id=old.first_run_id,
        first_start_ns=old.first_start_ns,
        attempt=attempt,
        execution_timeout_ns=old.execution_timeout_ns,
        run_timeout_ns=run_timeout_ns or old.run_timeout_ns,
        task_timeout_ns=task_timeout_ns or old.task_timeout_ns,
        retry_policy=retry_policy or old.retry_policy,
        memo=memo or previous.memo,
        header=header or old.header,
        parent=old.parent,
        schedule_key=old.schedule_key,
        archive=old.archive,
    )


def deliver_signal(state: WorkflowState, run: Run, turn: Turn, signal: SignalInput, limits: Limits) -> None:
    """Record a signal once: the request id is the guard."""
    if state.get("request", signal.request_id) is not None:
        return
    turn.put("request", signal.request_id, RequestRow(kind="signal", run_id=run.run_id))
    if arrive(state, run, turn, EventType.WORKFLOW_EXECUTION_SIGNALED, signaled(signal)):
        tasks.schedule(state, run, turn, limits)


def signaled(signal: SignalInput) -> WorkflowExecutionSignaled:
    """A signal as history records it."""
    return WorkflowExecutionSignaled(
        signal_name=signal.signal_name,
        input=signal.input or None,
        identity=signal.identity,
        header=signal.header,
        external_workflow_execution=signal.external_execution,
        request_id=signal.request_id,
    )


def _may_reuse(existing: Run, policy: str) -> bool:
    if policy == IdReusePolicy.REJECT_DUPLICATE.value:
        return False
    if policy == IdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY.value:
        return existing.status not in (WorkflowStatus.COMPLETED.value, WorkflowStatus.CONTINUED_AS_NEW.value)
    return True


def _acknowledge(
    state: WorkflowState, message: StartWorkflow, turn: Turn, run_id: str, *, started: bool
) -> AfterDelivery | Started:
    """Answer a start. It is acknowledged only once the run can be found: after its registration."""
    reply = Started(run_id=run_id, started=started)
    if message.parent is not None:
        turn.send(
            workflow_key(message.parent.namespace, message.parent.workflow_id),
            ChildStarted(
                run_id=message.parent.run_id,
                initiated_event_id=message.parent.initiated_event_id,
                child_workflow_id=message.workflow_id,
                child_run_id=run_id,
                workflow_type=message.workflow_type,
            ),
        )
    if message.schedule_key:
        turn.send(
            message.schedule_key,
            ScheduledRunStarted(
                workflow_id=message.workflow_id, run_id=run_id, request_id=message.request_id
            ),
        )
    return AfterDelivery(pending_registration(state, run_id), reply)


def _refuse(state: WorkflowState, message: StartWorkflow, turn: Turn, existing: Run) -> Refusal:
    if message.parent is not None:
        turn.send(
            workflow_key(message.parent.namespace, message.parent.workflow_id),
            ChildStartFailed(
                run_id=message.parent.run_id, initiated_event_id=message.parent.initiated_event_id
            ),
        )
    if message.schedule_key:
        turn.send(
            message.schedule_key,
            ScheduledRunStarted(workflow_id=message.workflow_id, run_id="", request_id=message.request_id),
        )
    return Refusal(
        code="already_started",
        message=f"workflow {message.workflow_id!r} is already "
        + ("running" if existing.is_open else "used, and the id reuse policy forbids another run"),
        fields={"workflow_id": message.workflow_id, "run_id": existing.run_id},
    )


def _root(start: RunStart) -> WorkflowExecutionRecord | None:
    if start.parent is None:
        return None
    return WorkflowExecutionRecord(workflow_id=start.parent.root_workflow_id, run_id=start.parent.root_run_id)
