"""7. A request that comes twice has the outcome it had the first time, and leaves nothing more behind.

Source: clients and outboxes repeat what they do not know the outcome of, under the same request id. So a
receiver writes the outcome of a request once, and no two answers that accept it differ.
"""

from __future__ import annotations

from typing import Any

from ...runtime.actor import Refusal
from ...runtime.history import EventType
from ...runtime.messages.workflow import Started, UpdateReply, UpdateWorkflow
from ..trace import Step
from .base import Checker
from .facts import run_of


class RequestIds(Checker):
    """Watches the tables of answered requests, the answers, and events that a repeat could double."""

    number = 7
    name = "request-ids"
    kinds = ("call", "reply")
    tables = ("WorkflowDO.request", "TimerDO.request", "WorkflowDO.events", "WorkflowDO.update")

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, tuple[str, str, str]] = {}
        self._answers: dict[tuple[str, str, str], tuple[Any, int]] = {}
        self._events: dict[tuple[str, str], int] = {}
        self._starts: dict[str, int] = {}

    def step(self, number: int, step: Step) -> None:
        if step[0] == "call":
            message = step[5]
            name = getattr(message, "request_id", "") or (
                message.update_id if type(message) is UpdateWorkflow else ""
            )
            if name:
                self._calls[step[4]] = (step[3], type(message).__name__, name)
            return
        request = self._calls.get(step[4])
        reply = step[5]
        if request is None or type(reply) is Refusal:
            return
        answer = _outcome(reply)
        if answer is None:
            return
        known = self._answers.setdefault(request, (answer, number))
        if known[0] != answer:
            self.violated(
                f"{request[1]} {request[2]} to {request[0]} was answered {known[0]} and then {answer}",
                known[1],
                number,
            )

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        if table == "request":
            if self.ledger.get(step[2], "request", key) is not None:
                self.violated(f"{step[2]} carried out request {key} again", number)
        elif table == "update":
            before = self.ledger.get(step[2], "update", key)
            if before is not None and STAGES[before.stage] > STAGES[row.stage]:
                self.violated(f"update {key} of {step[2]} was {before.stage} and becomes {row.stage}", number)
        elif row.event_type == EventType.WORKFLOW_EXECUTION_STARTED:
            run = run_of(table)
            if key == 1 and self._starts.setdefault(run, number) != number:
                self.violated(f"run {run} was started twice", self._starts[run], number)
        elif row.event_type == EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            name = (run_of(table), row.attributes.protocol_instance_id)
            if self._events.setdefault(name, number) != number:
                self.violated(
                    f"update {name[1]} was accepted twice in run {name[0]}", self._events[name], number
                )


STAGES = {"admitted": 0, "accepted": 1, "rejected": 2, "completed": 2}


def _outcome(reply: Any) -> Any:
    """What must be the same in two answers; None: nothing."""
    if isinstance(reply, Started):
        return reply.run_id
    if isinstance(reply, UpdateReply) and reply.stage in ("rejected", "completed"):
        return (reply.stage, reply.result, reply.failure)
    return None
