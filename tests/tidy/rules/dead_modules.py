"""Dead modules: product code that nothing reaches.

Reached is what the rooms' faces (`__init__`; each part of `edge_adapter` has its own), the installed commands
and plugins, the examples and the benchmarks import, step by step. Being imported by a test is not enough: a
module only tests use belongs to the tests, or is named in TEST_FACES because users' tests or the project's
conformance tests are what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from .imports import EDGE_PARTS, imports_of
from .source import ROOM_MAP, Source

Module = tuple[str, ...]

# Modules whose only users are tests, and why that is right.
TEST_FACES: dict[str, str] = {}


def _lazy_names(source: Source) -> Iterator[Module]:
    """Modules named as text, as tables of lazy exports do: ".records", "temporal_do.sim.clock"."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        text = node.value
        if text.startswith("temporal_do."):
            yield tuple(text.split(":")[0].split(".")[1:])
        elif text.startswith(".") and text.strip(".").replace(".", "").isidentifier():
            level = len(text) - len(text.lstrip("."))
            base = source.package[: max(len(source.package) - level + 1, 0)]
            yield (*base, *text.strip(".").split("."))


def _targets(source: Source, modules: Mapping[Module, Source]) -> Iterator[Module]:
    """The project's modules this file imports, and the packages above them, which are imported with them."""
    named = [found.target for found in imports_of(source)] + list(_lazy_names(source))
    for target in named:
        parts = target[1:] if target[0] == "temporal_do" else target
        for length in range(1, len(parts) + 1):
            if parts[:length] in modules:
                yield parts[:length]


def check(
    sources: Iterable[Source],
    *,
    entry_points: Iterable[str] = (),
    test_faces: Mapping[str, str] = TEST_FACES,
) -> list[str]:
    """Findings: modules nothing reaches. `entry_points` are as pyproject has them (`package.module:name`)."""
    everything = list(sources)
    modules = {source.module: source for source in everything if source.in_room}
    by_path = {source.path: source.module for source in modules.values()}
    findings = [
        f"{path}:1: is listed in TEST_FACES and does not exist" for path in test_faces if path not in by_path
    ]
    queue: list[Module] = [(room,) for room in ROOM_MAP if (room,) in modules]
    queue += [("edge_adapter", part) for part in sorted(EDGE_PARTS)]
    queue += [tuple(name.split(":")[0].split(".")[1:]) for name in entry_points]
    queue += [by_path[path] for path in test_faces if path in by_path]
    for source in everything:
        if source.folder in {"examples", "benchmarks"}:
            queue += _targets(source, modules)
    reached: set[Module] = set()
    while queue:
        module = queue.pop()
        if module in reached or module not in modules:
            continue
        reached.add(module)
        queue += _targets(modules[module], modules)
    findings += [
        f"{source.path}:1: nothing reaches this module; import it, delete it, or list it in TEST_FACES"
        for module, source in modules.items()
        if module not in reached and module[-1] != "__main__"
    ]
    return findings
