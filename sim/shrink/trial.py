"""Trying candidates: does this tape still fail the same way, and is it smaller?

Owns what *the same way* means (a violation of the same checker and kind as the one that is being explained),
the cache of what was tried, and the limits. Invariants: ``best`` always is a run that happened and failed; no
candidate runs twice; a candidate is tried only if it is smaller than the best, and what the best run really
took from its tape is what counts, so choices that nothing asks for are gone.

Must not import: a pass.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..explore.machine import clock_ns
from ..explore.strategy import Checkers
from ..scenario import RunResult, Scenario, Violation
from ..tape import Tape
from .candidate import Candidate

Run = Callable[[Scenario, Tape, bool, Checkers], RunResult]
"""Repeats a tape: (scenario, tape, strict, checkers)."""

Target = tuple[str, str]
"""Checker and kind of the violation that is being explained."""


class OutOfLimits(Exception):
    """So many runs, or so much time, and no more."""


def target_of(violation: Violation) -> Target:
    """What a candidate must violate as well."""
    return (violation.checker, violation.kind.value)


def fails_alike(result: RunResult, target: Target) -> bool:
    """Does ``result`` hold a violation of that checker and kind?"""
    return any(target_of(violation) == target for violation in result.violations)


class Trial:
    """The best candidate so far, and the means to try others."""

    def __init__(
        self,
        scenario: Scenario,
        result: RunResult,
        *,
        target: Target,
        run: Run,
        strict: bool,
        checkers: Checkers,
        runs_max: int,
        end_ns: int,
    ) -> None:
        self._run = run
        self._strict = strict
        self._checkers = checkers
        self._scenario = _bounded(scenario, result, target)
        self._target = target
        self._runs_max = runs_max
        self._end_ns = end_ns
        self._base = result.tape
        self._tried: set[Candidate] = set()
        self.runs = 0
        self.best = Candidate.of(result.tape)
        self.result = result

    def attempt(self, candidate: Candidate) -> bool:
        """Try ``candidate``; true if it is the best now. Raises OutOfLimits."""
        if candidate.key >= self.best.key or candidate in self._tried:
            return False
        if self.runs >= self._runs_max or clock_ns() >= self._end_ns:
            raise OutOfLimits
        self._tried.add(candidate)
        self.runs += 1
        result = self._run(self._scenario, candidate.tape(self._base), self._strict, self._checkers)
        if not fails_alike(result, self._target):
            return False
        # What the run took may be less than it was given; it may also be a different thing of the same size.
        taken = Candidate.of(result.tape)
        self.best = taken if taken.key < candidate.key else candidate
        self.result = result
        return True


def _bounded(scenario: Scenario, result: RunResult, target: Target) -> Scenario:
    """The scenario with a budget that a run like ``result`` keeps: some candidates go in circles for long."""
    events = result.stats.get("events", 0)
    if target[0] == "budget" or not events:
        return scenario
    return attrs.evolve(scenario, step_budget=min(scenario.step_budget, 4 * events + 5_000))
