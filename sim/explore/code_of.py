"""Which code a campaign runs: the digest of each of the user's modules that is loaded when it begins.

What a results file says about one version of the code says nothing about the next. The engine is told by its
version. Invariant: a digest depends on the module's file alone.

Must not import: the simulation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from ...runtime.guard_frames import USER, kind_of


def code_of(modules: Iterable[str]) -> dict[str, str]:
    """Module -> digest, of the user's modules that are loaded, and of ``modules`` whosever they are."""
    named = frozenset(modules)
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py") or (name not in named and kind_of(file) is not USER):
            continue
        try:
            found[name] = blake2b(Path(file).read_bytes(), digest_size=8).hexdigest()
        except OSError:
            continue  # loaded from somewhere else, or gone meanwhile
    return found


def changed_modules(known: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The modules that both know and that differ. One that was not loaded then may be loaded late."""
    return [name for name, digest in now.items() if known.get(name, digest) != digest]
