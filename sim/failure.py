"""From a failure that a campaign found to one that can be told: shrunk, run once more, with its simulation.

Owns the order of these steps, for the command line and the pytest plugin alike. Invariants: what is told was
run and failed just so; a failure that does not repeat is told as it was found, and says so. Must not import:
a terminal, pytest.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs

from .explore.case import Outcome
from .runner import run_and_keep
from .scenario import RunResult, Scenario
from .simulation import Simulation
from .story import render_story

_NOTE = "this failure did not show again when its recorded choices were replayed"


@attrs.frozen(kw_only=True)
class Failure:
    """One failure. ``result`` and ``simulation`` are of the smallest run that shows it; ``simulation`` is
    None if the failure does not repeat, and ``result`` then what was found first."""

    outcome: Outcome
    result: RunResult
    simulation: Simulation | None
    runs: int = 0
    """How many runs the shrinking took."""

    @property
    def repeats(self) -> bool:
        """Does the tape of ``result`` show the failure again?"""
        return self.simulation is not None

    def story(self, *, width: int = 100, colour: bool = False, command: str = "") -> str:
        """The failure as text; the last line is ``command``."""
        if self.simulation is not None:
            return render_story(self.result, self.simulation, width=width, colour=colour, command=command)
        note = f": {_NOTE}" if self.result.digest else ""
        lines = [f"{self.result.scenario}, seed {self.result.seed}{note}"]
        for violation in self.result.violations:
            lines += ["", f"{violation.kind.value}: {violation.checker}", violation.message]
            if violation.location:
                lines.append(f"at {violation.location}")
        if command:
            lines += ["", f"repeat with: {command}"]
        return "\n".join(lines)


def examine(
    scenario: Scenario,
    outcome: Outcome,
    *,
    strategy: str = "random",
    strict: bool = False,
    shrinking: bool = True,
    runs_max: int = 300,
    seconds_max: float = 5,
) -> Failure:
    """Shrink the failed run of ``outcome`` (within so many runs and seconds of real time) and run it again.

    ``strategy`` says how the runs of the campaign were judged.
    """
    result, runs = outcome.result, 0
    if not result.digest:
        return Failure(outcome=outcome, result=result, simulation=None)
    if shrinking:
        from .shrink import shrink_report

        again: Any = None
        if strategy == "double_run":
            from .explore.double_run import repeat_twice as again
        shrunk = shrink_report(
            scenario, result, runs_max=runs_max, seconds_max=seconds_max, strict=strict, run=again
        )
        if shrunk.repeats:
            result, runs = shrunk.result, shrunk.runs
    found, simulation = run_and_keep(scenario, tape=result.tape, strict=strict)
    made = partial(Failure, outcome=outcome, runs=runs)
    if not found.passed:
        return made(result=found, simulation=simulation)
    if strategy == "double_run":
        return made(result=result, simulation=simulation)
    return made(result=outcome.result, simulation=None)
