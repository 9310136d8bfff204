"""Prints one line for each of many runs: which run, digest, digest of the histories, result, content digest.

    python -m tests.determinism.run_seed [SEEDS]

Compare what two processes, hash seeds or Pythons print. The last column is the only one that depends on the
Python: a completed workflow task says which one ran it.
"""

from __future__ import annotations

import sys
from hashlib import blake2b

from temporal_do.runtime.history.protojson import write_history
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.produced import produced_histories
from tests.engine.representatives import REPRESENTATIVES

STORM = FaultPlan.everything(20_000)
SDK_VERSION = b'"sdkVersion":"python-'


def line(name: str, seed: int, *, strict: bool = True, storm: bool = True) -> str:
    """One run of one application."""
    app = REPRESENTATIVES[name]()
    with Simulation(seed, faults=STORM if storm else None, strict=strict) as simulation:

        async def scenario() -> object:
            simulation.run(app.worker)
            return await app.client(simulation)

        result = simulation.execute(scenario())
        histories = blake2b(digest_size=16)
        for produced in produced_histories(simulation.platform):
            histories.update(_without_python(write_history(produced.history)))
        found = repr(result).replace(" ", "")
        content = str(simulation.content_digest)
        return " ".join((name, str(seed), simulation.digest, histories.hexdigest(), found, content))


def _without_python(text: str) -> bytes:
    """The JSON of a history but for the version of the Python that wrote it."""
    found = text.replace(" ", "").encode()
    while SDK_VERSION in found:
        before, _, after = found.partition(SDK_VERSION)
        found = before + after.partition(b'"')[2]
    return found


def lines(seeds: int) -> list[str]:
    """Every application under ``seeds`` seeds, calm and in a storm."""
    return [line(name, seed, storm=seed % 3 != 0) for name in REPRESENTATIVES for seed in range(seeds)]


if __name__ == "__main__":
    print("\n".join(lines(int(sys.argv[1]) if len(sys.argv) > 1 else 5)))
