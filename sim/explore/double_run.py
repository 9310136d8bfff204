"""Double run: every seed twice; two runs that differ were decided by something that is not the seed.

The digests are compared, and where they differ the traces, step by step. The first step that differs is told
with both sides, and with the last line of the user's code that ran before it on each.

Must not import: the runner, before a case is run.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from itertools import count, zip_longest
from typing import TYPE_CHECKING, Any

import attrs

from ..loop import is_ours
from ..scenario import Kind, RunResult, Scenario, Violation
from ..tape import Tape
from ..trace import Trace, describe_step
from .case import Case
from .strategy import Checkers, Play, Played, Strategy

if TYPE_CHECKING:
    from types import FrameType

    from ..simulation import Simulation

CHECKER = "double_run"
"""What the violation names as its checker."""


class DoubleRun(Strategy):
    """Seed after seed, each twice."""

    name = "double_run"

    @property
    def play(self) -> Play:
        """See Strategy."""
        return play_twice

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy."""
        for number in count(start, stride):
            yield Case(number=number, seed=first_seed + number)


def play_twice(scenario: Scenario, case: Case, strict: bool, checkers: Checkers) -> Played:
    """Run the case twice and compare; the checkers read the first run."""
    options = {"seed": case.seed, "tape": case.tape, "faults": case.faults, "strict": strict}
    return _twice(scenario, options, checkers), {}


def repeat_twice(scenario: Scenario, tape: Tape, strict: bool, checkers: Checkers) -> RunResult:
    """Run a tape twice and compare: what a shrinker repeats such a failure with."""
    return _twice(scenario, {"tape": tape, "strict": strict}, checkers)


def _twice(scenario: Scenario, options: dict[str, Any], checkers: Checkers) -> RunResult:
    from ..runner import run_and_keep

    first, one = run_and_keep(scenario, checkers=checkers, **options)
    second, other = run_and_keep(scenario, checkers=(), **options)
    if first.digest == second.digest:
        return first
    number = first_difference(one.trace, other.trace)
    message = [
        f"two runs of seed {first.seed} differ at step {number}:",
        f"  first:  {_step(one.trace, number)}",
        f"  second: {_step(other.trace, number)}",
    ]
    lines = _lines_before(scenario, options)
    if lines is not None:
        message += [f"  the last line of yours before it: {_both(*lines)}"]
    violation = Violation(
        checker=CHECKER,
        kind=Kind.NONDETERMINISM,
        message="\n".join(message),
        steps=(number,),
        location=lines[0] if lines else "",
    )
    return attrs.evolve(first, violations=(violation, *first.violations))


def first_difference(one: Trace, other: Trace) -> int:
    """The number of the first step that differs; the length of the shorter trace if it is part of the other.

    Both traces hold all their steps.
    """
    lines = zip_longest(one.json_lines(), other.json_lines())
    next(lines)  # the schema
    for number, (left, right) in enumerate(lines):
        if left != right:
            return number
    return len(one)


def _step(trace: Trace, number: int) -> str:
    for found, step in enumerate(trace.tuples(), trace.first_kept):
        if found == number:
            return describe_step(step)
    return "(the run is over)"


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first or 'none'}, and {second or 'none'} in the second run"


def _lines_before(scenario: Scenario, options: dict[str, Any]) -> tuple[str, str] | None:
    """The last user line before the first difference on each side, found by two more runs; None if those do
    not differ."""
    one, one_lines = traced_run(scenario, options)
    other, other_lines = traced_run(scenario, options)
    if one.digest == other.digest:
        return None
    number = first_difference(one, other)
    return last_line_before(one_lines, number), last_line_before(other_lines, number)


Line = tuple[int, str, int]
"""How many steps there were, file, line."""


def last_line_before(lines: list[Line], number: int) -> str:
    """``file:line`` of the last line of user code that was reached before step ``number``, or ""."""
    for steps, file, line in reversed(lines):
        if steps <= number:
            return f"{file}:{line}"
    return ""


def traced_run(scenario: Scenario, options: dict[str, Any]) -> tuple[Trace, list[Line]]:
    """One run, and every line of user code that was reached in it. ``options`` as in run_scenario."""
    from ..runner import run_and_keep

    lines: list[Line] = []
    traces: list[Trace] = []
    library = sysconfig.get_path("stdlib")
    ours: dict[str, bool] = {}

    def reached(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        of_user = ours.get(file)
        if of_user is None:
            foreign = is_ours(file) or file.startswith(("<", library)) or "site-packages" in file
            of_user = ours[file] = not foreign
        if not of_user:
            return None
        if traces:
            lines.append((len(traces[0]), file, frame.f_lineno))
        return reached

    async def watched(simulation: Simulation) -> None:
        traces.append(simulation.trace)
        await scenario.workload(simulation)

    before = sys.gettrace()
    sys.settrace(reached)
    try:
        _, simulation = run_and_keep(attrs.evolve(scenario, workload=watched), checkers=(), **options)
    finally:
        sys.settrace(before)
    return simulation.trace, lines
