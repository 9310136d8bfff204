"""Runs a generated program in a simulation and collects everything the laws speak about."""

from __future__ import annotations

from typing import Any

import attrs

from temporal_do.runtime import History, WorkflowHandle
from temporal_do.sim import FaultPlan, Simulation

from .programs import Program, World, awaited


@attrs.frozen(kw_only=True)
class Outcome:
    """One run: what came out, and how."""

    result: Any
    digest: str
    histories: tuple[History, ...]
    executions: dict[str, int]
    faults: int
    sent_signals: tuple[int, ...]


async def tell(handle: WorkflowHandle[Any], program: Program) -> tuple[int, ...]:
    """Tell the program all it waits for, in order, each acknowledged before the next; the signals."""
    sent = []
    for kind, number in awaited(program):
        if kind == "update":
            assert await handle.update("update", number) == number + 1
        else:
            await handle.signal("handled" if kind == "handled" else f"signal-{number}", number)
            sent.append(number)
    return tuple(sent)


async def fetch_all_histories(world: World) -> tuple[History, ...]:
    """The history of every run there is, oldest first."""
    runs = await world.temporal.list_workflows()
    return tuple(
        [
            await world.temporal.get_handle(run.workflow_id, run.run_id).fetch_history()
            for run in sorted(runs, key=lambda run: (run.start_time, run.workflow_id, run.run_id))
        ]
    )


def run_program(
    program: Program, *, seed: int = 0, faults: FaultPlan | None = None, strict: bool = False, **options: Any
) -> Outcome:
    """Run ``program`` to its end under ``faults``; they are healed before the histories are read."""
    world = World()

    async def scenario() -> tuple[Any, tuple[History, ...], tuple[int, ...]]:
        simulation.run(world.worker)
        handle = await world.temporal.start_workflow(world.workflow, workflow_id="law", args=[program])
        sent = await tell(handle, program)
        result = await handle.result()
        simulation.heal()
        return result, await fetch_all_histories(world), sent

    with Simulation(seed, faults=faults, strict=strict, **options) as simulation:
        result, histories, sent = simulation.execute(scenario())
        stats = simulation.stats
        return Outcome(
            result=result,
            digest=simulation.digest,
            histories=histories,
            executions=dict(world.executions),
            faults=sum(count for name, count in stats.items() if name.startswith("fault_")),
            sent_signals=sent,
        )
