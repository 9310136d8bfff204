"""The host as one invocation, or one incarnation of an object, sees it: clock, entropy, calls, queues, blobs.

What awaits here belongs to the invocation that asked: the platform forbids to wait for another one's I/O. So
a host is made per invocation and per incarnation, and keeps its stubs to itself.

Invariants
- Time never runs backwards within an isolate. It has the platform's resolution, a millisecond, and stands
  still while code computes.
- Whatever a call, a queue or the object store raises is a HostError: outcome unknown. A stub that failed is
  not used again, because it may be broken for good.

Must not import: the SDK; another adapter.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from ...runtime.durations import SECOND
from ...runtime.errors import HostError
from ...runtime.keys import kind_of
from ...runtime.records import decode, encode
from .names import BLOB_BINDING, OBJECT_BINDINGS, QUEUE_BINDINGS

FAILED: Final = "!"
"""A reply that begins so says why there is none: for the caller the outcome is unknown."""
STUBS_MAX: Final = 64
QUEUE_DELAY_SECONDS_MAX: Final = 43_200

_latest_ms = 0
_date_now: Callable[[], float] | None = None


def now_ns() -> int:
    """The isolate's time, ns since the Unix epoch."""
    global _latest_ms, _date_now
    if _date_now is None:
        from .bridge import date_now

        # Python's own clock makes up a millisecond whenever it is asked twice within one.
        _date_now = date_now
    _latest_ms = max(_latest_ms, int(_date_now()))
    return _latest_ms * 1_000_000


class CloudflareHost:
    """Implements runtime.host.Host over the bindings of a Worker."""

    def __init__(self, env: Any) -> None:
        """``env``: the raw bindings."""
        self.env = env
        self._stubs: dict[str, Any] = {}

    def now(self) -> int:
        """See Host."""
        return now_ns()

    def entropy(self, size: int) -> bytes:
        """See Host."""
        return os.urandom(size)

    async def call(self, receiver: str, message: Any) -> Any:
        """See Host."""
        text = str(encode(message), "ascii")
        stub = self._stubs.get(receiver) or self._stub(receiver)
        try:
            answer = await stub.deliver(receiver, text)
        except Exception as error:
            self._stubs.pop(receiver, None)
            raise HostError(f"outcome unknown: {receiver}: {_first_line(error)}", receiver=receiver) from None
        if answer.startswith(FAILED):
            raise HostError(f"outcome unknown: {answer[1:]}", receiver=receiver)
        return decode(answer)

    def _stub(self, receiver: str) -> Any:
        binding = OBJECT_BINDINGS.get(kind_of(receiver)) if "/" in receiver else None
        if binding is None:
            raise HostError(f"{receiver!r} addresses no known class of objects", receiver=receiver)
        stubs = self._stubs
        if len(stubs) >= STUBS_MAX:
            del stubs[next(iter(stubs))]
        stub = stubs[receiver] = self._binding(binding).getByName(receiver)
        return stub

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """See Host."""
        from .bridge import js_object

        binding = self._binding(QUEUE_BINDINGS.get(queue, queue))
        delay_seconds = min(-(-delay_ns // SECOND), QUEUE_DELAY_SECONDS_MAX)
        options = js_object(contentType="text", delaySeconds=delay_seconds)
        try:
            await binding.send(str(encode(body), "ascii"), options)
        except Exception as error:
            raise HostError(f"outcome unknown: queue {queue!r}: {_first_line(error)}", queue=queue) from None

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """See Host. False: something is there, and ``only_if_absent`` was asked for."""
        from .bridge import is_nothing, js_bytes, js_headers, js_object

        bucket = self._binding(BLOB_BINDING)
        try:
            if not only_if_absent:
                await bucket.put(key, js_bytes(data))
                return True
            # As a header: the object form of the condition knows no wildcard on every version.
            options = js_object(onlyIf=js_headers(If_None_Match="*"))
            return not is_nothing(await bucket.put(key, js_bytes(data), options))
        except Exception as error:
            raise HostError(f"outcome unknown: blob {key!r}: {_first_line(error)}", key=key) from None

    async def get_blob(self, key: str) -> bytes | None:
        """See Host."""
        from .bridge import is_nothing

        try:
            found = await self._binding(BLOB_BINDING).get(key)
            if is_nothing(found):
                return None
            data: bytes = (await found.arrayBuffer()).to_bytes()
            return data
        except Exception as error:
            raise HostError(f"blob {key!r} cannot be read: {_first_line(error)}", key=key) from None

    def _binding(self, name: str) -> Any:
        found = getattr(self.env, name, None)
        if found is None:
            raise HostError(f"the Worker has no binding named {name}", binding=name)
        return found


def _first_line(error: BaseException) -> str:
    """What an error says, without the traceback that comes over the wire with it."""
    text = str(error).strip()
    lines = text.splitlines() or [type(error).__name__]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
