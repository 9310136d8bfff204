"""A year of business in one simulation, and a year in which nothing happens."""

from __future__ import annotations

from temporal_do.sim import Simulation

from .measuring import Effort
from .results import Goal, Result, duration
from .workflows import days, sleeper, temporal, worker


def run(effort: Effort) -> list[Result]:
    """Measure whole simulations: construction, start, a year of virtual time, result, end."""
    count = effort.size(365, 10)

    def a_year_of_activities() -> dict[str, int]:
        async def live() -> None:
            simulation.run(worker)
            assert await temporal.execute_workflow(days, workflow_id="year", args=[count]) == count

        with Simulation(seed=1) as simulation:
            simulation.execute(live())
        return simulation.stats

    def an_idle_year() -> None:
        async def live() -> None:
            simulation.run(worker)
            await simulation.sleep("365d")

        with Simulation(seed=1) as simulation:
            simulation.execute(live())

    def a_sleeping_year() -> None:
        async def live() -> None:
            simulation.run(worker)
            await temporal.execute_workflow(sleeper, workflow_id="year", args=["365d"])

        with Simulation(seed=1) as simulation:
            simulation.execute(live())

    busy = effort.measure("a year with an activity a day", a_year_of_activities, runs=9)
    idle = effort.measure("an idle year", an_idle_year, runs=9)
    asleep = effort.measure("a workflow that sleeps for a year", a_sleeping_year, runs=9)
    note = f"{busy.outcome['commits']:,} commits, {busy.outcome['events']:,} scheduler events"
    return [
        duration(f"{count} days, an activity a day", busy, goal=Goal(0.25), note=note),
        duration("idle simulated year", idle, "ms", goal=Goal(50)),
        duration("one workflow that sleeps a year", asleep, "ms", goal=Goal(50)),
    ]
