"""The shop, tested the way its users would test it. Days pass in milliseconds, and nothing is mocked but the
outside; every history that a test produces is replayed when it ends.

    pytest tests/examples                     # in the simulator
    pytest tests/examples --sim-host=edge     # on the platform's own binary, with a shop that is in a hurry

What needs virtual time, faults or mocks is skipped there.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from examples.shop.app import temporal
from examples.shop.models import Approval, Order, OrderResult, Shipment
from examples.shop.outside import Outside, use_outside
from examples.shop.pace import pace
from examples.shop.worker import schedule_nightly_report, worker
from examples.shop.workflows import approval_workflow, order_workflow, user_onboarding
from temporal_do.runtime import (
    CancelledError,
    TerminatedError,
    WorkflowAlreadyStartedError,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporal_do.runtime.durations import parse_duration
from temporal_do.sim import FaultPlan, Replayer, Simulation

TEA = Order("1001", "ada", "tea", 2, 450)
TEAPOT = Order("1002", "ben", "teapot", 1, 4900)


async def place(order: Order) -> WorkflowHandle[OrderResult]:
    """Start the workflow of an order."""
    return await temporal.start_workflow(order_workflow, workflow_id=f"order-{order.id}", args=[order])


async def until(sim: Simulation, handle: WorkflowHandle[OrderResult], status: str) -> None:
    """Go on until the order says that it is so far."""

    async def is_so_far() -> bool:
        return bool(await handle.query("status") == status)

    await sim.run_until(is_so_far)


def took(sim: Simulation, started: datetime, *waits: str) -> bool:
    """Have exactly these waits passed since `started`? In real time: at least."""
    passed = sim.now() - started
    expected = timedelta(seconds=sum(parse_duration(each) for each in waits) / 1e9)
    return passed == expected if isinstance(sim, Simulation) else passed >= expected


async def test_an_approved_order_is_paid_shipped_and_delivered_in_days(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await place(TEA)
    await handle.signal("approval", Approval(approved=True, by="clerk"))
    assert await handle.result() == OrderResult("1001", "completed", Shipment("track-1", "Kestrel"))
    assert took(sim, started, pace().payment, pace().transit)
    assert outside.balance("ada") == 900
    assert outside.mails == [("ada", "Order 1001 has arrived")]


async def test_an_order_tells_where_it_stands(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEA)
    for status in ("waiting for payment", "waiting for approval"):
        await until(sim, handle, status)
    await handle.signal("approval", Approval(approved=True))
    await until(sim, handle, "shipping")
    await handle.result()
    assert await handle.query("status") == "completed"


async def test_an_order_that_nobody_approves_expires_after_a_day_and_is_taken_back(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await place(TEA)
    assert await handle.result() == OrderResult("1001", "expired")
    assert took(sim, started, pace().payment, pace().approval)
    assert outside.balance("ada") == 0
    assert outside.stock["tea"] == 1000


async def test_a_rejected_order_is_taken_back(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEA)
    await handle.signal("approval", Approval(approved=False))  # early: kept until the workflow asks for it
    assert await handle.result() == OrderResult("1001", "rejected")
    assert (outside.balance("ada"), outside.reserved) == (0, {})


async def test_when_it_cannot_be_shipped_the_last_thing_done_is_the_first_undone(
    sim: Simulation, outside: Outside
) -> None:
    undone: list[str] = []

    def no_van(order: Order) -> None:
        raise RuntimeError("no van in town")

    sim.mock_activity("book_courier", no_van)

    def refund(order: Order) -> str:
        undone.append("payment")
        return "refund-1"

    sim.mock_activity("refund_payment", refund)
    sim.mock_activity("release_stock", lambda order: undone.append("stock"))
    sim.run(worker)
    handle = await place(TEA)
    await handle.signal("approval", Approval(approved=True))
    result = await handle.result()
    assert result.status == "refunded"
    assert undone == ["payment", "stock"]


async def test_a_courier_that_is_busy_is_asked_again(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEAPOT)  # the courier takes teapots at the third attempt
    await handle.signal("approval", Approval(approved=True))
    assert (await handle.result()).status == "completed"
    shipping = await temporal.get_handle("shipping-1002").fetch_history()
    attempts = [
        event.attributes.attempt
        for event in shipping.events
        if event.event_type.endswith("TASK_STARTED") and "ACTIVITY" in event.event_type
    ]
    assert attempts == [3, 1]


async def test_a_declined_card_is_not_charged_again_and_the_goods_go_back(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)
    handle = await place(Order("1003", "broke-bob", "tea", 1, 450))
    result = await handle.result()
    assert result.status == "refunded"
    assert "declined" in result.reason
    assert outside.charge_calls == 1
    assert outside.stock["tea"] == 1000


async def test_an_order_for_what_is_not_sold_fails_at_once(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(Order("1004", "ada", "elephant", 1, 1))
    with pytest.raises(WorkflowFailureError, match="failed") as failed:
        await handle.result()
    causes = str(failed.value.cause) + str(failed.value.cause.__cause__)
    assert "elephant" in causes
    assert outside.ledger == {}


async def test_a_cancelled_order_is_taken_back_before_it_ends(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEA)
    await until(sim, handle, "waiting for approval")
    await handle.cancel("changed my mind")
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, CancelledError)
    assert (outside.balance("ada"), outside.stock["tea"]) == (0, 1000)


@pytest.mark.sim(faults=FaultPlan.network() | FaultPlan.workers())
async def test_an_order_that_is_cancelled_while_it_is_being_paid_gives_everything_back(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)

    async def cancelled_after(number: int) -> None:
        handle = await place(Order(str(number), f"customer-{number}", "tea", 1, 450))
        await asyncio.sleep(number / 1_000)
        await handle.cancel("changed my mind")
        with pytest.raises(WorkflowFailureError):
            await handle.result()

    await asyncio.gather(*(cancelled_after(number) for number in range(100)))
    assert [outside.balance(f"customer-{number}") for number in range(100)] == [0] * 100
    assert outside.stock["tea"] == 1000


async def test_a_terminated_order_is_not(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEA)
    await until(sim, handle, "waiting for approval")
    await handle.terminate("fraud")
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, TerminatedError)
    assert outside.balance("ada") == 900


async def test_an_order_id_is_taken_while_its_order_is_open(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    await place(TEA)
    with pytest.raises(WorkflowAlreadyStartedError, match="order-1001"):
        await place(TEA)


async def test_crashes_in_the_middle_change_nothing(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await place(TEA)
    await until(sim, handle, "waiting for payment")
    assert sim.crash("order-1001")  # its memory is gone; the next message brings it back from its history
    await handle.signal("approval", Approval(approved=True))
    assert sim.crash("order-1001")  # a signal that was taken is kept
    await sim.run_until(lambda: outside.booked)
    assert sim.crash("shipping-1001")
    assert (await handle.result()).status == "completed"
    assert outside.balance("ada") == 900


@pytest.mark.sim(faults=FaultPlan.crashes(50_000) | FaultPlan.queue(100_000))
async def test_under_crashes_and_redelivered_messages_money_moves_once(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)
    orders = [Order(str(number), f"customer-{number}", "tea", 1, 450) for number in range(5)]
    handles = await asyncio.gather(*(place(order) for order in orders))
    for handle in handles:
        await handle.signal("approval", Approval(approved=True))
    results = await asyncio.gather(*(handle.result() for handle in handles))
    assert {result.status for result in results} == {"completed"}
    assert [outside.balance(order.customer_id) for order in orders] == [450] * 5


async def test_onboarding_takes_a_week(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await temporal.start_workflow(user_onboarding, workflow_id="onboard-1", args=["u1"])
    assert await handle.result() == {"userId": "u1", "status": "onboarded"}
    assert took(sim, started, pace().feedback)
    assert outside.mails == [("u1", "Welcome!"), ("u1", "How do you like it?")]


async def test_an_approver_is_reminded_after_a_day(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    handle = await temporal.start_workflow(
        approval_workflow, workflow_id="approval-1", args=["a new kettle", "boss"]
    )
    await sim.run_until(lambda: ("boss", "Reminder: a new kettle") in outside.mails)
    assert await handle.query("status") == "pending"
    await handle.signal("approval", Approval(approved=True, by="boss"))
    assert await handle.result() == "approved"


async def test_an_approval_that_never_comes_expires_after_two_days(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    started = sim.now()
    handle = await temporal.start_workflow(
        approval_workflow, workflow_id="approval-1", args=["a new kettle", "boss"]
    )
    assert await handle.result() == "expired"
    assert took(sim, started, pace().approval, pace().approval)


@pytest.mark.sim(start="2026-01-01T00:00:00Z")  # which skips it in real time
async def test_the_report_comes_every_night_for_two_weeks(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    schedule = await schedule_nightly_report()
    await sim.sleep("14d")
    nights = [subject for _, subject in outside.mails]
    assert len(nights) == len(set(nights)) == 14
    last, *_ = await temporal.list_workflows(workflow_type="nightly-report", status="completed")
    assert last.start_time.hour == 1  # two in the morning in Berlin, in winter
    description = await schedule.describe()
    assert (description.next_times[0] - sim.now()) == timedelta(hours=1)
    await schedule.pause("holidays")
    await sim.sleep("7d")
    assert len(outside.mails) == 14


@pytest.mark.sim(start="2026-03-25T12:00:00Z")
async def test_the_night_the_clocks_change_has_one_report(sim: Simulation, outside: Outside) -> None:
    sim.run(worker)
    await schedule_nightly_report()
    await sim.sleep("7d")
    nights = [subject for _, subject in outside.mails]
    assert len(nights) == len(set(nights)) == 7


async def test_an_order_of_the_day_before_replays_against_the_code_of_today(
    sim: Simulation, outside: Outside
) -> None:
    sim.run(worker)
    handle = await place(TEA)
    await handle.result()
    report = Replayer(worker).replay(await handle.fetch_history())  # raises what would break
    assert report.ok


def test_two_shops_in_one_process_know_nothing_of_each_other() -> None:
    async def sell() -> str:
        handle = await place(TEA)
        await handle.signal("approval", Approval(approved=True))
        return (await handle.result()).status

    worlds = [(Simulation(seed), Outside()) for seed in (1, 2)]
    for simulation, world in worlds:
        with use_outside(world), simulation:
            simulation.run(worker)
            assert simulation.execute(sell) == "completed"
    assert [world.balance("ada") for _, world in worlds] == [900, 900]


def test_the_same_seed_gives_the_same_run() -> None:
    def run() -> str:
        with use_outside(Outside()), Simulation("repeat", faults=FaultPlan.crashes(50_000)) as simulation:
            simulation.run(worker)

            async def day() -> None:
                handle = await place(TEAPOT)
                await handle.signal("approval", Approval(approved=True))
                await handle.result()

            simulation.execute(day)
            return simulation.digest

    assert run() == run()
