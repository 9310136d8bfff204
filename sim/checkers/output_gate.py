"""17. Nothing becomes visible before what it speaks of is durable.

Source: the platform's output gate and the engine's outbox. What an object sends lies in its committed outbox;
what it answers to a request, a lease or a result is committed before the answer leaves.
"""

from __future__ import annotations

from typing import Any

from ...runtime.actor import Ok
from ...runtime.keys import ACTIVITY, WORKFLOW, kind_of
from ...runtime.messages.activity import CompleteActivity, LeaseActivity, Leased
from ...runtime.messages.workflow import SignalWorkflow, Started, StartWorkflow
from ..trace import Step
from .base import Checker


class OutputGate(Checker):
    """Compares what leaves an object with what it has committed."""

    number = 17
    name = "output-gate"
    kinds = ("call", "enqueue", "reply", "commit")

    def __init__(self) -> None:
        super().__init__()
        self._posted: dict[tuple[str, str], list[Any]] = {}
        self._calls: dict[int, Any] = {}

    def step(self, number: int, step: Step) -> None:
        kind = step[0]
        if kind == "commit":
            for table, _, row in step[5]:
                if table == "outbox" and row is not None:
                    self._posted.setdefault((step[2], row.receiver), []).append(row.body)
        elif kind == "call":
            self._left(number, step[2], step[3], step[5])
            if type(step[5]) in _ANSWERS:
                self._calls[step[4]] = step[5]
        elif kind == "enqueue":
            self._left(number, step[2], step[3], step[5])
        else:
            message = self._calls.get(step[4])
            if message is not None:
                self._answered(number, step[2], message, step[5])

    def _left(self, number: int, sender: str, receiver: str, message: Any) -> None:
        if "/" not in sender:
            return  # a client or a worker, which promises nothing
        posted = self._posted.get((sender, receiver), ())
        if posted and posted[-1] is message:
            return  # the usual case
        if not any(body is message for body in reversed(posted)) and message not in posted:
            self.violated(
                f"{sender} sends {type(message).__name__} to {receiver}, which is not in its outbox", number
            )

    def _answered(self, number: int, key: str, message: Any, reply: Any) -> None:
        if type(reply) is Leased and kind_of(key) == ACTIVITY:
            attempt = self.ledger.get(key, "activity", "attempt")
            tombstone = self.ledger.get(key, "activity", "tombstone")
            leased = attempt is not None and (attempt.phase != "scheduled" or attempt.token != message.token)
            if not leased and tombstone is None:
                self.violated(f"{key} grants a lease that is not durable", number)
        elif type(message) is CompleteActivity and type(reply) is Ok:
            if self.ledger.get(key, "activity", "tombstone") is None:
                self.violated(f"{key} accepts a result that is not durable", number)
        elif kind_of(key) == WORKFLOW and isinstance(reply, Ok | Started):
            name = message.signal.request_id if type(message) is SignalWorkflow else message.request_id
            if self.ledger.get(key, "request", name) is None and self.ledger.table(key, "run"):
                self.violated(f"{key} accepts request {name}, which is not durable", number)


_ANSWERS = (LeaseActivity, CompleteActivity, SignalWorkflow, StartWorkflow)
