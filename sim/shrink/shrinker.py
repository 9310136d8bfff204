"""The order of the passes, and the promise that what comes out was run and fails.

Passes go round until none of them finds anything, or until a limit is met; whatever is best then is repeated
once more with everything that reads a run, and that run is the result. Choices that are not on the tape are 0
while shrinking: the benign ones. Identifiers stay those of the seed, so objects keep their names.

Must not import: a scenario, a strategy.
"""

from __future__ import annotations

from functools import partial

import attrs

from ..explore.machine import clock_ns
from ..explore.strategy import Checkers
from ..fault_table import POINTS
from ..faults import FaultPlan
from ..runner import run_scenario
from ..scenario import RunResult, Scenario
from ..tape import Tape
from .candidate import Group, Size, size_of
from .cut_tail import cut_tail
from .delete_chunks import delete_chunks
from .drop_groups import drop_groups
from .keep_one import keep_one
from .lower_values import lower_values
from .merge_items import merge_items
from .move_earlier import move_earlier
from .trial import OutOfLimits, Run, Target, Trial, fails_alike, target_of

RUNS_MAX = 300
SECONDS_MAX = 5
CONFIRMING_RUNS = 2
"""The first run, which repeats the failure, and the last, which confirms what came of it."""


@attrs.frozen(kw_only=True)
class Shrunk:
    """A shrunk failure and how it came about. ``repeats``: the recorded run, replayed, failed the same way;
    if not, nothing was shrunk. ``finished``: no pass found anything more; otherwise a limit was met first."""

    result: RunResult
    before: Size
    after: Size
    runs: int
    elapsed_ns: int
    repeats: bool
    finished: bool


def shrink(
    scenario: Scenario,
    result: RunResult,
    *,
    runs_max: int = RUNS_MAX,
    seconds_max: float = SECONDS_MAX,
    strict: bool = False,
    checkers: Checkers = None,
    run: Run | None = None,
) -> RunResult:
    """The smallest run that fails like ``result`` does, as far as ``runs_max`` runs and ``seconds_max`` of
    real time find it; its tape repeats it. See ``shrink_report``."""
    return shrink_report(
        scenario,
        result,
        runs_max=runs_max,
        seconds_max=seconds_max,
        strict=strict,
        checkers=checkers,
        run=run,
    ).result


def shrink_report(
    scenario: Scenario,
    result: RunResult,
    *,
    runs_max: int = RUNS_MAX,
    seconds_max: float = SECONDS_MAX,
    strict: bool = False,
    checkers: Checkers = None,
    run: Run | None = None,
) -> Shrunk:
    """Shrink a failed run of ``scenario`` and say what it took.

    The same failure is a violation of the same checker and kind as the first of ``result``. ``checkers`` read
    the first and the last run (None: all of them), and only the failing one the runs between. ``run`` repeats
    a tape where ``run_scenario`` does not do. A result that passed comes back as it is.
    """
    began_ns = clock_ns()
    end_ns = began_ns + int(seconds_max * 1_000_000_000)
    repeat = _repeat if run is None else run
    before = size_of(result.tape)
    made = partial(Shrunk, before=before)
    if result.passed:
        return made(result=result, after=before, runs=0, elapsed_ns=0, repeats=False, finished=True)
    target = target_of(result.violations[0])
    first = repeat(scenario, result.tape, strict, checkers)
    if not fails_alike(first, target):
        elapsed_ns = clock_ns() - began_ns
        return made(result=result, after=before, runs=1, elapsed_ns=elapsed_ns, repeats=False, finished=False)
    trial = Trial(
        scenario,
        first,
        target=target,
        run=repeat,
        strict=strict,
        checkers=_reading(target, checkers),
        runs_max=runs_max - CONFIRMING_RUNS,
        end_ns=end_ns,
    )
    finished = _shrink(trial)
    last = _confirmed(scenario, trial, target, repeat, strict, checkers)
    return made(
        result=last or first,
        after=size_of((last or first).tape),
        runs=trial.runs + CONFIRMING_RUNS,
        elapsed_ns=clock_ns() - began_ns,
        repeats=True,
        finished=finished and last is not None,
    )


def _repeat(scenario: Scenario, tape: Tape, strict: bool, checkers: Checkers) -> RunResult:
    return run_scenario(scenario, tape=tape, strict=strict, checkers=checkers)


def _shrink(trial: Trial) -> bool:
    """Go round the passes; true when nothing more was found, false when a limit was met."""
    try:
        drop_groups(trial)
        cut_tail(trial)
        while True:
            before = trial.best.key
            delete_chunks(trial, Group.FAULT, Group.DETAIL)
            delete_chunks(trial, Group.INPUT)
            drop_groups(trial)
            delete_chunks(trial, Group.SCHEDULE)
            merge_items(trial)
            lower_values(trial)
            move_earlier(trial)
            if trial.best.key == before and not keep_one(trial):
                return True
    except OutOfLimits:
        return False


def _reading(target: Target, checkers: Checkers) -> Checkers:
    """The checker that must fail again, if it is one that reads traces; no other is asked meanwhile."""
    from ..checkers import CHECKERS

    known = CHECKERS if checkers is None else checkers
    return tuple(each for each in known if each.name == target[0])


def _confirmed(
    scenario: Scenario, trial: Trial, target: Target, repeat: Run, strict: bool, checkers: Checkers
) -> RunResult | None:
    """The best candidate, run as whoever gets its tape will run it, with no rates that it does not need."""
    base = trial.result.tape
    for tape in (tidied(trial.best.tape(base)), trial.best.tape(base)):
        result = repeat(scenario, tape, strict, checkers)
        if fails_alike(result, target):
            return result
    return None


def tidied(tape: Tape) -> Tape:
    """``tape`` with the rates of those faults only that strike on it, and no storm that does not."""
    if not tape.faults:
        return tape
    plan = FaultPlan.from_json(tape.faults)
    points = {label.partition(":")[0]: None for label in tape.deviations}
    rates = {}
    for point, names in POINTS.items():
        if point not in points:
            continue
        struck = {
            names[min(value, len(names)) - 1]: None
            for label, values in tape.deviations.items()
            if label.partition(":")[0] == point
            for value in values.values()
        }
        rates.update({name: max(1, plan.rates.get(name, 0)) for name in names if name in struck})
    storms = plan.storms if "storm" in points else ()
    return attrs.evolve(tape, faults=attrs.evolve(plan, rates=rates, storms=storms).to_json())
