"""Workflows for the tests of the Cloudflare host."""

from __future__ import annotations

import asyncio
import time

from temporal_do.runtime import RetryPolicy, Temporal, Worker, WorkflowContext, activity

temporal = Temporal(namespace="edge")


@temporal.activity
async def greet(name: str) -> str:
    """Say hello."""
    return f"hello {name}"


@temporal.activity
async def slow(seconds: float) -> int:
    """Take some time; the attempt's number."""
    await asyncio.sleep(seconds)
    return activity.info().attempt


@temporal.activity
async def fails_first(times: int) -> int:
    """Fail in the first attempts; the number of the one that did not."""
    attempt = activity.info().attempt
    if attempt <= times:
        raise ValueError(f"attempt {attempt} was planned to fail")
    return attempt


@temporal.workflow("greeting")
async def greeting(ctx: WorkflowContext, name: str, sleep_seconds: float = 0.0) -> str:
    """One activity, then sleep."""
    text = await ctx.activity("greet", greet, name)
    if sleep_seconds:
        await ctx.sleep("rest", sleep_seconds)
    return text


@temporal.workflow("steps")
async def steps(ctx: WorkflowContext, count: int) -> list[str]:
    """So many activities, one after the other."""
    return [await ctx.activity(f"step-{n}", greet, str(n)) for n in range(count)]


@temporal.workflow("fan")
async def fan(ctx: WorkflowContext, count: int) -> list[str]:
    """So many activities at once."""
    return list(await asyncio.gather(*(ctx.activity(f"fan-{n}", greet, str(n)) for n in range(count))))


@temporal.workflow("stubborn")
async def stubborn(ctx: WorkflowContext, times: int) -> int:
    """An activity that fails at first."""
    retry = RetryPolicy(initial_interval="200ms", backoff_coefficient=1)
    return await ctx.activity("stubborn", fails_first, times, retry=retry)


@temporal.workflow("patient")
async def patient(ctx: WorkflowContext, seconds: float) -> int:
    """An activity that takes long."""
    return await ctx.activity("slow", slow, seconds)


@temporal.workflow("approval")
async def approval(ctx: WorkflowContext, timeout_seconds: float) -> str:
    """Wait for a signal; a query shows what has come."""
    status = "pending"
    ctx.set_query_handler("status", lambda: status)
    found = await ctx.wait_for_signal("approval", timeout=timeout_seconds)
    status = "expired" if found is None else f"approved by {found}"
    return status


@temporal.workflow("parent")
async def parent(ctx: WorkflowContext, children: int) -> list[str]:
    """Children at once."""
    works = [
        ctx.execute_child(greeting, f"child {n}", workflow_id=f"{ctx.info.workflow_id}-child-{n}")
        for n in range(children)
    ]
    return list(await asyncio.gather(*works))


@temporal.workflow("sleeper")
async def sleeper(ctx: WorkflowContext, seconds: float, naps: int) -> int:
    """Sleep, several times."""
    for n in range(naps):
        await ctx.sleep(f"nap-{n}", seconds)
    return naps


@temporal.workflow("elsewhere")
async def elsewhere(ctx: WorkflowContext, name: str) -> str:
    """An activity that no worker of the deployment takes."""
    return await ctx.activity("greet", greet, name, task_queue="native")


@temporal.workflow("clockwatcher")
async def clockwatcher(ctx: WorkflowContext) -> float:
    """Look at the wall clock, which no workflow may."""
    return time.time()


@temporal.workflow("structured")
async def structured(ctx: WorkflowContext) -> list[str]:
    """What asyncio offers, on the workflow's own loop."""
    seen: list[str] = []
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def produce(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await queue.put(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce("late", 0.2))
        group.create_task(produce("early", 0.1))
        for _ in range(2):
            seen.append(await queue.get())
    try:
        async with asyncio.timeout(0.05):
            await ctx.wait_for_signal("never")
    except TimeoutError:
        seen.append("timeout")
    done, pending = await asyncio.wait(
        [asyncio.ensure_future(ctx.activity("greet", greet, "x")), asyncio.ensure_future(asyncio.sleep(60))],
        return_when=asyncio.FIRST_COMPLETED,
    )
    for each in pending:
        each.cancel()
    seen += [str(each.result()) for each in done]
    return seen


WORKFLOWS = [
    clockwatcher,
    structured,
    greeting,
    steps,
    fan,
    stubborn,
    patient,
    approval,
    parent,
    sleeper,
    elsewhere,
]
ACTIVITIES = [greet, slow, fails_first]

worker = Worker(namespace="edge", task_queue="main", workflows=WORKFLOWS, activities=ACTIVITIES)
