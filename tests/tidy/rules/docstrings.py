"""Docstrings: every module says what it owns; every name of the public face says what it does.

`check_modules` reads text. `check_face` is the one rule that looks at imported objects, because a public name
is usually defined far from the `__all__` that makes it public."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType

from .source import Source


def check_modules(sources: Iterable[Source]) -> list[str]:
    """Findings: modules without a docstring. Outside the rooms an empty file needs none."""
    return [
        f"{source.path}:1: has no docstring; say what the module owns, and its invariants"
        for source in sources
        if not ast.get_docstring(source.tree) and (source.in_room or source.text.strip())
    ]


def _members(cls: type) -> Iterator[tuple[str, object]]:
    """The public functions and properties that the class itself defines."""
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(value, staticmethod | classmethod):
            yield name, value.__func__
        elif isinstance(value, FunctionType | property):
            yield name, value


def _lineage(cls: type) -> Iterator[type]:
    """The class and the bases of it that the project defines: their public methods are public through it."""
    for base in cls.__mro__:
        if (base.__module__ or "").startswith(cls.__module__.split(".")[0]):
            yield base


def check_face(module: ModuleType) -> list[str]:
    """Findings: names of `module.__all__` that do not exist, or lack docstrings, methods included."""
    findings: dict[str, None] = {}
    name_of_module = module.__name__
    for name in getattr(module, "__all__", ()):
        if not hasattr(module, name):
            findings[f"{name_of_module}: __all__ names {name}, which does not exist"] = None
            continue
        value = getattr(module, name)
        if isinstance(value, type):
            if not (vars(value).get("__doc__") or "").strip():
                findings[f"{name_of_module}.{name}: the class has no docstring"] = None
            for base in _lineage(value):
                for member, function in _members(base):
                    if not (getattr(function, "__doc__", None) or "").strip():
                        findings[f"{base.__module__}.{base.__qualname__}.{member}: has no docstring"] = None
        elif inspect.isroutine(value) and not (value.__doc__ or "").strip():
            findings[f"{name_of_module}.{name}: the function has no docstring"] = None
    return list(findings)
