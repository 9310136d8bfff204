"""The classes a Worker exports: the durable objects, the entrypoint, the runner of early starts.

A Worker's main module is the names of this one and a few lines::

    from temporal_do.edge_adapter.cloudflare import (
        ActivityDO, ActivityRunner, Edge, HistoryDO, TaskQueueDO, TimerDO, VisibilityDO, WorkflowDO,
    )
    from shop import worker

    class Default(Edge):
        workers = [worker]

Owns what the SDK gives and takes: everything else is in modules that know nothing of it. Imported inside the
Worker only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from workers import DurableObject, Response, WorkerEntrypoint  # type: ignore[import-not-found]

from ...runtime import keys
from ...runtime.definitions import Worker
from ...runtime.payloads import DataConverter
from .consumer import consume_batch, start, take_task
from .deployed import deployed
from .hops import install
from .host import CloudflareHost
from .names import TOKEN_SECRET
from .objects import DurableShell

install()


class EngineObject(DurableShell, DurableObject):  # type: ignore[misc]
    """A durable object of the platform that the engine's shell drives; ``kind`` says which actor."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.open(self.ctx._ctx, self.env._env)


class WorkflowDO(EngineObject):
    """Every run of one workflow id."""

    kind = keys.WORKFLOW


class ActivityDO(EngineObject):
    """The attempts of one activity."""

    kind = keys.ACTIVITY


class TaskQueueDO(EngineObject):
    """Tasks that wait for a worker."""

    kind = keys.TASK_QUEUE


class TimerDO(EngineObject):
    """One schedule."""

    kind = keys.TIMER


class HistoryDO(EngineObject):
    """The archive of one run."""

    kind = keys.HISTORY


class VisibilityDO(EngineObject):
    """One shard of the index of executions."""

    kind = keys.VISIBILITY


class ActivityRunner(WorkerEntrypoint):  # type: ignore[misc]
    """Runs what was started without the queue. For the Worker's own objects only."""

    async def run(self, text: str) -> None:
        """Take one activity task, and stay until its attempt has ended."""
        host = CloudflareHost(self.env._env)
        for attempt in await take_task(deployed.deployment, host, text):
            await start(host, attempt)


class Edge(WorkerEntrypoint):  # type: ignore[misc]
    """The Worker's entrypoint: HTTP, the activity queue, the cron trigger. Derive ``Default`` from it and say
    which ``workers`` run here."""

    workers: ClassVar[Iterable[Worker]] = ()
    converter: ClassVar[DataConverter | None] = None
    settings: ClassVar[Mapping[str, Any]] = {}
    """Of the HTTP API: see `temporal_do.edge_adapter.api.Api`; the token is a secret of the Worker."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        deployed.deploy(cls.workers, converter=cls.converter)

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.host = CloudflareHost(self.env._env)
        """The host of this invocation; ``with use_host(self.host):`` makes it that of client calls."""

    async def fetch(self, request: Any) -> Any:
        """Answer one HTTP request by the API."""
        return await self.respond(request)

    async def respond(self, request: Any) -> Any:
        """The API's answer to ``request``."""
        from ..api import Request as ApiRequest

        raw = request.js_object
        token = getattr(self.env._env, TOKEN_SECRET, None) or ""
        work = _api(token, tuple(self.settings.items())).handle(
            self.host,
            ApiRequest(
                method=str(raw.method),
                target=str(raw.url),
                headers=[(str(name), str(value)) for name, value in raw.headers],
                body=_chunks(raw.body),
            ),
        )
        answer = await (self._while_there(raw.signal, work) if _is_poll(str(raw.url)) else work)
        return Response(answer.body, status=answer.status, headers=list(answer.headers))

    async def _while_there(self, signal: Any, work: Coroutine[Any, Any, Any]) -> Any:
        """What ``work`` returns. When the client goes it is given up, and the invocation stays until the
        engine knows. The platform says so where the flag ``enable_request_signal`` is set."""
        from .bridge import listening

        task = asyncio.get_running_loop().create_task(work)

        def gone(_: Any) -> None:
            self.ctx.waitUntil(asyncio.gather(task, return_exceptions=True))
            task.cancel()

        with listening(signal, "abort", gone):
            return await task

    async def queue(self, batch: Any, env: Any = None, ctx: Any = None) -> None:
        """Take a batch of activity tasks."""
        running = await consume_batch(deployed.deployment, self.host, batch._binding)
        if running:
            self.ctx.waitUntil(asyncio.gather(*running))

    async def scheduled(self, controller: Any, env: Any = None, ctx: Any = None) -> None:
        """The recovery sweep, and the news that workers are here."""
        host = self.host
        for worker in deployed.deployment.workers:
            await deployed.deployment.announce(host, worker)
        await deployed.deployment.sweep(host)


@lru_cache(maxsize=2)
def _api(tokens: str, settings: tuple[tuple[str, Any], ...]) -> Any:
    from ..api import Api

    return Api(token=tokens.split() or None, **dict(settings))


def _is_poll(url: str) -> bool:
    """Is this a request whose end somebody has to be told? For the others a listener is not worth it."""
    return url.partition("?")[0].endswith("/poll")


async def _chunks(stream: Any) -> Any:
    from .bridge import is_nothing

    if is_nothing(stream):
        return
    async for chunk in stream:
        yield chunk.to_bytes()
