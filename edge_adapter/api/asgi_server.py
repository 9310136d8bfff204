"""The API as an ASGI application, for any server that speaks it.

Owns the translation between ASGI's messages and the API's records, and that a request whose client has gone
is given up. Must not import: a server, a framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .handler import Api, asgi_settings
from .http import Request, Response

if TYPE_CHECKING:
    from ...runtime.host import Host

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def asgi(host: Host, *, api: Api | None = None, token: str | Iterable[str] | None = None) -> Application:
    """An ASGI application that serves the API on ``host``: ``uvicorn.run(asgi(host, token="..."))``.

    ``token``: the bearer token, or several; or ``api``, with all its settings. Raises InvalidArgumentError.
    """
    served = asgi_settings(api, token)

    async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await _serve(served, host, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    return application


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _serve(api: Api, host: Host, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    path = scope.get("raw_path") or quote(str(scope["path"])).encode()
    root = quote(str(scope.get("root_path") or "").rstrip("/")).encode()
    if root and path.startswith(root + b"/"):
        path = path[len(root) :]  # the application is mounted there in another one
    query = scope.get("query_string", b"")
    body = _Body(receive)
    request = Request(
        method=scope["method"],
        target=(path + (b"?" + query if query else b"")).decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body.chunks(),
    )
    if request.header("content-length") in (None, "0") and request.header("transfer-encoding") is None:
        body.read.set()
    work = asyncio.ensure_future(api.handle(host, request))
    gone = asyncio.ensure_future(body.gone())
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done() and not work.cancelled():
            await _answer(request, work.result(), send)
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _answer(request: Request, response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.status != 204 and request.method != "HEAD":
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


class _Body:
    """The body's chunks, and after them the news that the client has gone.

    Only one of the two asks the server at a time: ``read`` is set when the body has been read, or was never
    announced.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.read = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, as it comes. Gives the request up when the client goes."""
        more = not self.read.is_set()
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self.read.set()

    async def gone(self) -> None:
        """Return when the client has gone."""
        await self.read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
