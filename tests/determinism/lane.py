"""One process of a determinism campaign: runs each of its seeds twice and prints both fingerprints.

    python -m tests.determinism.lane FIRST COUNT [MODULE:NAME]

Which run a seed is: of five seeds, four are small worlds under every kind of fault (the applications of the
engine's laws, in turn), and one is a scenario that comes with the product (in turn). Every third seed runs
strict, so that the bytes of rows and messages are compared as well. With ``MODULE:NAME`` all seeds are runs
of that scenario.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from temporal_do.scenarios import SCENARIOS
from temporal_do.sim import FaultPlan
from temporal_do.sim.explore import find_scenario
from temporal_do.sim.explore.double_run import last_line_before, traced_run
from temporal_do.sim.runner import run_and_keep
from temporal_do.sim.scenario import Scenario
from temporal_do.sim.simulation import Simulation
from temporal_do.sim.trace import describe_step
from tests.engine.representatives import REPRESENTATIVES

BIG_EVERY = 5
STRICT_EVERY = 3
STORM = FaultPlan.everything(20_000)
RUNS = 2


def scenario_of(seed: int, what: str = "") -> Scenario:
    """What the run of ``seed`` does."""
    if what:
        return find_scenario(what)
    if seed % BIG_EVERY == BIG_EVERY - 1:
        names = tuple(SCENARIOS)
        return SCENARIOS[names[seed // BIG_EVERY % len(names)]]
    names = tuple(REPRESENTATIVES)
    return _small(names[seed % len(names)])


def _small(name: str) -> Scenario:
    async def workload(simulation: Simulation) -> None:
        app = REPRESENTATIVES[name]()
        simulation.run(app.worker)
        await app.client(simulation)

    return Scenario(name=name, workload=workload, faults=STORM, options={"step_budget": 20_000})


def _options(seed: int) -> dict[str, Any]:
    return {"seed": seed, "strict": seed % STRICT_EVERY == 0}


def fingerprint(seed: int, what: str = "") -> str:
    """Everything that a run of ``seed`` came to: its steps, its bytes if strict, how it was judged."""
    result, simulation = run_and_keep(scenario_of(seed, what), checkers=(), **_options(seed))
    simulation.close()
    judged = blake2b(digest_size=8)
    for violation in result.violations:
        judged.update(f"{violation.checker} {violation.kind.value} {violation.message}".encode())
    return f"{result.digest}:{simulation.content_digest or '-'}:{judged.hexdigest()}"


def lines(first: int, count: int, what: str = "") -> Iterator[str]:
    """``seed fingerprint fingerprint`` for each seed."""
    for seed in range(first, first + count):
        yield " ".join([str(seed), *(fingerprint(seed, what) for _ in range(RUNS))])


def write_traces(file: Path, seed: int, what: str) -> None:
    """Run the seed as often again, and write down every step with the user's line before it."""
    runs = []
    for _ in range(RUNS):
        trace, reached = traced_run(scenario_of(seed, what), _options(seed))
        exact = list(trace.json_lines())[1:]
        steps = [
            {"exact": line, "text": describe_step(step), "after": last_line_before(reached, number)}
            for number, (step, line) in enumerate(zip(trace.tuples(), exact, strict=True))
        ]
        runs.append(steps)
    file.write_text(json.dumps(runs), "utf-8")


def main(words: list[str]) -> None:
    if words[0] == "--traces":
        write_traces(Path(words[1]), int(words[2]), "".join(words[3:]))
        return
    for line in lines(int(words[0]), int(words[1]), "".join(words[2:])):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
