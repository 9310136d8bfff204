"""Which host a call runs on, and how a request gets there.

Owns the order in which a host is found (an explicit ``connect``, else the one of the context, else none) and
the retry of requests whose outcome is unknown: a request is made again with the same message, whose request
id makes the receiver act once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .durations import SECOND
from .errors import HostError, HostNotOpenError, NoHostError
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


def find_host(bound: Host | None) -> Host:
    """The host to use: the bound one, else the context's. Raises NoHostError."""
    host = bound if bound is not None else host_context.get()
    if host is None:
        raise NoHostError()
    return host


async def request(
    host: Host,
    receiver: str,
    message: Any,
    *,
    retry_for_ns: int | None = RETRY_FOR_NS,
    patience_seconds: float | None = None,
) -> Any:
    """Call ``receiver``; while the outcome is unknown, call again with the same message.

    ``patience_seconds``: after so long without an answer the outcome counts as unknown (None: wait for ever);
    asking again is what makes a receiver look after what it has overdue. ``retry_for_ns`` bounds the retries,
    None means for ever. Raises HostError when the time is over.
    """
    began_ns = host.now()
    pause = RETRY_PAUSE_SECONDS
    while True:
        try:
            if patience_seconds is None:
                return await host.call(receiver, message)
            return await asyncio.wait_for(host.call(receiver, message), patience_seconds)
        except HostNotOpenError:
            raise
        except (HostError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                error = HostError(f"outcome unknown: no answer in {patience_seconds:g} s", receiver=receiver)
            if retry_for_ns is not None and host.now() - began_ns >= retry_for_ns:
                raise error from None
        await asyncio.sleep(pause)
        pause = min(pause * 2, RETRY_PAUSE_SECONDS_MAX)
