"""The outside world over HTTP: for activities that run in a Worker, while the world is somewhere else.

One POST is one call: `{"call": "charge", "args": [...], "activity": [key, attempt]}`. Brings no HTTP client
of its own, because each place has another one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from temporal_do.runtime import activity

from .outside import CardDeclined, NoCourier, OutOfStock

Post = Callable[[str], Awaitable[str]]
ERRORS = {error.__name__: error for error in (CardDeclined, NoCourier, OutOfStock)}


class HttpOutside:
    """The shop's services behind `post`, which takes a request's body and returns the answer's."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def _call(self, call: str, *args: Any) -> Any:
        info = activity.info()
        attempt = [info.idempotency_key, info.attempt]
        answer = json.loads(await self._post(json.dumps({"call": call, "args": args, "activity": attempt})))
        if "error" in answer:
            raise ERRORS[answer["error"]](answer["message"])
        return answer["result"]

    async def sells(self, item: str) -> bool:
        """Is there such a thing in the catalogue?"""
        return bool(await self._call("sells", item))

    async def reserve(self, order_id: str, item: str, quantity: int) -> None:
        """Put goods aside. Raises OutOfStock."""
        await self._call("reserve", order_id, item, quantity)

    async def release(self, order_id: str) -> None:
        """Put back what was put aside."""
        await self._call("release", order_id)

    async def charge(self, key: str, customer_id: str, cents: int) -> str:
        """Move money once per `key`. Raises CardDeclined."""
        return str(await self._call("charge", key, customer_id, cents))

    async def book(self, key: str, item: str, attempt: int) -> str:
        """Book a courier; the tracking number. Raises NoCourier."""
        return str(await self._call("book", key, item, attempt))

    async def mail(self, key: str, to: str, subject: str) -> None:
        """Send one mail per `key`."""
        await self._call("mail", key, to, subject)

    async def sales(self) -> list[int]:
        """All payments so far, in cents."""
        return [int(cents) for cents in await self._call("sales")]
