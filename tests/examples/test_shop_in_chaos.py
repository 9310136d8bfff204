"""What is always so in the example shop, whatever strikes: no order is charged twice, none is shipped unpaid.

Its payment provider knows a payment by its idempotency key. Providers that do not care are found.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from itertools import count

import attrs
import pytest

from examples.shop.app import temporal
from examples.shop.models import Approval, Order
from examples.shop.outside import Outside, use_outside
from examples.shop.worker import worker
from examples.shop.workflows import order_workflow
from temporal_do.runtime import activity
from temporal_do.runtime.durations import DAY
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.explore import Campaign, CampaignReport
from temporal_do.sim.properties import always, eventually, sometimes
from temporal_do.sim.scenario import Scenario
from tests.explore.worlds import insist

ONCE, PAID, SERVED = "no order is charged twice", "none is shipped unpaid", "every order comes to its end"
TWICE = "the provider is asked twice for one payment"
FAULTS = (
    FaultPlan.crashes()
    | FaultPlan.network()
    | FaultPlan.queue()
    | FaultPlan.workers(60_000)
    | FaultPlan.storage()
)
ORDERS = [Order(str(number), f"customer-{number}", "tea", 1, 450) for number in range(4)]


class Books(Outside):
    """The shop's own outside, which notes whose parcel is booked before it is paid."""

    def __init__(self) -> None:
        super().__init__()
        self.unpaid: list[str] = []

    async def book(self, key: str, item: str, attempt: int) -> str:
        number = activity.info().workflow_id.removeprefix("shipping-")
        if not self.balance(f"customer-{number}"):
            self.unpaid.append(number)
        return await super().book(key, item, attempt)


class ForgetfulProvider(Books):
    """Takes money whenever it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._payments = count(1)

    async def charge(self, key: str, customer_id: str, cents: int) -> str:
        return await super().charge(f"{key} {next(self._payments)}", customer_id, cents)


class CarelessProvider(Books):
    """Says that it has the money, and has it later: the first time it is asked, not yet."""

    async def charge(self, key: str, customer_id: str, cents: int) -> str:
        return "later" if cents > 0 else await super().charge(key, customer_id, cents)


async def workload(sim: Simulation, make: type[Books] = Books) -> None:
    """Four orders, approved on a bad day."""
    with use_outside(make()) as world:
        assert isinstance(world, Books)
        sim.run(worker)
        always(sim, ONCE, lambda: max(_charges(world).values(), default=0) <= 1)
        always(sim, PAID, lambda: not world.unpaid)
        eventually(sim, SERVED, lambda: len(world.booked) == len(ORDERS), within="60d")
        sometimes(sim, TWICE, False)
        await asyncio.gather(*map(_buy, ORDERS))
        sometimes(sim, TWICE, world.charge_calls > len(ORDERS))
        assert [world.balance(order.customer_id) for order in ORDERS] == [450] * len(ORDERS)


def _charges(world: Outside) -> Counter[str]:
    return Counter(who for who, cents in world.ledger.values() if cents > 0)


async def _buy(order: Order) -> None:
    handle = await insist(
        lambda: temporal.start_workflow(
            order_workflow, workflow_id=f"order-{order.id}", args=[order], request_id=order.id
        )
    )
    await insist(lambda: handle.signal("approval", Approval(approved=True), request_id=f"yes {order.id}"))
    assert (await insist(handle.result)).status == "completed"


SHOP = Scenario(
    name="example shop", workload=workload, faults=FAULTS, heal_after_ns=30 * DAY, options={"profile": "prod"}
)


def _run(seeds: int, make: type[Books] = Books) -> CampaignReport:
    scenario = attrs.evolve(SHOP, workload=partial(workload, make=make))
    return Campaign(scenario, seeds=seeds, failures_max=1, checkers=None if make is Books else ()).run()


def test_the_shop_keeps_its_promises_on_bad_days() -> None:
    report = _run(12)
    assert report.passed, str(report)
    assert report.faults > 100 and report.reached["example shop"][TWICE]


@pytest.mark.parametrize(("make", "promise"), [(ForgetfulProvider, ONCE), (CarelessProvider, PAID)])
def test_a_provider_that_does_not_care_is_found(make: type[Books], promise: str) -> None:
    (failure,) = _run(30, make).failures
    assert failure.result.violations[0].checker == promise
