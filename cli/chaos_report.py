"""What ``temporal-do chaos`` tells: text, JSON, JUnit XML, a page; and what it writes down of a failure.

Owns the layout of these, the files, and which exit code the kinds of failures make. Must not import: the
campaign's making.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from ..scenarios import SCENARIOS, location
from ..sim.explore import CampaignReport, Progress, make_strategy
from ..sim.explore.coverage_of import branch_text
from ..sim.failure import Failure
from ..sim.failure_file import write_failure
from ..sim.faults import FaultPlan
from ..sim.runner import run_and_keep
from ..sim.scenario import Kind, RunResult, Scenario, Violation
from ..sim.simulation import Simulation
from ..sim.timeline_text import cut, duration_text
from .chaos_annotations import annotate
from .chaos_scenarios import Named
from .exit_codes import ExitCode
from .junit import JunitCase, junit_xml
from .terminal import Paint, drop_output, may_colour, width

SCHEMA = 1
_BRANCHES_MAX = 20
_BAR_WIDTH = 24

_CODES: tuple[tuple[Kind, ExitCode], ...] = (
    (Kind.NONDETERMINISM, ExitCode.NONDETERMINISM),
    (Kind.SAFETY, ExitCode.SAFETY),
    (Kind.LIVENESS, ExitCode.LIVENESS),
    (Kind.HARNESS, ExitCode.HARNESS),
)
"""The exit code is that of the first kind in this table that any violation has: a run whose code is not
deterministic often breaks other promises as well, and what is unsafe is often late."""


def exit_code(violations: Sequence[Violation]) -> ExitCode:
    """What the violations mean to a script."""
    kinds = [violation.kind for violation in violations]
    return next((code for kind, code in _CODES if kind in kinds), ExitCode.OK)


def bar(progress: Progress) -> str:
    """One line: how far, how fast, what was found."""
    parts = []
    if progress.total:
        filled = min(_BAR_WIDTH, progress.done * _BAR_WIDTH // progress.total)
        parts.append(f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}]")
        parts.append(f"{progress.done}/{progress.total} seeds")
    else:
        seeds = f"{progress.done} seed{'s' * (progress.done != 1)}"
        parts.append(f"{seeds} in {progress.elapsed_ns // 1_000_000_000} s")
    parts.append(f"{progress.runs_per_second:.1f} seeds/s")
    parts.append(f"{progress.states} states")
    parts.append(f"{progress.failures} failures" if progress.failures != 1 else "1 failure")
    return "  ".join(parts)


def list_scenarios(output: str) -> None:
    """The scenarios that come with the product."""
    found = [
        {"name": name, "location": location(name), "summary": SCENARIOS[name].summary} for name in SCENARIOS
    ]
    if output == "json":
        print(json.dumps({"schema": SCHEMA, "scenarios": found}, indent=2, ensure_ascii=False))
        return
    longest = max(len(each["name"]) for each in found)
    for each in found:
        print(f"{each['name']:<{longest}}  {each['summary']}")


class Reporting:
    """Tells of one call of the command."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        named: Sequence[Named],
        *,
        strict: bool,
        faults: FaultPlan | None = None,
    ) -> None:
        self._arguments = arguments
        self._faults = faults
        self._named = {each.reference: each for each in named}
        self._unwritten: list[str] = []
        self.strict = strict

    def tell(self, report: CampaignReport, failures: Sequence[Failure]) -> ExitCode:
        """Write the files, print the report, and return the exit code. What cannot be written takes nothing
        away from the report."""
        code = exit_code(report.violations)
        try:
            self._tell(report, failures, code)
        except BrokenPipeError:
            drop_output()
        for problem in self._unwritten:
            print(f"temporal-do: {problem}", file=sys.stderr)
        return ExitCode.USAGE if self._unwritten and code == ExitCode.OK else code

    def _tell(self, report: CampaignReport, failures: Sequence[Failure], code: ExitCode) -> None:
        arguments = self._arguments
        commands = [self._command(failure) for failure in failures]
        if arguments.html:
            self._write_html(report, failures)
        if arguments.junit:
            self._write(arguments.junit, self._junit(report, failures, commands))
        sys.stdout.flush()
        annotate(self._named, report, failures, commands, self._whole_command())
        if arguments.output == "json":
            found = {**self._as_json(report, failures, commands), "exit_code": int(code)}
            print(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            for line in self._lines(report, failures, commands, Paint(may_colour(sys.stdout))):
                print(line)
        sys.stdout.flush()

    # --- repeating ---

    def _command(self, failure: Failure) -> str:
        """Write the failure down, and say what repeats it."""
        arguments = self._arguments
        named = self._named[failure.outcome.scenario]
        words = ["temporal-do", "chaos", named.name]
        double = arguments.strategy == "double_run"
        file = self._record(failure) if failure.repeats and not double and not arguments.tape else None
        if arguments.tape:
            words += ["--tape", arguments.tape]
        elif file is not None:
            words += ["--tape", str(file)]
        else:
            words += ["--seed", str(failure.outcome.result.seed)]
            if arguments.strategy:
                words += ["--strategy", arguments.strategy]
            if arguments.faults is not None:
                words += ["--faults", arguments.faults]
        if self.strict:
            words.append("--strict")
        return shlex.join(words)

    def _record(self, failure: Failure) -> Path | None:
        """The file that the failure is in now; None: it could not be written."""
        named = self._named[failure.outcome.scenario]
        name = named.name.replace(":", "-").replace("/", "-")
        file = Path(self._arguments.tapes) / f"{name}-seed{failure.outcome.result.seed}.json"
        try:
            write_failure(file, failure.result, scenario=named.name, strict=self.strict)
        except OSError as error:
            self._unwritten.append(f"the failure is not recorded (--tapes says where): {error}")
            return None
        return file

    def _whole_command(self) -> str:
        """What repeats the whole campaign."""
        arguments = self._arguments
        words = ["temporal-do", "chaos", *(each.name for each in self._named.values())]
        for name in ("seed", "seeds", "budget", "strategy", "faults"):
            value = getattr(arguments, name)
            if value is not None:
                words += [f"--{name}", str(value)]
        return shlex.join([*words, "--strict"] if self.strict else words)

    # --- text ---

    def _lines(
        self, report: CampaignReport, failures: Sequence[Failure], commands: Sequence[str], paint: Paint
    ) -> Iterator[str]:
        for reference, runs in report.runs_of.items():
            failed = sum(outcome.scenario == reference for outcome in report.failures)
            missed = report.judges_reach and any(found == reference for found, _ in report.never_reached)
            mark = paint.bad("failed") if failed or missed else paint.good("ok")
            text = f"{self._named[reference].name}: {runs} run{'s' * (runs != 1)}"
            yield f"{mark}  {text}, {failed} failed" if failed else f"{mark}  {text}"
        facts = [f"{report.faults:,} faults struck", f"{duration_text(report.virtual_ns)} of virtual time"]
        if report.resumed:
            facts.append(f"{report.resumed:,} runs from {self._arguments.resume}, whatever has changed since")
        if report.elapsed_ns and report.runs > report.resumed:
            facts.append(f"{duration_text(report.elapsed_ns)}, {report.runs_per_second:.1f} runs/s")
        yield f"    {', '.join(facts)}"
        for reference, name in report.never_reached:
            text = f"{self._named[reference].name}: never reached: {name}"
            if report.judges_reach:
                yield f"{paint.bad('failed')}  {text}"
            elif not report.failures and report.runs > 1:
                yield f"{paint.notice('note')}  {text}"
        branches = report.branches or ()
        for branch in branches[:_BRANCHES_MAX]:
            yield f"{paint.notice('note')}  no run took the branch {branch_text(branch)}"
        if len(branches) > _BRANCHES_MAX:
            yield f"{paint.notice('note')}  nor {len(branches) - _BRANCHES_MAX} more branches"
        told = len(failures)
        if len(report.failures) > told:
            yield f"    {told} of {len(report.failures)} failures are told, one of each sort"
        for failure, command in zip(failures, commands, strict=True):
            yield ""
            if failure.runs:
                first = failure.outcome.result
                note = f" ({failure.outcome.note})" if failure.outcome.note else ""
                text = f"Found with seed {first.seed}{note}, shrunk in {failure.runs} runs."
                yield cut(text, width())
            yield failure.story(width=width(), colour=paint.on, command=command)
        if not failures and report.violations:
            yield f"repeat with: {self._whole_command()}"

    # --- for machines ---

    def _as_json(
        self, report: CampaignReport, failures: Sequence[Failure], commands: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "strategy": report.strategy,
            "scenarios": [self._named[reference].name for reference in report.runs_of],
            "runs": report.runs,
            "resumed_runs": report.resumed,
            "passed_runs": report.passed_runs,
            "failed_runs": len(report.failures),
            "complete": report.complete,
            "faults": report.faults,
            "stats": dict(report.stats),
            "reached": {self._named[name].name: dict(found) for name, found in report.reached.items()},
            "never_reached": [
                {"scenario": self._named[reference].name, "name": name, "fails": report.judges_reach}
                for reference, name in report.never_reached
            ],
            "branches": None if report.branches is None else list(report.branches),
            "virtual_ns": report.virtual_ns,
            "elapsed_ns": report.elapsed_ns,
            "runs_per_second": round(report.runs_per_second, 3),
            "failures": [
                {
                    "scenario": self._named[failure.outcome.scenario].name,
                    "seed": failure.outcome.result.seed,
                    "note": failure.outcome.note,
                    "repeats": failure.repeats,
                    "digest": failure.result.digest,
                    "violations": [_violation(each) for each in failure.result.violations],
                    "tape": json.loads(failure.result.tape.to_json()),
                    "story": failure.story(),
                    "command": command,
                }
                for failure, command in zip(failures, commands, strict=True)
            ],
        }

    def _junit(self, report: CampaignReport, failures: Sequence[Failure], commands: Sequence[str]) -> str:
        cases = []
        seconds = report.elapsed_ns / 1e9 / max(len(report.runs_of), 1)
        for reference, runs in report.runs_of.items():
            name = self._named[reference].name
            told = [
                (failure, command)
                for failure, command in zip(failures, commands, strict=True)
                if failure.outcome.scenario == reference
            ]
            case = JunitCase(name=name, classname="chaos", seconds=seconds, properties=(("runs", str(runs)),))
            missed = [state for found, state in report.never_reached if found == reference]
            if not told and missed and report.judges_reach:
                text = "\n".join(f"never reached: {state}" for state in missed)
                case = attrs.evolve(case, kind=Kind.LIVENESS.value, message=text.splitlines()[0], text=text)
            for index, (failure, command) in enumerate(told):
                violation = failure.result.violations[0]
                failed = attrs.evolve(
                    case,
                    kind=violation.kind.value,
                    error=violation.kind is Kind.HARNESS,
                    message=violation.message.partition("\n")[0],
                    text=failure.story(command=command),
                    properties=(*case.properties, ("seed", str(failure.outcome.result.seed))),
                )
                if index:
                    failed = attrs.evolve(
                        failed, name=f"{name}[seed {failure.outcome.result.seed}]", seconds=0.0
                    )
                    cases.append(failed)
                else:
                    cases.append(failed)
            if not told:
                cases.append(case)
        return junit_xml("temporal-do chaos", cases)

    def _write_html(self, report: CampaignReport, failures: Sequence[Failure]) -> None:
        """The first failure as a page, beside the same run without faults if that passes; else the first run
        there was."""
        render = import_module("..sim.html", __package__).render_html
        file = self._arguments.html
        told = next((failure for failure in failures if failure.simulation is not None), None)
        reference = told.outcome.scenario if told is not None else next(iter(report.runs_of))
        scenario = self._named[reference].scenario
        if told is None:
            result, simulation = self._first_run(scenario)
            self._write(file, render(result, simulation))
            return
        benign = attrs.evolve(told.result.tape, deviations={})
        other, passing = run_and_keep(scenario, tape=benign, strict=self.strict)
        page = render(told.result, told.simulation, passing=passing if other.passed else None)
        self._write(file, page)

    def _first_run(self, scenario: Scenario) -> tuple[RunResult, Simulation]:
        """The run of the first seed, under the faults that it had; its schedule is the seed's own, whatever
        the strategy."""
        arguments = self._arguments
        if arguments.tape:
            return run_and_keep(scenario, tape=arguments.tape, strict=self.strict)
        if self._faults is not None:
            scenario = attrs.evolve(scenario, faults=self._faults)
        seed: int | str = arguments.seed or 0
        if isinstance(seed, str) and seed.removeprefix("-").isdecimal():
            seed = int(seed)
        faults = None
        if arguments.strategy == "swarm":
            faults = make_strategy("swarm").case_of(scenario, seed).faults
        return run_and_keep(scenario, seed=seed, faults=faults, strict=self.strict)

    def _write(self, path: str, text: str) -> None:
        try:
            Path(path).write_text(text, "utf-8")
        except OSError as error:
            self._unwritten.append(f"{path} cannot be written: {error}")


def _violation(violation: Violation) -> dict[str, Any]:
    found = attrs.asdict(violation)
    found["kind"] = violation.kind.value
    found["steps"] = list(violation.steps)
    return found
