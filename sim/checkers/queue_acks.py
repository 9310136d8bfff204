"""20. A queue message is acknowledged only after its effect is durable.

Source: queues deliver at least once and forget what was acknowledged. For an activity's task the effect is
that the attempt is leased, that it needs no lease any more, or that the task is parked.
"""

from __future__ import annotations

from ...runtime.actor import Refusal
from ...runtime.messages.activity import ActivityTask, LeaseActivity
from ...runtime.messages.task_queue import ParkActivityTask
from ..trace import Step
from .base import Checker


class QueueAcks(Checker):
    """Looks for the answer that allows each acknowledgement."""

    number = 20
    name = "queue-acks"
    kinds = ("consume", "call", "reply", "ack")

    def __init__(self) -> None:
        super().__init__()
        self._bodies: dict[int, tuple[object, int]] = {}
        self._calls: dict[int, str] = {}
        self._settled: dict[str, int] = {}

    def step(self, number: int, step: Step) -> None:
        kind = step[0]
        if kind == "consume":
            self._bodies[step[3]] = (step[5], number)
        elif kind == "call":
            message = step[5]
            if type(message) is LeaseActivity:
                self._calls[step[4]] = message.token
            elif type(message) is ParkActivityTask:
                self._calls[step[4]] = message.task.token
        elif kind == "reply":
            token = self._calls.get(step[4])
            if token is not None and not (type(step[5]) is Refusal and step[5].retryable):
                self._settled.setdefault(token, number)
        else:
            body, consumed = self._bodies.get(step[3], (None, number))
            if type(body) is ActivityTask and body.token not in self._settled:
                self.violated(
                    f"message {step[3]} of queue {step[2]} was acknowledged before anybody answered for "
                    f"{body.activity_key}",
                    consumed,
                    number,
                )
