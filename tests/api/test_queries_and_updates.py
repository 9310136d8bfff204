"""Queries and updates from the outside: of running, closed and unknown workflows, well and badly made."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from temporal_do.runtime import (
    ApplicationError,
    InvalidArgumentError,
    QueryFailedError,
    QueryRejectedError,
    UpdateFailedError,
    WorkflowClosedError,
    WorkflowContext,
    WorkflowNotFoundError,
    WorkflowTaskFailedError,
)
from temporal_do.sim import SimulationDeadlock

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


@attrs.frozen
class Item:
    name: str
    price: int


async def basket(ctx: WorkflowContext) -> list[str]:
    items: list[Item] = []
    closed = False

    def add(context: Item) -> int:
        items.append(context)
        return len(items)

    def check(item: Item) -> None:
        if item.price < 0:
            raise ApplicationError("negative price", item.price, type="BadPrice")
        if item.name == "bug":
            raise KeyError("nobody expected this")

    async def pay(amount: int) -> str:
        await ctx.sleep("bank", "1h")
        if amount < sum(item.price for item in items):
            raise ApplicationError("not enough", amount, type="Underpaid")
        return f"paid {amount}"

    def close() -> None:
        nonlocal closed
        closed = True

    ctx.set_query_handler("items", lambda: items)
    ctx.set_query_handler("priced", lambda limit: [i.name for i in items if i.price > limit])
    ctx.set_query_handler("broken", lambda: items[99])
    ctx.set_query_handler("strange", lambda: object())
    ctx.set_update_handler("add", add, validator=check)
    ctx.set_update_handler("pay", pay)
    ctx.set_update_handler("close", close)
    await ctx.wait_condition(lambda: closed)
    return [item.name for item in items]


async def test_a_query_is_answered_while_running_after_crashes_and_when_closed(app: App) -> None:
    handle = await app.start(basket)
    assert await handle.query("items") == []
    await handle.update("add", Item("pen", 3))
    assert await handle.query("items", result_type=list[Item]) == [Item("pen", 3)]
    app.sim.crash("w-1")
    assert await handle.query("priced", 2) == ["pen"]
    await handle.update("close")
    assert await handle.result() == ["pen"]
    assert await handle.query("priced", 2) == ["pen"]
    app.sim.crash("w-1")
    assert await handle.query("priced", 2) == ["pen"]
    before = len((await handle.fetch_history()).events)
    await handle.query("items")
    assert len((await handle.fetch_history()).events) == before


async def test_a_query_that_goes_wrong_says_how_and_harms_nothing(app: App) -> None:
    handle = await app.start(basket)
    with pytest.raises(QueryFailedError, match=r"'itmes'.*broken, items, priced, strange"):
        await handle.query("itmes")
    with pytest.raises(QueryFailedError, match="list index out of range"):
        await handle.query("broken")
    with pytest.raises(QueryFailedError, match=r"query 'strange'.*result.*object.*accepted"):
        await handle.query("strange")
    with pytest.raises(QueryFailedError, match="argument"):
        await handle.query("priced")
    with pytest.raises(InvalidArgumentError, match=r"args\[0\] is of type builtins.object|args\[0\].*object"):
        await handle.query("priced", object())
    with pytest.raises(InvalidArgumentError, match="result of query 'items'"):
        await handle.update("add", Item("pen", 3))
        await handle.query("items", result_type=int)
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        await app.temporal.get_handle("nobody").query("items")
    await handle.update("close")
    assert await handle.result() == ["pen"]


async def test_a_query_without_a_worker_says_that_none_runs(app: App) -> None:
    handle = await app.begin(basket)
    with pytest.raises((QueryFailedError, SimulationDeadlock), match="worker"):
        await handle.query("items")


async def test_a_query_can_be_rejected_by_the_state_of_the_run(app: App) -> None:
    handle = await app.start(basket)
    assert await handle.query("items", reject_condition="not_open") == []
    await handle.update("close")
    await handle.result()
    with pytest.raises(QueryRejectedError, match="completed"):
        await handle.query("items", reject_condition="not_open")
    assert await handle.query("items", reject_condition="not_completed_cleanly") == []
    with pytest.raises(InvalidArgumentError, match=r"reject_condition.*'sometimes'"):
        await handle.query("items", reject_condition="sometimes")


async def test_a_query_during_an_activity_and_a_sleep_sees_the_state_of_that_moment(app: App) -> None:
    async def slow() -> str:
        await asyncio.sleep(60)
        return "slept"

    async def workflow(ctx: WorkflowContext) -> str:
        state = "start"
        ctx.set_query_handler("state", lambda: state)
        state = "working"
        await ctx.activity("slow", app_slow)
        state = "local"
        await ctx.activity("local", slow)
        state = "waiting"
        await ctx.sleep("1h")
        return state

    app_slow = app.temporal.activity(slow)
    handle = await app.start(workflow, activities=[app_slow])
    assert await handle.query("state") == "working"
    await app.sim.sleep("90s")
    assert await handle.query("state") == "local"
    await app.sim.sleep("60s")
    assert await handle.query("state") == "waiting"
    assert await handle.result() == "waiting"


async def test_an_update_returns_what_its_handler_returns(app: App) -> None:
    handle = await app.start(basket)
    assert await handle.update("add", Item("pen", 3)) == 1
    assert await handle.update("add", Item("ink", 4)) == 2
    started = app.sim.now()
    assert await handle.update("pay", 7) == "paid 7"
    assert (app.sim.now() - started).total_seconds() == 3600
    assert await handle.update("close") is None
    assert await handle.result() == ["pen", "ink"]


async def test_updates_sent_at_once_are_each_carried_out_once(app: App) -> None:
    handle = await app.start(basket)
    counts = await asyncio.gather(*[handle.update("add", Item(f"i{n}", n)) for n in range(20)])
    assert sorted(counts) == list(range(1, 21))
    paid = await asyncio.gather(*[handle.update("pay", 1000 + n) for n in range(5)])
    assert paid == [f"paid {1000 + n}" for n in range(5)]
    await handle.update("close")
    assert sorted(await handle.result()) == sorted(f"i{n}" for n in range(20))


async def test_a_rejected_update_leaves_no_trace_in_the_history(app: App) -> None:
    handle = await app.start(basket)
    await handle.update("add", Item("pen", 3))
    for item, kind, message in (
        (Item("x", -1), "BadPrice", "negative price"),
        (Item("bug", 1), "KeyError", "nobody expected"),
    ):
        with pytest.raises(UpdateFailedError, match=message) as caught:
            await handle.update("add", item)
        assert caught.value.cause.type == kind  # type: ignore[union-attr]
    with pytest.raises(
        UpdateFailedError, match=r"no update handler 'ad'; this workflow has: add, close, pay"
    ):
        await handle.update("ad", Item("pen", 3))
    with pytest.raises(UpdateFailedError, match=r"args\[0\].*expected.*Item|Item"):
        await handle.update("add", "no item")
    await handle.update("close")
    assert await handle.result() == ["pen"]
    kinds = [event.event_type for event in (await handle.fetch_history()).events]
    assert kinds.count("EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == 2
    assert not any("REJECTED" in kind for kind in kinds)


async def test_a_handler_that_raises_a_failure_fails_its_update_and_not_the_workflow(app: App) -> None:
    handle = await app.start(basket)
    await handle.update("add", Item("pen", 3))
    with pytest.raises(UpdateFailedError, match="not enough") as caught:
        await handle.update("pay", 1)
    assert caught.value.cause.type == "Underpaid"  # type: ignore[union-attr]
    assert caught.value.cause.details == (1,)  # type: ignore[union-attr]
    await handle.update("close")
    assert await handle.result() == ["pen"]


@pytest.mark.parametrize("effect", ["sleep", "activity", "child", "side effect", "handler"])
async def test_a_validator_that_would_change_the_workflow_is_refused(app: App, effect: str) -> None:
    async def act() -> None: ...

    async def workflow(ctx: WorkflowContext) -> str:
        done = False

        def validate() -> None:
            if effect == "sleep":
                ctx.sleep("1h").send(None)
            elif effect == "activity":
                ctx.activity("a", "act").send(None)
            elif effect == "child":
                ctx.execute_child("basket")
            elif effect == "side effect":
                ctx.side_effect(lambda: 1)
            else:
                ctx.set_query_handler("x", lambda: 1)

        def finish() -> None:
            nonlocal done
            done = True

        ctx.set_update_handler("bad", finish, validator=validate)
        ctx.set_update_handler("finish", finish)
        await ctx.wait_condition(lambda: done)
        return "unharmed"

    handle = await app.start(workflow)
    with pytest.raises(UpdateFailedError, match="the validator of update 'bad' must not change the workflow"):
        await handle.update("bad")
    await handle.update("finish")
    assert await handle.result() == "unharmed"
    assert len((await handle.fetch_history()).events) < 20


async def test_an_update_to_a_closed_or_unknown_workflow_says_so(app: App) -> None:
    handle = await app.start(basket)
    await handle.update("close")
    await handle.result()
    with pytest.raises(WorkflowClosedError, match="'w-1'.*completed"):
        await handle.update("add", Item("pen", 3))
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        await app.temporal.get_handle("nobody").update("add")


async def test_an_update_under_way_when_the_workflow_ends_is_told_so(app: App) -> None:
    handle = await app.start(basket)
    pay = asyncio.ensure_future(handle.update("pay", 5))
    await app.sim.sleep("10m")
    await handle.update("close")
    assert await handle.result() == []
    with pytest.raises((UpdateFailedError, WorkflowClosedError), match=r"closed|completed|ended"):
        await pay


async def test_an_update_of_a_workflow_that_nobody_runs_waits_for_a_worker(app: App) -> None:
    handle = await app.begin(basket)
    add = asyncio.ensure_future(handle.update("add", Item("pen", 3)))
    await app.sim.sleep("1d")
    assert not add.done()
    app.deploy(basket)
    assert await add == 1


async def test_the_same_update_id_is_carried_out_once(app: App) -> None:
    handle = await app.start(basket)
    assert await handle.update("add", Item("pen", 3), update_id="u-1") == 1
    assert await handle.update("add", Item("pen", 3), update_id="u-1") == 1
    assert await handle.update("add", Item("ink", 3), update_id="u-2") == 2
    app.sim.crash("w-1")
    assert await handle.update("add", Item("pen", 3), update_id="u-1") == 1
    assert len(await handle.query("items")) == 2


async def test_waiting_for_acceptance_only_returns_before_the_handler_ends(app: App) -> None:
    handle = await app.start(basket)
    started = app.sim.now()
    assert await handle.update("pay", 5, wait_for="accepted", update_id="p") is None
    assert app.sim.now() == started
    assert await handle.update("pay", 5, update_id="p") == "paid 5"
    with pytest.raises(InvalidArgumentError, match="wait_for must be 'accepted' or 'completed', not 'never'"):
        await handle.update("pay", 5, wait_for="never")


async def test_an_update_whose_result_has_no_encoding_fails_the_task_naming_it(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        ctx.set_update_handler("odd", lambda: {1, 2})
        await ctx.wait_condition(lambda: False)

    handle = await app.start(workflow)
    with pytest.raises(WorkflowTaskFailedError, match="the result of .*update.* is a set"):
        await handle.update("odd")


async def test_an_update_started_with_the_workflow_meets_its_handler(app: App) -> None:
    app.deploy(basket)
    handle = await app.begin(basket)
    assert await asyncio.gather(handle.update("add", Item("a", 1)), handle.query("items")) is not None
    assert [item["name"] for item in await handle.query("items")] == ["a"]
