"""Queues: once and in order without faults, at least once and in any order with them; and the object
store."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import MINUTE, SECOND
from temporal_do.runtime.errors import HostError
from temporal_do.sim import ActorCrashed, FaultPlan, Simulation

from .toys import ToyAdd, ToySend, insist, rows, toy_simulation

COUNTER = "Counter/toys/a"


class Consumer:
    """Remembers what it got; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.got: list[Any] = []
        self.failures = failures

    async def __call__(self, worker: Any, body: Any, run: Any) -> None:
        self.got.append(body)
        if self.failures:
            self.failures -= 1
            raise HostError("not now")


def test_without_faults_a_message_is_delivered_once_at_once_and_in_order() -> None:
    for seed in range(10):
        consumer = Consumer()
        with toy_simulation(seed) as sim:
            sim.platform.queues.consume("toys", consumer)

            async def main(sim: Simulation = sim) -> None:
                for index in range(10):
                    await sim.host.enqueue("toys", index)
                await sim.sleep("0s")

            sim.execute(main())
        assert consumer.got == list(range(10))
        assert sim.now().isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_delayed_message_comes_when_its_delay_is_over() -> None:
    consumer = Consumer()
    with toy_simulation() as sim:
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            await sim.host.enqueue("toys", "late", 5 * MINUTE)
            await sim.sleep("299s")
            assert consumer.got == []
            await sim.sleep("1s")
            assert consumer.got == ["late"]

        sim.execute(main())


def test_messages_wait_for_their_first_consumer() -> None:
    consumer = Consumer()
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.enqueue("toys", "early")
            await sim.sleep("1d")
            sim.platform.queues.consume("toys", consumer)
            await sim.sleep("0s")
            assert consumer.got == ["early"]

        sim.execute(main())


def test_a_message_whose_consumer_fails_comes_again_with_a_growing_delay() -> None:
    consumer = Consumer(failures=3)
    with toy_simulation() as sim:
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            await sim.host.enqueue("toys", "again")
            await sim.sleep("1h")

        sim.execute(main())
    steps = [step for step in sim.trace.steps() if step["kind"] == "consume"]
    assert [step["attempt"] for step in steps] == [1, 2, 3, 4]
    assert [(step["at_ns"] - sim.start_ns) // SECOND for step in steps] == [0, 1, 3, 7]


def test_a_consumer_that_always_fails_loses_its_message_in_the_end_and_the_trace_says_so() -> None:
    with toy_simulation() as sim:
        sim.platform.queues.consume("toys", Consumer(failures=10_000))

        async def main() -> None:
            await sim.host.enqueue("toys", "hopeless")
            await sim.sleep("30d")

        sim.execute(main())
    assert [step["reason"] for step in sim.trace.steps() if step["kind"] == "drop"] == ["not now"]


def test_a_consumer_with_a_bug_reaches_the_test() -> None:
    async def broken(worker: Any, body: Any, run: Any) -> None:
        raise KeyError(body)

    with toy_simulation() as sim:
        sim.platform.queues.consume("toys", broken)

        async def main() -> None:
            await sim.host.enqueue("toys", "x")
            with pytest.raises(ActorCrashed, match="worker raised KeyError"):
                await sim.sleep("1h")

        sim.execute(main())


def test_work_that_a_consumer_starts_begins_after_the_acknowledgement_and_dies_with_its_worker() -> None:
    ran: list[str] = []

    async def work(sim: Simulation) -> None:
        ran.append("began" if [step for step in sim.trace.steps() if step["kind"] == "ack"] else "too early")
        await asyncio.sleep(3600)
        ran.append("ended")

    with toy_simulation() as sim:

        async def consume(worker: Any, body: Any, run: Any) -> None:
            run(work(sim))
            await asyncio.sleep(1)

        sim.platform.queues.consume("toys", consume)

        async def main() -> None:
            await sim.host.enqueue("toys", 1)
            await sim.sleep("2h")
            assert ran == ["began", "ended"]
            await sim.host.enqueue("toys", 2)
            await sim.sleep("30m")
            assert sim.crash_worker() == 1
            await sim.sleep("2h")
            assert ran == ["began", "ended", "began"]
            assert sim.crash_worker() == 0

        sim.execute(main())


@pytest.mark.parametrize("end", ["while it waits", "before it begins", "killed before it begins"])
def test_work_that_never_began_goes_quietly_with_its_world(end: str) -> None:
    ran: list[int] = []

    async def work() -> None:
        ran.append(1)

    def live_for_a_step() -> None:
        with toy_simulation() as sim:

            async def consume(worker: Any, body: Any, run: Any) -> None:
                run(work())
                await asyncio.sleep(60)

            sim.platform.queues.consume("toys", consume)
            sim.execute(lambda: sim.host.enqueue("toys", 1))
            sim.loop.step()
            (worker,) = sim.platform.queues.workers.values()
            if end != "while it waits":
                worker.settled()
            if end == "killed before it begins":
                sim.platform.queues.kill(worker, "killed")

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        live_for_a_step()
        gc.collect()
    assert ran == []
    assert [str(each.message) for each in heard] == []


def test_a_message_that_a_dead_worker_has_not_acknowledged_comes_again() -> None:
    attempts: list[int] = []

    async def slow(worker: Any, body: Any, run: Any) -> None:
        attempts.append(worker.number)
        await asyncio.sleep(60)

    with toy_simulation() as sim:
        sim.platform.queues.consume("toys", slow)

        async def main() -> None:
            await sim.host.enqueue("toys", 1)
            await sim.sleep("1s")
            sim.crash_worker()
            await sim.sleep("1h")

        sim.execute(main())
    assert attempts == [1, 2]


@given(seed=st.integers(0, 1 << 32))
def test_every_message_arrives_at_least_once_and_an_idempotent_receiver_counts_it_once(seed: int) -> None:
    plan = FaultPlan.queue(200_000) | FaultPlan.workers(100_000) | FaultPlan.crashes(30_000)
    with toy_simulation(seed, faults=plan) as sim:

        async def consume(worker: Any, body: Any, run: Any) -> None:
            await worker.call(COUNTER, body)

        sim.platform.queues.consume("toys", consume)

        async def main() -> None:
            await insist(
                sim.host, "Sender/toys/s", ToySend(request_id="s", receiver="toys", count=10, queue=True)
            )
            await sim.sleep("30m")
            sim.heal()
            await sim.sleep("30m")

        sim.execute(main())
    assert len(rows(sim, COUNTER, "seen")) == 10
    assert not rows(sim, "Sender/toys/s", "outbox")


def test_faults_of_the_queue_duplicate_delay_and_reorder() -> None:
    plan = FaultPlan.queue(300_000)
    with toy_simulation(1, faults=plan) as sim:
        consumer = Consumer()
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            for index in range(40):
                try:
                    await sim.host.enqueue("toys", index)
                except HostError:
                    pass
            await sim.sleep("1h")

        sim.execute(main())
    assert len(consumer.got) > len(set(consumer.got))
    assert consumer.got != sorted(consumer.got)
    for name in ("lost_send", "ambiguous_send", "duplicate_message", "slow_message", "lost_ack"):
        assert sim.stats[f"fault_{name}"] > 0


def test_the_object_store_keeps_what_was_put_and_knows_what_was_not() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            assert await sim.host.get_blob("k") is None
            await sim.host.put_blob("k", b"one")
            await sim.host.put_blob("k", b"two")
            assert await sim.host.get_blob("k") == b"two"
            assert sim.platform.blobs.keys() == ["k"]

        sim.execute(main())


@pytest.mark.parametrize(("fault", "stored"), [("lost_put", None), ("ambiguous_put", b"data")])
def test_a_failed_put_has_stored_all_or_nothing(fault: str, stored: bytes | None) -> None:
    with toy_simulation(faults=FaultPlan.at(fault) | FaultPlan.at("failed_get", "k", 2)) as sim:

        async def main() -> None:
            with pytest.raises(HostError, match="outcome unknown"):
                await sim.host.put_blob("k", b"data")
            assert await sim.host.get_blob("k") == stored
            with pytest.raises(HostError, match="reading 'k' failed"):
                await sim.host.get_blob("k")

        sim.execute(main())


def test_a_consumer_that_adds_through_its_worker_is_seen_in_the_trace() -> None:
    with toy_simulation() as sim:

        async def consume(worker: Any, body: Any, run: Any) -> None:
            await worker.call(COUNTER, body)

        sim.platform.queues.consume("toys", consume)

        async def main() -> None:
            await sim.host.enqueue("toys", ToyAdd(request_id="1"))
            await sim.sleep("0s")

        sim.execute(main())
    assert [step["kind"] for step in sim.trace.steps()] == [
        *("enqueue", "consume", "call", "deliver", "load", "commit", "reply", "ack")
    ]
