"""What a campaign comes to: counts, failures, and the states that no run reached.

Owns when a campaign has failed: a run broke a promise, or a ``sometimes`` of a scenario was never reached by
any of its runs. Reports are built from outcomes alone, so the shards of a campaign make one report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from ...runtime.errors import InvalidArgumentError
from ..properties import STATS_PREFIX
from ..scenario import Kind, Violation
from .case import Arc, Area, Outcome
from .results import read_results


@attrs.frozen(kw_only=True)
class CampaignReport:
    """The sum of a campaign's runs.

    ``reached``: scenario -> name of a ``sometimes`` -> in how many runs it was reached, 0 included.
    ``judges_reach``: a ``sometimes`` that stayed at 0 is a failure (not for a single shard). ``complete``:
    every case there was has been run; otherwise the time was over first, or a failure ended it.
    """

    strategy: str
    runs: int
    passed_runs: int
    failures: tuple[Outcome, ...]
    reached: Mapping[str, Mapping[str, int]]
    runs_of: Mapping[str, int]
    """Scenario -> its runs."""
    stats: Mapping[str, int]
    """Sums over all runs: events, calls, and each fault that struck."""
    virtual_ns: int
    elapsed_ns: int = 0
    complete: bool = True
    judges_reach: bool = True
    resumed: int = 0
    """So many of the runs were found in the results file and not made."""
    branches: tuple[str, ...] | None = None
    """Branches of workflow code that no run took, ``file:line->line``; None: it was not asked for."""

    @property
    def never_reached(self) -> tuple[tuple[str, str], ...]:
        """(scenario, name) of each ``sometimes`` that no run reached."""
        return tuple(
            (scenario, name)
            for scenario, counts in self.reached.items()
            for name, count in counts.items()
            if not count
        )

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What the runs broke, and one violation for each ``sometimes`` that nobody reached."""
        found = [violation for outcome in self.failures for violation in outcome.result.violations]
        if self.judges_reach:
            found += [
                Violation(
                    checker=name,
                    kind=Kind.LIVENESS,
                    message=f"sometimes {name!r}: never reached in {self.runs_of[scenario]} runs "
                    f"of {scenario}",
                )
                for scenario, name in self.never_reached
            ]
        return tuple(found)

    @property
    def passed(self) -> bool:
        """No run failed, and everything that must be reached was."""
        return not self.failures and not (self.judges_reach and self.never_reached)

    @property
    def faults(self) -> int:
        """How often a fault struck."""
        return sum(count for name, count in self.stats.items() if name.startswith("fault_"))

    @property
    def runs_per_second(self) -> float:
        """Of real time, all processes together; 0 where it is not known."""
        return (self.runs - self.resumed) * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0

    def __str__(self) -> str:
        lines = [f"{self.strategy}: {self.runs} runs, {self.faults} faults, {len(self.failures)} failed"]
        for outcome in self.failures:
            for violation in outcome.result.violations[:1]:
                note = f" ({outcome.note})" if outcome.note else ""
                lines.append(
                    f"  {outcome.scenario} seed {outcome.result.seed}{note}: "
                    f"{violation.kind.value}: {violation.message.partition(chr(10))[0]}"
                )
        if self.judges_reach:
            lines += [f"  {scenario}: never reached: {name}" for scenario, name in self.never_reached]
        if self.branches:
            lines += [f"  no run took the branch {branch}" for branch in self.branches]
        return "\n".join(lines)


class Summary:
    """Builds a report, outcome by outcome."""

    def __init__(self, scenarios: Iterable[str] = ()) -> None:
        self.runs_of: dict[str, int] = dict.fromkeys(scenarios, 0)
        self.failures: list[Outcome] = []
        self.reached: dict[str, dict[str, int]] = {}
        self.stats: dict[str, int] = {}
        self.virtual_ns = 0
        self.arcs: dict[Arc, None] = {}
        self.areas: dict[Area, None] = {}

    @property
    def runs(self) -> int:
        """How many outcomes there are so far."""
        return sum(self.runs_of.values())

    @property
    def states(self) -> int:
        """How many different ``sometimes`` were reached so far."""
        return sum(bool(count) for counts in self.reached.values() for count in counts.values())

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        result = outcome.result
        self.runs_of[outcome.scenario] = self.runs_of.get(outcome.scenario, 0) + 1
        if not outcome.passed:
            self.failures.append(outcome)
        reached = self.reached.setdefault(outcome.scenario, {})
        for name, count in result.stats.items():
            if name.startswith(STATS_PREFIX):
                name = name.removeprefix(STATS_PREFIX)
                reached[name] = reached.get(name, 0) + bool(count)
            else:
                self.stats[name] = self.stats.get(name, 0) + count
        self.virtual_ns += result.virtual_ns
        self.arcs.update(dict.fromkeys(outcome.arcs))
        self.areas.update(dict.fromkeys(outcome.areas))

    def report(
        self,
        strategy: str,
        *,
        elapsed_ns: int = 0,
        complete: bool = True,
        judges_reach: bool = True,
        resumed: int = 0,
    ) -> CampaignReport:
        """The sum of what was added; the order in which it came plays no part."""
        branches = None
        if self.areas:
            from .coverage_of import untaken_branches

            branches = untaken_branches(self.arcs, self.areas)
        order = {name: position for position, name in enumerate(self.runs_of)}
        failures = sorted(self.failures, key=lambda each: (order[each.scenario], each.number))
        return CampaignReport(
            strategy=strategy,
            runs=self.runs,
            passed_runs=self.runs - len(failures),
            failures=tuple(failures),
            reached={
                name: dict(sorted(self.reached[name].items())) for name in order if self.reached.get(name)
            },
            runs_of=dict(self.runs_of),
            stats=dict(sorted(self.stats.items())),
            virtual_ns=self.virtual_ns,
            elapsed_ns=elapsed_ns,
            complete=complete,
            judges_reach=judges_reach,
            resumed=resumed,
            branches=branches,
        )


def merge_results(paths: Iterable[str | Path]) -> CampaignReport:
    """One report over the results files of a campaign's shards. Raises InvalidArgumentError."""
    summary = Summary()
    strategies: dict[str, None] = {}
    judges = True
    seen: dict[tuple[str, int], None] = {}
    for path in paths:
        head, outcomes = read_results(path)
        strategies[head["strategy"]] = None
        judges = judges and head["judges_reach"]
        for outcome in outcomes:
            if (outcome.scenario, outcome.number) not in seen:
                seen[outcome.scenario, outcome.number] = None
                summary.add(outcome)
    if len(strategies) != 1:
        raise InvalidArgumentError(
            f"these are results of {len(strategies)} strategies: {', '.join(strategies)}"
        )
    return summary.report(next(iter(strategies)), judges_reach=judges)
