"""Six schedules, one per overlap policy, whose runs are longer than the time between two fires.

Workload: every ten minutes each schedule fires; a run takes 25 minutes, and cleans up for one more when it is
cancelled. After three hours the schedules end, and everything that runs or waits comes to its end.

Faults: objects die at every point of a turn, the network loses, delays and doubles, alarms are late and
doubled, commits slow, superseded incarnations go on for a while.

Promises: each time fires once, and only times of the schedule do; with any policy but allow_all runs start in
the order of their times, and one is over before the next begins; buffer_all and allow_all leave no time
out; only cancel_other cancels and only terminate_other terminates; every fire is accounted for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..runtime import (
    OverlapPolicy,
    ScheduleAlreadyExistsError,
    Temporal,
    Worker,
    WorkflowContext,
    WorkflowExecutionInfo,
    WorkflowStatus,
)
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Kind, Scenario
from .world import PROD, Promises, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..runtime import ScheduleDescription, ScheduleHandle
    from ..sim.simulation import Simulation

EVERY = timedelta(minutes=10)
STORM = timedelta(hours=3, minutes=5)

ONCE = "each time fires once, and only times of the schedule do"
ORDER = "runs start in the order of their times"
ALONE = "one run is over before the next begins"
COMPLETE = "no time is left out"
FATE = "a run ends as its policy says"
COUNTED = "every fire is accounted for"
CALM = "what a schedule has begun comes to its end"

SOMETIMES = (
    "a fire is skipped",
    "a fire waits for the run before",
    "a run is cancelled by the next",
    "a run is terminated by the next",
    "runs overlap",
    "a fire is late",
)

POLICIES = tuple(policy.value for policy in OverlapPolicy)
_COMPLETED = frozenset({WorkflowStatus.COMPLETED})
_ENDS = {
    "cancel_other": _COMPLETED | {WorkflowStatus.CANCELED},
    "terminate_other": _COMPLETED | {WorkflowStatus.TERMINATED},
}


class Operator:
    """Looks after a schedule while it storms. A good one leaves it alone."""

    async def look_after(self, handle: ScheduleHandle) -> None:
        """Called once, an hour after the schedule was made."""


class Storm:
    """The schedules of one run."""

    def __init__(self, sim: Simulation, promises: Promises, operator: Operator) -> None:
        self.sim = sim
        self.promises = promises
        self.operator = operator
        self.temporal = temporal = Temporal(namespace="schedule-storm", task_queue="tower")

        @temporal.workflow("ring")
        async def ring(ctx: WorkflowContext) -> None:
            try:
                await ctx.sleep("ring", "25m")
            except asyncio.CancelledError:
                await ctx.sleep("put the ropes away", "1m")
                raise

        self.workflow = ring
        self.worker = Worker(namespace="schedule-storm", task_queue="tower", workflows=[ring])

    async def schedule(self, policy: str) -> None:
        """One schedule, from its first fire to the end of its last run."""
        sim = self.sim
        schedule_id = f"bell-{policy}"
        begun = sim.now()
        try:
            await insist(
                partial(
                    self.temporal.schedule_workflow,
                    self.workflow,
                    schedule_id=schedule_id,
                    interval=EVERY,
                    overlap=policy,
                    end_at=begun + STORM,
                )
            )
        except ScheduleAlreadyExistsError:
            pass  # the answer to the first call was lost
        made = sim.now()
        handle = self.temporal.get_schedule_handle(schedule_id)
        await sim.sleep("1h")
        await self.operator.look_after(handle)
        await sim.run_until(begun + STORM)
        fires = (len(_grid(made, begun + STORM)), len(_grid(begun, begun + STORM)))
        for _ in range(200):
            shown = await insist(handle.describe)
            known = shown.counters.actions + shown.counters.overlap_skipped
            query = f"TemporalScheduledById = '{schedule_id}'"
            found = await insist(partial(self.temporal.list_workflows, query))
            running = [run for run in found if run.status is WorkflowStatus.RUNNING]
            at_rest = not (shown.running or shown.waiting or running)
            if at_rest and known >= fires[0] and len(found) >= shown.counters.actions:
                break
            await sim.sleep("20m")
        else:
            text = (
                f"{schedule_id}: {running} run, {shown.waiting} wait, {known} fires of {fires[0]} are known"
            )
            self.promises.keep(CALM, False, text, kind=Kind.LIVENESS)
        runs = sorted(found, key=lambda run: (run.start_time, run.workflow_id))
        times = {run.workflow_id: _nominal(run) for run in runs}
        self.check_times(schedule_id, runs, times, (begun, begun + STORM))
        if policy in ("buffer_all", "allow_all"):
            missing = _grid(made, begun + STORM) - set(times.values())
            self.promises.keep(COMPLETE, not missing, f"{schedule_id} left out {sorted(missing)}")
        self.check_runs(policy, runs)
        self.check_counters(schedule_id, shown, runs, fires)

    def check_times(
        self,
        schedule_id: str,
        runs: list[WorkflowExecutionInfo],
        times: dict[str, datetime],
        span: tuple[datetime, datetime],
    ) -> None:
        """Which times fired."""
        keep = self.promises.keep
        for workflow_id, count in Counter(run.workflow_id for run in runs).items():
            keep(ONCE, count == 1, f"{workflow_id} was started {count} times")
        strange = set(times.values()) - _grid(*span)
        keep(ONCE, not strange, f"{schedule_id} fired at {sorted(strange)}")
        nominal = [times[run.workflow_id] for run in runs]
        if schedule_id != "bell-allow_all":  # there, nobody waits for anybody
            keep(ORDER, nominal == sorted(nominal), f"{schedule_id} started runs in the order {nominal}")
        late = (run.start_time - times[run.workflow_id] for run in runs)
        sometimes(self.sim, SOMETIMES[5], any(each > timedelta(seconds=5) for each in late))

    def check_runs(self, policy: str, runs: list[WorkflowExecutionInfo]) -> None:
        """How the runs follow each other, and how they end."""
        keep = self.promises.keep
        for before, after in zip(runs, runs[1:], strict=False):
            overlap = before.close_time is None or before.close_time > after.start_time
            if policy == "allow_all":
                sometimes(self.sim, SOMETIMES[4], overlap)
            else:
                keep(ALONE, not overlap, f"{after.workflow_id} began before {before.workflow_id} was over")
        for run in runs:
            keep(FATE, run.status in _ENDS.get(policy, _COMPLETED), f"{run.workflow_id} is {run.status.name}")
            sometimes(self.sim, SOMETIMES[2], run.status is WorkflowStatus.CANCELED)
            sometimes(self.sim, SOMETIMES[3], run.status is WorkflowStatus.TERMINATED)

    def check_counters(
        self,
        schedule_id: str,
        shown: ScheduleDescription,
        runs: list[WorkflowExecutionInfo],
        fires: tuple[int, int],
    ) -> None:
        """What the schedule says of itself, and how many fires there were: at least, at most."""
        counters = shown.counters
        text = f"{schedule_id} counts {counters}; {len(runs)} runs are known"
        self.promises.keep(COUNTED, counters.actions == len(runs), text)
        none = counters.missed_catchup + counters.start_failed + counters.buffer_dropped
        self.promises.keep(COUNTED, not none, text)
        accounted = counters.actions + counters.overlap_skipped
        text = f"{schedule_id} accounts for {accounted} fires of {fires[0]} to {fires[1]}: {counters}"
        self.promises.keep(COUNTED, fires[0] <= accounted <= fires[1], text)
        sometimes(self.sim, SOMETIMES[0], counters.overlap_skipped > 0)
        waits = ("bell-buffer_one", "bell-buffer_all")
        sometimes(self.sim, SOMETIMES[1], schedule_id in waits and len(runs) > 1)


def _nominal(run: WorkflowExecutionInfo) -> datetime:
    """The time a run was started for: its id ends with it."""
    return datetime.fromisoformat(run.workflow_id.split("-", 2)[2])


def _grid(start: datetime, end: datetime) -> set[datetime]:
    """The times of the schedule in (start, end)."""
    first = start + (EVERY - (start - datetime.min.replace(tzinfo=start.tzinfo)) % EVERY)
    return {first + count * EVERY for count in range(max(0, -((first - end) // EVERY)))}


async def workload(sim: Simulation, *, make_operator: Callable[[], Operator] = Operator) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    promises = Promises(sim, ONCE, ORDER, ALONE, COMPLETE, FATE, COUNTED, CALM)
    storm = Storm(sim, promises, make_operator())
    sim.run(storm.worker)
    await side_by_side(*map(storm.schedule, POLICIES))


SCENARIO = Scenario(
    name="schedule_storm",
    workload=workload,
    summary="schedules with every overlap policy and runs that are too long for them",
    faults=(
        FaultPlan.crashes(10_000)
        | FaultPlan.network(10_000)
        | FaultPlan.alarms(50_000, lateness="20m")
        | FaultPlan.storage(20_000)
        | FaultPlan.zombies(3_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
