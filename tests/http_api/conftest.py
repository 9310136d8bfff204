"""What the tests of the HTTP API share: an application on one machine, its API, and clients of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx

from temporal_do.edge_adapter.api import Api, asgi
from temporal_do.edge_adapter.local import LocalHost
from temporal_do.edge_adapter.remote import RemoteHost
from temporal_do.runtime import Temporal, Worker
from tests.http_api import app as application

TOKEN = "the-token"
BASE = "http://api.test"
ROOT = "/api/v1/namespaces/shop"


@attrs.frozen
class Served:
    """One application, served: its host, its API, and how to reach it."""

    host: LocalHost
    api: Api
    remote: RemoteHost
    http: httpx.AsyncClient
    """With the token, for requests made by hand."""

    @property
    def temporal(self) -> Temporal:
        """The application as a client over HTTP sees it."""
        return application.temporal.connect(self.remote)

    @property
    def direct(self) -> Temporal:
        """The application as code in the host's own process sees it."""
        return application.temporal.connect(self.host)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.http.post(ROOT + path, json={} if body is None else body, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(ROOT + path, **options)


@asynccontextmanager
async def serving(*, workers: list[Worker] | None = None, **settings: Any) -> AsyncIterator[Served]:
    """The application, served over a database in memory; ``settings`` are those of the API."""
    settings.setdefault("token", TOKEN)
    api = Api(**settings)
    running = [application.worker] if workers is None else workers
    async with LocalHost(workers=running, synchronous="off") as host:
        transport = httpx.ASGITransport(app=asgi(host, api=api))
        async with (
            RemoteHost(BASE, token=TOKEN, transport=transport) as remote,
            httpx.AsyncClient(
                transport=transport, base_url=BASE, headers={"authorization": f"Bearer {TOKEN}"}
            ) as http,
        ):
            yield Served(host, api, remote, http)


def run(work: Callable[[Served], Awaitable[Any]], **settings: Any) -> Any:
    """Run ``work`` with the application served as `serving` does."""

    async def serve() -> Any:
        async with serving(**settings) as served:
            return await asyncio.wait_for(work(served), 30)

    return asyncio.run(serve())


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error that an answer holds."""
    found = response.json()
    assert list(found) == ["error"], found
    return dict(found["error"])
