"""Rows: what a commit means on every host."""

from __future__ import annotations

import asyncio

import pytest

from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Commit

from .actors import Look, Put, WaitForEver, cell, values
from .world import Runner, World, until

BOX = "Box/suite/a"


def test_rows_come_back_each_table_in_key_order(run: Runner) -> None:
    async def scenario(world: World) -> None:
        numbers = (10, 2, 33, 1, -5, 2**40, 9)
        texts = ("b", "a", "é", "a b", "a/b", "Z", "~", "\U0001f600", "\uffff", "")
        box = world.incarnation(BOX)
        await box.commit(Commit(tuple(cell("numbers", number, 1) for number in numbers), None))
        await box.commit(Commit(tuple(cell("texts", text, 2) for text in texts), None))
        world.kill(BOX)
        tables = await world.incarnation(BOX).load()
        assert list(tables["numbers"]) == sorted(numbers)
        assert list(tables["texts"]) == sorted(texts)

    run(scenario)


def test_a_later_write_replaces_and_a_delete_removes(run: Runner) -> None:
    async def scenario(world: World) -> None:
        box = world.incarnation(BOX)
        await box.commit(Commit((cell("t", 1, 1), cell("t", 2, 2), cell("u", "x", 3)), None))
        await box.commit(Commit((cell("t", 1, 4), cell("t", 2, None), cell("t", 99, None)), None))
        assert values(world.rows(BOX)) == {"t": {1: 4}, "u": {"x": 3}}

    run(scenario)


def test_a_turn_that_raises_leaves_nothing(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(rows=(("t", 1, 1),)))
        with pytest.raises(HostError):
            await world.host.call(BOX, Put(rows=(("t", 1, 2), ("t", 2, 2)), fail=True))
        assert values(world.rows(BOX)) == {"t": {1: 1}}
        seen = await world.host.call(BOX, Look())
        assert (seen.messages, seen.tables["t"]) == (1, (1,)), "a new incarnation has read the old rows"

    run(scenario)


def test_a_killed_object_loses_its_memory_and_keeps_its_rows(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(rows=(("t", 1, 1),)))
        assert (await world.host.call(BOX, Look())).messages == 2
        assert world.kill(BOX)
        assert not world.kill(BOX), "nobody is left to kill"
        seen = await world.host.call(BOX, Look())
        assert (seen.messages, seen.tables["t"]) == (1, (1,))

    run(scenario)


def test_abort_loses_memory_and_calls_in_flight(run: Runner) -> None:
    async def scenario(world: World) -> None:
        await world.host.call(BOX, Put(rows=(("t", 1, 1),)))
        waiting = asyncio.ensure_future(world.host.call(BOX, WaitForEver()))
        await world.pass_time(5)
        world.incarnation(BOX).abort("planted")
        with pytest.raises(HostError):
            await waiting
        assert (await world.host.call(BOX, Look())).messages == 1
        assert values(world.rows(BOX)) == {"t": {1: 1}}

    run(scenario)


def test_a_dead_incarnation_cannot_commit_any_more(run: Runner) -> None:
    async def scenario(world: World) -> None:
        old = world.incarnation(BOX)
        await old.commit(Commit((cell("t", 1, 1),), None))
        world.kill(BOX)
        new = world.incarnation(BOX)
        await new.commit(Commit((cell("t", 1, 2),), None))
        with pytest.raises((HostError, asyncio.TimeoutError)):
            # It may fail or never return; it must not look done.
            await asyncio.wait_for(old.commit(Commit((cell("t", 1, 666),), world.host.now() + 1)), 0.2)
        await world.pass_time(20)
        assert values(world.rows(BOX)) == {"t": {1: 2}}
        await new.commit(Commit((cell("t", 1, 3),), None))
        assert values(world.rows(BOX)) == {"t": {1: 3}}, "the living one is not disturbed"

    run(scenario)


def test_work_beside_the_turns_dies_with_the_incarnation(run: Runner) -> None:
    async def scenario(world: World) -> None:
        done: list[str] = []

        async def work(name: str, steps: int) -> None:
            for _ in range(steps):
                await world.host.put_blob("step", b"")
                await asyncio.sleep(0.01)
            done.append(name)

        box = world.incarnation(BOX)
        box.spawn(work("quick", 1))
        await until(world, lambda: done == ["quick"])
        box.spawn(work("slow", 8))
        await world.pass_time(20)
        world.kill(BOX)
        box.spawn(work("too late", 1))
        world.incarnation(BOX).spawn(work("next life", 1))
        await world.pass_time(200)
        assert done == ["quick", "next life"]

    run(scenario)


def test_two_worlds_do_not_see_each_others_data(run: Runner) -> None:
    async def write(world: World) -> None:
        await world.host.call(BOX, Put(rows=(("t", 1, 1),)))
        await world.host.put_blob("key", b"data")
        await world.host.enqueue("nobody's", Look())

    async def look(world: World) -> None:
        received: list[object] = []

        async def consume(worker: object, body: object, go_on: object) -> None:
            received.append(body)

        world.consume("nobody's", consume)
        assert not values(world.rows(BOX))
        assert not any((await world.host.call(BOX, Look())).tables.values())
        assert await world.host.get_blob("key") is None
        await world.pass_time(20)
        assert not received

    run(write)
    run(look)


def test_blobs_are_replaced_whole(run: Runner) -> None:
    async def scenario(world: World) -> None:
        assert await world.host.get_blob("a/b") is None
        await world.host.put_blob("a/b", b"one")
        await world.host.put_blob("a", b"")
        await world.host.put_blob("a/b", bytes(range(256)))
        assert await world.host.get_blob("a/b") == bytes(range(256))
        assert await world.host.get_blob("a") == b""

    run(scenario)


def test_a_blob_is_written_once_where_that_is_asked_for(run: Runner) -> None:
    async def scenario(world: World) -> None:
        box = world.incarnation(BOX)
        assert await world.host.put_blob("once", b"", only_if_absent=True) is True
        assert await world.host.put_blob("once", b"two", only_if_absent=True) is False
        assert await box.put_blob("once", b"", only_if_absent=True) is False, "the same bytes as well"
        assert await world.host.get_blob("once") == b"", "a blob of no bytes is one"
        assert await box.put_blob("once", b"three") is True
        assert await world.host.get_blob("once") == b"three"
        tries = [world.host.put_blob("raced", bytes([each]), only_if_absent=True) for each in range(10)]
        assert sorted(await asyncio.gather(*tries)) == [False] * 9 + [True]

    run(scenario)
