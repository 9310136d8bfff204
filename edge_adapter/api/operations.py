"""The table of operations: everything the API can do.

Owns the index of the rows, which live in one module per sort of object: how a request finds its row, and how
a message does. Invariants: a path and method name one row at most, and so does a message's class; a part of
the table is loaded when it is first asked for, because most Workers need few of them at their start.

Must not import: a host, a server, a client.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ...runtime.errors import invariant

if TYPE_CHECKING:
    from .table import Operation

# The modules that hold rows whose path continues the namespace's with this segment.
_MODULES: Final[dict[str, tuple[str, ...]]] = {
    "workflows": (".workflow_operations", ".history_operations", ".list_operations"),
    "runs": (".history_operations",),
    "workflow-count": (".list_operations",),
    "schedules": (".schedule_operations", ".list_operations"),
    "activities": (".activity_operations",),
    "task-queues": (".activity_operations",),
}


def _rows(module: str) -> tuple[Operation, ...]:
    found: tuple[Operation, ...] = import_module(module, __package__).OPERATIONS
    return found


@lru_cache(maxsize=1)
def every_operation() -> tuple[Operation, ...]:
    """All rows, in the order of the description."""
    names = dict.fromkeys(name for modules in _MODULES.values() for name in modules)
    found = tuple(row for name in names for row in _rows(name))
    invariant(len({row.name for row in found}) == len(found), "two operations have one name")
    invariant(len({(row.method, row.path) for row in found}) == len(found), "two operations have one path")
    invariant(len({row.message for row in found}) == len(found), "two operations carry one message")
    return found


def find_operations(segments: list[str]) -> dict[str, Operation]:
    """The rows that a path fits, by method; ``segments`` are what follows the prefix, still encoded."""
    if len(segments) < 3 or segments[0] != "namespaces":
        return {}
    return {
        row.method: row
        for name in _MODULES.get(segments[2], ())
        for row in _rows(name)
        if _fits(row.segments, segments)
    }


def _fits(pattern: tuple[str, ...], segments: list[str]) -> bool:
    return len(pattern) == len(segments) and all(
        bool(found) if wanted.startswith("{") else wanted == found
        for wanted, found in zip(pattern, segments, strict=True)
    )


@lru_cache(maxsize=1)
def _by_message() -> dict[type[Any], Operation]:
    return {row.message: row for row in every_operation()}


def operation_of(message: Any) -> Operation | None:
    """The row that carries this message, if there is one."""
    return _by_message().get(type(message))
