"""From what is written on the command line to scenarios.

Owns the names: a scenario that comes with the product, ``MODULE:NAME``, ``MODULE`` (every scenario at its top
level), or ``all``. Invariant: what is found can be found again by another process under its ``reference``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from ..scenarios import SCENARIOS, location
from ..sim.scenario import Scenario
from .errors import UsageError
from .loading import import_users_module, look_here_first

ALL = "all"


@attrs.frozen
class Named:
    """One scenario: the name it is called by, and ``module:NAME``."""

    name: str
    reference: str
    scenario: Scenario


def find_all(specs: Iterable[str]) -> list[Named]:
    """The scenarios that ``specs`` mean, each once. Raises UsageError."""
    found: dict[str, Named] = {}
    for spec in specs:
        for named in _find(spec):
            found.setdefault(named.reference, named)
    if not found:
        raise UsageError(
            "which scenario? Give a name, MODULE:NAME or 'all'; 'temporal-do chaos --list' shows the names"
        )
    return list(found.values())


def _find(spec: str) -> Iterator[Named]:
    if spec == ALL:
        for name in SCENARIOS:
            yield Named(name, location(name), SCENARIOS[name])
        return
    if spec in SCENARIOS:
        yield Named(spec, location(spec), SCENARIOS[spec])
        return
    module_name, colon, path = spec.partition(":")
    if colon and not (module_name and path):
        raise UsageError(f"your own scenario is MODULE:NAME, or MODULE for all in it, not {spec!r}")
    if not colon and not _looks_like_module(module_name):
        known = ", ".join(SCENARIOS)
        raise UsageError(f"no scenario is called {spec!r}; there are: {known}; your own is MODULE:NAME")
    module = import_users_module(module_name, "a scenario is given by the name of its module, not of a file")
    if not path:
        names = [name for name, value in vars(module).items() if isinstance(value, Scenario)]
        if not names:
            raise UsageError(f"module {module_name!r} holds no Scenario at its top level")
        seen: list[Scenario] = []
        for name in names:
            if not any(vars(module)[name] is each for each in seen):
                seen.append(vars(module)[name])
                yield Named(f"{module_name}:{name}", f"{module_name}:{name}", vars(module)[name])
        return
    value: object = module
    for part in path.split("."):
        value = getattr(value, part, None)
    if not isinstance(value, Scenario):
        there = ", ".join(name for name, each in vars(module).items() if isinstance(each, Scenario)) or "none"
        raise UsageError(f"{spec!r} is no Scenario; scenarios in {module_name!r}: {there}")
    yield Named(spec, spec, value)


def _looks_like_module(name: str) -> bool:
    """Is it worth importing? A misspelt scenario should not end in words about modules."""
    from importlib.util import find_spec

    if "." in name or "/" in name:
        return True
    look_here_first()
    return find_spec(name) is not None
