"""Scenarios that are not decided by their seed: by the hash of text, and by what ran before."""

from __future__ import annotations

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.sim import Simulation
from temporal_do.sim.scenario import Scenario

temporal = Temporal(namespace="hashed")


@temporal.workflow("sleeps")
async def sleeps(ctx: WorkflowContext) -> None:
    await ctx.sleep("a while", "1h")


worker = Worker(namespace="hashed", task_queue="main", workflows=[sleeps])


async def by_hash(sim: Simulation) -> None:
    """Starts workflows in the order of a set of names."""
    sim.run(worker)
    for name in {f"workflow-{number}" for number in range(20)}:
        await temporal.start_workflow(sleeps, workflow_id=name, request_id=name)


BY_HASH = Scenario(name="by hash", workload=by_hash)
_before: list[int] = []


async def by_history(sim: Simulation) -> None:
    """Starts a workflow under another name each time."""
    _before.append(1)
    sim.run(worker)
    name = f"workflow-{len(_before)}"
    await temporal.start_workflow(sleeps, workflow_id=name, request_id=name)


BY_HISTORY = Scenario(name="by history", workload=by_history)
