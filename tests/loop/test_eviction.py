"""Closing a loop: user code unwinds in creation order, and nothing escapes."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from temporal_do.runtime.errors import Evicted, InvariantViolation
from temporal_do.runtime.loop import EVICTION_ATTEMPTS_MAX
from tests.loop.harness import Rig


@pytest.fixture(autouse=True)
def _silence(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test here may print, warn or log anything, garbage collection included."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()
    captured = capsys.readouterr()
    assert captured.err == ""
    assert caplog.records == []


def started(*coros: Any) -> Rig:
    rig = Rig()
    for coro in coros:
        rig.loop.create_task(coro)
    rig.loop.run_ready()
    return rig


def test_finally_blocks_run_in_the_order_the_tasks_were_created() -> None:
    log: list[str] = []

    async def child(name: str) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            log.append(name)

    async def main() -> None:
        try:
            await asyncio.gather(*(child(name) for name in "abc"))
        finally:
            log.append("main")

    rig = started(main())
    rig.loop.close_tasks()
    assert log == ["main", "a", "b", "c"]
    assert rig.errors == []
    assert rig.loop.is_closed()


def test_everything_awaited_while_unwinding_raises_evicted_again() -> None:
    log: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for make in (
                lambda: asyncio.sleep(1),
                lambda: asyncio.sleep(0),
                lambda: asyncio.wait_for(asyncio.Event().wait(), 1),
                lambda: asyncio.gather(asyncio.sleep(1)),
                lambda: asyncio.Queue().get(),
            ):
                try:
                    await make()
                except Evicted:
                    log.append("evicted")

    rig = started(main())
    timers = len(rig.timers.started)
    rig.loop.close_tasks()
    assert log == ["evicted"] * 5
    assert len(rig.timers.started) == timers


def test_task_groups_timeouts_and_locks_unwind() -> None:
    log: list[str] = []
    lock = asyncio.Lock()

    async def child(name: str) -> None:
        try:
            async with asyncio.timeout(5), lock:
                await asyncio.sleep(3)
        except BaseException as error:
            log.append(f"{name}: {type(error).__name__}")
            raise

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child("a"))
                group.create_task(child("b"))
        except BaseException as error:
            log.append(f"main: {type(error).__name__}")
            raise

    started(main()).loop.close_tasks()
    assert log == ["main: Evicted", "a: Evicted", "b: Evicted"]


def test_an_except_exception_does_not_swallow_it() -> None:
    log: list[str] = []

    async def main() -> None:
        while True:
            try:
                await asyncio.sleep(1)
            except Exception:
                log.append("swallowed")

    started(main()).loop.close_tasks()
    assert log == []


def test_a_coroutine_that_swallows_everything_is_given_up() -> None:
    count = 0

    async def main() -> None:
        nonlocal count
        while True:
            try:
                await asyncio.sleep(1)
            except BaseException:
                count += 1

    after: list[str] = []

    async def next_one() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            after.append("unwound")

    started(main(), next_one()).loop.close_tasks()
    gc.collect()
    assert count == EVICTION_ATTEMPTS_MAX
    assert after == ["unwound"]


def test_what_finally_blocks_raise_is_dropped() -> None:
    async def main(error: BaseException) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            raise error

    rig = started(main(ValueError()), main(SystemExit()), main(asyncio.CancelledError()))
    rig.loop.close_tasks()
    assert rig.errors == []


def test_an_interrupt_is_raised_when_everything_is_closed() -> None:
    log: list[str] = []

    async def main(name: str, error: BaseException) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            log.append(name)
            raise error

    rig = started(main("a", KeyboardInterrupt()), main("b", ValueError()))
    with pytest.raises(KeyboardInterrupt):
        rig.loop.close_tasks()
    assert log == ["a", "b"]


def test_tasks_that_never_started_run_no_code() -> None:
    log: list[str] = []

    async def main() -> None:
        log.append("ran")

    rig = Rig()
    rig.loop.create_task(main())
    rig.loop.close_tasks()
    assert log == []
    assert rig.loop.run_ready() == 0


def test_failed_tasks_nobody_looked_at_stay_silent() -> None:
    async def bad() -> None:
        raise ValueError("unseen")

    rig = started(bad(), asyncio.sleep(1))
    rig.loop.close_tasks()
    del rig
    gc.collect()


def test_a_dead_loop_starts_nothing() -> None:
    rig = Rig()
    rig.loop.call_later(1, print)
    rig.loop.close_tasks()
    rig.loop.close_tasks()
    assert not rig.loop.create_task(asyncio.sleep(1)).done()
    rig.loop.call_later(1, print)
    assert len(rig.timers.started) == 1
    rig.loop.call_soon(print)
    future = rig.loop.create_future()
    future.add_done_callback(print)
    future.set_result(None)
    assert not rig.loop.has_ready()
    assert rig.timers.advance()  # a timer of the past fires into the void
    assert rig.loop.run_ready() == 0


def test_the_current_task_and_loop_are_known_while_unwinding() -> None:
    seen: list[Any] = []

    async def main() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            seen.append((asyncio.current_task(), asyncio.get_running_loop()))

    rig = Rig()
    task = rig.loop.create_task(main())
    rig.loop.run_ready()
    rig.loop.close_tasks()
    assert seen == [(task, rig.loop)]
    assert asyncio._get_running_loop() is None


def test_it_works_inside_a_task_of_another_loop() -> None:
    log: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            log.append("unwound")

    async def outer() -> None:
        rig = started(inner())
        rig.loop.close_tasks()
        await asyncio.sleep(0)
        log.append("outer goes on")

    asyncio.run(outer())
    assert log == ["unwound", "outer goes on"]


async def numbers(log: list[str], name: str, *, awaits: bool = False) -> AsyncIterator[int]:
    try:
        yield 1
        yield 2
    finally:
        if awaits:
            try:
                await asyncio.sleep(1)
            except Evicted:
                log.append(f"{name} evicted again")
        log.append(f"{name} closed")


def test_abandoned_asynchronous_generators_close_in_the_order_they_started() -> None:
    log: list[str] = []

    async def main() -> None:
        for name in "ab":
            async for _ in numbers(log, name, awaits=name == "b"):
                break
            gc.collect()
        log.append("went on")
        await asyncio.sleep(1)

    rig = started(main())
    assert log == ["went on"]
    rig.loop.close_tasks()
    assert log == ["went on", "a closed", "b evicted again", "b closed"]


def test_a_generator_in_use_unwinds_with_its_task_and_only_once() -> None:
    log: list[str] = []

    async def main() -> None:
        async for _ in numbers(log, "a"):
            await asyncio.sleep(1)

    started(main()).loop.close_tasks()
    assert log == ["a closed"]


def test_a_generator_that_swallows_everything_is_given_up() -> None:
    async def stubborn() -> AsyncIterator[int]:
        while True:
            try:
                yield 1
                await asyncio.sleep(1)
            except BaseException:
                pass

    async def main() -> None:
        async for _ in stubborn():
            break
        await asyncio.sleep(1)

    started(main()).loop.close_tasks()
    gc.collect()


def test_many_finished_generators_are_not_kept() -> None:
    async def few() -> AsyncIterator[int]:
        yield 1

    async def main() -> None:
        for _ in range(200):
            async for _ in few():
                pass

    rig = Rig()
    rig.run(main())
    assert len(rig.loop._asyncgens or ()) <= 16
    rig.loop.close_tasks()


def test_a_loop_cannot_be_closed_from_inside_itself() -> None:
    rig = Rig()

    async def main() -> None:
        rig.loop.close_tasks()

    with pytest.raises(InvariantViolation):
        rig.run(main())
    assert not rig.loop.is_closed()


STUBBORN = """
import asyncio, sys
from tests.loop.harness import Rig
async def main():
    while True:
        try:
            await asyncio.sleep(1)
        except BaseException:
            pass
async def generator():
    while True:
        try:
            yield 1
        except BaseException:
            pass
async def other():
    async for _ in generator():
        break
    await main()
rig = Rig()
rig.loop.create_task(main())
rig.loop.create_task(other())
rig.loop.run_ready()
rig.loop.close_tasks()
del rig, main, other, generator, asyncio
"""


def test_what_never_ends_does_not_keep_the_process_from_ending() -> None:
    root = Path(__file__).resolve().parents[2]
    paths = [str(root), *(path for path in sys.path if path)]
    ran = subprocess.run(
        [sys.executable, "-c", STUBBORN],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
