"""A deployment: what is registered where, and what becomes of a queue message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.definitions import Worker, define_workflow
from temporal_do.runtime.deployment import Deployment
from temporal_do.runtime.errors import HostError, InvalidArgumentError
from temporal_do.runtime.keys import task_queue_key
from temporal_do.runtime.messages.activity import ActivityTask, LeaseActivity
from temporal_do.runtime.messages.task_queue import ParkActivityTask, WorkerStarted, WorkerStopped

from .world import World, play


async def pay() -> str:
    return "paid"


async def ship() -> str:
    return "shipped"


async def run_order(ctx: Any) -> None: ...


order = define_workflow("order", run_order)


def test_lookups_know_namespace_queue_and_name() -> None:
    deployment = Deployment()
    deployment.add(Worker(task_queue="main", workflows=[order], activities=[pay]))
    deployment.add(Worker(task_queue="main", namespace="other", activities=[ship]))
    assert deployment.workflow("default", "main", "order") is order
    assert deployment.workflow("other", "main", "order") is None
    assert deployment.workflow("default", "main", "refund") is None
    assert deployment.registered_workflows("default", "main") == ("order",)
    found = deployment.activity("default", "main", "pay")
    assert found is not None and found.fn is pay
    assert deployment.activity("default", "main", "ship") is None
    assert deployment.registered_activities("other", "main") == ("ship",)
    assert deployment.polls("other", "main") and not deployment.polls("default", "side")


def test_a_worker_takes_only_the_kinds_of_tasks_it_has_code_for() -> None:
    deployment = Deployment()
    worker = Worker(task_queue="main", workflows=[order])
    deployment.add(worker)
    assert deployment.polls_workflows("default", "main")
    assert not deployment.polls_activities("default", "main")
    deployment.mocks["pay"] = lambda: "mocked"
    assert deployment.polls_activities("default", "main")
    assert deployment.registered_activities("default", "main") == ("pay",)


def test_workers_of_one_queue_are_merged_and_leave_one_by_one() -> None:
    deployment = Deployment()
    first = Worker(task_queue="main", activities={"pay": pay})
    second = Worker(task_queue="main", activities={"pay": ship, "ship": ship})
    deployment.add(first)
    deployment.add(second)
    deployment.add(second)
    assert deployment.workers == (first, second)
    found = deployment.activity("default", "main", "pay")
    assert found is not None and found.fn is ship
    deployment.remove(second)
    found = deployment.activity("default", "main", "pay")
    assert found is not None and found.fn is pay
    deployment.remove(first)
    assert not deployment.polls("default", "main")
    with pytest.raises(InvalidArgumentError, match="'main'"):
        deployment.remove(first)


def test_announcing_and_retiring_name_each_worker() -> None:
    async def scenario(world: World) -> None:
        workers = [Worker(task_queue="main", activities=[pay]), Worker(task_queue="main", activities=[ship])]
        for worker in workers:
            world.deployment.add(worker)
            await world.deployment.announce(world, worker)  # type: ignore[arg-type]
        await world.deployment.retire(world, workers[0])  # type: ignore[arg-type]
        table = world.objects[task_queue_key("default", "main")].tables["worker"]
        assert list(table) == ["worker-2"]

    world = play(scenario)
    assert [started.identity for started in world.sent(WorkerStarted)] == ["worker-1", "worker-2"]
    assert [stopped.identity for stopped in world.sent(WorkerStopped)] == ["worker-1"]


TASK = ActivityTask(namespace="default", task_queue="main", activity_key="ActivityDO/default/r|1", token="t")


async def consumed(world: World, body: Any) -> list[Any]:
    works: list[Any] = []
    await world.deployment.consume(world, body, works.append)  # type: ignore[arg-type]
    return works


def test_a_task_nobody_here_takes_is_parked_and_acknowledged() -> None:
    async def scenario(world: World) -> None:
        assert await consumed(world, TASK) == []

    assert play(scenario).sent(ParkActivityTask) == [ParkActivityTask(task=TASK)]


def test_a_task_whose_activity_is_gone_is_acknowledged() -> None:
    async def scenario(world: World) -> None:
        world.deployment.add(Worker(task_queue="main", activities=[pay]))
        assert await consumed(world, TASK) == []

    assert len(play(scenario).sent(LeaseActivity)) == 1


def test_a_message_is_acknowledged_once_the_lease_is_durable_and_the_work_is_handed_over() -> None:
    async def scenario(world: World) -> None:
        world.deployment.add(Worker(task_queue="main", activities=[pay]))
        bodies: list[Any] = []

        async def keep(body: Any) -> None:
            bodies.append(body)

        world.consume = keep  # type: ignore[method-assign]
        key = await world.schedule("pay")
        await asyncio.sleep(1)
        (work,) = await consumed(world, bodies[0])
        assert world.objects[key].tables["activity"]["attempt"].phase == "started"
        await work
        assert (await world.outcome()).outcome == "completed"

    play(scenario)


@pytest.mark.parametrize("polled", [True, False])
def test_when_the_outcome_of_a_call_is_unknown_the_message_must_come_again(polled: bool) -> None:
    async def scenario(world: World) -> None:
        world.fail_call = lambda message: "before"
        if polled:
            world.deployment.add(Worker(task_queue="main", activities=[pay]))
        with pytest.raises(HostError):
            await consumed(world, TASK)

    world = play(scenario)
    assert len(world.calls) == (3 if polled else 1)


def test_a_message_of_an_unknown_kind_is_left_to_a_version_that_knows_it() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(HostError, match="newer version"):
            await consumed(world, LeaseActivity(token="t"))

    play(scenario)
