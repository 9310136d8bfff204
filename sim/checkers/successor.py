"""13. A run that continues as new has exactly one successor, and each signal it hands on is carried once.

Source: the close of the old run and the start of the new one are one commit. What is carried are signals of
the old run, each at most once, in their order, with their content; and none is left behind: those that the
code, replayed, has not consumed when it continues are those that the successor begins with.
"""

from __future__ import annotations

from typing import Any

from ...runtime.commands import ContinueAsNew
from ...runtime.history import EventType
from ..trace import Step
from .base import Checker
from .facts import run_of
from .histories import SAMPLE, replay, replayable_run
from .world import World


class Successor(Checker):
    """Matches the runs that continued with the runs that say whom they continue."""

    number = 13
    name = "successor"
    kinds = ("commit",)
    tables = ("WorkflowDO.events",)

    def __init__(self) -> None:
        super().__init__()
        self._announced: dict[str, tuple[str, int]] = {}
        self._started: dict[str, tuple[str, int]] = {}
        self._signals: dict[str, dict[int, Any]] = {}
        self._carried: dict[str, list[int]] = {}
        self._last_tasks: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {}
        """Run that continued -> its rows and its history, before its last task was completed."""

    def step(self, number: int, step: Step) -> None:
        for run, (successor, at) in self._announced.items():
            self.violated(f"run {run} closed and its successor {successor} did not start with it", at)
        self._announced.clear()

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if row is None:
            return
        kind = row.event_type
        run = run_of(table)
        if kind == EventType.WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            successor = row.attributes.new_execution_run_id
            if self._started.get(run, ("", 0))[0] != successor:
                self._announced[run] = (successor, number)
            if run in self._signals:
                self._keep(step[2], run)
        elif kind == EventType.WORKFLOW_EXECUTION_STARTED and key == 1:
            before = row.attributes.continued_execution_run_id
            if before and not self._is_copy(step, run):
                self._successor(number, before, run)
        elif kind == EventType.WORKFLOW_EXECUTION_SIGNALED:
            self._signals.setdefault(run, {})[key] = row
            if row.attributes.request_id.startswith(f"carried:{run}:"):
                self._carry(number, run, row)

    def _keep(self, key: str, run: str) -> None:
        """Keep the history as it is before its last task is done: it is gone when retention ends."""
        events = tuple(self.ledger.table(key, f"events:{run}").values())
        start, row = (self.ledger.get(key, table, run) for table in ("start", "run"))
        if events and events[-1].event_type == EventType.WORKFLOW_TASK_STARTED:
            self._last_tasks[run] = (start, row, events)

    def _is_copy(self, step: Step, run: str) -> bool:
        """A run made by a reset begins with the events of another one."""
        return any(
            name == "start" and key == run and row is not None and row.origins for name, key, row in step[5]
        )

    def _successor(self, number: int, before: str, run: str) -> None:
        known = self._started.get(before)
        if known is not None and known[0] != run:
            self.violated(f"run {before} has two successors: {known[0]} and {run}", known[1], number)
        self._started[before] = (run, number)
        announced = self._announced.pop(before, None)
        if announced is not None and announced[0] != run:
            self.violated(f"run {before} announced {announced[0]} and was followed by {run}", number)

    def _carry(self, number: int, run: str, row: Any) -> None:
        origin = int(row.attributes.request_id.rpartition(":")[2])
        before = next((each for each, (after, _) in self._started.items() if after == run), "")
        signal = self._signals.get(before, {}).get(origin)
        if signal is None:
            self.violated(
                f"run {run} carries event {origin} of run {before or '?'}, which is no signal", number
            )
            return
        if (signal.attributes.signal_name, signal.attributes.input) != (
            row.attributes.signal_name,
            row.attributes.input,
        ):
            self.violated(f"run {run} carries signal {origin} of run {before} with another content", number)
        carried = self._carried.setdefault(run, [])
        if carried and origin <= carried[-1]:
            self.violated(f"run {run} carries signal {origin} of run {before} twice or out of order", number)
        carried.append(origin)

    def finish(self) -> list[Any]:
        self.step(0, ())
        if self.world is not None and not self.violations:
            self._left_behind(self.world)
        return self.violations

    def _left_behind(self, world: World) -> None:
        """Replay the last task of the few runs that had the most signals: what has it not consumed?

        Not of those whose last task ran a local activity: its result is not known before the task is done.
        """
        wanted = sorted(self._last_tasks, key=lambda run: -len(self._signals[run]))[:SAMPLE]
        if not wanted:
            return
        from ...runtime.guard import no_guard

        guard = no_guard()  # the simulation had a strict one
        try:
            for run in wanted:
                found = replayable_run(run, *self._last_tasks[run], world)
                if found is None or run not in self._started:
                    continue
                commands = replay(found, found.history, world, guard).next_commands
                if commands and isinstance(commands[-1], ContinueAsNew):
                    self._compare(run, commands[-1].unconsumed_signal_event_ids)
        finally:
            guard.close()

    def _compare(self, run: str, unconsumed: tuple[int, ...]) -> None:
        successor, number = self._started[run]
        carried = self._carried.get(successor, [])
        lost = [event_id for event_id in unconsumed if event_id not in carried]
        if lost:
            self.violated(
                f"run {run} continued as new without signal {lost[0]}, and {successor} does not carry it",
                number,
            )
