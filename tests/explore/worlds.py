"""Small scenarios to be explored, found by name from any process, and bugs to plant in the engine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime import HostError, Temporal, TemporalError, Worker, WorkflowContext
from temporal_do.runtime.actors.workflow import actor as workflow_actor
from temporal_do.runtime.actors.workflow import requests as workflow_requests
from temporal_do.runtime.shell import Shell
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.properties import sometimes
from temporal_do.sim.scenario import Scenario

FAULTS = (
    FaultPlan.crashes(20_000)
    | FaultPlan.network(30_000)
    | FaultPlan.queue(20_000)
    | FaultPlan.workers(20_000)
)


async def insist(ask: Any) -> Any:
    """Ask until the outcome is known."""
    while True:
        try:
            return await ask()
        except HostError:
            continue


class Till:
    """A workflow that adds up what it is told, three times, in a world of its own."""

    def __init__(self) -> None:
        self.temporal = temporal = Temporal(namespace="till")
        self.executions = 0

        @temporal.activity
        async def double(amount: int) -> int:
            self.executions += 1
            await asyncio.sleep(1)
            return 2 * amount

        @temporal.workflow("till")
        async def till(ctx: WorkflowContext, count: int) -> list[int]:
            found = []
            for number in range(count):
                amount = await ctx.wait_for_signal("amount")
                found.append(await ctx.activity(f"double-{number}", double, amount))
            await ctx.sleep("close", "1h")
            while True:
                more = await ctx.wait_for_signal("amount", timeout="1s")
                if more is None:
                    return found
                found.append(more)

        self.workflow = till
        self.worker = Worker(namespace="till", task_queue="main", workflows=[till], activities=[double])


async def tills(
    sim: Simulation, names: tuple[str, ...] = ("left", "right"), amounts: tuple[int, ...] = (1, 2, 3)
) -> None:
    """Two tills, each told three amounts; each amount counts once and in order."""
    world = Till()
    sim.run(world.worker)
    sometimes(sim, "an activity ran again", False)

    async def client(name: str) -> None:
        await insist(
            lambda: world.temporal.start_workflow(
                world.workflow, workflow_id=name, task_queue="main", args=[len(amounts)], request_id=name
            )
        )
        handle = world.temporal.get_handle(name)
        for amount in amounts:
            await insist(lambda amount=amount: handle.signal("amount", amount, request_id=f"{name}-{amount}"))
        found = await insist(handle.result)
        assert found == [2 * amount for amount in amounts], f"{name} added up {found}"

    await asyncio.gather(*map(client, names))
    sometimes(sim, "an activity ran again", world.executions > len(names) * len(amounts))


TILLS = Scenario(name="tills", workload=tills, summary="amounts count once", faults=FAULTS)


async def sleeper(sim: Simulation) -> None:
    """The smallest world: nothing but time."""
    await sim.sleep("1s")


SLEEPER = Scenario(name="sleeper", workload=sleeper)


async def never(sim: Simulation) -> None:
    """Declares a state that it never comes to."""
    sometimes(sim, "the moon is blue", False)


NEVER = Scenario(name="never", workload=never)


def forget_signal_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: a signal that is sent again counts again."""
    real = workflow_requests.handle_signal

    class Forgetful:
        def __init__(self, state: Any) -> None:
            self._state = state

        def get(self, table: str, key: str) -> Any:
            return None if table == "request" else self._state.get(table, key)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._state, name)

    def planted(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        return real(Forgetful(state), message, turn, limits)

    for module in (workflow_requests, workflow_actor):
        for name, value in list(vars(module).items()):
            if value is real:
                monkeypatch.setattr(module, name, planted)
            elif isinstance(value, dict):
                for key, handler in value.items():
                    if handler is real:
                        monkeypatch.setitem(value, key, planted)


def forget_the_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: what a crash left in an outbox is not sent again."""
    monkeypatch.setattr(Shell, "_next_alarm", lambda self, state, now: self._actor.next_alarm(state))


HIDDEN = [0]
"""What no workflow may look at."""


async def leaky(sim: Simulation) -> None:
    """A workflow that sleeps as long as a global says."""
    temporal = Temporal(namespace="leaky")

    @temporal.workflow("leaky")
    async def leaks(ctx: WorkflowContext) -> str:
        HIDDEN[0] += 1
        await ctx.sleep("as the global says", HIDDEN[0])
        return "done"

    sim.run(Worker(namespace="leaky", task_queue="main", workflows=[leaks]))
    assert await temporal.execute_workflow(leaks, workflow_id="one", task_queue="main") == "done"


LEAKY = Scenario(name="leaky", workload=leaky)
LEAKING_LINE = 'await ctx.sleep("as the global says", HIDDEN[0])'


async def overtaken(sim: Simulation) -> None:
    """Fails only if, of many clients that call at one instant, the last is served before all others."""
    world = Till()
    sim.run(world.worker)
    served: list[int] = []

    async def client(number: int) -> None:
        await world.temporal.start_workflow(
            world.workflow, workflow_id=f"w{number}", task_queue="main", args=[0], request_id="x"
        )
        served.append(number)

    await asyncio.gather(*(client(number) for number in range(6)))
    assert served[:2] != [5, 4], f"served {served}"


OVERTAKEN = Scenario(name="overtaken", workload=overtaken)


async def choosy(sim: Simulation) -> None:
    """A workflow with branches that only some inputs reach."""
    temporal = Temporal(namespace="choosy")

    @temporal.workflow("choosy")
    async def chooses(ctx: WorkflowContext) -> str:
        found = await ctx.wait_for_signal("word", timeout="10s")
        if found is None:
            return "silence"
        if found == "never said":
            return "a miracle"
        return "heard"

    sim.run(Worker(namespace="choosy", task_queue="main", workflows=[chooses]))
    start = temporal.start_workflow
    handle = await insist(lambda: start(chooses, workflow_id="one", task_queue="main", request_id="one"))
    await sim.sleep("9.9s")
    try:
        await handle.signal("word", "a word")
    except (HostError, TemporalError):
        pass
    assert await insist(handle.result) in {"silence", "heard"}


CHOOSY = Scenario(name="choosy", workload=choosy, faults=FaultPlan.network(100_000))
