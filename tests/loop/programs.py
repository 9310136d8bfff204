"""Small asynchronous programs whose order of steps test_golden_order.py pins. Standard library only."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, gather
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

Log = Callable[[object], None]
Program = Callable[[Log], Coroutine[Any, Any, None]]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def now() -> str:
    return f"@{asyncio.get_running_loop().time():g}"


async def step(log: Log, name: str, seconds: float, result: object = None, slow_end: int = 0) -> object:
    """Log start, end and cancellation; when cancelled, take `slow_end` more turns to end."""
    log(f"{name} starts")
    try:
        await asyncio.sleep(seconds)
    except CancelledError:
        log(f"{name} cancelled {now()}")
        for _ in range(slow_end):
            await asyncio.sleep(0)
        log(f"{name} gone")
        raise
    log(f"{name} ends {now()}")
    return result if result is not None else name


async def fail(log: Log, name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    log(f"{name} fails {now()}")
    raise ValueError(name)


async def outcome(log: Log, awaitable: Any) -> None:
    try:
        log(f"-> {await awaitable}")
    except CancelledError:
        log("-> CancelledError")
    except BaseExceptionGroup as error:
        log(f"-> group of {[repr(each) for each in error.exceptions]}")
    except Exception as error:
        log(f"-> {error!r}")


@program
async def gather_keeps_the_order_of_arguments(log: Log) -> None:
    await outcome(log, gather(step(log, "a", 3), step(log, "b", 1), step(log, "c", 0)))


@program
async def gather_of_a_failure_leaves_the_others_running(log: Log) -> None:
    await outcome(log, gather(step(log, "a", 3), fail(log, "b", 1), step(log, "c", 2)))
    log(f"after {now()}")
    await asyncio.sleep(5)


@program
async def gather_with_exceptions_as_results(log: Log) -> None:
    await outcome(log, gather(step(log, "a", 2), fail(log, "b", 1), return_exceptions=True))


@program
async def gather_of_futures_already_done(log: Log) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result("done")
    loop.call_soon(log, "scheduled before gather")
    await outcome(log, gather(done, done))
    log("immediately")
    await asyncio.sleep(0)
    bad = loop.create_future()
    bad.set_exception(KeyError("bad"))
    waiter = gather(done, bad, step(log, "late", 1))
    log(waiter.done())
    await outcome(log, waiter)
    await asyncio.sleep(2)


@program
async def gather_cancelled_from_outside(log: Log) -> None:
    group = gather(step(log, "a", 5, slow_end=2), step(log, "b", 5), return_exceptions=True)
    watcher = asyncio.create_task(outcome(log, group))
    await asyncio.sleep(1)
    log(group.cancel())
    await watcher


@program
async def wait_for_the_first(log: Log) -> None:
    tasks = [asyncio.create_task(step(log, name, 4 - i), name=name) for i, name in enumerate("abc")]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    log(f"done {[t.get_name() for t in done]} pending {[t.get_name() for t in pending]} {now()}")
    for task in pending:
        task.cancel()
    await asyncio.wait(pending)


@program
async def wait_for_all_of_a_set(log: Log) -> None:
    tasks = {asyncio.create_task(step(log, name, 1), name=name) for name in "abcdefghijkl"}
    done, pending = await asyncio.wait(tasks)
    log(f"done {sorted(t.get_name() for t in done)} pending {len(pending)}")


@program
async def wait_for_the_first_exception_or_a_timeout(log: Log) -> None:
    tasks = [asyncio.create_task(step(log, "a", 9)), asyncio.create_task(fail(log, "b", 2))]
    done, pending = await asyncio.wait(tasks, timeout=1)
    log(f"{len(done)} done {len(pending)} pending {now()}")
    done, pending = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
    log(f"{len(done)} done {len(pending)} pending {now()} {[repr(t.exception()) for t in done]}")
    tasks[0].cancel()
    await outcome(log, tasks[0])


@program
async def wait_for_in_time(log: Log) -> None:
    asyncio.get_running_loop().call_soon(log, "between")
    await outcome(log, asyncio.wait_for(step(log, "a", 1), 2))
    await outcome(log, asyncio.wait_for(asyncio.sleep(0, "quick"), 2))
    future = asyncio.get_running_loop().create_future()
    future.set_result("ready")
    asyncio.get_running_loop().call_soon(log, "after the ready one")
    await outcome(log, asyncio.wait_for(future, 1))
    log("end")


@program
async def wait_for_too_late(log: Log) -> None:
    await outcome(log, asyncio.wait_for(step(log, "a", 5, slow_end=2), 2))
    await outcome(log, asyncio.wait_for(step(log, "never", 5), 0))
    log(now())


@program
async def wait_for_cancelled_as_the_result_arrives(log: Log) -> None:
    future = asyncio.get_running_loop().create_future()
    waiter = asyncio.create_task(outcome(log, asyncio.wait_for(future, 10)))
    await asyncio.sleep(1)
    future.set_result("result")
    waiter.cancel()
    await outcome(log, waiter)


@program
async def wait_for_races_the_timeout(log: Log) -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(2, future.set_result, "photo finish")
    await outcome(log, asyncio.wait_for(future, 2))
    late = asyncio.get_running_loop().create_future()
    waiter = asyncio.create_task(outcome(log, asyncio.wait_for(late, 2)))
    await asyncio.sleep(2)
    if not late.done():
        late.set_result("too late?")
    await waiter


@program
async def timeout_expires_and_is_rescheduled(log: Log) -> None:
    try:
        async with asyncio.timeout(1) as scope:
            await asyncio.sleep(0.5)
            scope.reschedule(asyncio.get_running_loop().time() + 2)
            await step(log, "a", 5)
    except TimeoutError as error:
        log(f"{error!r} {scope.expired()} {now()} from {type(error.__cause__).__name__}")


@program
async def timeout_nested_and_zero(log: Log) -> None:
    try:
        async with asyncio.timeout(3):
            try:
                async with asyncio.timeout(1):
                    await step(log, "inner", 5)
            except TimeoutError:
                log(f"inner timeout {now()}")
            await step(log, "outer", 5)
    except TimeoutError:
        log(f"outer timeout {now()}")
    try:
        async with asyncio.timeout(0):
            await step(log, "zero", 1)
    except TimeoutError:
        log(f"zero timeout {now()}")


@program
async def timeout_seen_through_another_error(log: Log) -> None:
    try:
        async with asyncio.timeout(1):
            try:
                await asyncio.sleep(5)
            except CancelledError:
                raise RuntimeError("while cancelled")  # noqa: B904
    except RuntimeError as error:
        log(f"{error!r} context {type(error.__context__).__name__}")
    except TimeoutError as error:
        log(f"{error!r}")


@program
async def task_group_joins(log: Log) -> None:
    async with asyncio.TaskGroup() as group:
        one = group.create_task(step(log, "a", 2))
        group.create_task(step(log, "b", 1))
        log("body ends")
    log(f"{one.result()} {now()}")


@program
async def task_group_failure_cancels_in_creation_order(log: Log) -> None:
    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            for name in "abcdefghij":
                group.create_task(step(log, name, 9, slow_end=1))
            group.create_task(fail(log, "boom", 1))
            group.create_task(fail(log, "bang", 1))

    await outcome(log, body())


@program
async def task_group_body_fails(log: Log) -> None:
    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step(log, "a", 9))
            await asyncio.sleep(1)
            raise KeyError("body")

    await outcome(log, body())


@program
async def task_group_cancelled_from_outside(log: Log) -> None:
    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step(log, "a", 9, slow_end=2))
            group.create_task(step(log, "b", 9))
            await asyncio.sleep(9)

    task = asyncio.create_task(body())
    await asyncio.sleep(1)
    task.cancel()
    await outcome(log, task)
    log(task.cancelling())


@program
async def task_group_failure_while_the_parent_is_cancelled(log: Log) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(9)
        except CancelledError:
            raise ValueError("stubborn")  # noqa: B904

    async def body() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn())
        except* ValueError as error:
            log(f"caught {error.exceptions!r}")
        log("after the group")
        await asyncio.sleep(1)
        log("never reached when the cancellation is kept")

    task = asyncio.create_task(body())
    await asyncio.sleep(1)
    task.cancel()
    await outcome(log, task)


@program
async def nested_task_groups(log: Log) -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step(log, "deep", 9))
            group.create_task(fail(log, "deep failure", 2))

    async def outer() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(step(log, "shallow", 9))
            group.create_task(inner())

    await outcome(log, outer())


@program
async def events_wake_in_order(log: Log) -> None:
    event = asyncio.Event()

    async def waiter(name: str) -> None:
        await event.wait()
        log(f"{name} woken")

    tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
    await asyncio.sleep(1)
    tasks[1].cancel()
    event.set()
    log("set")
    await gather(*tasks, return_exceptions=True)


@program
async def queues_hand_over_in_order(log: Log) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

    async def producer() -> None:
        for number in range(4):
            await queue.put(number)
            log(f"put {number}")

    async def consumer(name: str) -> None:
        while True:
            log(f"{name} got {await queue.get()}")
            queue.task_done()

    consumers = [asyncio.create_task(consumer(name)) for name in "xy"]
    await producer()
    await queue.join()
    for each in consumers:
        each.cancel()
    await gather(*consumers, return_exceptions=True)
    await outcome(log, asyncio.wait_for(queue.get(), 1))


@program
async def locks_are_fair_and_survive_cancellation(log: Log) -> None:
    lock = asyncio.Lock()

    async def holder(name: str) -> None:
        async with lock:
            log(f"{name} holds")
            await asyncio.sleep(1)
        log(f"{name} released")

    tasks = [asyncio.create_task(holder(name)) for name in "abcd"]
    await asyncio.sleep(0.5)
    tasks[1].cancel()
    await gather(*tasks, return_exceptions=True)


@program
async def semaphores_are_first_come_first_served(log: Log) -> None:
    semaphore = asyncio.Semaphore(2)

    async def holder(name: str) -> None:
        async with semaphore:
            log(f"{name} in")
            await asyncio.sleep(1)
        log(f"{name} out")

    tasks = [asyncio.create_task(holder(name)) for name in "abcde"]
    await asyncio.sleep(0.5)
    tasks[2].cancel()
    await asyncio.sleep(0.5)
    tasks[3].cancel()  # as it is being woken
    log(semaphore.locked())
    await gather(*tasks, return_exceptions=True)
    log(semaphore.locked())


@program
async def conditions_notify_in_order(log: Log) -> None:
    condition = asyncio.Condition()
    ready: list[str] = []

    async def waiter(name: str) -> None:
        async with condition:
            await condition.wait_for(lambda: name in ready)
            log(f"{name} sees {ready}")

    tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
    await asyncio.sleep(1)
    async with condition:
        ready.extend("ac")
        condition.notify_all()
        log("notified")
    await asyncio.sleep(1)
    async with condition:
        ready.append("b")
        condition.notify()
    await gather(*tasks)


@program
async def a_notified_waiter_that_is_cancelled_passes_it_on(log: Log) -> None:
    condition = asyncio.Condition()

    async def waiter(name: str) -> None:
        async with condition:
            try:
                await condition.wait()
            except CancelledError:
                log(f"{name} cancelled")
                raise
            log(f"{name} notified")

    tasks = [asyncio.create_task(waiter(name)) for name in "ab"]
    await asyncio.sleep(1)
    async with condition:
        condition.notify()
        tasks[0].cancel()
    done, pending = await asyncio.wait(tasks, timeout=5)
    log(f"{len(done)} done {len(pending)} pending")
    for task in pending:
        task.cancel()
    await gather(*tasks, return_exceptions=True)


@program
async def shield_keeps_the_inner_task(log: Log) -> None:
    inner = asyncio.create_task(step(log, "inner", 3))
    outer = asyncio.create_task(outcome(log, asyncio.shield(inner)))
    await asyncio.sleep(1)
    outer.cancel()
    await outcome(log, outer)
    await outcome(log, inner)


@program
async def as_completed_in_order_of_completion(log: Log) -> None:
    for next_one in asyncio.as_completed([step(log, "a", 3), step(log, "b", 1), fail(log, "c", 2)]):
        await outcome(log, next_one)
    try:
        for next_one in asyncio.as_completed([step(log, "slow", 9), step(log, "fast", 1)], timeout=2):
            log(f"got {await next_one}")
    except TimeoutError:
        log(f"timed out {now()}")


@program
async def as_completed_of_equals_keeps_the_given_order(log: Log) -> None:
    coros = [step(log, name, 1) for name in "abcdefgh"]
    for next_one in asyncio.as_completed(coros):
        log(f"got {await next_one}")


@program
async def cancellation_is_delivered_and_counted(log: Log) -> None:
    task = asyncio.create_task(step(log, "a", 9, slow_end=3))
    await asyncio.sleep(1)
    log(f"{task.cancel('first')} {task.cancel('second')} {task.cancelling()}")
    await outcome(log, task)
    unstarted = asyncio.create_task(step(log, "unstarted", 1))
    unstarted.cancel()
    await outcome(log, unstarted)
    swallowed = asyncio.create_task(_swallow(log))
    await asyncio.sleep(1)
    swallowed.cancel()
    await outcome(log, swallowed)
    log(f"{swallowed.cancelled()} {swallowed.cancelling()} {swallowed.uncancel()}")


async def _swallow(log: Log) -> str:
    try:
        await asyncio.sleep(9)
    except CancelledError as error:
        log(f"swallowed {error.args}")
    return "survived"


@program
async def names_and_contexts(log: Log) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="default")

    async def child() -> str:
        seen = variable.get()
        variable.set("changed by the child")
        await asyncio.sleep(1)
        return f"{seen} then {variable.get()}"

    variable.set("parent")
    one = asyncio.create_task(child())
    two = asyncio.create_task(child(), name="second")
    variable.set("later")
    log(f"{await one} | {await two} | {variable.get()}")
    log(f"{two.get_name()}")
    asyncio.get_running_loop().call_soon(lambda: log(f"callback sees {variable.get()}"))
    await asyncio.sleep(0)


@program
async def timers_of_one_moment_fire_in_starting_order(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(2, log, "first")
    loop.call_at(2, log, "second")
    handle = loop.call_later(2, log, "cancelled")
    loop.call_later(1, handle.cancel)
    loop.call_later(2, log, "third")
    loop.call_soon(log, "soon")
    loop.call_later(0, log, "zero")
    await asyncio.sleep(3)


def trace_of(run: Callable[[Coroutine[Any, Any, None]], Any], function: Program) -> list[str]:
    lines: list[str] = []

    async def main() -> None:
        await function(lambda line: lines.append(str(line)))

    run(main())
    return lines
