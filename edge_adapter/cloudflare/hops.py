"""Fewer hops of the event loop that the platform's Python comes with.

Its loop goes through JavaScript for each callback, and an activity makes about eighty of them. Here, what a
callback schedules "soon" runs right after it, in the same turn of JavaScript. A callback still runs in the
invocation that scheduled it, and in no other: the platform forbids the I/O of one to another.

Invariants
- A chain of callbacks gives way to others after ``CHAIN_MAX``.
- A callback that suspends itself in the middle (the platform's stack switching) has its own thread state, and
  so its own chain: nothing of another invocation gets into it.
- Where the loop is not the one that is known, it is left as it is.

Imported inside the Worker only. Must not import: the engine, the SDK.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from threading import local
from typing import Any, Final

CHAIN_MAX: Final = 100

_here: Final = local()  # per thread state: of a callback that is suspended, it is another one


def install() -> bool:
    """Make the platform's loop chain its callbacks. False: it is not the loop that is known."""
    try:
        from pyodide import webloop  # type: ignore[import-not-found]

        claims = (webloop.WebLoop._install_running_loop, webloop.WebLoop._install_asyncgen_hooks)
        wrap, schedule = webloop.create_once_callable, webloop.scheduleCallback
    except (ImportError, AttributeError):
        return False

    def post(loop: Any, handle: asyncio.Handle) -> None:
        schedule(wrap(partial(run, loop, handle), _may_syncify=True), 0)

    def call_soon(
        self: Any, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context=context)
        chain = getattr(_here, "chain", None)
        if chain is None:
            post(self, handle)
        else:
            chain.append(handle)
        return handle

    def run(loop: Any, handle: asyncio.Handle) -> None:
        for claim in claims:
            claim(loop)
        chain = _here.chain = deque((handle,))
        try:
            for _ in range(CHAIN_MAX):
                if not chain:
                    break
                handle = chain.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            _here.chain = None
            for handle in chain:
                post(loop, handle)

    webloop.WebLoop.call_soon = call_soon
    return True
