"""Prints the traces of every program, made by whatever Python runs this file, as JSON:

    python3.13 tests/loop/run_on_all_pythons.py            on the deterministic loop
    python3.13 tests/loop/run_on_all_pythons.py --stock    on stock asyncio with virtual time

Needs nothing installed: the runtime folder of this checkout is put under its import name by hand."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path


def map_the_checkout() -> None:
    root = Path(__file__).resolve().parents[2]
    for name, folder in (("temporal_do", root), ("temporal_do.runtime", root / "runtime")):
        module = types.ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module


def main() -> None:
    map_the_checkout()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import harness
    import programs

    stock = "--stock" in sys.argv
    traces = {
        name: programs.trace_of(harness.run_on_stock if stock else harness.Rig().run, function)
        for name, function in programs.PROGRAMS.items()
    }
    json.dump(traces, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
