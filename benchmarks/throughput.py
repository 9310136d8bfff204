"""Workflows from start to completion, ten activities each, no faults."""

from __future__ import annotations

from temporal_do.sim import Simulation

from .measuring import Effort
from .results import Result, rate
from .workflows import activities, temporal, worker

ACTIVITIES = 10


def _simulate(count: int, *, at_once: bool) -> dict[str, int]:
    async def live() -> None:
        simulation.run(worker)
        handles = []
        for number in range(count):
            handle = await temporal.start_workflow(activities, workflow_id=f"w-{number}", args=[ACTIVITIES])
            handles.append(handle)
            if not at_once:
                await handle.result()
        if at_once:
            for handle in handles:
                await handle.result()

    with Simulation(seed=1) as simulation:
        simulation.execute(live())
    return simulation.stats


def run(effort: Effort) -> list[Result]:
    """Measure workflows one after another, and many at once."""
    results = []
    for label, full, at_once in (
        ("one after another", 200, False),
        ("200 at once", 200, True),
        ("1,000 at once", 1000, True),
    ):
        count = effort.size(full, 10)
        timing = effort.measure(
            f"workflows, {label}",
            lambda c=count, a=at_once: _simulate(c, at_once=a),
            runs=3,  # type: ignore[misc]
        )
        stats = timing.outcome
        results += [
            rate(f"workflows of {ACTIVITIES} activities, {label}", timing, count, "workflow"),
            rate(f"engine steps, {label}", timing, stats["steps"], "step", note="entries of the trace"),
        ]
    return results
