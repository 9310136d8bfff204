"""Several runs of one scenario in this process, and what came of them.

Owns the report. What one run is, and what is wrong with it, is the runner's business; which seeds to try, on
how many processors, a campaign's. Imports the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ..sim.faults import FaultPlan
from ..sim.properties import STATS_PREFIX
from ..sim.runner import run_scenario
from ..sim.scenario import RunResult, Scenario


class ScenarioFailedError(AssertionError):
    """A promise was broken; ``report`` has every run."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@attrs.frozen(kw_only=True)
class Report:
    """What came of the runs, in the order of their seeds."""

    scenario: str
    results: tuple[RunResult, ...]

    @property
    def ok(self) -> bool:
        """Did every promise hold in every run?"""
        return all(result.passed for result in self.results)

    @property
    def failures(self) -> tuple[RunResult, ...]:
        """The runs that went wrong."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def stats(self) -> Mapping[str, int]:
        """Counts over all runs, of each fault that struck and of each state that was reached."""
        found: dict[str, int] = {}
        for result in self.results:
            for name, count in result.stats.items():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def faults(self) -> int:
        """How often a fault struck."""
        return sum(count for name, count in self.stats.items() if name.startswith("fault_"))

    @property
    def missed(self) -> tuple[str, ...]:
        """The ``sometimes`` that no run reached."""
        return tuple(
            name.removeprefix(STATS_PREFIX)
            for name, count in self.stats.items()
            if name.startswith(STATS_PREFIX) and not count
        )

    def check(self) -> Report:
        """Itself, if everything held. Raises ScenarioFailedError."""
        if not self.ok:
            raise ScenarioFailedError(self)
        return self

    def __str__(self) -> str:
        head = f"{self.scenario}: {len(self.results)} seeds, {self.faults} faults struck"
        if self.ok:
            return f"{head}, every promise held"
        lines = [f"{head}, {len(self.failures)} runs went wrong"]
        for result in self.failures:
            lines += [f"seed {result.seed}: {each.checker}: {each.message}" for each in result.violations]
        lines.append(f"again: temporal-do chaos {self.scenario} --seed {self.failures[0].seed}")
        return "\n".join(lines)


def run_seeds(
    scenario: Scenario, seeds: Iterable[int], *, faults: FaultPlan | None = None, strict: bool = False
) -> Report:
    """Run ``scenario`` once per seed. See ``scenarios.run``."""
    results = [run_scenario(scenario, seed=seed, faults=faults, strict=strict) for seed in seeds]
    return Report(scenario=scenario.name, results=tuple(results))
