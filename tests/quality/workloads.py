"""Applications for bugs that the representative ones do not come by. Confluent, and nothing stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from temporal_do.runtime import ApplicationError, RetryPolicy, Worker, WorkflowContext, activity
from temporal_do.runtime.errors import TemporalError
from temporal_do.sim import Simulation
from tests.engine.representatives import NAMESPACE, QUEUE, App, Base


def late() -> App:
    """The workers come an hour after the work."""
    base = Base()

    @base.temporal.workflow("late")
    async def workflow(ctx: WorkflowContext) -> Any:
        return await ctx.activity("far", base.echo, 1, task_queue="far")

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue="near")
        await simulation.sleep("1h")
        simulation.run(Worker(namespace=NAMESPACE, task_queue="near", workflows=[workflow]))
        await simulation.sleep("1h")
        simulation.run(Worker(namespace=NAMESPACE, task_queue="far", activities=[base.echo]))
        return await handle.result()

    return base.app([workflow], client)


def enduring() -> App:
    """Activities that take long, that are cancelled, and that run out of time. Only for runs without faults:
    some have one attempt."""
    base = Base()

    @base.temporal.activity
    async def long() -> str:
        base.count()
        await asyncio.sleep(400)
        return "long"

    @base.temporal.activity
    async def stoppable() -> str:
        base.count()
        for _ in range(60):
            activity.heartbeat()
            await asyncio.sleep(20)
        return "not stopped"

    @base.temporal.workflow("enduring")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        once = RetryPolicy(maximum_attempts=1)
        found: list[Any] = [await ctx.activity("long", long, retry=once)]
        wait = "wait_cancellation_completed"
        stopped = asyncio.ensure_future(
            ctx.activity("stop", stoppable, heartbeat_timeout="50s", retry=once, cancellation_type=wait)
        )
        await ctx.sleep("moment", "3m")
        stopped.cancel()
        try:
            found.append(await stopped)
        except asyncio.CancelledError:
            found.append("cancelled")
        backing_off = asyncio.ensure_future(
            ctx.activity(
                "often", base.flaky, 2, retry=RetryPolicy(initial_interval="1d"), cancellation_type=wait
            )
        )
        await ctx.sleep("moment", "3m")
        backing_off.cancel()
        try:
            found.append(await backing_off)
        except asyncio.CancelledError:
            found.append("given up")
        try:
            await ctx.activity(
                "short",
                base.flaky,
                99,
                schedule_to_close_timeout="10m",
                retry=RetryPolicy(initial_interval="20m"),
            )
        except TemporalError:
            found.append("no time")
        begun = ctx.now()
        await ctx.activity("slowly", base.flaky, 2, retry=RetryPolicy(initial_interval="10h"))
        found.append((ctx.now() - begun).total_seconds() // 36_000)
        return found

    app = base.app([workflow], lambda simulation: base.run(workflow))
    app.worker = Worker(
        namespace=NAMESPACE, task_queue=QUEUE, workflows=[workflow], activities=[long, stoppable, base.flaky]
    )
    return app


def chained() -> App:
    """A child that continues as new, one that is tried thrice, and one that takes two runs' time."""
    base = Base()

    @base.temporal.workflow("link")
    async def link(ctx: WorkflowContext, n: int) -> int:
        await ctx.sleep("pause", "1m")
        if n == 3:
            return n
        ctx.continue_as_new(n + 1)

    @base.temporal.workflow("failing")
    async def failing(ctx: WorkflowContext) -> None:
        raise ApplicationError("never")

    @base.temporal.workflow("sluggish")
    async def sluggish(ctx: WorkflowContext) -> None:
        await ctx.sleep("year", "365d")

    @base.temporal.workflow("chained")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = [await ctx.execute_child(link, 1, workflow_id="link")]
        try:
            await ctx.execute_child(failing, workflow_id="failing", retry=RetryPolicy(maximum_attempts=3))
        except TemporalError:
            found.append("failed")
        try:
            await ctx.execute_child(sluggish, workflow_id="sluggish", run_timeout="1h")
        except TemporalError:
            found.append("too slow")
        return found

    @base.temporal.workflow("punctual")
    async def punctual(ctx: WorkflowContext) -> float:
        return ctx.now().timestamp()

    async def client(simulation: Simulation) -> Any:
        result = await base.run(workflow)
        handle = await base.temporal.start_workflow(
            punctual, workflow_id="punctual", task_queue=QUEUE, start_delay="5h"
        )
        delayed = await handle.result() - (await handle.describe()).start_time.timestamp()
        result.append(delayed // 18_000)
        await simulation.sleep("1h")
        runs = await base.temporal.list_workflows()
        return [result, sorted((run.workflow_id, run.status.name) for run in runs)]

    return base.app([link, failing, sluggish, workflow, punctual], client)


def listed() -> App:
    """What was started is listed at once, and what has ended is listed as ended."""
    base = Base()

    @base.temporal.workflow("listed")
    async def workflow(ctx: WorkflowContext) -> None:
        await ctx.wait_for_signal("go")

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        found = [run.status.name for run in await base.temporal.list_workflows()]
        ended = asyncio.ensure_future(handle.result())
        await simulation.sleep("1h")
        await handle.signal("go")
        await ended
        return found + [run.status.name for run in await base.temporal.list_workflows()]

    return base.app([workflow], client)


def held_up() -> App:
    """Timers, updates and cancellations meet a workflow task that takes long."""
    base = Base()

    @base.temporal.workflow("held up")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[int] = []

        async def slow() -> str:
            await asyncio.sleep(5)
            return "slow"

        async def add(n: int) -> int:
            seen.append(n)
            return n

        ctx.set_update_handler("add", add)
        timer = asyncio.ensure_future(ctx.sleep("raced", "2s"))
        await ctx.sleep("before", "1s")
        await ctx.activity("slow", slow)
        timer.cancel()
        await ctx.sleep("after", "1m")
        await ctx.activity("slow", slow)
        await ctx.sleep("counted", "1m")
        await ctx.wait_condition(lambda: len(seen) == 2)
        await ctx.wait_for_signal("end")
        return sorted(seen)

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("3s")
        found = [await handle.update("add", 1)]
        await simulation.sleep("1h")
        found.append(await handle.update("add", 2))
        await handle.signal("end")
        return [found, await handle.result()]

    return base.app([workflow], client)


def interrupted() -> App:
    """An update, and nothing else, comes while the first workflow task is in progress."""
    base = Base()

    @base.temporal.workflow("interrupted")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        seen: list[int] = []

        async def slow() -> None:
            await asyncio.sleep(5)

        ctx.set_update_handler("add", seen.append)
        await ctx.activity("slow", slow)
        await ctx.wait_condition(lambda: bool(seen))
        return seen

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await handle.update("add", 1, wait_for="accepted")
        return await handle.result()

    return base.app([workflow], client)


def unanswered() -> App:
    """A run ends while an update is open. Only for runs without faults."""
    base = Base()

    @base.temporal.workflow("unanswered")
    async def workflow(ctx: WorkflowContext) -> None:
        async def never() -> None:
            await ctx.wait_for_signal("never")

        ctx.set_update_handler("never", never)
        await ctx.wait_for_signal("end")

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        pending = asyncio.ensure_future(handle.update("never"))
        await simulation.sleep("1h")
        await handle.signal("end")
        try:
            await pending
        except TemporalError as error:
            return [type(error).__name__, await handle.result()]

    return base.app([workflow], client)


def abandoning() -> App:
    """A run leaves a child behind that ends when the next run has a child in the same place."""
    base = Base()

    @base.temporal.workflow("left")
    async def left(ctx: WorkflowContext, n: int) -> int:
        await ctx.sleep("work", f"{n}h")
        return n

    @base.temporal.workflow("abandoning")
    async def workflow(ctx: WorkflowContext, n: int) -> int:
        child = await ctx.start_child(left, 3 * n, workflow_id=f"left-{n}", parent_close_policy="abandon")
        if n == 1:
            ctx.continue_as_new(2)
        result: int = await child.result()
        return result

    return base.app([left, workflow], lambda simulation: base.run(workflow, 1))


def queued() -> App:
    """Schedules whose runs take longer than their interval: who starts, and in which order."""
    base = Base()

    @base.temporal.workflow("long run")
    async def workflow(ctx: WorkflowContext, half: int = 1) -> None:
        await ctx.sleep("work", "115m")
        if half == 1:
            ctx.continue_as_new(2)

    async def client(simulation: Simulation) -> Any:
        found: list[Any] = []
        for overlap in ("buffer_all", "skip"):
            handle = await base.temporal.schedule_workflow(
                workflow, schedule_id=overlap, interval="1h", task_queue=QUEUE, overlap=overlap
            )
            await simulation.sleep("14h30m")
            await handle.delete()
            await simulation.sleep("10h")
            runs = [run for run in await base.temporal.list_workflows() if overlap in run.workflow_id]
            found += [run.workflow_id for run in sorted(runs, key=lambda run: run.start_time)]
        return found

    return base.app([workflow], client)


WORKLOADS: dict[str, Callable[[], App]] = {
    "late": late,
    "enduring": enduring,
    "chained": chained,
    "listed": listed,
    "held_up": held_up,
    "interrupted": interrupted,
    "unanswered": unanswered,
    "abandoning": abandoning,
    "queued": queued,
}
