"""The deterministic loop: stepping, timers, names, hashing, refusals, spinning."""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
import sys
from contextvars import ContextVar
from typing import Any

import pytest

from temporal_do.runtime.errors import InvariantViolation, NonDeterministicCallError
from temporal_do.runtime.loop import EndlessTurnError
from temporal_do.runtime.loop_refusals import REFUSED_LOOP_METHODS
from tests.loop.harness import Rig, run_on_stock


async def some_primitives() -> list[Any]:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(1, event.set)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asyncio.sleep(2, "first"))
        group.create_task(event.wait())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 1)
    return [first.result(), *await asyncio.gather(asyncio.sleep(0, "a"), asyncio.sleep(1, "b"))]


def test_it_is_stepped_with_no_loop_around() -> None:
    assert Rig().run(some_primitives()) == ["first", "a", "b"]
    assert asyncio._get_running_loop() is None


def test_it_is_stepped_from_inside_a_task_of_another_loop() -> None:
    async def outer() -> Any:
        task = asyncio.current_task()
        result = Rig().run(some_primitives())
        assert asyncio.current_task() is task
        assert asyncio.get_running_loop() is not None
        await asyncio.sleep(0)  # the outer task can still be suspended and resumed
        return result

    assert asyncio.run(outer()) == ["first", "a", "b"]


def test_it_is_stepped_from_inside_another_deterministic_loop() -> None:
    async def outer() -> Any:
        await asyncio.sleep(1)
        result = Rig().run(some_primitives())
        await asyncio.sleep(1)
        return result

    assert Rig().run(outer()) == ["first", "a", "b"]


def test_it_is_stepped_from_a_callback_of_another_loop() -> None:
    async def outer() -> Any:
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(Rig().run(some_primitives())))
        return await done

    assert asyncio.run(outer()) == ["first", "a", "b"]


def test_stepping_leaves_nothing_global_changed() -> None:
    hooks = sys.get_asyncgen_hooks()
    rig = Rig()
    seen: list[Any] = []

    async def main() -> None:
        seen.append(asyncio.get_running_loop())
        raise KeyboardInterrupt

    rig.loop.create_task(main())
    with pytest.raises(KeyboardInterrupt):
        rig.loop.run_ready()
    assert seen == [rig.loop]
    assert asyncio._get_running_loop() is None
    assert sys.get_asyncgen_hooks() == hooks
    assert not rig.loop.is_running()


def test_an_interrupt_leaves_the_rest_scheduled() -> None:
    rig = Rig()
    ran: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    rig.loop.call_soon(ran.append, 1)
    rig.loop.call_soon(interrupt)
    rig.loop.call_soon(ran.append, 2)
    with pytest.raises(KeyboardInterrupt):
        rig.loop.run_ready()
    assert ran == [1]
    assert rig.loop.run_ready() == 1
    assert ran == [1, 2]


def test_it_cannot_be_stepped_from_inside_itself() -> None:
    rig = Rig()

    async def main() -> None:
        rig.loop.call_soon(print)
        rig.loop.run_ready()

    with pytest.raises(InvariantViolation):
        rig.run(main())


def test_an_error_in_a_callback_does_not_stop_the_others() -> None:
    rig = Rig()
    ran: list[int] = []
    rig.loop.call_soon(int, "not a number")
    rig.loop.call_soon(ran.append, 1)
    assert rig.loop.run_ready() == 2
    assert ran == [1]
    assert isinstance(rig.errors[0]["exception"], ValueError)


def test_sleep_becomes_one_timer_of_whole_nanoseconds() -> None:
    rig = Rig()

    async def main() -> float:
        await asyncio.sleep(0.3)
        await asyncio.sleep(0)
        await asyncio.sleep(7 * 86400 + 0.1)
        return asyncio.get_running_loop().time()

    assert rig.run(main()) == 604800.4
    assert rig.timers.started == [300_000_000, 604_800_100_000_000]


def test_a_finished_timer_is_not_cancelled_and_a_cancelled_one_never_fires() -> None:
    rig = Rig()
    fired: list[str] = []
    handle = rig.loop.call_later(1, fired.append, "x")
    assert handle.when() == 1
    rig.timers.advance()
    handle.cancel()  # due, but not run yet
    rig.loop.run_ready()
    assert fired == []
    assert handle.cancelled()
    other = rig.loop.call_later(1, fired.append, "y")
    other.cancel()
    assert rig.timers.live() == 0


def test_an_infinite_delay_needs_no_timer_and_nan_is_refused() -> None:
    rig = Rig()
    rig.loop.call_later(math.inf, print)
    assert rig.timers.started == []
    with pytest.raises(ValueError):
        rig.loop.call_later(math.nan, print)


def test_sets_of_tasks_and_futures_iterate_alike_in_every_loop() -> None:
    async def main() -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=str(n)) for n in range(50)}
        futures = {asyncio.get_running_loop().create_future(): n for n in range(50)}
        order = [task.get_name() for task in tasks] + [str(n) for f, n in futures.items() if not f.done()]
        await asyncio.gather(*tasks)
        return order

    ballast = []
    orders = []
    for _ in range(5):
        ballast.append([object() for _ in range(1000)])  # other addresses each time
        orders.append(Rig().run(main()))
    assert all(order == orders[0] for order in orders)


def test_equally_numbered_tasks_of_two_loops_are_different() -> None:
    async def main() -> Any:
        return asyncio.current_task()

    one, two = Rig().run(main()), Rig().run(main())
    assert hash(one) == hash(two)
    assert one != two
    assert len({one, two}) == 2


def test_task_names_count_per_loop() -> None:
    async def main() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(2)]
        await asyncio.gather(*tasks)
        return [asyncio.current_task().get_name()] + [task.get_name() for task in tasks]  # type: ignore[union-attr]

    asyncio.run(asyncio.sleep(0))
    assert Rig().run(main()) == Rig().run(main()) == ["Task-1", "Task-2", "Task-3"]


def test_all_tasks_are_those_of_the_loop() -> None:
    async def main() -> list[str]:
        asyncio.create_task(asyncio.sleep(1), name="other")
        return sorted(task.get_name() for task in asyncio.all_tasks())

    other = Rig()
    other.loop.create_task(asyncio.sleep(1))
    assert Rig().run(main()) == ["Task-1", "other"]
    other.loop.close_tasks()


def test_ten_thousand_loops_start_in_linear_time() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    rigs = [Rig() for _ in range(2000)]
    for rig in rigs:
        rig.loop.create_task(main())
        rig.loop.run_ready()
    # Equal hashes in asyncio's process-wide set of tasks would make it quadratic: millions of comparisons.
    registered = getattr(asyncio.tasks, "_all_tasks", None) or getattr(asyncio.tasks, "_scheduled_tasks", ())
    hashes = {hash(reference) for reference in getattr(registered, "data", ())}
    assert len(hashes) >= len(getattr(registered, "data", ())) * 0.99
    for rig in rigs:
        rig.loop.close_tasks()


def test_an_idle_loop_is_small() -> None:
    loop = Rig().loop
    parts = [loop, *(getattr(loop, name) for name in type(loop).__slots__)]
    own = [part for part in parts if isinstance(part, list) or part is loop]
    assert sum(sys.getsizeof(part) for part in own) < 1024
    assert not getattr(loop, "__dict__", None)


def test_a_turn_that_never_ends_names_the_task_and_the_line() -> None:
    rig = Rig()

    async def poll() -> None:
        while True:
            await asyncio.sleep(0)

    async def main() -> None:
        await poll()

    rig.loop.create_task(main(), name="the poller")
    with pytest.raises(EndlessTurnError, match=r"the poller.*poll\(\) at .*test_loop.py:\d+") as caught:
        rig.loop.run_ready(limit=1000)
    assert caught.value.fault == "user"
    assert rig.loop.has_ready()
    rig.loop.close_tasks()


def test_the_watchdog_hears_of_every_run() -> None:
    heard: list[str] = []

    class Dog:
        def entered(self, loop: object) -> None:
            heard.append("entered")

        def left(self, loop: object) -> None:
            heard.append("left")

    rig = Rig(watchdog=Dog())
    rig.loop.run_ready()
    assert heard == []
    rig.run(asyncio.sleep(1))
    assert heard == ["entered", "left"] * 2


@pytest.mark.parametrize("name", sorted(REFUSED_LOOP_METHODS))
def test_what_reaches_outside_is_refused_with_the_line(name: str) -> None:
    loop = Rig().loop
    line = inspect.currentframe().f_lineno + 2  # type: ignore[union-attr]
    with pytest.raises(NonDeterministicCallError) as caught:
        getattr(loop, name)()
    assert (caught.value.file, caught.value.line) == ("tests/loop/test_loop.py", line)
    assert caught.value.call == f"loop.{name}()"
    assert caught.value.replacement == REFUSED_LOOP_METHODS[name]


def test_no_method_of_a_loop_is_left_unanswered() -> None:
    loop = Rig().loop
    for name in dir(asyncio.AbstractEventLoop):
        if not name.startswith("_"):
            assert getattr(type(loop), name) is not getattr(asyncio.AbstractEventLoop, name), name


def test_threads_are_refused_through_asyncio_too() -> None:
    async def main() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(NonDeterministicCallError, match="run_in_executor"):
        Rig().run(main())


def test_coroutines_in_a_set_have_no_order() -> None:
    async def main() -> None:
        coros = {asyncio.sleep(0), asyncio.sleep(1)}
        try:
            asyncio.as_completed(coros)
        finally:
            for coro in coros:
                coro.close()

    with pytest.raises(TypeError, match="in a list"):
        Rig().run(main())


def test_stock_loops_keep_the_stock_primitives() -> None:
    Rig()
    assert run_on_stock(some_primitives()) == ["first", "a", "b"]
    assert str(inspect.signature(asyncio.gather)) == "(*coros_or_futures, return_exceptions=False)"
    assert inspect.iscoroutinefunction(asyncio.wait_for)

    async def main() -> bool:
        outer = asyncio.gather(asyncio.sleep(0))
        await outer
        return type(outer).__module__ == "asyncio.tasks"

    assert run_on_stock(main())


def test_context_variables_are_those_of_the_caller() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="outside")
    rig = Rig()
    seen: list[str] = []
    token = variable.set("at creation")
    rig.loop.call_soon(lambda: seen.append(variable.get()))
    variable.reset(token)
    rig.loop.run_ready()
    assert seen == ["at creation"]


def test_finished_tasks_are_not_kept() -> None:
    rig = Rig()

    async def main() -> None:
        for _ in range(1000):
            await asyncio.create_task(asyncio.sleep(0))

    rig.run(main())
    assert len(rig.loop._tasks) <= 16
    gc.collect()


def test_a_task_that_failed_unseen_is_reported_by_the_handler() -> None:
    rig = Rig()

    async def bad() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        asyncio.create_task(bad())
        await asyncio.sleep(1)
        for _ in range(40):
            await asyncio.create_task(asyncio.sleep(0))

    rig.run(main())
    gc.collect()
    assert [repr(error["exception"]) for error in rig.errors] == ["ValueError('unseen')"]
