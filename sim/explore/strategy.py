"""What a strategy is: it says which cases are worth running, and how one of them is run.

Invariants: the cases of a strategy follow from (scenario, first seed, shard) and, where it steers, from the
outcomes of the earlier ones; never from time, nor from how many processes run them. ``play`` is a function of
a module, so that another process finds it by its name; it knows its scenario and case and nothing else.

Must not import: the campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from ..faults import FaultPlan
from ..scenario import RunResult, Scenario
from .case import Case, Outcome

if TYPE_CHECKING:
    from ..checkers import Checker

Checkers = Sequence["type[Checker]"] | None
"""Which checkers read the traces; None: all of them."""

Played = tuple[RunResult, dict[str, object]]
"""A result, and further fields of the Outcome."""

Play = Callable[[Scenario, Case, bool, Checkers], Played]
"""Runs one case: (scenario, case, strict, checkers)."""


def play_once(scenario: Scenario, case: Case, strict: bool, checkers: Checkers) -> Played:
    """Run the case as it is."""
    from ..runner import run_scenario

    result = run_scenario(
        scenario, seed=case.seed, tape=case.tape, faults=case.faults, strict=strict, checkers=checkers
    )
    return result, {}


class Strategy:
    """Which cases are run, in which order.

    ``endless``: there is always one more case, so a campaign needs a bound. ``judges_reach``: its cases are
    meant to come to every ``sometimes`` of the scenario. ``steers``: it wants to see each outcome.
    """

    name: ClassVar[str] = ""
    endless: ClassVar[bool] = True
    judges_reach: ClassVar[bool] = True
    steers: ClassVar[bool] = False

    @property
    def play(self) -> Play:
        """How a case is run."""
        return play_once

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """The cases numbered ``start``, ``start + stride``, ...; seeds count from ``first_seed``.

        None in between: the outcomes of all earlier cases are needed before the next one can be said.
        """
        raise NotImplementedError

    def case_of(self, scenario: Scenario, seed: int | str) -> Case:
        """The case of one seed, which may be a word. Raises InvalidArgumentError if seeds make no cases."""
        return Case(number=0, seed=seed)

    def refuses(self, faults: FaultPlan) -> str:
        """Why it can do nothing with ``faults``; "": it can."""
        return ""

    def observe(self, scenario: Scenario, outcome: Outcome) -> None:
        """Take note of an outcome; called in the order of the cases, all due ones before the next case."""

    def describe(self) -> str:
        """The strategy and its arguments, for the head of a results file."""
        return self.name
