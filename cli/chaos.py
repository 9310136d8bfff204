"""``temporal-do chaos``: run scenarios under faults, seed after seed, for people and for CI.

Owns the arguments and how they become runs; what is printed and written is in ``chaos_report``. Invariants:
the report goes to stdout, progress and what the user's code prints go to stderr; the last line of a failure
is the command that repeats it; the exit code is that of the worst kind of failure.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from ..runtime.durations import parse_duration
from ..runtime.errors import InvalidArgumentError
from ..sim.errors import TapeError
from ..sim.explore import STRATEGIES, Campaign, CampaignReport, Outcome, Progress, make_strategy
from ..sim.explore.report import Summary
from ..sim.failure import Failure, examine
from ..sim.failure_file import FailureFile, read_failure
from ..sim.fault_text import parse_faults
from ..sim.faults import FaultPlan
from ..sim.patience import ctrl_c
from ..sim.runner import run_scenario
from ..sim.tape import engine_version
from .chaos_report import Reporting, bar, list_scenarios
from .chaos_scenarios import Named, find_all
from .chaos_show import show
from .errors import UsageError
from .exit_codes import ExitCode
from .terminal import Progress as Line
from .terminal import users_output_aside

SEEDS_DEFAULT = 100
SHOW = "show"
STORIES_MAX = 3
SHRINK_SECONDS = 20
"""So long a person waits for a shorter story."""
TAPES = ".chaos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the subcommand."""
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help="the name of a scenario, MODULE:NAME, MODULE, or 'all'; 'show FILE' looks at a recorded failure "
        "or at a results file instead",
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios and exit")
    which = parser.add_argument_group("which runs")
    which.add_argument("--seed", metavar="S", help="run this seed, or with --seeds: begin here")
    which.add_argument(
        "--seeds", type=_natural, metavar="N", help=f"how many seeds (default: {SEEDS_DEFAULT})"
    )
    which.add_argument("--budget", metavar="TIME", help="stop after so much real time, such as 60s")
    which.add_argument("--tape", metavar="FILE", help="repeat a recorded run")
    which.add_argument("--strategy", choices=STRATEGIES, help="which seeds and faults are tried")
    which.add_argument(
        "--faults",
        metavar="PLAN",
        help="instead of the scenario's own: crashes,network=5000,lost_reply (rates per million), 'none', or "
        "a JSON file",
    )
    which.add_argument(
        "--strict", action="store_true", help="encode and decode every row and message (slower)"
    )
    which.add_argument(
        "--failures", type=_count, default=1, metavar="N", help="stop after N failures (default: 1; 0: never)"
    )
    which.add_argument(
        "--allow-unreached",
        action="store_true",
        help="pass although a state that must be reached now and then never was",
    )
    machine = parser.add_argument_group("where")
    machine.add_argument("--jobs", type=_natural, default=1, metavar="K", help="processes (default: 1)")
    machine.add_argument(
        "--shard", type=_shard, default=(1, 1), metavar="k/n", help="only this part of the runs"
    )
    machine.add_argument(
        "--resume", metavar="FILE", help="keep results in FILE, and go on from what it holds"
    )
    told = parser.add_argument_group("what is told")
    told.add_argument("--no-shrink", action="store_true", help="tell the failure as it was found")
    told.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    told.add_argument("--html", metavar="FILE", help="write the (first) failure as a page to step through")
    told.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    told.add_argument(
        "--tapes", metavar="FOLDER", default=TAPES, help=f"where failures are recorded (default: {TAPES})"
    )


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 on, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number from 0 on, not {text!r}")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"k/n with 1 <= k <= n, such as 2/4, not {text!r}")
    return int(part), int(parts)


def run(arguments: argparse.Namespace) -> int:
    """Run, report, and return the exit code. Raises UsageError."""
    with _mistakes_are_the_users():
        if arguments.list:
            list_scenarios(arguments.output)
            return ExitCode.OK
        if arguments.scenarios[:1] == [SHOW]:
            return show(arguments.scenarios[1:], arguments.output, allow_unreached=arguments.allow_unreached)
        return _run(arguments)


@contextlib.contextmanager
def _mistakes_are_the_users() -> Iterator[None]:
    try:
        yield
    except (InvalidArgumentError, TapeError) as error:
        raise UsageError(str(error)) from None


def _run(arguments: argparse.Namespace) -> int:
    _check_together(arguments)
    with users_output_aside():
        recorded = read_failure(arguments.tape) if arguments.tape else None
        specs = arguments.scenarios or ([recorded.scenario] if recorded and recorded.scenario else [])
        named = find_all(specs)
        strict = _is_strict(arguments, recorded)
        reporting = Reporting(arguments, named, strict=strict, faults=plan_of(arguments))
        if recorded is not None:
            _note_what_differs(recorded, named)
        report = _report(arguments, named, recorded, reporting.strict)
        failures = _examined(arguments, named, report, reporting.strict)
    return reporting.tell(report, failures)


def _note_what_differs(recorded: FailureFile, named: list[Named]) -> None:
    """A tape may be run where it was not recorded; what comes of it then may be another run."""
    this = engine_version()
    if recorded.tape.engine != this:
        print(f"note: recorded with version {recorded.tape.engine}, this is {this}", file=sys.stderr)
    of = recorded.scenario or recorded.test
    if of and of not in {each.name for each in named}:
        print(f"note: this is a recorded run of {of}", file=sys.stderr)


def _check_together(arguments: argparse.Namespace) -> None:
    if arguments.tape:
        for name in ("seed", "seeds", "budget", "strategy", "faults", "resume"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"--tape repeats one recorded run: it goes without --{name}")
        if len(arguments.scenarios) > 1:
            raise UsageError("--tape repeats one recorded run of one scenario")
    if arguments.seed == "":
        raise UsageError("--seed takes a number or a word, not an empty text")
    if arguments.budget is not None and parse_duration(arguments.budget, name="--budget") < 1:
        raise UsageError(f"--budget takes a time above 0, not {arguments.budget!r}")
    for name in ("html", "junit", "resume"):
        if getattr(arguments, name) is not None:
            _check_file(f"--{name}", Path(getattr(arguments, name)))
    if arguments.seed is not None and not _is_number(arguments.seed):
        for name in ("seeds", "budget", "strategy", "resume"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"the seed {arguments.seed!r} is no number: it goes without --{name}")
        if len(arguments.scenarios) > 1:
            raise UsageError(f"the seed {arguments.seed!r} is no number: give one scenario")


def _check_file(option: str, file: Path) -> None:
    """What cannot be written is said before the runs, not after them."""
    if file.is_dir():
        raise UsageError(f"{option} takes a file, and {str(file)!r} is a folder")
    if not file.parent.is_dir():
        raise UsageError(f"{option} {str(file)!r}: there is no folder {str(file.parent)!r}")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _is_strict(arguments: argparse.Namespace, recorded: FailureFile | None) -> bool:
    return bool(arguments.strict or (recorded is not None and recorded.strict))


def plan_of(arguments: argparse.Namespace) -> FaultPlan | None:
    """The plan that --faults gives; None: the scenario's own."""
    text: str | None = arguments.faults
    if text is None:
        return None
    if text.endswith(".json"):
        try:
            return parse_faults(Path(text).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{arguments.faults} cannot be read: {error}") from None
        except InvalidArgumentError as error:
            raise UsageError(f"{arguments.faults}: {error}") from None
    return parse_faults(text)


def _report(
    arguments: argparse.Namespace, named: list[Named], recorded: FailureFile | None, strict: bool
) -> CampaignReport:
    plan = plan_of(arguments)
    if recorded is not None or (arguments.seed is not None and not _is_number(arguments.seed)):
        options: dict[str, Any] = (
            {"tape": recorded.tape} if recorded else {"seed": arguments.seed, "faults": plan}
        )
        if len(named) > 1:
            which = "a recorded run" if recorded else f"the seed {arguments.seed!r}, which is no number,"
            raise UsageError(f"{which} is of one scenario: give its name or MODULE:NAME")
        summary = Summary([named[0].reference])
        result = run_scenario(named[0].scenario, strict=strict, **options)
        summary.add(Outcome(scenario=named[0].reference, number=0, result=result))
        return summary.report("replay" if recorded else "one seed", judges_reach=False)
    single = arguments.seed is not None and arguments.seeds is None and arguments.budget is None
    strategy = make_strategy(arguments.strategy or "random")
    seeds = arguments.seeds
    if seeds is None and strategy.endless:  # the others go on to their end, with the one seed they have
        seeds = 1 if single else SEEDS_DEFAULT if arguments.budget is None else None
    line = Line()
    last: Progress | None = None

    def on_progress(progress: Progress) -> None:
        nonlocal last
        last = progress
        line.show(bar(progress))
        raise_if_interrupted()

    campaign = Campaign(
        [each.reference for each in named],
        strategy=strategy,
        seeds=seeds,
        budget_ns=None if arguments.budget is None else parse_duration(arguments.budget, name="--budget"),
        failures_max=arguments.failures or None,
        first_seed=int(arguments.seed or 0),
        jobs=arguments.jobs,
        shard=arguments.shard,
        resume=arguments.resume,
        faults=plan,
        strict=strict,
        progress=on_progress,
    )
    try:
        with ctrl_c() as raise_if_interrupted:
            report = campaign.run()
    except KeyboardInterrupt:
        line.clear()
        if last is not None:
            _tell_interrupted(last, arguments.resume)
        raise
    except OSError as error:
        if arguments.resume and error.filename == arguments.resume:
            raise UsageError(f"--resume: {error}") from None
        raise
    finally:
        line.clear()
    if single or plan is not None or arguments.allow_unreached or report.failures:
        report = attrs.evolve(report, judges_reach=False)
    return report


def _tell_interrupted(last: Progress, resume: str | None) -> None:
    """What a campaign that is interrupted had come to."""
    runs = f"{last.done} run{'s' * (last.done != 1)}, {last.failures or 'none'} failed"
    goes_on = f"; the same command goes on from {resume}" if resume else ""
    print(f"temporal-do: {runs}{goes_on}", file=sys.stderr)


def _examined(
    arguments: argparse.Namespace, named: list[Named], report: CampaignReport, strict: bool
) -> list[Failure]:
    """The failures that are told: one of each kind, the first few."""
    scenarios = {each.reference: each.scenario for each in named}
    line = Line()
    found: dict[tuple[str, str], Failure] = {}
    for outcome in report.failures:
        kind = (outcome.scenario, outcome.result.violations[0].checker)
        if kind in found or len(found) >= STORIES_MAX:
            continue
        line.show(f"shrinking the failure of seed {outcome.result.seed} ...")
        found[kind] = examine(
            scenarios[outcome.scenario],
            outcome,
            strategy=arguments.strategy or "random",
            strict=strict,
            shrinking=not arguments.no_shrink and not arguments.tape,
            seconds_max=SHRINK_SECONDS,
        )
    line.clear()
    return list(found.values())
