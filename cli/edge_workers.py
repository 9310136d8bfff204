"""From ``MODULE[:NAME]`` to the names an entry imports.

Owns which values of a module count as workers. Invariant: what is found can be imported again by its name,
so a worker inside something else is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from ..runtime.definitions import Worker
from .errors import UsageError
from .loading import attribute_of, open_spec

ACCEPTED = "a Worker, or a list of Workers"


def find_workers(spec: str) -> tuple[str, list[str]]:
    """The module's name, and the names of its workers; a list of workers gets a star. Raises UsageError."""
    module, name = open_spec(spec, "edge init")
    module_name = spec.partition(":")[0]
    if name:
        return module_name, [_named(module, name)]
    found = list(_usable(module))
    if not found:
        raise UsageError(
            f"module {module_name!r} holds no Worker at its top level: write "
            'worker = Worker(task_queue="...", workflows=[...], activities=[...])'
        )
    return module_name, found


def _named(module: ModuleType, name: str) -> str:
    if not name.isidentifier():
        raise UsageError(f"{name!r} is not a name at the top level of module {module.__name__!r}")
    value = attribute_of(module, name, _usable(module))
    if isinstance(value, Worker):
        return name
    if isinstance(value, list | tuple) and value and all(isinstance(each, Worker) for each in value):
        return f"*{name}"
    raise UsageError(f"{module.__name__}:{name} is a {type(value).__name__}; it must be {ACCEPTED}")


def _usable(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if isinstance(value, Worker):
            yield name
