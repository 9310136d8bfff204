"""The HTTP API: its operations as one table, the handler that serves them over any host, and their OpenAPI
description. Runs in Pyodide too. Must not import: a host, a server, a client."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .handler import Api
from .http import Request, Response

if TYPE_CHECKING:
    from .asgi_server import asgi
    from .openapi_description import openapi

__all__ = ["Api", "Request", "Response", "asgi", "openapi"]

# What a Worker does not need at its start.
_RARE = {"asgi": ".asgi_server", "openapi": ".openapi_description"}


if not TYPE_CHECKING:  # a checker must see only the names above

    def __getattr__(name: str) -> Any:
        module = _RARE.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(module, __name__), name)
        globals()[name] = found
        return found
