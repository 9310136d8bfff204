"""A workflow task whose local activities outlast its deadline: the next attempt takes over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.sim import FaultPlan, Simulation

from .laws import check_every_history_replays, check_history, histories_of
from .representatives import QUEUE, Base


@pytest.mark.parametrize("seed", range(8))
def test_slow_commits_and_slow_local_activities_change_no_result(seed: int) -> None:
    base = Base()
    tries: list[int] = []

    @base.temporal.workflow("slow")
    async def workflow(ctx: Any) -> Any:
        async def slow() -> str:
            tries.append(1)
            await asyncio.sleep(14)
            return "slow"

        first = await asyncio.gather(ctx.activity("slow", slow), ctx.activity("echo", base.echo, 1))
        return [*first, await ctx.wait_for_signal("n"), await ctx.activity("again", slow)]

    app = base.app([workflow], lambda simulation: base.run(workflow))
    plan = FaultPlan(rates={"slow_commit": 700_000}, commit_ns_max=9_000_000_000)

    async def scenario() -> Any:
        simulation.run(app.worker)
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await handle.signal("n", "signal")
        return await handle.result()

    with Simulation(seed, faults=plan) as simulation:
        assert simulation.execute(scenario()) == ["slow", 1, "signal", "slow"]
        for history in histories_of(simulation):
            check_history(history)
        check_every_history_replays(histories_of(simulation), [workflow])
    assert len(tries) >= 2
