"""Coverage-steered: runs that came to something new are varied, the others are not.

Something new is a jump in the user's workflow code, or a state of the engine, that no earlier run of the
scenario had. Cases come in generations: half of each are fresh seeds, half are mutants of what is worth
varying, the less often varied first. The report of such a campaign names the branches of workflow code that
no run took.

Invariants: the generations follow from the outcomes in the order of their numbers, so neither time nor the
number of processes plays a part; the shards of a campaign do not know of each other.

Must not import: the runner, before a case is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import attrs

from ..choices import Choices
from ..scenario import Scenario
from ..tape import Tape
from .case import Case, Outcome
from .mutation import mutate
from .strategy import Checkers, Play, Played, Strategy

GENERATION = 16
CORPUS_MAX = 256


@attrs.define
class _Entry:
    """A run worth varying: how often it was varied, how much was new in it."""

    number: int
    tape: Tape
    news: int
    varied: int = 0


class _Corpus:
    """What is known of one scenario."""

    def __init__(self) -> None:
        self.seen: set[object] = set()
        self.entries: list[_Entry] = []

    def take(self, outcome: Outcome) -> None:
        """Keep the outcome if something in it is new."""
        things = (*outcome.arcs, *outcome.features)
        news = sum(thing not in self.seen for thing in things)
        self.seen.update(things)
        if news and outcome.passed:
            self.entries.append(_Entry(outcome.number, outcome.result.tape, news))
            if len(self.entries) > CORPUS_MAX:
                self.entries.remove(min(self.entries, key=lambda each: (each.news, each.number)))

    def next_entry(self) -> _Entry:
        """The entry whose turn it is."""
        found = min(self.entries, key=lambda each: (each.varied, -each.news, each.number))
        found.varied += 1
        return found


class CoverageSteered(Strategy):
    """``generation``: how many cases are planned at a time."""

    name = "coverage"
    steers = True

    def __init__(self, generation: int = GENERATION) -> None:
        self.generation = generation
        self._corpora: dict[str, _Corpus] = {}

    @property
    def play(self) -> Play:
        """See Strategy."""
        return play_covered

    def cases(
        self, scenario: Scenario, *, first_seed: int = 0, start: int = 0, stride: int = 1
    ) -> Iterator[Case | None]:
        """See Strategy."""
        corpus = self._corpora[scenario.name] = _Corpus()
        planned = 0
        for number in count(start, stride):
            if planned == self.generation:
                yield None
                planned = 0
            planned += 1
            seed = first_seed + number
            if corpus.entries and planned % 2 == 0:
                draws = Choices(f"mutant {seed}")
                entry = corpus.next_entry()
                others = [each.tape for each in corpus.entries if each is not entry]
                tape = mutate(entry.tape, others, draws)
                yield Case(number=number, seed=tape.seed, tape=tape, note=f"varies case {entry.number}")
            else:
                yield Case(number=number, seed=seed)

    def observe(self, scenario: Scenario, outcome: Outcome) -> None:
        """See Strategy."""
        self._corpora[scenario.name].take(outcome)

    def describe(self) -> str:
        """See Strategy."""
        return f"{self.name} in generations of {self.generation}"


def play_covered(scenario: Scenario, case: Case, strict: bool, checkers: Checkers) -> Played:
    """Run the case and note which workflow code it ran and which states it came to."""
    from ..runner import run_and_keep
    from .coverage_of import arcs_within, areas_of, recorded
    from .states import states_of

    with recorded() as jumps:
        result, simulation = run_and_keep(
            scenario, seed=case.seed, tape=case.tape, faults=case.faults, strict=strict, checkers=checkers
        )
    areas = areas_of(simulation.deployment)
    return result, {
        "areas": areas,
        "arcs": arcs_within(jumps, areas),
        "features": states_of(simulation.trace),
    }
