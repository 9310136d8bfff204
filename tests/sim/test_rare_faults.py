"""Faults of the platform that few think of: doubled and overtaken requests, callers that go away, sections
that hang, slow starts, consumers that fail after they acknowledged, writers that race for a blob."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.durations import MILLISECOND, SECOND
from temporal_do.runtime.errors import HostError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.objects import GATE_TIMEOUT_NS

from .toys import ToyAdd, ToyRead, ToySend, ToyTick, busy_world, check_busy_world, rows, toy_simulation

COUNTER = "Counter/toys/a"
CLOCK = "Clock/toys/c"
SENDER = "Sender/toys/s"
PROFILES = ("local", "prod")
NEW = (
    "duplicate_request",
    "overtaken_request",
    "caller_disconnect",
    "stuck_section",
    "cold_start",
    "throwing_consumer",
    "lost_race",
)


def steps_of(sim: Simulation, *kinds: str) -> list[dict[str, Any]]:
    return [step for step in sim.trace.steps() if step["kind"] in kinds]


@pytest.mark.parametrize("fault", NEW)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_run_without_the_fault_is_the_run_as_if_there_were_no_such_fault(fault: str, profile: str) -> None:
    others = {name: rate for name, rate in FaultPlan.everything(30_000).rates.items() if name not in NEW}
    digests = []
    for plan in (FaultPlan(rates=others), FaultPlan(rates=others) | FaultPlan.at(fault, "nobody")):
        with toy_simulation(5, faults=plan, profile=profile) as sim:
            sim.execute(busy_world(sim))
        assert not any(
            label.startswith(("start:", "acked:", "put_new_blob:")) for label in sim._choices.counts()
        )
        digests.append(sim.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("fault", NEW)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_fault_alone_leaves_every_effect_once_and_its_tape_repeats_it(fault: str, profile: str) -> None:
    with toy_simulation(3, faults=FaultPlan(rates={fault: 300_000}), profile=profile) as sim:
        sim.execute(busy_world(sim))
    check_busy_world(sim)
    tape = sim.tape
    with toy_simulation(tape=tape) as again:
        again.execute(busy_world(again))
    assert again.digest == sim.digest
    if fault != "lost_race":
        assert sim.stats.get(f"fault_{fault}", 0) or (fault == "throwing_consumer" and profile == "prod")


# --- requests ---


def test_a_request_that_the_platform_repeats_is_acted_on_twice_and_answered_by_the_second() -> None:
    with toy_simulation(faults=FaultPlan.at("duplicate_request")) as sim:

        async def main() -> None:
            began_ns = sim.platform.now()
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="1"))).value == 1
            assert sim.platform.now() > began_ns, "the first reply was not heard"
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1, "one id, one effect"

        sim.execute(main())
    added = [step for step in steps_of(sim, "deliver") if type(step["message"]) is ToyAdd]
    assert len(added) == 2
    assert added[0]["call"] != added[1]["call"]


def test_an_overtaken_request_arrives_after_later_ones_of_its_sender() -> None:
    with toy_simulation(faults=FaultPlan.at("overtaken_request")) as sim:

        async def main() -> None:
            first = asyncio.ensure_future(sim.host.call(COUNTER, ToyAdd(request_id="1")))
            await asyncio.sleep(0)
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="2"))).value == 1
            assert not first.done()
            assert (await first).value == 2

        sim.execute(main())


def test_a_message_of_a_dead_incarnation_may_come_after_those_of_its_successor() -> None:
    with toy_simulation(7, faults=FaultPlan.at("overtaken_request", SENDER)) as sim:

        async def main() -> None:
            await sim.host.call(SENDER, ToySend(request_id="1", receiver=COUNTER))
            sim.crash(SENDER)
            await sim.host.call(SENDER, ToySend(request_id="2", receiver=COUNTER))
            await sim.sleep("1m")
            assert (await sim.host.call(COUNTER, ToyRead())).value == 2

        sim.execute(main())
    order = [
        step["message"].request_id for step in steps_of(sim, "deliver") if type(step["message"]) is ToyAdd
    ]
    assert len(order) == 3
    assert order[-1] == order[0] != order[1], "the first one came last, and had come again before"


def test_a_caller_that_disconnects_knows_nothing_and_the_callee_finishes() -> None:
    with toy_simulation(faults=FaultPlan.at("caller_disconnect")) as sim:

        async def main() -> None:
            began_ns = sim.platform.now()
            with pytest.raises(HostError, match="the caller was disconnected"):
                await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            assert sim.platform.now() == began_ns
            assert (await sim.host.call(COUNTER, ToyRead())).value == 0, "it has not arrived yet"
            await sim.sleep("1s")
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1

        sim.execute(main())


# --- objects ---


@pytest.mark.parametrize("profile", PROFILES)
def test_a_section_that_hangs_is_reset_after_its_timeout_and_everyone_in_the_queue_hears_of_it(
    profile: str,
) -> None:
    with toy_simulation(faults=FaultPlan.at("stuck_section", COUNTER, 2), profile=profile) as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="0"))
            began_ns = sim.platform.now()
            calls = [sim.host.call(COUNTER, ToyAdd(request_id=str(number))) for number in (1, 2, 3)]
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, HostError) and "stuck_section" in str(each) for each in found)
            assert sim.platform.now() - began_ns == GATE_TIMEOUT_NS
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="1"))).value == 2

        sim.execute(main())
    assert sim.platform.objects[COUNTER].incarnations == 2


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cold_start_delays_the_first_event_and_those_that_come_meanwhile_in_order(profile: str) -> None:
    with toy_simulation(9, faults=FaultPlan.at("cold_start", "Counter/*"), profile=profile) as sim:

        async def main() -> None:
            await sim.host.call(SENDER, ToySend(request_id="1", receiver=COUNTER, count=5))
            began_ns = sim.platform.now()
            assert (await sim.host.call(COUNTER, ToyRead())).value >= 0
            assert MILLISECOND <= sim.platform.now() - began_ns <= 5 * SECOND
            await sim.sleep("1m")
            assert (await sim.host.call(COUNTER, ToyRead())).value == 5
            resting_ns = sim.platform.now()
            await sim.host.call(COUNTER, ToyRead())
            assert sim.platform.now() == resting_ns, "what is in memory is warm"

        sim.execute(main())
    assert len({step["at_ns"] for step in steps_of(sim, "load") if step["key"] == COUNTER}) == 1


def test_an_alarm_that_wakes_a_cold_object_is_late_and_not_lost() -> None:
    with toy_simulation(faults=FaultPlan.at("cold_start", CLOCK, 2)) as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=10 * SECOND))
            sim.crash(CLOCK)
            await sim.sleep("1m")

        sim.execute(main())
    (tick,) = rows(sim, CLOCK, "ticks").values()
    assert 10 * SECOND < tick.value - sim.start_ns <= 15 * SECOND


# --- queues ---


@pytest.mark.parametrize(("profile", "acknowledged_again"), [("local", 1), ("prod", 0)])
def test_a_consumer_that_fails_after_an_acknowledgement_loses_it_locally_and_keeps_it_in_production(
    profile: str, acknowledged_again: int
) -> None:
    got: list[int] = []

    async def consumer(worker: Any, body: int, run: Any) -> None:
        got.append(body)
        await asyncio.sleep(body)

    plan = FaultPlan.at("batched_message", "toys", 1) | FaultPlan.at("throwing_consumer", "toys", 1)
    with toy_simulation(faults=plan, profile=profile) as sim:
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            sim.platform.cron.sweeper = None
            for body in (1, 2):
                await sim.host.enqueue("toys", body)
            await sim.sleep("1h")

        sim.execute(main())
    assert got.count(1) == 1 + acknowledged_again
    assert got.count(2) == 2, "it had no verdict yet, and its later one does not count"
    assert not sim.platform.queues.workers
    reasons = {step["reason"] for step in steps_of(sim, "redeliver")}
    assert reasons == {"the consumer failed after it had acknowledged"}


def test_what_a_failed_consumer_has_begun_goes_on() -> None:
    done: list[int] = []

    async def consumer(worker: Any, body: int, run: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(10)
            done.append(body)

        run(later())

    with toy_simulation(faults=FaultPlan.at("throwing_consumer", "toys", 1)) as sim:
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            await sim.host.enqueue("toys", 1)
            await sim.sleep("1h")

        sim.execute(main())
    assert done == [1, 1]


# --- the object store ---


def test_of_two_writers_the_one_that_loses_finds_what_the_winner_stored() -> None:
    with toy_simulation(faults=FaultPlan.at("lost_race")) as sim:

        async def main() -> None:
            assert await sim.host.put_blob("k", b"1", only_if_absent=True) is False
            assert await sim.host.get_blob("k") == b"1"
            assert await sim.host.put_blob("k", b"2", only_if_absent=True) is False
            assert await sim.host.get_blob("k") == b"1"
            assert await sim.host.put_blob("other", b"2", only_if_absent=True) is True

        sim.execute(main())


def test_a_put_whose_answer_was_lost_meets_itself() -> None:
    with toy_simulation(faults=FaultPlan.at("ambiguous_put")) as sim:

        async def main() -> None:
            with pytest.raises(HostError):
                await sim.host.put_blob("k", b"1", only_if_absent=True)
            assert await sim.host.put_blob("k", b"1", only_if_absent=True) is False

        sim.execute(main())


def test_an_unconditional_put_races_with_nobody() -> None:
    with toy_simulation(faults=FaultPlan(rates={"lost_race": 1_000_000})) as sim:
        sim.execute(sim.host.put_blob("k", b"1"))
        assert "put_new_blob:k" not in sim._choices.counts()
