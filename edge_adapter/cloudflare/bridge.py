"""The few things that only the platform's own Python can give: JavaScript objects and its null.

Must be imported inside the Worker only; it imports nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import js  # type: ignore[import-not-found]
from pyodide.ffi import create_proxy, jsnull, to_js  # type: ignore[import-not-found]

date_now: Final = js.Date.now
"""Milliseconds since the Unix epoch."""


def js_object(**values: Any) -> Any:
    """A plain JavaScript object with these properties."""
    return to_js(values, dict_converter=js.Object.fromEntries)


def js_bytes(data: bytes) -> Any:
    """``data`` as a Uint8Array."""
    return to_js(data)


def js_headers(**values: str) -> Any:
    """JavaScript's Headers; underscores in the names become hyphens."""
    headers = js.Headers.new()
    for name, value in values.items():
        headers.set(name.replace("_", "-"), value)
    return headers


@contextmanager
def listening(target: Any, event: str, listener: Callable[[Any], None]) -> Iterator[None]:
    """Call ``listener`` at each ``event`` of a JavaScript target, until the end of the block."""
    proxy = create_proxy(listener)
    target.addEventListener(event, proxy)
    try:
        yield
    finally:
        target.removeEventListener(event, proxy)
        proxy.destroy()


def is_nothing(value: Any) -> bool:
    """Is ``value`` what JavaScript's null or undefined become?"""
    return value is None or value is jsnull
