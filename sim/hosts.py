"""Hosts: the port as clients, workers and (in ``objects``) durable objects see it.

Fault model of a call. A request may be lost, late or turned away by an overloaded receiver; a reply may be
lost or late; the receiver may die while it works. In each case the caller gets a HostError, which says
nothing about whether the receiver acted. Requests of one object to one other arrive in the order they were
made; nothing else is ordered.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..runtime.errors import HostError
from .lives import DEAD, Life

if TYPE_CHECKING:
    from asyncio import Future


class Call:
    """A request under way: from ``sender``, and the future its sender waits for."""

    __slots__ = ("future", "lane", "message", "number", "receiver", "sender")

    def __init__(
        self, number: int, sender: SimHost, receiver: str, message: Any, future: Future[Any]
    ) -> None:
        self.number = number
        self.sender = sender
        self.receiver = receiver
        self.message = message
        self.future = future
        self.lane: Any = number


class Unknown:
    """What a sender gets in place of a reply when nobody can say what became of its request."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class SimHost(Life):
    """A life that may ask things of the world; implements runtime.host.Host."""

    __slots__ = ()

    unconfirmed: Any = ()
    """What it has committed and is not durable yet; always empty but under the PROD profile."""

    def now(self) -> int:
        """The virtual time, ns since the Unix epoch."""
        return self.platform.scheduler.now()

    def entropy(self, size: int) -> bytes:
        """Bytes of the choice sequence: no other (host, incarnation, draw) gets the same."""
        return self.platform.choices.entropy(f"{self.name}#{self.number}", size)

    async def call(self, receiver: str, message: Any) -> Any:
        """Deliver ``message`` and return the reply. Raises HostError: outcome unknown."""
        if self.state == DEAD:
            await self.never()
        platform = self.platform
        future: Future[Any] = platform.loop.create_future()
        platform.send(self, receiver, message, future)
        reply = await future
        if self.state == DEAD:
            await self.never()
        if type(reply) is Unknown:
            raise HostError(f"outcome unknown: {reply.reason}", receiver=receiver)
        return reply

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """Put ``body`` on a queue. Raises HostError: it may be there or not."""
        if self.state == DEAD:
            await self.never()
        self.platform.queues.put(self, queue, body, delay_ns)

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Store ``data``; False: only if nothing was there, and something is. Raises HostError: it may be
        stored or not."""
        if self.state == DEAD:
            await self.never()
        return self.platform.blobs.put(self, key, data, only_if_absent)

    async def get_blob(self, key: str) -> bytes | None:
        """The bytes stored under ``key``, or None. Raises HostError."""
        if self.state == DEAD:
            await self.never()
        return self.platform.blobs.get(self, key)
