"""Which host a call runs on, and how a request gets there.

Owns :class:`Caller`, the order in which a host is found (an explicit ``connect``, else the one of the
context, else the API at ``url=``, else none) and the retry of requests whose outcome is unknown: a request is
made again with the same message, whose request id makes the receiver act once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Protocol, Self

from .durations import SECOND
from .errors import HostError, HostNotOpenError, InvalidArgumentError, NoHostError
from .host import Host

host_context: ContextVar[Host | None] = ContextVar("temporal_do_host", default=None)
"""The host of the surrounding world: set by a simulation, or by the Worker entry on the edge."""

RETRY_FOR_NS = 120 * SECOND
RETRY_PAUSE_SECONDS = 0.1
RETRY_PAUSE_SECONDS_MAX = 10.0


@contextmanager
def use_host(host: Host) -> Iterator[None]:
    """Make ``host`` the host of the context within the block."""
    token = host_context.set(host)
    try:
        yield
    finally:
        host_context.reset(token)


class RemoteClient(Host, Protocol):
    """A host over connections of its own."""

    async def close(self) -> None:
        """Close them; a later call opens new ones."""
        ...


REMOTE_HOST = "..edge_adapter.remote.host"
"""Where the host over HTTP lives. Loaded by its name and only when a URL is given: the engine knows no
socket, and a bundle for the edge leaves that part out."""


def check_address(url: Any, token: Any) -> None:
    """Refuse what cannot be an API's address; what only the client over HTTP knows is checked when it is
    made. Raises InvalidArgumentError, which never shows the token."""
    if url is None and token is None:
        return
    if url is None:
        raise InvalidArgumentError("token= is the token of an API; give its url= too")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise InvalidArgumentError(f"url is a text such as 'https://app.example.com', not {url!r}")
    if not isinstance(token, str) or not token:
        given = "an empty text" if token == "" else type(token).__name__
        raise InvalidArgumentError(f"url= needs token=, the API's bearer token, as a text; got {given}")


def open_remote(url: str, token: str) -> RemoteClient:
    """The host behind ``url``; nothing is sent yet. Raises InvalidArgumentError, NoHostError."""
    try:
        connect = import_module(REMOTE_HOST, __package__).connect
    except ImportError as error:
        raise NoHostError(
            f"url= needs the client over HTTP, which is not installed here ({error}); "
            "make the call on the host of the context, or on temporal.connect(host)"
        ) from None
    client: RemoteClient = connect(url, token)
    return client


def find_host(bound: Host | None, remote: Callable[[], Host | None] = lambda: None) -> Host:
    """The host to use: the bound one, else the context's, else ``remote()``. Raises NoHostError."""
    host = bound if bound is not None else host_context.get()
    if host is None:
        host = remote()
    if host is None:
        raise NoHostError()
    return host


class Caller:
    """Who makes calls: bound to a host, or to the API at a URL, or to neither."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        check_address(url, token)
        self._address = (url, token)
        self._bound: Host | None = None
        self._remote: RemoteClient | None = None

    def connect(self, host: Host) -> Self:
        """The same application, bound to ``host``. Raises InvalidArgumentError."""
        if not hasattr(host, "call"):
            raise InvalidArgumentError(
                f"a host is an object with the methods of runtime.host.Host, not {host!r}"
            )
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound._bound = host
        return bound

    def host(self) -> Host:
        """The host that a call made now would run on. Raises NoHostError."""
        return find_host(self._bound, self._remote_client)

    def _remote_client(self) -> RemoteClient | None:
        """The host behind ``url``, made when it is first needed: in a world of its own nobody needs it."""
        url, token = self._address
        if self._remote is None and url is not None and token is not None:
            self._remote = open_remote(url, token)
        return self._remote

    async def close(self) -> None:
        """End the connections that calls over ``url`` have opened; a later call opens new ones."""
        if self._remote is not None:
            await self._remote.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def request(
    host: Host,
    receiver: str,
    message: Any,
    *,
    retry_for_ns: int | None = RETRY_FOR_NS,
    patience_seconds: float | None = None,
    also_refused: bool = False,
) -> Any:
    """Call ``receiver``; while the outcome is unknown, call again with the same message.

    ``patience_seconds``: after so long without an answer the outcome counts as unknown (None: wait for ever);
    asking again is what makes a receiver look after what it has overdue. ``retry_for_ns`` bounds the retries,
    None means for ever. ``also_refused``: call again after a retryable refusal too, and return it when the
    time is over. Raises HostError when the time is over.
    """
    began_ns = host.now()
    pause = RETRY_PAUSE_SECONDS
    while True:
        try:
            if patience_seconds is None:
                reply = await host.call(receiver, message)
            else:
                reply = await asyncio.wait_for(host.call(receiver, message), patience_seconds)
            if not (also_refused and getattr(reply, "retryable", False)):
                return reply
            if retry_for_ns is not None and host.now() - began_ns >= retry_for_ns:
                return reply
        except HostNotOpenError:
            raise
        except (HostError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                error = HostError(f"outcome unknown: no answer in {patience_seconds:g} s", receiver=receiver)
            if retry_for_ns is not None and host.now() - began_ns >= retry_for_ns:
                raise error from None
        await asyncio.sleep(pause)
        pause = min(pause * 2, RETRY_PAUSE_SECONDS_MAX)
