"""From ``MODULE[:NAME]`` to the workflows it means.

Owns the import of the user's module (the current directory first, as ``python -m`` does) and the words for
what can go wrong with it. Invariant: a mistake in the user's module or in the name becomes a UsageError that
names the place; this program's own frames are never shown.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from ..runtime.application import Temporal
from ..runtime.definitions import Worker, WorkflowDefinition
from .errors import UsageError

ACCEPTED = "a Temporal, a Worker, a workflow definition, or a list of these"


def load_workflows(spec: str) -> list[Any]:
    """The Temporals, Workers and definitions that ``spec`` means. Raises UsageError."""
    module, name = open_spec(spec, "--workflows")
    if name:
        return _checked(attribute_of(module, name, _names(module)), spec)
    found = list(_in_module(module))
    if not found:
        raise UsageError(
            f"module {module.__name__!r} holds no workflows at its top level: there must be {ACCEPTED}"
        )
    return found


def open_spec(spec: str, whose: str) -> tuple[ModuleType, str]:
    """The module of ``MODULE[:NAME]``, imported, and the name, "" if none is given. Raises UsageError, which
    says that ``whose`` value it is."""
    module_name, colon, name = spec.partition(":")
    if not module_name or (colon and not name):
        raise UsageError(f"{whose} takes MODULE or MODULE:NAME, not {spec!r}")
    return import_users_module(module_name, f"{whose} takes the name of a module, not of a file"), name


def attribute_of(module: ModuleType, name: str, usable: Iterable[str]) -> Any:
    """What ``name``, which may have dots, means in ``module``. Raises UsageError, which tells the ``usable``
    names."""
    value: Any = module
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            candidates = ", ".join(usable) or "none"
            raise UsageError(
                f"module {module.__name__!r} has no {name!r}; usable names in it: {candidates}"
            ) from None
    return value


def look_here_first() -> str:
    """Let imports find modules in the current directory; returns it."""
    here = os.getcwd()
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    return here


def import_users_module(name: str, expected: str) -> ModuleType:
    """Import a module of the user's. Raises UsageError; ``expected`` says what should stand for a file."""
    if os.sep in name or name.endswith(".py"):
        dotted = name.removesuffix(".py").strip("./").replace(os.sep, ".")
        raise UsageError(f"{expected}: write {dotted!r}")
    here = look_here_first()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(
                f"there is no module {name!r} (looked in {here} and where Python finds its packages)"
            ) from None
        raise UsageError(_import_failed(name, error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(_import_failed(name, error)) from error


def _import_failed(name: str, error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, SyntaxError):
        return f"module {name!r} cannot be imported:\n  {text}"
    return f"module {name!r} cannot be imported: it raised{_place(error)}\n  {text}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _is_ours(frame.filename)]
    if not theirs:
        return ""
    return f" at {os.path.relpath(theirs[-1].filename)}:{theirs[-1].lineno}"


def _is_ours(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen importlib") or file == importlib.__file__


def _names(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if isinstance(value, Temporal | Worker | WorkflowDefinition):
            yield name


def _in_module(module: ModuleType) -> Iterator[Any]:
    for name in _names(module):
        value = vars(module)[name]
        if not isinstance(value, Temporal) or value.workflows:
            yield value


def _checked(value: Any, spec: str) -> list[Any]:
    if isinstance(value, Temporal | Worker):
        if not value.workflows:
            raise UsageError(f"{spec} defines no workflows")
        return [value]
    if isinstance(value, WorkflowDefinition):
        return [value]
    if isinstance(value, list | tuple) and value:
        return [each for item in value for each in _checked(item, spec)]
    raise UsageError(f"{spec} is {_described(value)}; it must be {ACCEPTED}")


def _described(value: Any) -> str:
    if callable(value) and hasattr(value, "__name__"):
        return f"the plain function {value.__name__!r} (decorate it with @temporal.workflow(name))"
    if isinstance(value, list | tuple):
        return "an empty list"
    return f"a {type(value).__name__}"
