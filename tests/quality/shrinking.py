"""How small the failures of planted bugs become: the first of each bug, shrunk within the usual limits.

    python -m tests.quality.shrinking [NAME ...]

prints a line for each bug and the medians of all. Bugs that only the laws find have no tape to shrink.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from statistics import median

import attrs
import pytest

from temporal_do.sim.runner import run_scenario
from temporal_do.sim.shrink import shrink_report

from . import edits, patches
from .mutant import MUTANTS, Mutant, prepare, scenario_of

TABLES = (edits, patches)


@attrs.frozen
class Shrunken:
    """What became of one failure: the deviations of its schedule, its faults and inputs, before and after."""

    name: str
    schedule: tuple[int, int]
    faults: tuple[int, int]
    runs: int
    seconds: float
    finished: bool

    def __str__(self) -> str:
        left = "" if self.finished else ", a limit came first"
        return (
            f"{self.name}: schedule {self.schedule[0]} -> {self.schedule[1]}, faults and inputs "
            f"{self.faults[0]} -> {self.faults[1]}, {self.runs} runs, {self.seconds:.1f} s{left}"
        )


def shrink_first_failure(planted: Mutant) -> Shrunken | None:
    """Plant the bug, look for it as its budget of seeds allows, and shrink what is found; None: only the laws
    find it."""
    prepare(planted)
    with pytest.MonkeyPatch.context() as patch:
        planted.plant(patch)
        for seed in range(planted.budget):
            for application in planted.applications:
                scenario = scenario_of(application, planted.faults(seed))
                result = run_scenario(scenario, seed=seed)
                if result.passed:
                    continue
                found = shrink_report(scenario, result)
                before, after = found.before, found.after
                return Shrunken(
                    name=planted.name,
                    schedule=(before.schedule, after.schedule),
                    faults=(before.faults + before.inputs, after.faults + after.inputs),
                    runs=found.runs,
                    seconds=found.elapsed_ns / 1e9,
                    finished=found.finished,
                )
    return None


def corpus(names: Iterable[str] = ()) -> Iterator[Shrunken]:
    """The failures of the bugs called ``names`` (none: of all that can be found)."""
    wanted = set(names)
    for planted in MUTANTS:
        if not planted.survives and (not wanted or planted.name in wanted):
            found = shrink_first_failure(planted)
            if found is not None:
                yield found


def medians(found: list[Shrunken]) -> dict[str, float]:
    """The middle of each figure."""
    return {
        "schedule": median(each.schedule[1] for each in found),
        "faults and inputs": median(each.faults[1] for each in found),
        "runs": median(each.runs for each in found),
        "seconds": median(each.seconds for each in found),
    }


def main(names: list[str]) -> None:
    """Print the figures."""
    found = []
    for each in corpus(names):
        found.append(each)
        print(each, flush=True)
    told = ", ".join(f"{name} {value:g}" for name, value in medians(found).items())
    print(f"{len(found)} failures; medians: {told}; to an end: {sum(each.finished for each in found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
