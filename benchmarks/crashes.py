"""One crash at every boundary of a workflow of 200 durable writes, and pairs of them; every checker reads.

Given as processor time: whoever has more cores runs a campaign with ``jobs``.
"""

from __future__ import annotations

import time
from collections import Counter

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.sim.explore.case import Case
from temporal_do.sim.explore.exhaustive_crash import CrashPairs, ExhaustiveCrash, boundaries_of
from temporal_do.sim.runner import many_runs, run_scenario
from temporal_do.sim.scenario import Scenario
from temporal_do.sim.simulation import Simulation

from .measuring import Effort
from .results import Goal, Result

NAMESPACE = "crashes"
SINGLES_GOAL = Goal(10)
PAIRS_GOAL = Goal(15)
PAIRS_SAMPLED = 20

temporal = Temporal(namespace=NAMESPACE, task_queue="main")


@temporal.activity
async def double(number: int) -> int:
    """The least an activity can do."""
    return 2 * number


@temporal.workflow("steps")
async def steps(ctx: WorkflowContext, count: int) -> int:
    """Activities one after the other, and now and then a timer."""
    total = 0
    for number in range(count):
        total += await ctx.activity("double", double, number)
        if number % 5 == 4:
            await ctx.sleep("pause", "1m")
    return total


WORKER = Worker(namespace=NAMESPACE, task_queue="main", workflows=[steps], activities=[double])


def scenario(count: int) -> Scenario:
    """A workflow of ``count`` activities."""

    async def workload(simulation: Simulation) -> None:
        simulation.run(WORKER)
        result = await temporal.execute_workflow(steps, workflow_id="steps", args=[count])
        assert result == count * (count - 1)

    return Scenario(name="crashes", workload=workload)


def _play(where: Scenario, cases: list[Case]) -> float:
    began = time.process_time()
    with many_runs():  # as campaigns do
        for case in cases:
            result = run_scenario(where, seed=case.seed, faults=case.faults)
            assert result.passed, (case.note, result.violations)
    return time.process_time() - began


def run(effort: Effort) -> list[Result]:
    """Every single crash, then a share of the pairs."""
    where = scenario(effort.size(31, 1))
    found = Counter(boundary.point for boundary in boundaries_of(where))
    writes = run_scenario(where, checkers=()).stats["commits"]
    every = [case for case in ExhaustiveCrash().cases(where) if case is not None]
    written = [case for case in ExhaustiveCrash(points=("commit",)).cases(where) if case is not None]
    told = ", ".join(f"{count} {point}" for point, count in found.items())
    results = []
    for name, cases, goal in (
        (f"crash before and after every durable write ({writes})", written, SINGLES_GOAL),
        ("the same and every message lost, every worker killed", every, None),
    ):
        effort.note(name)
        sampled = cases[:: effort.size(1, 7)]
        cpu_s = _play(where, sampled) * len(cases) / len(sampled)
        results.append(
            Result(
                name=name,
                value=cpu_s,
                on_cpu=cpu_s,
                unit="CPU-s",
                goal=goal,
                note=f"{len(cases)} cases, {cpu_s / len(cases) * 1000:.1f} ms each; boundaries: {told}",
            )
        )
    pairs_max = CrashPairs().pairs_max
    pairs = [case for case in CrashPairs().cases(where) if case is not None]
    sampled = pairs[:: PAIRS_SAMPLED if not effort.quick else len(pairs) // 2]
    effort.note("pairs")
    minutes = _play(where, sampled) / len(sampled) * len(pairs) / 60
    results.append(
        Result(
            name="pairs of crashes, neighbours first",
            value=minutes,
            on_cpu=minutes,
            unit="CPU-min",
            goal=PAIRS_GOAL,
            note=f"{len(pairs)} pairs (at most {pairs_max}), from every {PAIRS_SAMPLED}th of them",
        )
    )
    return results
