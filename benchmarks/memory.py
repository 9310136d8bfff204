"""What a sleeping workflow weighs while its simulation lives: all of it, rows, cached coroutine and trace."""

from __future__ import annotations

import gc
import json
from statistics import median

from temporal_do.sim import Simulation

from .measuring import Effort, resident_bytes
from .results import Goal, Result
from .workflows import sleeper, temporal, worker

_CODE = "import sys; from benchmarks.memory import child; child(int(sys.argv[1]), sys.argv[2] == 'traced')"
_MEGABYTE = 1e6


def _start(simulation: Simulation, count: int) -> None:
    async def live() -> None:
        simulation.run(worker)
        for number in range(count):
            await temporal.start_workflow(sleeper, workflow_id=f"sleeper-{number}", args=["30d"])
        await simulation.sleep("1h")

    simulation.execute(live())


def child(count: int, traced: bool) -> None:
    """Print what ``count`` sleeping workflows weigh; meant for a process of its own."""
    with Simulation(seed=1) as simulation:
        _start(simulation, 10)
    gc.collect()
    before = resident_bytes()
    if traced:
        import tracemalloc

        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
    with Simulation(seed=1) as simulation:
        _start(simulation, count)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0] if traced else resident_bytes()
    print(json.dumps({"grown": after - before, "whole": after}))


def run(effort: Effort) -> list[Result]:
    """Ask fresh processes."""
    count = effort.size(10_000, 100)
    answers = effort.ask_children(f"{count:,} sleeping workflows", _CODE, count, "resident", runs=3)
    grown = median(answer["grown"] for answer in answers)
    whole = median(answer["whole"] for answer in answers)
    some = effort.size(2_000, 100)
    (traced,) = effort.ask_children(f"{some:,} sleeping workflows, traced", _CODE, some, "traced", runs=1)
    return [
        Result(
            name=f"{count:,} sleeping workflows",
            value=grown / _MEGABYTE,
            unit="MB",
            goal=Goal(200),
            note=f"resident memory grew by this; the whole process has {whole / _MEGABYTE:,.0f} MB",
        ),
        Result(name="per sleeping workflow", value=grown / count, unit="bytes", note="resident"),
        Result(
            name="per sleeping workflow, allocated",
            value=traced["grown"] / some,
            unit="bytes",
            note=f"by tracemalloc, {some:,} workflows",
        ),
    ]
