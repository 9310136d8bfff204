"""``temporal-do replay``: replay histories against workflow code, for people and for CI.

Owns the arguments, what is printed, and which exit code the verdicts make. Invariants: the report goes to
stdout, progress and what the user's code prints go to stderr; the last line of a failure is the command that
repeats it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runtime.errors import InvalidArgumentError
from ..runtime.workflow.strictness import PRODUCTION, STRICT
from ..sim.corpus import ReplayedHistory, ReplayReport, Verdict
from ..sim.replayer import Replayer
from .errors import UsageError
from .exit_codes import ExitCode
from .loading import load_workflows
from .terminal import Paint, Progress, may_colour, users_output_aside

_OUTCOMES: tuple[tuple[Verdict, ExitCode], ...] = (
    (Verdict.NONDETERMINISM, ExitCode.NONDETERMINISM),
    (Verdict.FAILED, ExitCode.FAILED),
    (Verdict.UNREADABLE, ExitCode.USAGE),
    (Verdict.UNREGISTERED, ExitCode.USAGE),
)
"""The exit code is that of the first verdict in this table that any history has."""

_SHOWN_IN_FULL_MAX = 20
"""Good histories are listed one by one up to so many, else only counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the subcommand."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a history file, or a folder of *.json files"
    )
    parser.add_argument(
        *("--workflows", "-w"),
        action="append",
        required=True,
        metavar="MODULE[:NAME]",
        help="where the workflows are: a module importable from here, and the name of a Temporal, a Worker, "
        "a workflow or a list in it; may be given several times",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    strictness = parser.add_mutually_exclusive_group()
    strictness.add_argument(
        "--strict",
        action="store_true",
        help="changed arguments, durations and results count as nondeterminism (the default)",
    )
    strictness.add_argument(
        "--lenient", action="store_true", help="only what the engine itself could not follow counts"
    )
    parser.add_argument(
        "--require-coverage", action="store_true", help="fail unless every workflow has a history"
    )
    parser.add_argument(
        "--allow-unregistered", action="store_true", help="skip histories of workflows that are not given"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay, report, and return the exit code. Raises UsageError."""
    paths: list[str] = arguments.paths
    for path in paths:
        if not Path(path).exists():
            raise UsageError(f"there is no file or folder {path!r}")
    progress = Progress()
    replayer = _replayer(arguments)
    begun = [0]

    def on_replayed(each: ReplayedHistory) -> None:
        begun[0] += 1
        progress.show(f"{begun[0]} replayed, {each.source}")

    with users_output_aside():
        report = replayer.replay_corpus(
            [Path(path) for path in paths],
            require_coverage=arguments.require_coverage,
            allow_unregistered=arguments.allow_unregistered,
            on_replayed=on_replayed,
        )
    progress.clear()
    code = exit_code(report)
    if arguments.output == "json":
        print(json.dumps({**report.as_dict(), "exit_code": int(code)}, indent=2, ensure_ascii=False))
        return code
    for line in _lines(report, paths, Paint(may_colour(sys.stdout))):
        print(line)
    if code:
        print(f"repeat with: {_command(arguments, report)}")
    return code


def exit_code(report: ReplayReport) -> ExitCode:
    """What the report means to a script."""
    verdicts = [each.verdict for each in report.histories]
    for verdict, code in _OUTCOMES:
        if verdict in verdicts:
            return code
    return ExitCode.EMPTY_CORPUS if report.is_empty or report.uncovered else ExitCode.OK


def _replayer(arguments: argparse.Namespace) -> Replayer:
    with users_output_aside():
        workflows = [found for spec in arguments.workflows for found in load_workflows(spec)]
    strictness = PRODUCTION if arguments.lenient else STRICT
    try:
        return Replayer(workflows, strictness=strictness, clock=time.perf_counter_ns)
    except InvalidArgumentError as error:
        raise UsageError(str(error)) from None


def _lines(report: ReplayReport, paths: Sequence[str], paint: Paint) -> Iterator[str]:
    good = [each for each in report.histories if each.ok]
    for each in good if len(good) <= _SHOWN_IN_FULL_MAX else ():
        mark = paint.good("ok") if each.verdict is Verdict.OK else paint.notice("skipped")
        yield f"{mark}  {each.source}  {each.workflow_type}, {each.events} events"
    for each in report.histories:
        for warning in each.warnings:
            yield f"{paint.notice('warning')}  {each.source}: {warning}"
    for each in report.failures:
        yield f"{paint.bad(each.verdict.value)}  {each.source}  {each.workflow_type or 'no workflow'}"
        text = each.text(colour=paint.on).removeprefix(f"{each.source}: ")
        yield "\n".join(f"    {line}" if line else "" for line in text.splitlines())
        yield ""
    if not report.histories:
        yield f"no histories found in {', '.join(paths)}: a folder is searched for files named *.json"
        return
    if report.is_empty:
        yield "nothing was replayed: every history was skipped"
    rate = _rate(report)
    yield (paint.good if report.ok else paint.bad)(report.summary()) + rate


def _rate(report: ReplayReport) -> str:
    elapsed_ns = sum(each.elapsed_ns for each in report.histories)
    if not elapsed_ns:
        return ""
    return f" ({elapsed_ns / 1e9:.2f} s)"


def _command(arguments: argparse.Namespace, report: ReplayReport) -> str:
    failures = report.failures
    paths = [failures[0].source] if failures and not report.uncovered else arguments.paths
    words = ["temporal-do", "replay", *paths]
    for spec in arguments.workflows:
        words += ["--workflows", spec]
    if arguments.lenient:
        words.append("--lenient")
    if arguments.require_coverage and not failures:
        words.append("--require-coverage")
    if arguments.allow_unregistered:
        words.append("--allow-unregistered")
    return shlex.join(words)
