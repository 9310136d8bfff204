"""16. Queries and replays leave no trace: nothing is written for them, and no workflow task comes from
nothing.

Source: a query reads a workflow, and whoever asks one on a workflow that rests finds it as it was. A workflow
task has a cause: an event since the last one, an update that waits, or a task that asked to go on.
"""

from __future__ import annotations

from typing import Any

from ...runtime.history import EventType
from ...runtime.messages.workflow import AwaitClose, QueryWorkflow
from ..trace import Step
from .base import Checker
from .facts import run_of

_READS = (QueryWorkflow, AwaitClose)


class QueriesPure(Checker):
    """Watches workflow objects that were asked and had nothing else to do."""

    number = 16
    name = "queries-pure"
    kinds = ("call", "deliver", "reply", "alarm", "alarm_done", "lost", "commit", "dead")
    tables = ("WorkflowDO.events",)

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, int] = {}
        self._senders: dict[int, str] = {}
        self._receivers: dict[int, str] = {}
        """Calls that are being answered and may still write, with their receiver; -1 - n: the n-th alarm."""
        self._last: dict[str, tuple[str, int]] = {}

    def step(self, number: int, step: Step) -> None:
        kind = step[0]
        if kind == "call":
            self._senders[step[4]] = step[2]
            self._asked.pop(step[2], None)
        elif kind == "deliver":
            key = step[2]
            if type(step[5]) is QueryWorkflow and self._rests(key):
                self._asked.setdefault(key, number)
            else:
                self._asked.pop(key, None)
                if type(step[5]) not in _READS:
                    self._receivers[step[4]] = key
        elif kind == "commit":
            asked = self._asked.pop(step[2], None)
            if asked is not None:
                tables = ", ".join(dict.fromkeys(change[0] for change in step[5])) or "its alarm"
                self.violated(f"{step[2]} rested, was asked a query and wrote {tables}", asked, number)
        else:
            # Anything else that reaches an object gives it a reason of its own to write.
            key = step[2]
            if kind in ("reply", "lost"):
                call = step[4] if kind == "reply" else step[2]
                key = self._senders.get(call, "")
                self._receivers.pop(call, None)
            elif kind == "alarm":
                self._receivers[-1 - number] = key
            else:
                for call in [call for call, receiver in self._receivers.items() if receiver == key]:
                    if kind == "dead" or call < 0:
                        del self._receivers[call]
            self._asked.pop(key, None)

    def _rests(self, key: str) -> bool:
        if self.ledger.table(key, "outbox") or key in self._receivers.values():
            return False
        runs = self.ledger.table(key, "run").values()
        return bool(runs) and all(run.task_state == "none" for run in runs)

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        run = run_of(table)
        before = self._last.get(run)
        self._last[run] = (row.event_type, number)
        if row.event_type != EventType.WORKFLOW_TASK_SCHEDULED or before is None:
            return
        caused = before[0] != EventType.WORKFLOW_TASK_COMPLETED or before[1] == number
        if not caused and not self._update_waits(step, run):
            self.violated(f"event {key} of run {run} schedules a workflow task without a cause", number)

    def _update_waits(self, step: Step, run: str) -> bool:
        return any(
            name == "update" and row is not None and row.run_id == run for name, _, row in step[5]
        ) or any(
            row.stage == "admitted" and row.run_id == run
            for row in self.ledger.table(step[2], "update").values()
        )
