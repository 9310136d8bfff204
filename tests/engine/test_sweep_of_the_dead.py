"""What is over and has something left to say is not forgotten by the recovery sweep before it has said it."""

from __future__ import annotations

from typing import Any

from temporal_do.runtime import Temporal, Worker
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.keys import ACTIVITY, TIMER, VISIBILITY, kind_of, schedule_key, visibility_key
from temporal_do.runtime.messages.visibility import (
    ForgetSchedule,
    ListAwake,
    ListSchedules,
    RegisterSchedule,
    RunsAtRest,
)
from temporal_do.sim import Simulation
from tests.actors.driver import Driver

from .laws import check_nothing_is_stuck

NOW = 1_767_225_600 * 10**9
KEY = schedule_key("dead", "nightly")

temporal = Temporal(namespace="dead")


@temporal.activity
async def act() -> str:
    return "done"


@temporal.workflow("short")
async def short(ctx: Any) -> Any:
    return await ctx.activity("act", act)


WORKER = Worker(namespace="dead", task_queue="main", workflows=[short], activities=[act])


def index() -> Driver:
    return Driver(ACTORS[VISIBILITY], visibility_key("dead", 0), now=NOW)


def listed(driver: Driver) -> tuple[str, ...]:
    return tuple(driver.send(ListSchedules()).schedule_ids)


def test_a_deleted_schedule_is_swept_until_it_was_found_at_rest() -> None:
    driver = index()
    driver.send(RegisterSchedule(key=KEY))
    assert (driver.send(ListAwake()).keys, driver.send(ListAwake()).closed_run_ids) == ((KEY,), ("",))
    driver.send(ForgetSchedule(key=KEY))
    assert listed(driver) == ()
    assert (driver.send(ListAwake()).keys, driver.send(ListAwake()).closed_run_ids) == ((KEY,), (KEY,))
    driver.send(RunsAtRest(run_ids=(KEY,)))
    assert driver.send(ListAwake()).keys == ()
    assert not any(driver.tables.values())


def test_what_is_said_late_of_an_earlier_schedule_of_the_same_id_is_ignored() -> None:
    driver = index()
    driver.send(RegisterSchedule(key=KEY, creation=1))
    driver.send(ForgetSchedule(key=KEY, creation=1))
    driver.send(RegisterSchedule(key=KEY, creation=1))
    assert listed(driver) == (), "a registration that comes again after the deletion"
    driver.send(RegisterSchedule(key=KEY, creation=2))
    assert listed(driver) == ("nightly",)
    assert driver.send(ListAwake()).closed_run_ids == ("",)
    driver.send(ForgetSchedule(key=KEY, creation=1))
    assert listed(driver) == ("nightly",), "a deletion that comes again after the next creation"
    driver.send(ForgetSchedule(key=KEY, creation=2))
    assert listed(driver) == ()


async def _schedule(sim: Simulation) -> Any:
    return await temporal.schedule_workflow(short, schedule_id="nightly", interval="1d", task_queue="main")


def test_a_deletion_whose_answer_and_alarm_were_lost_is_not_left_undelivered() -> None:
    with Simulation() as sim:

        async def main() -> None:
            handle = await _schedule(sim)
            shard = next(key for key in sim.platform.objects if kind_of(key) == VISIBILITY)
            sim.place("lost_reply", shard)
            sim.place("stuck_alarm", KEY)
            await handle.delete()
            await sim.sleep("1m")
            assert sim.platform.objects[KEY].tables["outbox"], (
                "the alarm is lost, the deletion not acknowledged"
            )
            await sim.sleep("15m")
            check_nothing_is_stuck(sim)
            assert not any(sim.platform.objects[shard].tables.values())

        sim.execute(main())


def test_a_schedule_that_the_index_takes_for_alive_says_that_it_is_not() -> None:
    with Simulation() as sim:

        async def main() -> None:
            handle = await _schedule(sim)
            shard = next(key for key in sim.platform.objects if kind_of(key) == VISIBILITY)
            await handle.delete()
            await sim.sleep("1m")
            for _ in range(2):
                await sim.deployment.sweep(sim.host)
                await sim.sleep("1m")
            await sim.host.call(shard, RegisterSchedule(key=KEY))  # so late that nobody remembers
            assert (await sim.host.call(shard, ListSchedules())).schedule_ids == ("nightly",)
            poked = []
            for _ in range(4):
                poked.append((await sim.deployment.sweep(sim.host)).poked)
                await sim.sleep("1m")
            assert poked == [1, 1, 0, 0]
            assert (await sim.host.call(shard, ListSchedules())).schedule_ids == ()

        sim.run(WORKER)
        sim.execute(main())


def test_a_schedule_made_again_is_found_and_knows_its_number() -> None:
    with Simulation() as sim:

        async def main() -> None:
            for _ in range(3):
                handle = await _schedule(sim)
                await handle.delete()
            await _schedule(sim)
            shard = next(key for key in sim.platform.objects if kind_of(key) == VISIBILITY)
            assert (await sim.host.call(shard, ListSchedules())).schedule_ids == ("nightly",)
            assert sim.platform.objects[shard].tables["schedule"][KEY].creation == 4

        sim.execute(main())
        assert kind_of(KEY) == TIMER


def test_a_closed_run_is_not_at_rest_while_one_of_its_activities_does_not_answer() -> None:
    with Simulation() as sim:

        async def main() -> None:
            sim.run(WORKER)
            await temporal.execute_workflow(short, workflow_id="w", task_queue="main")
            await sim.sleep("1m")
            activity = next(key for key in sim.platform.objects if kind_of(key) == ACTIVITY)
            sim.place("overload", activity)
            report = await sim.deployment.sweep(sim.host)
            assert (report.unreached, report.is_complete) == (1, False)
            again = await sim.deployment.sweep(sim.host)
            assert again.poked == report.poked, "all of them once more"
            assert again.is_complete
            assert (await sim.deployment.sweep(sim.host)).poked == 0

        sim.execute(main())


def test_a_sweep_that_finds_something_left_to_send_is_not_the_last() -> None:
    with Simulation() as sim:

        async def main() -> None:
            handle = await _schedule(sim)
            shard = next(key for key in sim.platform.objects if kind_of(key) == VISIBILITY)
            sim.place("overload", shard)
            sim.place("overload", shard, 3)
            await handle.delete()
            report = await sim.deployment.sweep(sim.host)
            assert (report.unsettled, report.is_complete) == (1, False)

        sim.run(WORKER)
        sim.execute(main())
