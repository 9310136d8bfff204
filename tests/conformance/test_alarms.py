"""Alarms: one per object, part of the commit, at least once, never early."""

from __future__ import annotations

import pytest

from temporal_do.runtime.durations import MILLISECOND

from .actors import GRUMP, Put, values
from .world import Runner, World, until

BOX = "Box/suite/clock"


def rings(world: World, key: str = BOX) -> dict[object, int]:
    """number -> when the alarm went off."""
    return dict(values(world.rows(key)).get("rings", {}))


def soon(world: World, milliseconds: int) -> int:
    """A whole millisecond, as the engine sets its alarms."""
    return (world.host.now() // MILLISECOND + 1 + milliseconds) * MILLISECOND


def test_an_alarm_goes_off_once_and_not_early(run: Runner) -> None:
    async def scenario(world: World) -> None:
        for number in range(1, 4):
            when_ns = soon(world, 20 * number)
            await world.host.call(BOX, Put(alarm_ns=when_ns))
            await until(world, lambda: len(rings(world)) == number)  # noqa: B023
            assert rings(world)[number] >= when_ns
            assert values(world.rows(BOX))["rung for"][number] == when_ns
        await world.pass_time(60)
        assert len(rings(world)) == 3

    run(scenario)


def test_alarms_of_many_objects_go_off_each_in_its_time(run: Runner) -> None:
    async def scenario(world: World) -> None:
        moments = {f"Box/suite/{n}": soon(world, 30 + n % 4 * 7) for n in range(12)}
        for key, when_ns in moments.items():
            await world.host.call(key, Put(alarm_ns=when_ns))
        await until(world, lambda: all(rings(world, key) for key in moments))
        for key, when_ns in moments.items():
            assert list(rings(world, key)) == [1]
            assert rings(world, key)[1] >= when_ns

    run(scenario)


def test_an_alarm_is_replaced_by_a_later_and_by_an_earlier_one(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(alarm_ns=soon(world, 20)))
        later_ns = soon(world, 80)
        await world.host.call(BOX, Put(alarm_ns=later_ns))
        await until(world, lambda: len(rings(world)) == 1)
        assert rings(world)[1] >= later_ns
        await world.host.call(BOX, Put(alarm_ns=soon(world, 3_600_000)))
        await world.host.call(BOX, Put(alarm_ns=soon(world, 10)))
        await until(world, lambda: len(rings(world)) == 2)

    run(scenario)


def test_a_cleared_alarm_stays_silent(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(alarm_ns=soon(world, 20)))
        await world.host.call(BOX, Put(alarm_ns=-1))
        other = "Box/suite/other"
        await world.host.call(other, Put(alarm_ns=soon(world, 60)))
        await until(world, lambda: len(rings(world, other)) == 1)
        await world.pass_time(20)
        assert not rings(world)

    run(scenario)


def test_an_alarm_in_the_past_goes_off_at_once(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(alarm_ns=soon(world, -5_000)))
        await until(world, lambda: len(rings(world)) == 1, within_ms=1_000)

    run(scenario)


def test_an_alarm_wakes_an_object_that_is_in_nobodys_memory(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(alarm_ns=soon(world, 30)))
        assert world.kill(BOX)
        await until(world, lambda: len(rings(world)) == 1)

    run(scenario)


def test_a_turn_that_fails_does_not_move_the_alarm(run: Runner) -> None:
    async def scenario(world: World) -> None:
        when_ns = soon(world, 30)
        await world.host.call(BOX, Put(alarm_ns=when_ns))
        with pytest.raises(Exception, match="outcome unknown"):
            await world.host.call(BOX, Put(alarm_ns=soon(world, 3_600_000), fail=True))
        await until(world, lambda: len(rings(world)) == 1)
        assert values(world.rows(BOX))["rung for"] == {1: when_ns}

    run(scenario)


def test_an_alarm_whose_handler_dies_comes_again_for_the_same_moment(run: Runner) -> None:
    async def scenario(world: World) -> None:
        key = "Grump/suite/a"
        GRUMP.patience[key] = 2
        when_ns = soon(world, 10)
        await world.host.call(key, Put(alarm_ns=when_ns))
        await until(world, lambda: bool(rings(world, key)), within_ms=20_000)
        assert rings(world, key) == {1: when_ns}
        assert GRUMP.patience[key] == 0
        await world.pass_time(100)
        assert "box" not in values(world.rows(key))

    run(scenario)
