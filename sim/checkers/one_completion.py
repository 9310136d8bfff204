"""4. The end of an activity is recorded at most once, and it is the end that the activity came to.

Source: activities run at least once; what is promised is that none is recorded twice. An activity object
announces one outcome in its life (one ``ActivityResolved``), and the workflow records that one.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history import EventType
from ...runtime.messages.workflow import ActivityResolved
from ..trace import Step
from .base import Checker
from .facts import ACTIVITY_ENDS, run_of, short

OUTCOMES = {
    "completed": EventType.ACTIVITY_TASK_COMPLETED,
    "failed": EventType.ACTIVITY_TASK_FAILED,
    "timed_out": EventType.ACTIVITY_TASK_TIMED_OUT,
    "canceled": EventType.ACTIVITY_TASK_CANCELED,
}


class OneCompletion(Checker):
    """Counts what activities announce and what workflows record."""

    number = 4
    name = "one-completion"
    tables = ("WorkflowDO.events", "ActivityDO.outbox")

    def __init__(self) -> None:
        super().__init__()
        self._announced: dict[tuple[str, int], tuple[ActivityResolved, str, int]] = {}
        self._recorded: dict[tuple[str, int], int] = {}

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        if table == "outbox":
            body = row.body
            if type(body) is ActivityResolved:
                self._announce(number, step[2], key, body)
        elif row.event_type in ACTIVITY_ENDS:
            self._record(number, run_of(table), row)

    def _announce(self, number: int, activity: str, entry: int, body: ActivityResolved) -> None:
        name = (body.run_id, body.scheduled_event_id)
        known = self._announced.get(name)
        if known is None:
            self._announced[name] = (body, activity, number)
        elif (known[0] is not body and known[0] != body) or known[1] != activity:
            self.violated(
                f"{activity} has ended as {known[0].outcome} and then as {body.outcome}", known[2], number
            )

    def _record(self, number: int, run: str, row: Any) -> None:
        name = (run, row.attributes.scheduled_event_id)
        earlier = self._recorded.get(name)
        if earlier is not None:
            self.violated(
                f"run {run} records a second end of the activity scheduled by event {name[1]}",
                earlier,
                number,
            )
            return
        self._recorded[name] = number
        announced = self._announced.get(name)
        if announced is None:
            return  # a run made by a reset holds the events of another one
        body = announced[0]
        told = (OUTCOMES.get(body.outcome), body.result or None, body.failure)
        attributes = row.attributes
        recorded = (
            row.event_type,
            getattr(attributes, "result", None) or None,
            getattr(attributes, "failure", None),
        )
        if told != recorded:
            self.violated(
                f"run {run} records {short(row.event_type)} for the activity scheduled by event {name[1]}, "
                f"which announced {body.outcome} with another outcome",
                announced[2],
                number,
            )
