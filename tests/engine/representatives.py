"""A dozen applications that between them use every kind of message the engine knows.

Each is confluent: its result does not depend on when things happen. ``REPRESENTATIVES`` maps a name to a
function that makes the application anew: its worker, and the client's side of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from temporal_do.runtime import ApplicationError, RetryPolicy, Temporal, Worker, WorkflowContext, activity
from temporal_do.runtime.errors import TemporalError
from temporal_do.runtime.history import EventType
from temporal_do.sim import Simulation

NAMESPACE = "crash"
QUEUE = "main"
SOON = RetryPolicy(initial_interval="1s")


@attrs.define
class App:
    """One application: ``client`` is what the test does with it and gives its result."""

    temporal: Temporal
    executions: Counter[tuple[str, int]]
    worker: Worker
    client: Callable[[Simulation], Awaitable[Any]]


class Base:
    """Activities that count how often each attempt was executed."""

    def __init__(self) -> None:
        self.temporal = Temporal(namespace=NAMESPACE)
        self.executions: Counter[tuple[str, int]] = Counter()
        self.tokens: list[bytes] = []
        temporal = self.temporal

        @temporal.activity
        async def echo(value: Any) -> Any:
            self.count()
            return value

        @temporal.activity
        async def flaky(failures: int) -> str:
            if self.count() <= failures:
                raise ApplicationError("not yet")
            return "done"

        @temporal.activity
        async def broken() -> None:
            self.count()
            raise ApplicationError("never", non_retryable=True)

        @temporal.activity
        async def beating() -> int:
            self.count()
            for beat in range(3):
                activity.heartbeat(beat)
                await asyncio.sleep(20)
            return 3

        @temporal.activity
        async def asynchronous() -> str:
            self.count()
            self.tokens.append(activity.info().task_token)
            activity.raise_complete_async()

        self.echo, self.flaky, self.broken = echo, flaky, broken
        self.beating, self.asynchronous = beating, asynchronous

    def count(self) -> int:
        """Note one execution of the current attempt; its number."""
        info = activity.info()
        self.executions[info.idempotency_key, info.attempt] += 1
        return info.attempt

    def app(self, workflows: list[Any], client: Callable[[Simulation], Awaitable[Any]]) -> App:
        """The application of these workflows."""
        activities = [self.echo, self.flaky, self.broken, self.beating, self.asynchronous]
        worker = Worker(namespace=NAMESPACE, task_queue=QUEUE, workflows=workflows, activities=activities)
        return App(self.temporal, self.executions, worker, client)

    async def run(self, workflow: Any, *args: Any, **options: Any) -> Any:
        """Start ``workflow`` as "main" and wait for its result."""
        handle = await self.temporal.start_workflow(
            workflow, workflow_id="main", task_queue=QUEUE, args=args, **options
        )
        return await handle.result()


def activities() -> App:
    base = Base()

    @base.temporal.workflow("activities")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found = [await ctx.activity("flaky", base.flaky, 2, retry=SOON)]
        try:
            await ctx.activity("broken", base.broken)
        except TemporalError:
            found.append("failed")
        try:
            await ctx.activity("flaky", base.flaky, 99, retry=RetryPolicy(maximum_attempts=3))
        except TemporalError:
            found.append("failed thrice")
        found += await asyncio.gather(*(ctx.activity("echo", base.echo, n) for n in range(3)))
        found.append(await ctx.activity("beat", base.beating, heartbeat_timeout="60s"))
        return found

    return base.app([workflow], lambda simulation: base.run(workflow))


def timers() -> App:
    base = Base()

    @base.temporal.workflow("timers")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = []
        await ctx.sleep("hour", "1h")
        try:
            await asyncio.wait_for(ctx.sleep("year", "365d"), 60)
        except TimeoutError:
            found.append("timeout")
        await asyncio.gather(ctx.sleep("a", "2h"), ctx.sleep("b", "1d"), asyncio.sleep(5))
        return [*found, await ctx.wait_condition(lambda: False, timeout="1h")]

    return base.app([workflow], lambda simulation: base.run(workflow))


def signals() -> App:
    base = Base()

    @base.temporal.workflow("signals")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = [await ctx.wait_for_signal("never", timeout="1h")]
        ctx.set_query_handler("count", lambda: len(found))
        for _ in range(5):
            found.append(await ctx.wait_for_signal("n", timeout="300d"))
        return found

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.signal_with_start(
            workflow, "n", [0], workflow_id="main", task_queue=QUEUE
        )
        for n in range(1, 3):
            await handle.signal("n", n)
        await simulation.sleep("1d")
        count = await handle.query("count")
        for n in range(3, 5):
            await handle.signal("n", n)
        found = [count, await handle.result()]
        try:
            await handle.signal("n", 99)
        except TemporalError:
            found.append("closed")
        return found

    return base.app([workflow], client)


def children() -> App:
    base = Base()

    @base.temporal.workflow("leaf")
    async def leaf(ctx: WorkflowContext, n: int) -> int:
        result: int = await ctx.activity("echo", base.echo, n)
        return result

    @base.temporal.workflow("sleeper")
    async def sleeper(ctx: WorkflowContext) -> str:
        try:
            await ctx.sleep("long", "12h")
        finally:
            await ctx.activity("clean", base.echo, "clean")
        return "slept"

    @base.temporal.workflow("parent")
    async def parent(ctx: WorkflowContext) -> Any:
        found = await asyncio.gather(*(ctx.execute_child(leaf, n) for n in range(3)))
        for policy in ("terminate", "request_cancel", "abandon"):
            await ctx.start_child(sleeper, workflow_id=policy, parent_close_policy=policy)
        try:
            await ctx.execute_child(leaf, 9, workflow_id="abandon", id_reuse_policy="reject_duplicate")
        except TemporalError:
            found.append("taken")
        return found

    async def client(simulation: Simulation) -> Any:
        result = await base.run(parent)
        await simulation.sleep("1d")
        ends = []
        for policy in ("terminate", "request_cancel", "abandon"):
            ends.append((await base.temporal.get_handle(policy).describe()).status.name)
        return [result, ends]

    return base.app([leaf, sleeper, parent], client)


def continued() -> App:
    base = Base()

    @base.temporal.workflow("continued")
    async def workflow(ctx: WorkflowContext, seen: list[int]) -> list[int]:
        for _ in range(3):
            seen.append(await ctx.wait_for_signal("n"))
            await ctx.activity("echo", base.echo, len(seen))
            if len(seen) == 8:
                return seen
        ctx.continue_as_new(seen)

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE, args=[[]])
        for n in range(8):
            await handle.signal("n", n)
            await simulation.sleep(0.05)
        return await handle.result()

    return base.app([workflow], client)


def busy() -> App:
    """Everything arrives while a workflow task is in progress: local activities hold it up."""
    base = Base()

    @base.temporal.workflow("busy-child")
    async def child(ctx: WorkflowContext, n: int) -> int:
        await ctx.sleep("pause", "2s")
        return n

    @base.temporal.workflow("busy")
    async def workflow(ctx: WorkflowContext, seen: list[int], ended: int) -> Any:
        async def slow() -> None:
            await asyncio.sleep(5)

        for _ in range(3):
            echo = asyncio.create_task(ctx.activity("echo", base.echo, 1))
            running = await ctx.start_child(child, 1)
            found = await asyncio.gather(ctx.activity("slow", slow), running.result(), echo)
            ended += found[1] + found[2]
            seen.append(await ctx.wait_for_signal("n"))
            if len(seen) == 8:
                return [seen, ended]
        await ctx.activity("slow", slow)
        ctx.continue_as_new(seen, ended)

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(
            workflow, workflow_id="main", task_queue=QUEUE, args=[[], 0]
        )
        for n in range(8):
            await handle.signal("n", n)
            await simulation.sleep("2900ms")
        return await handle.result()

    return base.app([workflow, child], client)


def cancellation() -> App:
    base = Base()

    @base.temporal.workflow("cancelled-child")
    async def child(ctx: WorkflowContext) -> str:
        try:
            await ctx.sleep("long", "30d")
        except asyncio.CancelledError:
            return "child stopped"
        return "child slept"

    @base.temporal.workflow("cancelled")
    async def workflow(ctx: WorkflowContext) -> Any:
        handle = await ctx.start_child(child, workflow_id="child")
        try:
            await asyncio.gather(
                ctx.sleep("long", "30d"),
                ctx.activity("async", base.asynchronous, start_to_close_timeout="60d"),
            )
        except asyncio.CancelledError:
            async with ctx.shielded():
                handle.cancel()
                return [await handle.result(), await ctx.activity("clean", base.echo, "cleaned")]
        return "slept"

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("1d")
        await handle.cancel("enough")
        return await handle.result()

    return base.app([workflow, child], client)


def updates() -> App:
    base = Base()

    @base.temporal.workflow("updates")
    async def workflow(ctx: WorkflowContext) -> int:
        total = 0

        def check(n: int) -> None:
            if n < 0:
                raise ApplicationError("negative")

        async def add(n: int) -> int:
            nonlocal total
            total += await ctx.activity("echo", base.echo, n)
            return total

        ctx.set_update_handler("add", add, validator=check)
        await ctx.wait_condition(lambda: total >= 6)
        return total

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        found = [await handle.update("add", 1), await handle.update("add", 2)]
        try:
            await handle.update("add", -1)
        except TemporalError:
            found.append("rejected")
        await handle.update("add", 3, wait_for="accepted")
        return [found, await handle.result()]

    return base.app([workflow], client)


def locals_() -> App:
    base = Base()

    @base.temporal.workflow("locals")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        tries = {"n": 0}

        async def slow() -> str:
            await asyncio.sleep(25)
            return "slow"

        def fails() -> str:
            tries["n"] += 1
            raise ApplicationError("no")

        found = [await ctx.activity("quick", lambda: 1), await ctx.activity("slow", slow)]
        found += await asyncio.gather(
            ctx.activity("one", lambda: "one"),
            ctx.activity("slow too", slow),
            ctx.activity("remote", base.echo, 5),
        )
        try:
            await ctx.activity("fails", fails, retry=RetryPolicy(initial_interval="5s", maximum_attempts=3))
        except TemporalError:
            found.append("failed")
        return found

    return base.app([workflow], lambda simulation: base.run(workflow))


def scheduled() -> App:
    base = Base()

    @base.temporal.workflow("scheduled")
    async def workflow(ctx: WorkflowContext) -> str:
        result: str = await ctx.activity("echo", base.echo, "ran")
        return result

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.schedule_workflow(
            workflow, schedule_id="every", interval="1d", task_queue=QUEUE, overlap="buffer_all"
        )
        await handle.trigger()
        await simulation.sleep("60h")
        await handle.delete()
        await simulation.sleep("2h")
        runs = await base.temporal.list_workflows()
        return [run.status.name for run in runs]

    return base.app([workflow], client)


def asynchronous() -> App:
    base = Base()

    @base.temporal.workflow("asynchronous")
    async def workflow(ctx: WorkflowContext) -> Any:
        return await ctx.activity("async", base.asynchronous, start_to_close_timeout="30d")

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        for _ in range(100):
            await simulation.sleep("1h")
            if base.tokens:
                try:
                    await base.temporal.get_async_activity_handle(base.tokens[-1]).complete("from outside")
                    break
                except TemporalError:
                    continue
        return await handle.result()

    return base.app([workflow], client)


def reset() -> App:
    base = Base()

    @base.temporal.workflow("grown-up")
    async def child(ctx: WorkflowContext) -> str:
        return str(await ctx.wait_for_signal("go"))

    @base.temporal.workflow("reset")
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.activity("echo", base.echo, 1)
        kid = await ctx.start_child(child, workflow_id="kid")
        await ctx.sleep("hour", "1h")
        signal = await ctx.wait_for_signal("n")
        return [first, signal, await kid.result()]

    async def client(simulation: Simulation) -> Any:
        handle = await base.temporal.start_workflow(workflow, workflow_id="main", task_queue=QUEUE)
        await simulation.sleep("2h")
        await handle.signal("n", "signal")
        for _ in range(2):
            history = await handle.fetch_history()
            done = [e for e in history.events if e.event_type == EventType.WORKFLOW_TASK_COMPLETED]
            started = [e for e in history.events if e.event_type == EventType.TIMER_STARTED]
            after = [e.event_id for e in done if e.event_id < started[0].event_id]
            handle = await handle.reset(max(after), reason="again")
            await simulation.sleep("2h")
        kid = base.temporal.get_handle("kid")
        await kid.signal("go", "gone")
        return await handle.result()

    return base.app([workflow, child], client)


def replaced() -> App:
    base = Base()

    @base.temporal.workflow("receiver")
    async def receiver(ctx: WorkflowContext, name: str) -> list[Any]:
        return [name, await ctx.wait_for_signal("hello")]

    @base.temporal.workflow("sender")
    async def sender(ctx: WorkflowContext) -> str:
        if ctx.info.attempt < 3:
            raise ApplicationError("try again")
        await ctx.signal_workflow("main", "hello", "world")
        try:
            await ctx.signal_workflow("nobody", "hello")
        except TemporalError:
            return f"attempt {ctx.info.attempt}, nobody there"
        return "?"

    async def client(simulation: Simulation) -> Any:
        temporal = base.temporal
        first = await temporal.start_workflow(receiver, workflow_id="main", task_queue=QUEUE, args=["first"])
        second = await temporal.start_workflow(
            receiver,
            workflow_id="main",
            task_queue=QUEUE,
            args=["second"],
            id_conflict_policy="terminate_existing",
        )
        third = await temporal.start_workflow(
            receiver, workflow_id="main", task_queue=QUEUE, args=["third"], id_conflict_policy="use_existing"
        )
        found: list[Any] = [second.first_execution_run_id == third.first_execution_run_id]
        sending = await temporal.start_workflow(
            sender, workflow_id="sender", task_queue=QUEUE, start_delay="1h", retry=SOON
        )
        found += [await sending.result(), await third.result()]
        try:
            await first.result()
        except TemporalError as error:
            found.append(type(error.__cause__ or error).__name__)
        try:
            await temporal.start_workflow(
                receiver, workflow_id="main", task_queue=QUEUE, args=["x"], id_reuse_policy="reject_duplicate"
            )
        except TemporalError as error:
            found.append(type(error).__name__)
        return found

    return base.app([receiver, sender], client)


REPRESENTATIVES: dict[str, Callable[[], App]] = {
    "activities": activities,
    "timers": timers,
    "signals": signals,
    "children": children,
    "continued": continued,
    "busy": busy,
    "cancellation": cancellation,
    "updates": updates,
    "locals": locals_,
    "scheduled": scheduled,
    "asynchronous": asynchronous,
    "reset": reset,
    "replaced": replaced,
}
