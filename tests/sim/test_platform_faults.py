"""Each fault of the platform has its effect on whoever calls, and no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.durations import MILLISECOND, MINUTE, SECOND
from temporal_do.runtime.errors import HostError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.cron import PERIOD_NS
from temporal_do.sim.platform import isolate_of

from .toys import ToyAdd, ToyRead, ToySend, ToyTick, insist, rows, toy_simulation

COUNTER = "Counter/toys/a"
CLOCK = "Clock/toys/c"


def kinds(sim: Simulation, *wanted: str) -> list[dict[str, Any]]:
    return [step for step in sim.trace.steps() if step["kind"] in wanted]


# --- requests ---


def test_a_broken_stub_loses_this_call_and_later_ones_until_it_is_replaced() -> None:
    with toy_simulation(faults=FaultPlan.at("broken_stub")) as sim:

        async def main() -> None:
            for _ in range(2):
                with pytest.raises(HostError, match="the stub is broken"):
                    await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            other = sim.platform.host("another client")
            assert (await other.call(COUNTER, ToyRead())).value == 0
            await sim.sleep("1s")
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="1"))).value == 1

        sim.execute(main())


# --- objects ---


def test_an_isolate_takes_all_its_objects_with_it_and_no_other() -> None:
    keys = [f"Counter/toys/{number}" for number in range(40)]
    with toy_simulation(faults=FaultPlan.at("isolate_reset", occurrence=41)) as sim:

        async def main() -> None:
            for key in keys:
                await sim.host.call(key, ToyAdd(request_id="1"))
            assert (await sim.host.call(keys[0], ToyRead())).value == 1

        sim.execute(main())
    died = {step["key"] for step in kinds(sim, "dead")}
    assert died == {key for key in keys if isolate_of(key) == isolate_of(keys[0])}
    assert 1 < len(died) < len(keys)


def test_a_code_update_resets_the_object_and_keeps_what_is_durable() -> None:
    with toy_simulation(faults=FaultPlan.at("code_update", occurrence=2)) as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            with pytest.raises(HostError, match="its code was updated"):
                await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="2"))).value == 2

        sim.execute(main())
    assert sim.platform.objects[COUNTER].incarnations == 2


def test_older_code_refuses_newer_rows_until_the_deploy_has_reached_it() -> None:
    with toy_simulation(faults=FaultPlan.at("version_skew", occurrence=2)) as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            with pytest.raises(HostError, match="its code was updated"):
                await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            sim.platform.objects[COUNTER].old_code_until_ns = sim.platform.now() + MINUTE
            with pytest.raises(HostError, match="a newer version of temporal-do wrote rows"):
                await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            await sim.sleep("1m")
            assert (await sim.host.call(COUNTER, ToyAdd(request_id="2"))).value == 2

        sim.execute(main())


def test_an_alarm_that_wakes_older_code_is_not_lost() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=MINUTE))
            sim.crash(CLOCK)
            sim.platform.objects[CLOCK].old_code_until_ns = sim.platform.now() + 3 * MINUTE
            await sim.sleep("1h")

        sim.execute(main())
    ticks = [row.value - sim.start_ns for row in rows(sim, CLOCK, "ticks").values()]
    assert len(ticks) == 1
    assert 3 * MINUTE <= ticks[0] < 4 * MINUTE


def test_a_failed_commit_resets_the_object_and_all_its_callers_hear_of_it() -> None:
    with toy_simulation(faults=FaultPlan.at("failed_commit", occurrence=2)) as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="0"))
            with pytest.raises(HostError, match="failed_commit"):
                await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1

        sim.execute(main())


# --- clocks ---


def test_clocks_of_different_machines_differ_and_an_alarm_still_goes_off_once_per_time() -> None:
    for seed in range(10):
        with toy_simulation(seed, faults=FaultPlan.clocks(1_000_000, skew="5s")) as sim:

            async def main(sim: Simulation = sim) -> None:
                await insist(sim.host, CLOCK, ToyTick(times=3, period_ns=MINUTE))
                sim.crash(CLOCK)
                await sim.host.call(COUNTER, ToyRead())
                await sim.sleep("10m")

            sim.execute(main())
        assert len(rows(sim, CLOCK, "ticks")) == 3
        assert len(kinds(sim, "alarm")) == 3, (
            "an alarm whose clock is ahead of the object's is no reason to spin"
        )
    host = sim.platform.objects[COUNTER].incarnation
    assert host is not None
    assert 0 < abs(host.now() - sim.platform.now()) <= 5 * SECOND


def test_within_a_turn_and_between_events_the_clock_stands_still() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            before = sim.host.now()
            for index in range(5):
                await sim.host.call(COUNTER, ToyAdd(request_id=str(index)))
            assert sim.host.now() == before

        sim.execute(main())


# --- alarms ---


def _times(sim: Simulation) -> list[int]:
    return [(step["at_ns"] - sim.start_ns) // SECOND for step in kinds(sim, "alarm")]


async def _one_tick(sim: Simulation, sleep: str = "4m") -> None:
    sim.platform.cron.sweeper = None
    await sim.host.call(CLOCK, ToyTick(times=1, period_ns=10 * SECOND))
    await sim.sleep(sleep)


def test_an_exhausted_alarm_fails_seven_times_and_vanishes() -> None:
    with toy_simulation(faults=FaultPlan.at("exhausted_alarm")) as sim:
        sim.execute(_one_tick(sim))
    assert _times(sim) == [10, 12, 16, 24, 40, 72, 136]
    assert [step["reason"] for step in kinds(sim, "alarm_lost")] == ["its retries are exhausted"]
    assert sim.platform.objects[CLOCK].alarm.when_ns is None
    assert rows(sim, CLOCK, "ticks") == {}


def test_an_alarm_that_fails_six_times_is_handled_the_seventh() -> None:
    plan = FaultPlan()
    for occurrence in range(1, 7):
        plan = plan | FaultPlan.at("failed_alarm", "*", occurrence)
    with toy_simulation(faults=plan) as sim:
        sim.execute(_one_tick(sim))
    assert len(_times(sim)) == 7
    assert len(rows(sim, CLOCK, "ticks")) == 1


def test_a_stuck_alarm_shows_a_time_in_the_past_and_does_not_go_off() -> None:
    with toy_simulation(faults=FaultPlan.at("stuck_alarm")) as sim:
        sim.execute(_one_tick(sim))
        when_ns = sim.platform.objects[CLOCK].alarm.when_ns
        assert when_ns is not None and when_ns < sim.platform.now()
        assert _times(sim) == []

        async def disturb() -> None:
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=SECOND))
            await sim.sleep("1m")

        sim.execute(disturb())
    assert len(rows(sim, CLOCK, "ticks")) == 1


def test_any_commit_of_an_object_sets_an_overdue_alarm_again() -> None:
    with toy_simulation(faults=FaultPlan.at("stuck_alarm")) as sim:

        async def main() -> None:
            sim.platform.cron.sweeper = None
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=10 * SECOND, request_id="1"))
            await sim.sleep("1h")
            assert rows(sim, CLOCK, "ticks") == {}
            sim.platform.objects[CLOCK].actor.handlers[ToyAdd] = _touch  # type: ignore[index]
            try:
                await sim.host.call(CLOCK, ToyAdd(request_id="touch"))
            finally:
                del sim.platform.objects[CLOCK].actor.handlers[ToyAdd]  # type: ignore[attr-defined]
            await sim.sleep("1s")

        sim.execute(main())
    assert len(rows(sim, CLOCK, "ticks")) == 1


def _touch(state: Any, message: Any, turn: Any) -> Any:
    turn.put("seen", message.request_id, message)
    return message


# --- queues ---


class Consumer:
    def __init__(self) -> None:
        self.got: list[tuple[int, Any]] = []

    async def __call__(self, worker: Any, body: Any, run: Any) -> None:
        self.got.append((worker.number, body))
        await asyncio.sleep(1)


async def _enqueue(sim: Simulation, *bodies: Any, sleep: str = "1h") -> None:
    sim.platform.cron.sweeper = None
    for body in bodies:
        await sim.host.enqueue("toys", body)
    await sim.sleep(sleep)


def test_a_batch_goes_to_one_worker_and_comes_again_as_a_whole_when_that_dies() -> None:
    consumer = Consumer()
    plan = FaultPlan.at("batched_message", "toys", 1) | FaultPlan.at("batched_message", "toys", 2)
    with toy_simulation(faults=plan) as sim:
        sim.platform.queues.consume("toys", consumer)

        async def main() -> None:
            await _enqueue(sim, 1, 2, 3, 4, sleep="0s")
            assert sorted(consumer.got) == [(1, 1), (1, 2), (1, 3), (2, 4)]
            await sim.sleep("0.5s")
            sim.crash_worker()
            await sim.sleep("1h")

        sim.execute(main())
    assert sorted(body for _, body in consumer.got) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert len(kinds(sim, "ack")) == 4


def test_a_batch_that_nothing_joins_is_delivered_after_its_timeout() -> None:
    consumer = Consumer()
    with toy_simulation(faults=FaultPlan.at("batched_message")) as sim:
        sim.platform.queues.consume("toys", consumer)
        sim.execute(_enqueue(sim, "alone"))
    assert consumer.got == [(1, "alone")]
    assert kinds(sim, "consume")[0]["at_ns"] - sim.start_ns == 5 * SECOND


def test_twins_are_handled_at_the_same_time() -> None:
    consumer = Consumer()
    with toy_simulation(faults=FaultPlan.at("twin_delivery")) as sim:
        sim.platform.queues.consume("toys", consumer)
        sim.execute(_enqueue(sim, "x"))
    assert consumer.got == [(1, "x"), (2, "x")]
    assert [step["at_ns"] for step in kinds(sim, "consume")] == [sim.start_ns] * 2


def test_an_expired_message_vanishes_without_a_word() -> None:
    consumer = Consumer()
    with toy_simulation(faults=FaultPlan.at("expired_message")) as sim:
        sim.platform.queues.consume("toys", consumer)
        sim.execute(_enqueue(sim, "old", "new"))
    assert [body for _, body in consumer.got] == ["new"]
    assert [step["reason"] for step in kinds(sim, "drop")] == ["it expired"]


@pytest.mark.parametrize("by_fault", [False, True])
def test_a_message_without_retries_left_becomes_a_dead_letter(by_fault: bool) -> None:
    letters = Consumer()
    attempts: list[int] = []

    async def failing(worker: Any, body: Any, run: Any) -> None:
        attempts.append(worker.number)
        raise HostError("not today")

    with toy_simulation(faults=FaultPlan.at("dead_letter") if by_fault else None) as sim:
        sim.platform.queues.configure("toys", deliveries_max=4, dead_letters="letters")
        sim.platform.queues.consume("toys", failing)
        sim.platform.queues.consume("letters", letters)
        sim.execute(_enqueue(sim, "poison"))
    assert len(attempts) == (1 if by_fault else 4)
    assert [body for _, body in letters.got] == ["poison"]
    assert [step["queue"] for step in kinds(sim, "enqueue", "drop")] == ["toys", "toys", "letters"]


# --- the object store ---


def test_a_throttled_key_takes_no_write_for_a_second_and_others_do() -> None:
    with toy_simulation(faults=FaultPlan.at("throttled_put")) as sim:

        async def main() -> None:
            for _ in range(2):
                with pytest.raises(HostError, match="too many requests"):
                    await sim.host.put_blob("k", b"1")
            await sim.host.put_blob("other", b"1")
            assert await sim.host.get_blob("k") is None
            await sim.sleep("1s")
            await sim.host.put_blob("k", b"1")

        sim.execute(main())


# --- the cron trigger ---


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        ("", [0]),
        ("missed_cron", [PERIOD_NS]),
        ("twice_cron", [0, 0]),
        ("late_cron", None),
        ("overlapping_cron", None),
    ],
)
def test_the_cron_trigger_is_missed_late_doubled_and_overlaps(fault: str, begins: list[int] | None) -> None:
    plan = FaultPlan.at("stuck_alarm") | (FaultPlan.at(fault) if fault else FaultPlan())
    with toy_simulation(faults=plan) as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=10 * SECOND))
            await sim.sleep("2h")

        sim.execute(main())
    assert len(rows(sim, CLOCK, "ticks")) == 1, "whatever happens to the trigger, what was lost is found"
    began = [
        step["at_ns"] - sim.start_ns - PERIOD_NS for step in kinds(sim, "cron") if step["action"] == "begins"
    ]
    if begins is not None:
        assert began == begins
    elif fault == "late_cron":
        assert began[0] > 0
    else:
        assert began[0] == 0 and len(began) == 2 and began[1] >= MILLISECOND


def test_without_a_loss_the_trigger_never_runs() -> None:
    with toy_simulation(3, faults=FaultPlan.crashes(100_000) | FaultPlan.crons(1_000_000)) as sim:

        async def main() -> None:
            await insist(sim.host, "Sender/toys/s", ToySend(request_id="s", receiver=COUNTER, count=3))
            await sim.sleep("1d")

        sim.execute(main())
    assert kinds(sim, "cron") == []
