"""New code arrives while workflows run; ``patched`` lets the old ones end as they began.

Workload: a parcel service. By the first version a parcel is weighed, waits, is sent and travels. The second
version checks the address before it is sent, the third has a signature for it at the end; ``ctx.patched``
guards both changes. Parcels are handed in all the time; workers are exchanged twice, and for a few minutes
there is none.

Faults: the platform updates its own code under the objects, some of which run the older version for a while
and refuse rows of the newer one; objects die at every point of a turn, the network loses and delays, alarms
are late.

Promises: a parcel goes through steps that some version takes, each once, in order; what is handed in after a
roll-out goes through all of that version's; no workflow task fails, and the last version replays every
history.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..runtime import RetryPolicy, Temporal, Worker, WorkflowContext
from ..runtime.durations import DAY
from ..sim.faults import FaultPlan
from ..sim.properties import sometimes
from ..sim.scenario import Scenario
from .world import PROD, Attempts, Promises, choose, declare, insist, side_by_side

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

PARCELS = 12

ROUTE = "a parcel goes through steps that some version takes, each once"
NEW = "what is handed in after a roll-out goes by that version"

ROUTES = (
    ("weigh", "send"),
    ("weigh", "check", "send"),
    ("weigh", "send", "sign"),
    ("weigh", "check", "send", "sign"),
)

SOMETIMES = (
    "a parcel begun by the first version ends under the second",
    "a parcel goes by the first version and then by the third",
    "a parcel is handed in while there is no worker",
    "an object runs older code for a while",
)

Route = Callable[[WorkflowContext, "Steps"], Any]


class Depot:
    """What was done with each parcel, once per idempotency key."""

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.attempts = Attempts(promises)
        self.done: dict[str, tuple[int, str]] = {}
        """Idempotency key -> parcel, step."""

    def record(self, key: str, parcel: int, step: str) -> None:
        """Do a step."""
        self.done.setdefault(key, (parcel, step))

    def steps(self, parcel: int) -> tuple[str, ...]:
        """The steps of a parcel, in order."""
        return tuple(step for known, step in self.done.values() if known == parcel)


class Steps:
    """The steps of one parcel, as its workflow takes them."""

    def __init__(self, ctx: WorkflowContext, parcel: int) -> None:
        self.ctx = ctx
        self.parcel = parcel

    async def take(self, step: str) -> None:
        """One activity."""
        quick = RetryPolicy(initial_interval="2s", maximum_interval="2m")
        await self.ctx.activity(step, "handle", self.parcel, step, retry=quick, start_to_close_timeout="2m")


async def first(ctx: WorkflowContext, steps: Steps) -> None:
    """The first version."""
    await steps.take("weigh")
    await ctx.sleep("wait for the van", "20m")
    await steps.take("send")
    await ctx.sleep("travel", "40m")


async def second(ctx: WorkflowContext, steps: Steps) -> None:
    """The second version: it knows parcels of the first."""
    await steps.take("weigh")
    await ctx.sleep("wait for the van", "20m")
    if ctx.patched("check the address"):
        await steps.take("check")
    await steps.take("send")
    await ctx.sleep("travel", "40m")


async def third(ctx: WorkflowContext, steps: Steps) -> None:
    """The third version: it knows parcels of both."""
    await second(ctx, steps)
    if ctx.patched("have it signed"):
        await steps.take("sign")


class Service:
    """The workers and the clients of one run."""

    def __init__(self, sim: Simulation, depot: Depot) -> None:
        self.sim = sim
        self.depot = depot
        self.promises = depot.promises
        self.temporal = Temporal(namespace="deploy", task_queue="parcels")
        self.workflow = self.worker(first).workflows["parcel"]
        self.running: Worker | None = None
        self.version = 1
        """What is rolled out everywhere."""

    def worker(self, route: Route) -> Worker:
        """A worker with one version of the code."""
        temporal = Temporal(namespace="deploy", task_queue="parcels")
        depot = self.depot

        @temporal.activity(name="handle")
        async def handle(parcel: int, step: str) -> None:
            depot.record(depot.attempts.begin().idempotency_key, parcel, step)

        @temporal.workflow("parcel")
        async def parcel(ctx: WorkflowContext, number: int) -> None:
            await route(ctx, Steps(ctx, number))

        return Worker(namespace="deploy", task_queue="parcels", workflows=[parcel], activities=[handle])

    async def exchange(self, route: Route | None) -> None:
        """Stop the running worker, and after some minutes start another."""
        if self.running is not None:
            await self.sim.stop(self.running)
            self.running = None
            await self.sim.sleep(f"{choose(self.sim, 'gap', 6)}m")
        if route is not None:
            self.running = self.worker(route)
            self.sim.run(self.running)

    async def operate(self, second: Route, third: Route) -> None:
        """Roll out two versions."""
        await self.exchange(first)
        await self.sim.sleep("50m")
        await self.exchange(second)
        self.version = 2
        await self.sim.sleep("30m")
        await self.exchange(third)
        self.version = 3

    async def client(self, number: int) -> None:
        """Hand in a parcel, and wait until it is there."""
        sim = self.sim
        await sim.sleep(f"{number * 9 + choose(sim, 'hand in', 9)}m")
        version = self.version
        sometimes(sim, SOMETIMES[2], self.running is None)
        handle = await insist(
            partial(
                self.temporal.start_workflow,
                self.workflow,
                workflow_id=f"parcel-{number}",
                args=[number],
                request_id=f"parcel-{number}",
            )
        )
        await insist(handle.result)
        steps = self.depot.steps(number)
        self.promises.keep(ROUTE, steps in ROUTES, f"parcel {number} went through {steps}")
        missing = {"check", "sign"}.intersection(("check", "sign")[: version - 1]).difference(steps)
        text = f"parcel {number} was handed in to version {version} and missed {sorted(missing)}"
        self.promises.keep(NEW, not missing, text)
        sometimes(sim, SOMETIMES[0], steps == ROUTES[0] and self.version > 1)
        sometimes(sim, SOMETIMES[1], steps == ROUTES[2])


async def workload(
    sim: Simulation,
    *,
    make_depot: Callable[[Promises], Depot] = Depot,
    second: Route = second,
    third: Route = third,
) -> None:
    """One run."""
    declare(sim, SOMETIMES)
    service = Service(sim, make_depot(Promises(sim, ROUTE, NEW, Attempts.PROMISE)))
    clients = map(service.client, range(PARCELS))
    await side_by_side(service.operate(second, third), *clients)
    sometimes(sim, SOMETIMES[3], sim.stats.get("fault_version_skew"))


SCENARIO = Scenario(
    name="deploy_in_the_middle",
    workload=workload,
    summary="two roll-outs while parcels are on their way",
    faults=(
        FaultPlan.deploys(20_000)
        | FaultPlan.crashes(10_000)
        | FaultPlan.network(10_000)
        | FaultPlan.alarms(20_000)
    ),
    heal_after_ns=DAY,
    options=PROD,
)
