"""23. A schedule fires exactly what its specification, catch-up window and overlap policy say.

Source: Temporal's schedules. Every nominal time is started once, or counted as skipped, dropped or missed;
none is started early, or later than the catch-up window; runs overlap only where the policy allows it; and a
schedule that is at rest has dealt with every time that has passed.
"""

from __future__ import annotations

from typing import Any

from ...runtime.keys import TIMER
from ...runtime.messages.schedule import ScheduledRunClosed
from ...runtime.messages.workflow import StartWorkflow
from ...runtime.schedules.messages import BackfillSchedule, CreateSchedule, TriggerSchedule, UpdateSchedule
from ...runtime.schedules.overlap import OverlapPolicy
from ...runtime.schedules.spec import fire_times, jittered, next_fire
from ..scenario import Violation
from ..trace import Step
from .base import Checker

FIRES_MAX = 5_000
"""A specification is only followed so far."""


class Schedules(Checker):
    """Follows the rows of every schedule and the starts that it sends."""

    number = 23
    name = "schedules"
    kinds = ("deliver", "reply")
    tables = ("TimerDO.schedule", "TimerDO.run", "TimerDO.outbox")

    def __init__(self) -> None:
        super().__init__()
        self._manual: dict[str, int] = {}
        self._backfilled: set[str] = set()
        self._irregular: set[str] = set()
        self._first: dict[str, Any] = {}
        self._starts: dict[str, dict[str, int]] = {}
        self._fired: dict[str, dict[int, int]] = {}
        self._waited: dict[str, set[int]] = {}
        self._told: dict[int, int] = {}
        """Call that tells a schedule of the end of a run -> the number of that start."""

    def step(self, number: int, step: Step) -> None:
        message = step[5]
        key = step[2]
        if step[0] == "reply":
            if step[4] in self._told:
                self._heard(number, key, self._told.pop(step[4]))
            return
        if type(message) is ScheduledRunClosed:
            for sequence, run in self.ledger.table(key, "run").items():
                if run.run_id and run.run_id == message.first_run_id:
                    self._told[step[4]] = sequence
            return
        if isinstance(message, TriggerSchedule) or (
            isinstance(message, CreateSchedule) and message.trigger_immediately
        ):
            self._manual[key] = self._manual.get(key, 0) + 1
        elif isinstance(message, BackfillSchedule):
            self._backfilled.add(key)
        elif isinstance(message, UpdateSchedule):
            self._irregular.add(key)

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        schedule = step[2]
        if row is None:
            if table == "schedule" and key == "state":
                self._irregular.add(schedule)  # deleted
            return
        if table == "outbox":
            if type(row.body) is StartWorkflow:
                self._once(number, schedule, row.body)
        elif table == "run":
            self._started(number, step, key, row)
        elif key == "state":
            self._first.setdefault(schedule, row)
            if row.paused or row.deleted or row.remaining_actions is not None:
                self._irregular.add(schedule)
            self._counters(number, step, row)
        elif key == "waiting":
            self._waited.setdefault(schedule, set()).update(each.nominal_ns for each in row.starts)

    def _heard(self, number: int, schedule: str, sequence: int) -> None:
        """It has taken note of the end of one of its runs; the next in line has its turn."""
        runs = self.ledger.table(schedule, "run")
        if sequence in runs:
            name = runs[sequence].workflow_id
            self.violated(f"{schedule} has heard that {name} is over, and counts it as running", number)
        elif not runs and self.ledger.get(schedule, "schedule", "waiting") is not None:
            self.violated(f"nothing of {schedule} runs any more, and the next in line does not start", number)

    def _once(self, number: int, schedule: str, body: StartWorkflow) -> None:
        starts = self._starts.setdefault(schedule, {})
        earlier = starts.setdefault(body.request_id, number)
        if earlier != number:
            self.violated(f"{schedule} orders start {body.request_id} twice", earlier, number)

    def _state(self, step: Step) -> Any:
        """The schedule as it is after the commit."""
        for name, key, row in step[5]:
            if name == "schedule" and key == "state" and row is not None:
                return row
        return self.ledger.get(step[2], "schedule", "state")

    def _started(self, number: int, step: Step, sequence: int, run: Any) -> None:
        schedule = step[2]
        if self.ledger.get(schedule, "run", sequence) is not None:
            return
        state = self._state(step)
        if state is None:
            return
        nominal = run.nominal_ns
        due_ns = jittered(state.spec, nominal, state.schedule_id)
        regular = next_fire(state.spec, nominal - 1) == nominal
        by_hand = schedule in self._backfilled or schedule in self._manual
        if not regular and not by_hand and schedule not in self._irregular:
            self.violated(f"{schedule} starts a run for {nominal}, which is none of its times", number)
        early_ns = (nominal if by_hand else due_ns) - run.started_ns - 2 * self.skew_ns
        if early_ns > 0:  # it may have become due on one machine's clock, and started on another's
            self.violated(f"{schedule} starts a run {early_ns / 1e9:g} s early", number)
        waited = nominal in self._waited.get(schedule, ())
        if not by_hand and not waited and run.started_ns - due_ns > state.policies.catchup_window_ns:
            self.violated(f"{schedule} starts a run after its catch-up window", number)
        fired = self._fired.setdefault(schedule, {})
        if nominal in fired and not by_hand:
            self.violated(f"{schedule} starts two runs for {nominal}", fired[nominal], number)
        fired.setdefault(nominal, number)
        self._overlap(number, step, state, by_hand)
        line = self.ledger.get(schedule, "schedule", "waiting")
        if line is not None and line.starts[0].nominal_ns < nominal and waited:
            first = line.starts[0].nominal_ns
            self.violated(f"{schedule} starts a run for {nominal} before the one for {first}", number)

    def _overlap(self, number: int, step: Step, state: Any, by_hand: bool) -> None:
        if by_hand or state.policies.overlap == OverlapPolicy.ALLOW_ALL or step[2] in self._irregular:
            return
        open_runs = set(self.ledger.table(step[2], "run"))
        for name, key, row in step[5]:
            if name == "run":
                if row is None:
                    open_runs.discard(key)
                else:
                    open_runs.add(key)
        if len(open_runs) > 1:
            self.violated(
                f"{step[2]} has {len(open_runs)} open runs; its policy is {state.policies.overlap}", number
            )

    def _counters(self, number: int, step: Step, state: Any) -> None:
        before = self.ledger.get(step[2], "schedule", "state")
        if before is None:
            return
        if state.cursor_ns < before.cursor_ns:
            self.violated(f"{step[2]} goes back in time", number)
        skipped = state.counters.overlap_skipped - before.counters.overlap_skipped
        if skipped > 0:
            busy = self.ledger.table(step[2], "run") or any(name == "run" for name, _, _ in step[5])
            if not busy and state.policies.overlap != OverlapPolicy.ALLOW_ALL:
                self.violated(f"{step[2]} skips a time and nothing of it runs", number)
            if state.policies.overlap == OverlapPolicy.ALLOW_ALL and step[2] not in self._manual:
                self.violated(f"{step[2]} skips a time, and its policy allows all to overlap", number)
        if state.counters.missed_catchup > before.counters.missed_catchup:
            first = next_fire(before.spec, before.cursor_ns)
            late_ns = step[1] + self.skew_ns - (first or 0)
            if first is not None and late_ns <= state.policies.catchup_window_ns:
                self.violated(f"{step[2]} counts a time as missed that was within its window", number)

    def finish(self) -> list[Violation]:
        for key in self.ledger.of_kind(TIMER):
            state = self.ledger.get(key, "schedule", "state")
            if state is None or key in self._irregular:
                continue
            self._complete(key, state)
            if self.settled:
                nominal = next_fire(state.spec, state.cursor_ns)
                if nominal is not None:
                    late_ns = self.end_ns - self.skew_ns - jittered(state.spec, nominal, state.schedule_id)
                    if late_ns > 0 and not self.ledger.table(key, "outbox"):
                        self.violated(f"{key} was due {late_ns / 1e9:g} s ago and has not fired")
        return self.violations

    def _complete(self, key: str, state: Any) -> None:
        """Every time that has passed was started, waits, or is counted."""
        if key in self._backfilled or key in self._manual:
            return
        fired = self._fired.get(key, {})
        waiting = self.ledger.get(key, "schedule", "waiting")
        waits = {each.nominal_ns for each in waiting.starts} if waiting is not None else set()
        absent = 0
        first = self._first[key]
        for index, nominal in enumerate(fire_times(state.spec, first.cursor_ns + 1, state.cursor_ns + 1)):
            if index >= FIRES_MAX:
                return
            absent += nominal not in fired and nominal not in waits
        counters = state.counters
        told = counters.overlap_skipped + counters.missed_catchup + counters.buffer_dropped
        if absent != told:
            self.violated(
                f"{key} has passed {absent} times without a start and counts {told} as skipped, missed or "
                "dropped"
            )
