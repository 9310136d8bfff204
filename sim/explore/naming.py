"""Scenarios by name: ``module:NAME``, so that any process can find one.

Must not import: the scenarios that come with the product.
"""

from __future__ import annotations

from importlib import import_module

from ...runtime.errors import InvalidArgumentError
from ..scenario import Scenario


def find_scenario(name: str) -> Scenario:
    """The scenario that ``module:NAME`` says; NAME may have dots. Raises InvalidArgumentError."""
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise InvalidArgumentError(f"a scenario is named 'module:NAME', not {name!r}")
    try:
        found: object = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise InvalidArgumentError(f"{name!r}: there is no module {error.name!r}") from None
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InvalidArgumentError(f"{name!r}: {module_name} has no {path}") from None
    if not isinstance(found, Scenario):
        raise InvalidArgumentError(f"{name!r} is no Scenario but {type(found).__name__}")
    return found
