"""The Worker that the benchmark `edge` measures: the entry as a user writes it, its workflows, and a back
door under `/bench/` that starts many workflows in one request, tells when each has ended, and counts what
objects write and ask. Runs inside the Worker only."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from workers import Response  # type: ignore[import-not-found]

from temporal_do.edge_adapter.cloudflare import (
    ActivityDO,
    ActivityRunner,
    Edge,
    HistoryDO,
    TaskQueueDO,
    TimerDO,
    VisibilityDO,
    WorkflowDO,
)
from temporal_do.runtime import Temporal, Worker, WorkflowContext, WorkflowStatus, use_host

__all__ = [
    "ActivityDO",
    "ActivityRunner",
    "Default",
    "HistoryDO",
    "TaskQueueDO",
    "TimerDO",
    "VisibilityDO",
    "WorkflowDO",
]

temporal = Temporal(namespace="benchmarks")


@temporal.activity
async def hello(number: int) -> str:
    """The least an activity can do."""
    return f"hello {number}"


@temporal.workflow("activities")
async def activities(ctx: WorkflowContext, steps: int, sleep_ms: int) -> None:
    """Activities, one after another, and a sleep."""
    for number in range(steps):
        await ctx.activity(f"step {number}", hello, number)
    if sleep_ms:
        await ctx.sleep("rest", sleep_ms / 1000)


@temporal.workflow("local_activities")
async def local_activities(ctx: WorkflowContext, steps: int, sleep_ms: int) -> None:
    """The same, each step run where the workflow runs."""
    for number in range(steps):
        await ctx.activity(f"step {number}", lambda n=number: f"hello {n}")  # type: ignore[misc]
    if sleep_ms:
        await ctx.sleep("rest", sleep_ms / 1000)


@temporal.workflow("signals")
async def signals(ctx: WorkflowContext, steps: int, sleep_ms: int) -> None:
    """Signals, one after another, and a sleep."""
    for _ in range(steps):
        await ctx.wait_for_signal("go")
    if sleep_ms:
        await ctx.sleep("rest", sleep_ms / 1000)


worker = Worker(
    namespace="benchmarks",
    task_queue="main",
    workflows=[activities, local_activities, signals],
    activities=[hello],
)


class Default(Edge):
    """The Worker."""

    workers = [worker]

    async def fetch(self, request: Any) -> Any:
        """The API, and the back door."""
        path = urlsplit(str(request.url)).path
        if not path.startswith("/bench/"):
            return await self.respond(request)
        asked = json.loads(await request.text())
        with use_host(self.host):
            answer = await ANSWERS[path.removeprefix("/bench/")](self.host, asked)
        return Response(json.dumps(answer), headers={"content-type": "application/json"})


async def _start(host: Any, asked: dict[str, Any]) -> Any:
    """Start a workflow for each id; the moment before, in ms."""
    started_ns = host.now()
    args = [asked["steps"], asked["sleep_ms"]]
    await asyncio.gather(
        *(temporal.start_workflow(asked["workflow"], workflow_id=each, args=args) for each in asked["ids"])
    )
    return {"started": started_ns // 1_000_000}


async def _state(host: Any, asked: dict[str, Any]) -> Any:
    """When each has ended, in ms; null: it has not."""
    found = await asyncio.gather(*(temporal.get_handle(each).describe() for each in asked["ids"]))
    for each in found:
        if each.close_time is not None and each.status is not WorkflowStatus.COMPLETED:
            raise RuntimeError(f"{each.workflow_id} is {each.status}")
    return [None if each.close_time is None else round(each.close_time.timestamp() * 1000) for each in found]


counts: Counter[str] = Counter()


async def _count(host: Any, asked: dict[str, Any]) -> Any:
    """Tell what was counted so far, and count from now on."""
    from temporal_do.edge_adapter.cloudflare.host import CloudflareHost
    from temporal_do.edge_adapter.cloudflare.objects import DurableShell
    from temporal_do.edge_adapter.cloudflare.storage import Storage
    from temporal_do.runtime.keys import kind_of
    from temporal_do.runtime.records import encode

    if not getattr(Storage.commit, "counts", False):
        commit, call, enqueue = Storage.commit, CloudflareHost.call, CloudflareHost.enqueue
        alarm = DurableShell.alarm

        def counted_commit(self: Any, identity: str, made: Any, **options: Any) -> None:
            kind = kind_of(identity)
            counts[f"commits {kind}"] += 1
            for _, _, row in made.changes:
                counts[f"rows {kind}"] += 1
                counts[f"bytes {kind}"] += 0 if row is None else len(encode(row))
            commit(self, identity, made, **options)

        async def counted_call(self: Any, receiver: str, message: Any) -> Any:
            counts[f"calls {kind_of(receiver)}"] += 1
            return await call(self, receiver, message)

        async def counted_alarm(self: Any, info: Any = None) -> None:
            counts[f"alarms {self.kind}"] += 1
            await alarm(self, info)

        async def counted_enqueue(self: Any, queue: str, *rest: Any) -> None:
            counts["messages the queue"] += 1
            await enqueue(self, queue, *rest)

        counted_commit.counts = True  # type: ignore[attr-defined]
        Storage.commit = counted_commit  # type: ignore[method-assign]
        CloudflareHost.call = counted_call  # type: ignore[method-assign]
        DurableShell.alarm = counted_alarm  # type: ignore[method-assign]
        CloudflareHost.enqueue = counted_enqueue  # type: ignore[method-assign]
    found = dict(counts)
    counts.clear()
    return found


ANSWERS = {"start": _start, "state": _state, "count": _count}
