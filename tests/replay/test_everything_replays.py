"""Every feature of a workflow leaves a history that replays from its events alone, also in bad times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from temporal_do.runtime import (
    ApplicationError,
    RetryPolicy,
    Temporal,
    UpdateFailedError,
    Worker,
    WorkflowContext,
    WorkflowFailureError,
)
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.plugin_run import replay_problem
from temporal_do.sim.produced import produced_histories

temporal = Temporal(namespace="everything")


@temporal.activity
async def double(number: int) -> int:
    """Compute."""
    await asyncio.sleep(number)
    return number * 2


@temporal.activity
async def refuse(why: str) -> None:
    """Never succeed."""
    raise ApplicationError(why, non_retryable=True)


@temporal.workflow("leaf")
async def leaf(ctx: WorkflowContext, number: int) -> int:
    """A child."""
    await ctx.sleep(f"{number}m")
    return await ctx.activity("double", lambda: double(number))


@temporal.workflow("family")
async def family(ctx: WorkflowContext) -> list[int]:
    """Children in parallel, one of them cancelled."""
    doomed = await ctx.start_child(leaf, 500)
    results = await asyncio.gather(*(ctx.execute_child(leaf, number) for number in (3, 1, 2)))
    doomed.cancel()
    try:
        await doomed.result()
    except Exception as error:
        results.append(len(type(error).__name__))
    return results


@temporal.workflow("concurrent")
async def concurrent(ctx: WorkflowContext) -> list[Any]:
    """Whatever asyncio offers."""
    found: list[Any] = []

    async def work(number: int) -> None:
        found.append(await ctx.activity(f"double {number}", lambda: double(number)))

    async with asyncio.TaskGroup() as group:
        for number in (3, 1, 2):
            group.create_task(work(number))
    try:
        async with asyncio.timeout(60):
            await ctx.sleep("too long", "1h")
    except TimeoutError:
        found.append("timeout")
    first, rest = await asyncio.wait(
        [asyncio.ensure_future(ctx.sleep(f"{seconds}s")) for seconds in (30, 10, 20)],
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in rest:
        task.cancel()
    return [*found, len(first), len(rest)]


@temporal.workflow("chance")
async def chance(ctx: WorkflowContext) -> list[Any]:
    """What is random, recorded, patched or local."""
    local = await ctx.activity("local", lambda: 7)
    if ctx.patched("newer"):
        await ctx.sleep(timedelta(seconds=ctx.random.randint(1, 100)))
    side = ctx.side_effect(lambda: 5)
    ctx.upsert_memo({"side": side})
    return [local, side, str(ctx.uuid4()), ctx.random.random(), ctx.now().isoformat()]


@temporal.workflow("conversation")
async def conversation(ctx: WorkflowContext) -> list[Any]:
    """Signals, a query, updates."""
    heard: list[Any] = []
    ctx.set_query_handler("heard", lambda: heard)
    ctx.on_signal("noise", heard.append)

    async def correct(word: str) -> str:
        heard.append(word)
        await ctx.sleep("1s")
        return word.upper()

    def check(word: str) -> None:
        if not word:
            raise ValueError("an empty word")

    ctx.set_update_handler("correct", correct, check)
    heard.append(await ctx.wait_for_signal("word", timeout="1d"))
    heard.append(await ctx.wait_for_signal("word", timeout="1d"))
    heard.append(await ctx.wait_condition(lambda: "end" in heard, timeout="1d"))
    return heard


@temporal.workflow("rounds")
async def rounds(ctx: WorkflowContext, left: int) -> str:
    """Continue as new."""
    await ctx.sleep("1h")
    if left:
        ctx.continue_as_new(left - 1)
    return f"run {ctx.info.run_id}"


@temporal.workflow("failing")
async def failing(ctx: WorkflowContext) -> None:
    """Fail, with a retry policy of its own."""
    try:
        await ctx.activity("refuse", lambda: refuse("no"))
    finally:
        await ctx.sleep("clean up", "1m")


@temporal.workflow("patient")
async def patient(ctx: WorkflowContext) -> str:
    """Wait for ever; clean up when cancelled."""
    try:
        await ctx.sleep("for ever", "3650d")
    except asyncio.CancelledError:
        async with ctx.shielded():
            await ctx.activity("double", lambda: double(1))
        raise
    return "never"


worker = Worker(
    namespace="everything",
    task_queue="main",
    workflows=list(temporal.workflows.values()),
    activities=[double, refuse],
)


async def _result(workflow: Any, *args: Any) -> None:
    await temporal.execute_workflow(workflow, workflow_id="w", args=args)


async def _conversation(world: Simulation) -> None:
    handle = await temporal.start_workflow(conversation, workflow_id="w")
    await handle.signal("noise", "creak")
    await handle.signal("word", "one")
    assert await handle.update("correct", "two") == "TWO"
    with pytest.raises(UpdateFailedError):
        await handle.update("correct", "")
    assert "creak" in await handle.query("heard")
    await world.sleep("36h")
    await handle.signal("noise", "end")
    await handle.result()


async def _failing(world: Simulation) -> None:
    handle = await temporal.start_workflow(failing, workflow_id="w", retry=RetryPolicy(maximum_attempts=3))
    with pytest.raises(WorkflowFailureError):
        await handle.result()


async def _stopped(world: Simulation) -> None:
    for name in ("cancelled", "terminated", "timed out", "open"):
        timeout = "30d" if name == "timed out" else None
        await temporal.start_workflow(patient, workflow_id=name, run_timeout=timeout)
    await world.sleep("1d")
    await temporal.get_handle("cancelled").cancel()
    await temporal.get_handle("terminated").terminate("enough")
    await world.sleep("60d")


async def _reset(world: Simulation) -> None:
    handle = await temporal.start_workflow(chance, workflow_id="w")
    await handle.result()
    history = await handle.fetch_history()
    task = next(e.event_id for e in history.events if e.event_type == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED")
    await (await handle.reset(task)).result()


SCENARIOS: dict[str, tuple[Callable[[Simulation], Awaitable[None]], int]] = {
    "children": (lambda world: _result(family), 5),
    "asyncio": (lambda world: _result(concurrent), 1),
    "chance": (lambda world: _result(chance), 1),
    "conversation": (_conversation, 1),
    "continue as new": (lambda world: _result(rounds, 3), 4),
    "workflow retry": (_failing, 3),
    "cancel, terminate, time out": (_stopped, 4),
    "reset": (_reset, 2),
}
"""Name -> what to do, and how many runs that makes."""


@pytest.mark.parametrize("faults", ["none", "crashes"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_produced_replays(name: str, faults: str) -> None:
    scenario, runs = SCENARIOS[name]
    plan = FaultPlan.crashes() | FaultPlan.queue() if faults == "crashes" else None
    with Simulation(seed=3, faults=plan) as world:
        world.run(worker)
        world.execute(lambda: scenario(world))  # type: ignore[arg-type, return-value]
        assert len(list(produced_histories(world.platform))) == runs
        assert replay_problem(world) == ""
