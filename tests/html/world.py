"""Runs to make pages of: three orders, and the engine with a bug that lets a signal in twice."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.runtime.actors.workflow.actor import HANDLERS
from temporal_do.runtime.errors import HostError, TemporalError
from temporal_do.runtime.messages.workflow import SignalWorkflow
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.runner import run_and_keep
from temporal_do.sim.scenario import RunResult, Scenario

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!-- & \u2028 '"
SEEDS = 40


async def workload(sim: Simulation) -> None:
    """Orders that wait for three items each; what their clients send looks dangerous."""
    temporal = Temporal(namespace="shop", task_queue="orders")

    @temporal.activity
    async def ship(number: int) -> str:
        return f"{HOSTILE} {number}"

    @temporal.workflow("order")
    async def order(ctx: WorkflowContext, number: int) -> int:
        for _ in range(3):
            await ctx.wait_for_signal("item")
        await ctx.sleep("pack", "3h")
        await ctx.activity("ship", ship, number)
        return number

    async def insist(ask: Any) -> Any:
        while True:
            try:
                return await ask()
            except HostError:
                await sim.sleep("10s")

    sim.run(Worker(namespace="shop", task_queue="orders", workflows=[order], activities=[ship]))
    for number in range(3):
        name = f"order-{number}"
        await insist(
            partial(temporal.start_workflow, order, workflow_id=name, args=[number], request_id=name)
        )
        handle = temporal.get_handle(name, result_type=int)
        for item in range(3):
            request = f"{name}-item-{item}"
            try:
                await insist(partial(handle.signal, "item", HOSTILE, request_id=request))
            except TemporalError:
                break  # one item too many was let in, and the order went ahead
        await insist(handle.result)


SCENARIO = Scenario(name="three <orders> & more", workload=workload, faults=FaultPlan.network(120_000))


def _forgetful(state: Any, message: Any, turn: Any, limits: Any) -> Any:
    state.table("request").pop(message.signal.request_id, None)
    return _REAL(state, message, turn, limits)


_REAL = HANDLERS[SignalWorkflow]


@cache
def failing_and_passing() -> tuple[RunResult, Simulation, Simulation]:
    """A run in which a signal is recorded twice, and the same seed without the bug."""
    for seed in range(SEEDS):
        HANDLERS[SignalWorkflow] = _forgetful
        try:
            result, simulation = run_and_keep(SCENARIO, seed=seed)
        finally:
            HANDLERS[SignalWorkflow] = _REAL
        if any(violation.checker == "signals" for violation in result.violations):
            good, passing = run_and_keep(SCENARIO, seed=seed)
            assert good.passed, good.violations
            return result, simulation, passing
    raise AssertionError(f"no seed below {SEEDS} finds the planted bug")
