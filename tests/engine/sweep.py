"""One fault at every place where one can strike: enumerates the places of a run, and runs it with one of them
struck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs

from temporal_do.runtime.history import History
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.fault_table import LOSSES, POINTS
from temporal_do.sim.faults import Faults, Placement

from .laws import (
    check_at_most_one_open_run_at_a_time,
    check_every_history_replays,
    check_history,
    check_nothing_is_kept,
    check_nothing_is_stuck,
    check_the_index_is_right,
    check_the_index_never_goes_back,
    histories_of,
)
from .representatives import App


class Census(Faults):
    """Lets nothing strike, and counts who comes to which point how often."""

    __slots__ = ("visits",)

    def __init__(self, choices: Any) -> None:
        super().__init__(FaultPlan(), choices)
        self.visits: Counter[tuple[str, str]] = Counter()

    def strike(self, point: str, key: str) -> str:
        self.visits[point, key] += 1
        return ""


@attrs.frozen(kw_only=True)
class Swept:
    """One run of a representative."""

    result: Any
    histories: tuple[History, ...]
    faults: int
    digest: str


def storm(per_million: int) -> FaultPlan:
    """Everything that may happen but for losses, which last until the next recovery sweep."""
    rates = FaultPlan.everything(per_million).rates
    return FaultPlan(rates={name: rate for name, rate in rates.items() if name not in LOSSES})


def places(make: Callable[[], App], seed: int = 0, *, losses: bool = False) -> tuple[Swept, list[Placement]]:
    """The crash-free run, and one placement for every fault (or loss) at every place it came to."""
    app = make()
    with Simulation(seed) as simulation:
        simulation.platform.faults = census = Census(simulation.platform.choices)
        calm = run(app, simulation)
    found = [
        Placement(fault, key, occurrence)
        for (point, key), count in census.visits.items()
        for fault in POINTS[point]
        if (fault in LOSSES) is losses
        for occurrence in range(1, count + 1)
    ]
    return calm, found


def run_struck(make: Callable[[], App], *struck: Placement, seed: int = 0, **options: Any) -> Swept:
    """Run with these faults, and check every law."""
    app = make()
    with Simulation(seed, faults=FaultPlan(placements=struck), **options) as simulation:
        return run(app, simulation)


def run(app: App, simulation: Simulation) -> Swept:
    """Run ``app`` to its end, let it settle, and check every law."""

    async def scenario() -> Any:
        simulation.run(app.worker)
        result = await app.client(simulation)
        await simulation.sleep("1h")
        return result

    result = simulation.execute(scenario())
    digest = simulation.digest
    faults = sum(count for name, count in simulation.stats.items() if name.startswith("fault_"))
    simulation.heal()
    simulation.execute(simulation.sleep("1h"))
    histories = histories_of(simulation)
    assert histories
    for history in histories:
        check_history(history)
    check_at_most_one_open_run_at_a_time(histories)
    check_every_history_replays(histories, list(app.worker.workflows.values()))
    check_nothing_is_stuck(simulation)
    check_the_index_is_right(simulation)
    check_the_index_never_goes_back(simulation)
    assert all(count == 1 for count in app.executions.values()), app.executions
    simulation.execute(simulation.sleep("100d"))
    check_nothing_is_kept(simulation)
    return Swept(result=result, histories=histories, faults=faults, digest=digest)
