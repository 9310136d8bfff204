"""Plain asyncio inside workflow code: durable, and in the same order in every run and replay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime import (
    ActivityError,
    ApplicationError,
    Temporal,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowTaskFailedError,
)

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


temporal = Temporal(namespace="api")


@temporal.activity
async def double(number: int) -> int:
    await asyncio.sleep(number)
    if number == 13:
        raise ApplicationError("unlucky", type="Unlucky", non_retryable=True)
    return number * 2


async def gathering(ctx: WorkflowContext) -> list[Any]:
    return list(
        await asyncio.gather(*[ctx.activity(f"d{n}", double, n) for n in (5, 1, 3)], asyncio.sleep(7, "z"))
    )


async def gathering_failures(ctx: WorkflowContext) -> list[Any]:
    found = await asyncio.gather(
        ctx.activity("a", double, 13), ctx.activity("b", double, 2), return_exceptions=True
    )
    return [type(found[0]).__name__, found[1]]


async def grouping(ctx: WorkflowContext) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ctx.activity(f"d{n}", double, n)) for n in (5, 1, 3)]
    return [task.result() for task in tasks]


async def group_with_a_failure(ctx: WorkflowContext) -> list[Any]:
    seen: list[str] = []

    async def sleeper(name: str) -> None:
        try:
            await ctx.sleep(name, "1h")
        finally:
            seen.append(name)

    try:
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b", "c"):
                group.create_task(sleeper(name))
            group.create_task(ctx.activity("unlucky", double, 13))
    except* ActivityError as errors:
        seen.append(str(len(errors.exceptions)))
    return seen


async def waiting_for(ctx: WorkflowContext) -> list[Any]:
    found: list[Any] = [await asyncio.wait_for(ctx.activity("quick", double, 1), 10)]
    try:
        await asyncio.wait_for(ctx.activity("slow", double, 100), 10)
    except TimeoutError:
        found.append("timeout")
    started = ctx.now()
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(100)
    except TimeoutError:
        found.append((ctx.now() - started).total_seconds())
    return found


async def waiting_first(ctx: WorkflowContext) -> list[Any]:
    tasks = [asyncio.ensure_future(ctx.activity(f"d{n}", double, n)) for n in (5, 1, 3)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    order = [await each for each in asyncio.as_completed([asyncio.sleep(2, "b"), asyncio.sleep(1, "a")])]
    return [sorted(task.result() for task in done), len(pending), order]


async def with_an_event_and_a_queue(ctx: WorkflowContext) -> list[Any]:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
    full = asyncio.Event()
    lock = asyncio.Lock()
    seen: list[Any] = []

    async def producer() -> None:
        for number in range(4):
            async with lock:
                await ctx.sleep(f"produce {number}", "1m")
            await queue.put(number)
        full.set()

    async def consumer() -> None:
        while True:
            seen.append(await queue.get())
            queue.task_done()

    tasks = [asyncio.create_task(producer()), asyncio.create_task(consumer())]
    await full.wait()
    await queue.join()
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


async def with_a_semaphore(ctx: WorkflowContext) -> list[Any]:
    semaphore = asyncio.Semaphore(2)
    started = ctx.now()

    async def one(number: int) -> float:
        async with semaphore:
            await ctx.sleep("1h")
            return (ctx.now() - started).total_seconds() / 3600

    return list(await asyncio.gather(*[one(number) for number in range(5)]))


@pytest.mark.parametrize(
    ("workflow", "expected"),
    [
        (gathering, [10, 2, 6, "z"]),
        (gathering_failures, ["ActivityError", 4]),
        (grouping, [10, 2, 6]),
        (group_with_a_failure, ["a", "b", "c", "1"]),
        (waiting_for, [2, "timeout", 5.0]),
        (waiting_first, [[2], 2, ["a", "b"]]),
        (with_an_event_and_a_queue, [0, 1, 2, 3]),
        (with_a_semaphore, [1.0, 1.0, 2.0, 2.0, 3.0]),
    ],
)
@pytest.mark.parametrize("crash", [False, True])
async def test_asyncio_works_as_everywhere(app: App, workflow: Any, expected: Any, crash: bool) -> None:
    handle = await app.start(workflow, activities=[double])
    if crash:
        for _ in range(6):
            await app.sim.sleep("900ms")
            app.sim.crash("w-1")
    assert await handle.result() == expected


async def test_two_applications_of_the_same_workflow_give_the_same_digest(app: App) -> None:
    from temporal_do.sim import Simulation

    digests = set()
    for _ in range(2):
        with Simulation(5) as other:
            again = App(other)
            assert other.execute(again.run(group_with_a_failure, activities=[double])) == ["a", "b", "c", "1"]
            digests.add(other.digest)
    assert len(digests) == 1


async def test_an_unhandled_failure_in_a_group_fails_the_workflow_with_the_first(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ctx.activity("unlucky", double, 13))
            group.create_task(ctx.sleep("1h"))

    with pytest.raises(WorkflowFailureError) as caught:
        await app.run(workflow, activities=[double])
    assert "unlucky" in str(caught.value.cause)


async def test_a_wait_for_that_times_out_unhandled_fails_the_workflow(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        await asyncio.wait_for(ctx.wait_for_signal("never"), 60)

    with pytest.raises(WorkflowFailureError) as caught:
        await app.run(workflow)
    assert caught.value.cause.type == "TimeoutError"  # type: ignore[union-attr]


async def test_a_task_that_nobody_awaits_ends_with_the_workflow(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> str:
        asyncio.create_task(ctx.sleep("background", "1d"))
        await ctx.sleep("1m")
        return "done"

    assert await app.run(workflow) == "done"
    assert app.sim.now().minute == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: __import__("time").time(), r"time\.time.*ctx\.now"),
        (lambda: __import__("random").random(), r"random\.random.*ctx\.random"),
        (lambda: __import__("uuid").uuid4(), r"uuid4.*ctx\.uuid4"),
        (lambda: __import__("datetime").datetime.now(), r"datetime\.now.*ctx\.now"),
        (lambda: __import__("os").environ["HOME"], r"environ"),
        (lambda: __import__("threading").Thread(target=print).start(), r"[Tt]hread"),
        (lambda: asyncio.get_event_loop().run_in_executor(None, print), r"executor"),
        (lambda: open("/etc/hostname"), r"open"),
    ],
)
async def test_what_would_differ_in_a_replay_is_refused_with_the_replacement(
    app: App, call: Any, told: str
) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        call()

    with pytest.raises(WorkflowTaskFailedError, match=rf"test_asyncio_inside.py:\d+.*{told}"):
        await app.run(workflow)


async def test_a_future_that_nobody_resolves_is_told_as_a_deadlock(app: App) -> None:
    from temporal_do.sim import SimulationDeadlock

    async def workflow(ctx: WorkflowContext) -> None:
        await asyncio.get_running_loop().create_future()

    handle = await app.start(workflow)
    with pytest.raises(SimulationDeadlock, match="'w-1'"):
        await handle.result()
