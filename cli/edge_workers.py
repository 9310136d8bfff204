"""From ``MODULE[:NAME]`` to the names an entry imports.

Owns which values of a module count as workers. Invariant: what is found can be imported again by its name,
so a worker inside something else is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..runtime.definitions import Worker
from .errors import UsageError
from .loading import import_users_module

ACCEPTED = "a Worker, or a list of Workers"


def find_workers(spec: str) -> tuple[str, list[str]]:
    """The module's name, and the names of its workers; a list of workers gets a star. Raises UsageError."""
    module_name, colon, name = spec.partition(":")
    if not module_name or (colon and not name):
        raise UsageError(f"edge init takes MODULE or MODULE:NAME, not {spec!r}")
    module = import_users_module(module_name, "edge init takes the name of a module, not of a file")
    if name:
        return module_name, [_named(module, name)]
    found = [each for each, value in vars(module).items() if isinstance(value, Worker)]
    if not found:
        raise UsageError(
            f"module {module_name!r} holds no Worker at its top level: write "
            'worker = Worker(task_queue="...", workflows=[...], activities=[...])'
        )
    return module_name, found


def _named(module: ModuleType, name: str) -> str:
    if not name.isidentifier():
        raise UsageError(f"{name!r} is not a name at the top level of module {module.__name__!r}")
    try:
        value: Any = getattr(module, name)
    except AttributeError:
        usable = ", ".join(_usable(module)) or "none"
        raise UsageError(
            f"module {module.__name__!r} has no {name!r}; usable names in it: {usable}"
        ) from None
    if isinstance(value, Worker):
        return name
    if isinstance(value, list | tuple) and value and all(isinstance(each, Worker) for each in value):
        return f"*{name}"
    raise UsageError(f"{module.__name__}:{name} is a {type(value).__name__}; it must be {ACCEPTED}")


def _usable(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if isinstance(value, Worker):
            yield name
