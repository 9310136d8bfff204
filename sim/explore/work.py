"""Running one case, wherever: the function that a campaign hands to its executor.

Invariants: everything that goes in and out can be pickled; whatever goes wrong with a case comes back as an
outcome of kind harness and is never raised.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache, lru_cache

import attrs

from ..scenario import Kind, RunResult, Scenario, Violation
from ..tape import Tape
from .case import Case, Outcome
from .machine import is_worker
from .naming import find_scenario
from .strategy import Checkers, Play


@lru_cache(maxsize=64)
def _found(name: str) -> Scenario:
    return find_scenario(name)


def scenario_of(reference: Scenario | str) -> Scenario:
    """The scenario itself, or the one that ``module:NAME`` says. Raises InvalidArgumentError."""
    return _found(reference) if isinstance(reference, str) else reference


def play_case(
    reference: Scenario | str,
    name: str,
    play: Play,
    case: Case,
    strict: bool,
    checkers: Checkers,
    keep_tape: bool,
) -> Outcome:
    """Run ``case`` of the scenario that the campaign calls ``name``.

    The choices of a run that passed are dropped unless ``keep_tape``: most runs pass, and few are read.
    """
    if is_worker():
        _stay_ready()
    try:
        result, further = play(scenario_of(reference), case, strict, checkers)
    except (Exception, SystemExit) as error:  # code under test must not end the campaign, let alone well
        return broken_outcome(name, case, error)
    if result.passed and not keep_tape:
        result = attrs.evolve(result, tape=attrs.evolve(result.tape, deviations={}))
    found: dict[str, object] = {"note": case.note, **further}
    return Outcome(scenario=name, number=case.number, result=result, **found)  # type: ignore[arg-type]


@cache
def _stay_ready() -> ExitStack:
    """A process that runs cases and nothing else keeps, for its life, what they all need."""
    from ..runner import many_runs

    held = ExitStack()
    held.enter_context(many_runs())
    return held


def broken_outcome(name: str, case: Case, error: BaseException) -> Outcome:
    """The case could not be run to an end, through no fault of the scenario's."""
    violation = Violation(
        checker="harness",
        kind=Kind.HARNESS,
        message=f"the run itself failed: {type(error).__name__}: {error}",
        location=_raised_at(error),
    )
    result = RunResult(
        scenario=name,
        seed=case.seed,
        tape=case.tape or Tape(seed=case.seed, deviations={}),
        digest="",
        violations=(violation,),
    )
    return Outcome(scenario=name, number=case.number, result=result, note=case.note)


def _raised_at(error: BaseException) -> str:
    traceback = error.__traceback__
    found = ""
    while traceback is not None:
        found = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found
