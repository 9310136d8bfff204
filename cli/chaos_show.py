"""``temporal-do chaos show FILE``: a recorded failure told once more, or the results of a campaign summed up.

Owns telling the two sorts of files apart. The exit code over results is the campaign's: that of its worst
failure, or of a state that none of its parts reached; results of one seed that differ between files are told,
and are nondeterminism. A recorded failure is run again: a story is made of steps, and the file holds choices.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import attrs

from ..sim.explore import CampaignReport, Outcome, compare_digests, merge_results, read_results
from ..sim.failure import Failure
from ..sim.failure_file import FailureFile, read_failure
from ..sim.faults import FaultPlan
from ..sim.runner import run_and_keep
from ..sim.timeline_text import duration_text
from .chaos_report import exit_code
from .chaos_scenarios import find_all
from .errors import UsageError
from .exit_codes import ExitCode
from .terminal import may_colour, width

_LABELS_MAX = 24


def show(files: Sequence[str], output: str, *, allow_unreached: bool = False) -> ExitCode:
    """Show one recorded run, or the results files of one campaign. Raises UsageError.

    ``allow_unreached``: a state that no run of the campaign reached is no failure.
    """
    if not files:
        raise UsageError("'chaos show' takes the file of a recorded run, or results files of a campaign")
    for file in files:
        if not Path(file).is_file():
            raise UsageError(f"there is no file {file!r}")
    if all(_is_results(file) for file in files):
        report = merge_results(files)
        if allow_unreached or report.failures:
            report = attrs.evolve(report, judges_reach=False)
        return _show_results(report, _differences(files), read_results(files[0])[0], output)
    if len(files) > 1:
        raise UsageError("give one recorded run, or results files only")
    return _show_run(files[0], read_failure(files[0]), output)


def _is_results(file: str) -> bool:
    with Path(file).open(encoding="utf-8", errors="replace") as lines:
        return lines.readline().startswith('{"campaign":')


def _differences(files: Sequence[str]) -> list[str]:
    """The seeds that two of the files have in common, and that came out differently."""
    found: dict[str, None] = {}
    outcomes = [read_results(file)[1] for file in files]
    for one, other in combinations(outcomes, 2):
        found.update(dict.fromkeys(compare_digests(one, other)))
    return list(found)


def _repeating(report: CampaignReport, outcome: Outcome, head: Mapping[str, Any]) -> str:
    """The command that runs the case of ``outcome`` again; ``head`` is that of its results file."""
    strategy = report.strategy.replace(",", " ").split()[0]
    plan = head["faults"]  # what the campaign had in place of its scenarios' own
    faults = "" if plan is None else json.dumps({name: value for name, value in plan.items() if value})
    words = ["temporal-do", "chaos", outcome.scenario, "--seed", str(outcome.result.seed)]
    if strategy == "coverage":  # which runs were varied depends on all before them
        words[-1:] = [str(head["first_seed"]), "--seeds", str(outcome.number + 1)]
    if strategy in ("exhaustive", "pairs"):
        placed = FaultPlan.from_json(outcome.result.tape.faults).placements
        faults = ",".join(f"{each.fault}@{each.key}#{each.occurrence}" for each in placed)
    elif strategy != "random":
        words += ["--strategy", strategy]
    if faults:
        words += ["--faults", faults]
    return shlex.join(words)


def _show_results(
    report: CampaignReport, differences: Sequence[str], head: Mapping[str, Any], output: str
) -> ExitCode:
    code = ExitCode.NONDETERMINISM if differences else exit_code(report.violations)
    if output == "json":
        found = {
            "strategy": report.strategy,
            "runs": report.runs,
            "failed_runs": len(report.failures),
            "faults": report.faults,
            "reached": {name: dict(counts) for name, counts in report.reached.items()},
            "never_reached": [
                {"scenario": scenario, "name": name, "fails": report.judges_reach}
                for scenario, name in report.never_reached
            ],
            "failures": [json.loads(outcome.to_json()) for outcome in report.failures],
            "differences": list(differences),
            "exit_code": int(code),
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return code
    print(report)
    for difference in differences:
        print(f"  one seed, two runs: {difference}")
    for outcome in report.failures:
        print(f"repeat with: {_repeating(report, outcome, head)}")
    return code


def _show_run(file: str, found: FailureFile, output: str) -> ExitCode:
    tape = found.tape
    deviations = sum(len(values) for values in tape.deviations.values())
    if output == "json":
        whole = json.loads(tape.to_json())
        whole |= {"scenario": found.scenario, "violations": [each.message for each in found.violations]}
        print(json.dumps(whole, indent=2, ensure_ascii=False))
        return ExitCode.OK
    name = found.scenario or found.test or "a run"
    print(f"{name}: seed {tape.seed}, {deviations} choices, recorded with {tape.engine}")
    labels = sorted(tape.deviations.items())
    for label, values in labels[:_LABELS_MAX]:
        shown = ", ".join(f"{n}: {value}" for n, value in sorted(values.items())[:8])
        more = f" and {len(values) - 8} more" if len(values) > 8 else ""
        print(f"    {label}  {shown}{more}")
    if len(labels) > _LABELS_MAX:
        print(f"    and {len(labels) - _LABELS_MAX} more places")
    if found.test:
        print(f"repeat with: {shlex.join(['pytest', found.test, '--chaos-tape', file])}")
        return ExitCode.OK
    if not found.scenario:
        print("The file does not say of which scenario it is: run it with 'chaos SCENARIO --tape'.")
        return ExitCode.OK
    (named,) = find_all([found.scenario])
    result, simulation = run_and_keep(named.scenario, tape=tape, strict=found.strict)
    print()
    if result.passed:
        print(f"Run again it passes, after {duration_text(result.virtual_ns)} of virtual time.")
        return ExitCode.OK
    failure = Failure(
        outcome=Outcome(scenario=named.reference, number=0, result=result),
        result=result,
        simulation=simulation,
    )
    command = shlex.join(["temporal-do", "chaos", named.name, "--tape", file])
    print(failure.story(width=width(), colour=may_colour(sys.stdout), command=command))
    return ExitCode.OK
