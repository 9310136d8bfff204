"""GitHub's annotations of a chaos campaign: one for each failure that is told, and for each state that no run
reached, at the line of the user's code that it is about.

Owns their titles. They go to stderr, which GitHub's runner reads as it reads stdout, so that a report on
stdout stays what was asked for. Must not import: the campaign's making.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from ..sim.ci import github_error, on_github
from ..sim.explore import CampaignReport
from ..sim.failure import Failure
from ..sim.scenario import Scenario
from .chaos_scenarios import Named


def annotate(
    named: Mapping[str, Named],
    report: CampaignReport,
    failures: Sequence[Failure],
    commands: Sequence[str],
    whole_command: str,
) -> None:
    """Tell GitHub's runner, if there is one. ``named``: reference -> scenario; ``commands`` repeat the
    ``failures``, ``whole_command`` the campaign."""
    if not on_github():
        return
    lines = []
    for failure, command in zip(failures, commands, strict=True):
        violation = failure.result.violations[0]
        found = named[failure.outcome.scenario]
        lines.append(
            github_error(
                title=f"{violation.kind.value}: {found.name}, seed {failure.outcome.result.seed}",
                text=violation.message,
                location=violation.location or _home_of(found.scenario),
                last=f"repeat with: {command}",
            )
        )
    for reference, name in report.never_reached if report.judges_reach else ():
        found = named[reference]
        lines.append(
            github_error(
                title=f"never reached: {found.name}",
                text=f"none of {report.runs_of[reference]} runs reached {name!r}",
                location=_home_of(found.scenario),
                last=f"repeat with: {whole_command}",
            )
        )
    print("\n".join(lines), end="\n" * bool(lines), file=sys.stderr, flush=True)


def _home_of(scenario: Scenario) -> str:
    """Where the workload stands."""
    code = getattr(getattr(scenario.workload, "func", scenario.workload), "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"
