"""Clients and workers of a Temporal that runs elsewhere, over its HTTP API.

Must not import: another adapter (the API's table aside)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import ApiError, UnauthorizedError
    from .host import RemoteHost
    from .worker import ExternalWorker

__all__ = ["ApiError", "ExternalWorker", "RemoteHost", "UnauthorizedError"]

_HOME = {
    "ApiError": ".errors",
    "ExternalWorker": ".worker",
    "RemoteHost": ".host",
    "UnauthorizedError": ".errors",
}


if not TYPE_CHECKING:  # a checker must see only the names above

    def __getattr__(name: str) -> Any:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(home, __name__), name)
        globals()[name] = found
        return found
