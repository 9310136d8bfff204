"""The application of these tests behind a real socket: uvicorn in a thread with a loop and a database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

import uvicorn

from temporal_do.edge_adapter.api import Api, asgi
from temporal_do.edge_adapter.local import LocalHost
from tests.http_api.app import worker

START_SECONDS = 20.0
Change = Callable[[MutableMapping[str, Any], int, bytes], tuple[int, bytes]]


class Server:
    """``with Server(token=...) as server``: ``server.url`` is served until the end of the block.

    ``change`` may be set to make of each answer another one: a planted bug.
    """

    def __init__(self, **settings: Any) -> None:
        self._api = Api(**settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._server: uvicorn.Server
        self._error: BaseException | None = None
        self.change: Change | None = None
        self.url = ""

    def __enter__(self) -> Server:
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._error is not None:
            raise RuntimeError("the server did not start") from self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with LocalHost(workers=[worker], synchronous="off") as host:
            config = uvicorn.Config(
                self._changed(asgi(host, api=self._api)),
                host="127.0.0.1",
                port=0,
                log_level="critical",
                timeout_graceful_shutdown=1,
            )
            server = self._server = uvicorn.Server(config)
            serving = asyncio.ensure_future(server.serve())
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self._ready.set()
            await serving

    def _changed(self, application: Any) -> Any:
        async def changed(
            scope: MutableMapping[str, Any],
            receive: Callable[[], Awaitable[Any]],
            send: Callable[[Any], Awaitable[None]],
        ) -> None:
            if self.change is None or scope["type"] != "http":
                await application(scope, receive, send)
                return
            sent: list[Any] = []

            async def keep(message: Any) -> None:
                sent.append(message)

            await application(scope, receive, keep)
            start, body = sent
            start["status"], body["body"] = self.change(scope, start["status"], body["body"])
            start["headers"] = [each for each in start["headers"] if each[0] != b"content-length"]
            for message in sent:
                await send(message)

        return changed
