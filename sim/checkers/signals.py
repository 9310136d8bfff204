"""6. Every acknowledged signal is recorded exactly once, and signals keep the order in which they were sent.

Source: a signal that was acknowledged is part of the workflow's future. Whoever sends a second signal after
the first one was acknowledged, to the same workflow, finds them in that order.
"""

from __future__ import annotations

from typing import Any

from ...runtime.actor import Ok
from ...runtime.history import EventType
from ...runtime.messages.workflow import SignalInput, SignalWorkflow, Started, StartWorkflow
from ..trace import Step
from .base import Checker
from .facts import run_of


class Signals(Checker):
    """Compares what was acknowledged with what histories (and what waits for them) hold."""

    number = 6
    name = "signals"
    kinds = ("call", "reply")
    tables = ("WorkflowDO.events", "WorkflowDO.buffered")

    def __init__(self) -> None:
        super().__init__()
        self._called: dict[int, tuple[str, SignalInput, int]] = {}
        self._first_call: dict[tuple[str, str], int] = {}
        self._acknowledged: dict[tuple[str, str], int] = {}
        self._places: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self._order: dict[str, list[str]] = {}
        self._buffered: dict[tuple[str, str], int] = {}

    def step(self, number: int, step: Step) -> None:
        if step[0] == "call":
            message = step[5]
            signal = None
            if type(message) is SignalWorkflow or type(message) is StartWorkflow:
                signal = message.signal
            if signal is not None:
                self._called[step[4]] = (step[3], signal, number)
                self._first_call.setdefault((step[3], signal.request_id), number)
            return
        called = self._called.get(step[4])
        if called is not None and isinstance(step[5], Ok | Started):
            name = (called[0], called[1].request_id)
            self._acknowledged.setdefault(name, number)
            if name not in self._places and name not in self._buffered:
                self.violated(
                    f"signal {called[1].signal_name!r} ({name[1]}) to {name[0]} was acknowledged and is not "
                    "recorded",
                    called[2],
                    number,
                )

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None or row.event_type != EventType.WORKFLOW_EXECUTION_SIGNALED:
            return
        name = (step[2], row.attributes.request_id)
        if table == "buffered":
            self._buffered[name] = number
            return
        run = run_of(table)
        places = self._places.setdefault(name, {})
        if run in places:
            self.violated(
                f"signal {row.attributes.signal_name!r} ({name[1]}) is recorded twice in run {run}",
                places[run][1],
                number,
            )
        elif places and not self._was_reset(step, run):
            self.violated(
                f"signal {row.attributes.signal_name!r} ({name[1]}) is recorded in run {run} and in "
                f"{', '.join(places)}",
                *(at for _, at in places.values()),
                number,
            )
        else:
            if not places:
                self._order.setdefault(step[2], []).append(name[1])
            places[run] = (key, number)

    def _was_reset(self, step: Step, run: str) -> bool:
        """A run made by a reset holds the signals of another one."""
        start = self.ledger.get(step[2], "start", run)
        if start is None:
            start = next((row for name, key, row in step[5] if name == "start" and key == run), None)
        return start is not None and bool(start.origins)

    def finish(self) -> list[Any]:
        for receiver, order in self._order.items():
            latest_ns = 0
            latest = ""
            # In recorded order, no signal may have been acknowledged before an earlier recorded one was sent.
            for request_id in reversed(order):
                name = (receiver, request_id)
                sent = self._first_call.get(name)
                if sent is not None and latest and self._acknowledged[receiver, latest] < sent:
                    self.violated(
                        f"{receiver} records signal {request_id} before {latest}, which was acknowledged "
                        "before the other one was sent",
                        self._acknowledged[receiver, latest],
                        sent,
                    )
                acknowledged = self._acknowledged.get(name)
                if acknowledged is not None and (not latest or acknowledged < latest_ns):
                    latest, latest_ns = request_id, acknowledged
        for name, number in self._acknowledged.items():
            if name in self._buffered and name not in self._places and not self._still_waits(name):
                self.violated(f"signal {name[1]} to {name[0]} was acknowledged and then lost", number)
        return self.violations

    def _still_waits(self, name: tuple[str, str]) -> bool:
        return any(
            getattr(row.attributes, "request_id", "") == name[1]
            for row in self.ledger.table(name[0], "buffered").values()
        )
