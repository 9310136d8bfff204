"""Calls, outboxes and queues."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.actor import Refusal
from temporal_do.runtime.errors import HostError
from tests.sim.toys import ToyAdd, ToyBegin, ToyFail, ToyRead, ToySend, ToyTick

from .actors import Look, Put, values
from .world import Runner, World, until

COUNTER = "Counter/suite/c"


def total(world: World, key: str = COUNTER) -> int:
    return values(world.rows(key)).get("numbers", {}).get("sum", 0)


def test_one_message_at_a_time_whoever_sends(run: Runner) -> None:
    async def scenario(world: World) -> None:
        calls = [world.host.call(COUNTER, ToyAdd(request_id=f"r{n}")) for n in range(40)]
        replies = await asyncio.gather(*calls)
        assert sorted(reply.value for reply in replies) == list(range(1, 41))

    run(scenario)


def test_messages_of_one_object_to_another_arrive_in_order(run: Runner) -> None:
    async def scenario(world: World) -> None:
        senders = ("Sender/suite/a", "Sender/suite/b")
        log = "Box/suite/log"
        sends = [
            world.host.call(sender, ToySend(request_id="s", receiver=log, count=20)) for sender in senders
        ]
        await asyncio.gather(*sends)
        await until(world, lambda: sum(map(len, values(world.rows(log)).values())) == 40)
        for sender in senders:
            assert list(values(world.rows(log))[sender].values()) == list(range(20))

    run(scenario)


def test_calls_made_in_a_row_are_taken_in_that_row(run: Runner) -> None:
    async def scenario(world: World) -> None:
        box = world.incarnation("Box/suite/sender")
        calls = [box.call("Box/suite/log", Put(rows=(("last", 1, n),))) for n in range(30)]
        await asyncio.gather(*calls)
        assert values(world.rows("Box/suite/log")) == {"last": {1: 29}}

    run(scenario)


def test_a_parent_and_its_child_wait_for_each_other_without_a_deadlock(run: Runner) -> None:
    async def scenario(world: World) -> None:
        calls = [world.host.call("Parent/suite/p", ToyBegin(child=f"Child/suite/{n}")) for n in range(5)]
        await asyncio.wait_for(asyncio.gather(*calls), 5)
        assert len(values(world.rows("Parent/suite/p"))["numbers"]) == 10

    run(scenario)


def test_what_an_actor_raises_reaches_its_callers_as_an_unknown_outcome(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(COUNTER, ToyAdd(request_id="one"))
        with pytest.raises(HostError, match="outcome unknown"):
            await world.host.call(COUNTER, ToyFail())
        reply = await world.host.call(COUNTER, ToyRead())
        assert reply.value == 1

    run(scenario)


def test_a_refusal_is_an_ordinary_reply(run: Runner) -> None:
    async def scenario(world: World) -> None:
        reply = await world.host.call(COUNTER, Look())
        assert type(reply) is Refusal
        assert reply.code == "unknown_message"

    run(scenario)


def test_a_caller_that_gives_up_does_not_stop_what_it_asked_for(run: Runner) -> None:
    async def scenario(world: World) -> None:
        calls = [asyncio.ensure_future(world.host.call(COUNTER, ToyAdd(request_id=f"{n}"))) for n in range(5)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await until(world, lambda: total(world) == 5)

    run(scenario)


def test_an_outbox_is_delivered_after_its_sender_died(run: Runner) -> None:
    async def scenario(world: World) -> None:
        sender = "Sender/suite/s"
        await world.host.call(sender, ToySend(request_id="s", receiver=COUNTER, count=5))
        world.kill(sender)
        await world.host.call(sender, Look())  # whatever wakes it: it goes on with what it had to send
        await until(world, lambda: total(world) == 5)

    run(scenario)


def test_a_chain_of_alarms_leaves_one_row_each(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call("Clock/suite/c", ToyTick(times=5, period_ns=10_000_000))
        await until(world, lambda: len(values(world.rows("Clock/suite/c")).get("ticks", {})) == 5)

    run(scenario)


def test_a_queue_message_is_delivered_and_waits_for_its_consumer(run: Runner) -> None:
    async def scenario(world: World) -> None:
        for n in range(5):
            await world.host.enqueue("jobs", ToyAdd(request_id=f"{n}"))
        await world.pass_time(10)

        async def consume(worker: Any, body: ToyAdd, go_on: Any) -> None:
            await worker.call(COUNTER, body)

        world.consume("jobs", consume)
        await until(world, lambda: total(world) == 5)

    run(scenario)


def test_a_delayed_message_is_not_early(run: Runner) -> None:
    async def scenario(world: World) -> None:
        arrived: list[int] = []

        async def consume(worker: Any, body: Any, go_on: Any) -> None:
            arrived.append(worker.now())

        world.consume("jobs", consume)
        sent_ns = world.host.now()
        await world.host.enqueue("jobs", Look(), 50_000_000)
        await until(world, lambda: bool(arrived))
        assert arrived[0] >= sent_ns + 50_000_000

    run(scenario)


@pytest.mark.parametrize("error", [HostError("planted"), ValueError("planted")])
def test_a_message_whose_consumer_fails_comes_again(run: Runner, error: Exception) -> None:
    async def scenario(world: World) -> None:
        tries: list[Any] = []

        async def consume(worker: Any, body: Any, go_on: Any) -> None:
            tries.append(body)
            if len(tries) < 3:
                raise error

        world.consume("jobs", consume)
        await world.host.enqueue("jobs", ToyAdd(request_id="x", amount=7))
        await until(world, lambda: len(tries) == 3, within_ms=20_000)
        await world.pass_time(100)
        assert tries == [ToyAdd(request_id="x", amount=7)] * 3

    run(scenario)


def test_work_of_a_consumer_goes_on_after_the_acknowledgement(run: Runner) -> None:
    async def scenario(world: World) -> None:
        events: list[str] = []

        async def work() -> None:
            events.append("work")
            await asyncio.sleep(0.02)
            events.append("end")

        async def consume(worker: Any, body: Any, go_on: Any) -> None:
            go_on(work())
            await asyncio.sleep(0)
            events.append("consumed")

        world.consume("jobs", consume)
        await world.host.enqueue("jobs", Look())
        await until(world, lambda: len(events) == 3)
        assert events == ["consumed", "work", "end"]

    run(scenario)


def test_clocks_do_not_run_backwards_and_entropy_does_not_repeat(run: Runner) -> None:
    async def scenario(world: World) -> None:
        moments, bytes_seen = [], set()
        for _ in range(50):
            moments.append(world.host.now())
            bytes_seen.add(world.host.entropy(16))
            await world.pass_time(1 if len(moments) % 10 == 0 else 0)
        assert moments == sorted(moments)
        assert len(bytes_seen) == 50
        assert {len(found) for found in bytes_seen} == {16}

    run(scenario)
