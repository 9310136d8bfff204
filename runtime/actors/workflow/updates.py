"""Updates: requests to a running workflow that are validated, run and answered.

    stage      event                       next
    ---------  --------------------------  ---------
    -          requested                   admitted   (a workflow task carries it)
    admitted   the validator passes        accepted   (event: UpdateAccepted)
    admitted   the validator refuses       rejected   (no event)
    accepted   the handler ends            completed  (event: UpdateCompleted)
    any        the run closes              answered with a failure

The update id is the request id: the same id again gets the same answer.
"""

from __future__ import annotations

from typing import Any

from ...actor import Deferred, Refusal, Turn
from ...commands import AcceptUpdate, CompleteUpdate, RejectUpdate
from ...history import (
    EventType,
    Failure,
    UpdateInput,
    UpdateMeta,
    UpdateOutcome,
    UpdateRequest,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from ...messages.workflow import UpdateReply, UpdateWorkflow
from ...policies import status_word
from ...records import evolve
from . import tasks
from .application import Application
from .limits import Limits
from .rows import UpdateRow
from .state import WorkflowState

ENDED = ("completed", "rejected")


def handle_update(state: WorkflowState, message: UpdateWorkflow, turn: Turn, limits: Limits) -> object:
    """Admit an update, or answer for one that is known already."""
    known: UpdateRow | None = state.get("update", message.update_id)
    if known is None:
        run = state.run(message.run_id)
        if run is None:
            return Refusal(code="not_found", message="no such workflow run")
        if not run.is_open:
            return Refusal(
                code="closed",
                message=f"the workflow is closed ({status_word(run.status)})",
                fields={"status": run.status},
            )
        known = UpdateRow(
            update_id=message.update_id,
            run_id=run.run_id,
            name=message.name,
            args=message.args,
            header=message.header,
            identity=message.identity,
        )
        turn.put("update", message.update_id, known)
        tasks.schedule(state, run, turn, limits)
    if known.stage in ENDED or (known.stage == "accepted" and message.wait_for == "accepted"):
        return _reply(known)
    owner = state.run(known.run_id)
    if owner is None or not owner.is_open:  # it closed over the update; whoever asks again hears it too
        return closed_over(known)
    return Deferred(f"update:{message.update_id}:{message.wait_for}")


def closed_over(row: UpdateRow) -> UpdateReply:
    """The answer to an update whose run closed before it was done."""
    failure = Failure(message="the workflow closed before the update completed")
    return UpdateReply(update_id=row.update_id, run_id=row.run_id, stage="completed", failure=failure)


def waiting(state: WorkflowState, run_id: str) -> bool:
    """Does an update wait for a workflow task?"""
    return any(row.stage == "admitted" and row.run_id == run_id for row in state.table("update").values())


def accept(app: Application, command: AcceptUpdate) -> None:
    """The validator let it pass."""
    row: UpdateRow | None = app.state.get("update", command.update_id)
    if row is None or row.stage != "admitted":
        return
    attributes = WorkflowExecutionUpdateAccepted(
        protocol_instance_id=row.update_id,
        accepted_request_message_id=f"{row.update_id}/request",
        accepted_request_sequencing_event_id=app.run.task_scheduled_event_id - 1,
        accepted_request=UpdateRequest(
            meta=UpdateMeta(update_id=row.update_id, identity=row.identity),
            input=UpdateInput(header=row.header, name=row.name, args=row.args or None),
        ),
    )
    event_id = app.append(EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED, attributes)
    _advance(app, evolve(row, stage="accepted", accepted_event_id=event_id), "accepted")


def reject(app: Application, command: RejectUpdate) -> None:
    """The validator turned it down; history never hears of it."""
    row: UpdateRow | None = app.state.get("update", command.update_id)
    if row is not None and row.stage == "admitted":
        _advance(app, evolve(row, stage="rejected", failure=command.failure), "accepted", "completed")


def complete(app: Application, command: CompleteUpdate) -> None:
    """Its handler returned or failed."""
    row: UpdateRow | None = app.state.get("update", command.update_id)
    if row is None or row.stage != "accepted":
        return
    attributes = WorkflowExecutionUpdateCompleted(
        meta=UpdateMeta(update_id=row.update_id, identity=row.identity),
        accepted_event_id=row.accepted_event_id,
        outcome=UpdateOutcome(
            success=None if command.failure else command.result or None, failure=command.failure
        ),
    )
    app.append(EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED, attributes)
    done = evolve(row, stage="completed", result=command.result, failure=command.failure)
    _advance(app, done, "accepted", "completed")


def _advance(app: Application, row: UpdateRow, *reached: str) -> None:
    app.turn.put("update", row.update_id, row)
    for stage in reached:
        app.turn.resolve(f"update:{row.update_id}:{stage}", _reply(row))


def _reply(row: UpdateRow) -> Any:
    return UpdateReply(
        update_id=row.update_id, run_id=row.run_id, stage=row.stage, result=row.result, failure=row.failure
    )
