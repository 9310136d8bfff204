"""Inputs from the choice sequence, and simulations for hypothesis.

Two ways to vary the inputs of a test, which never mix in one test:

- In a scenario, ``draw_integer(sim, "orders", 1, 20)`` draws from the run's own choice sequence: the input is
  on the tape, and the shrinker lowers it together with schedule and faults. The least value is the benign
  one.
- With hypothesis, ``@given(simulations(), integers(1, 20))``: hypothesis draws the inputs *and* what a
  simulation is made of, and shrinks both. It is asked for a handful of numbers - a seed, which faults are on
  and how many may strike, some faults at exact places, some deviations of the schedule - and never for the
  thousands of choices of a run, so its sizes, its shrinker and its database work as for any other value.
  Nothing else shrinks such a test.

Must not import: hypothesis before ``simulations`` is called; the runner, the shrinker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..runtime.errors import InvalidArgumentError
from .faults import POINTS, FaultPlan, Placement
from .simulation import Simulation
from .tape import Tape

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

RATES = (5_000, 20_000, 80_000)
"""Per million; what the faults of a drawn plan have."""

FAULTS_MAX = 8
PLACEMENTS_MAX = 3
DEVIATIONS_MAX = 4
OCCURRENCES_MAX = 30


def draw_integer(sim: Simulation, name: str, low: int, high: int) -> int:
    """A whole number of [low, high] from the run's choice sequence; ``low`` is the benign one.

    The ``name`` keeps inputs apart: another draw under another name shifts nothing. Raises
    InvalidArgumentError.
    """
    if high < low or high - low >= 1 << 32:
        raise InvalidArgumentError(f"input {name!r}: no number lies in [{low}, {high}], or too many do")
    return low + sim.platform.choices.draw(f"input:{name}", high - low + 1)


def draw_from(sim: Simulation, name: str, options: Sequence[T]) -> T:
    """One of ``options`` from the run's choice sequence; the first is the benign one."""
    if not options:
        raise InvalidArgumentError(f"input {name!r}: there is nothing to choose from")
    return options[draw_integer(sim, name, 0, len(options) - 1)]


class DrawnSimulation(Simulation):
    """A simulation that hypothesis drew; its repr is how to make it again without hypothesis."""

    def __init__(self, made_of: str, seed: int, **arguments: Any) -> None:
        super().__init__(seed, **arguments)
        self._made_of = made_of

    def __repr__(self) -> str:
        return self._made_of


def simulations(
    *,
    faults: Sequence[str] | FaultPlan | None = None,
    faults_max: int = FAULTS_MAX,
    **options: Any,
) -> SearchStrategy[Simulation]:
    """Simulations for ``@given``: each example gets a world of its own.

    ``faults``: the names of those that may strike, or a plan whose faults they are (None: all; an empty
    sequence: none). At most ``faults_max`` strike by chance, which is a number that shrinks; a few more are
    placed. ``options`` go to every Simulation. A failing example shrinks towards a simulation without
    chance: the order of age, and one or two faults at exact places. Raises InvalidArgumentError.
    """
    from hypothesis import strategies as st

    if faults is None:
        names = tuple(name for point in POINTS.values() for name in point)
    elif isinstance(faults, FaultPlan):
        names = tuple(faults.rates)
    else:
        names = tuple(FaultPlan(rates=dict.fromkeys(faults, 1)).rates)
    for taken in ("faults", "tape", "seed"):
        if taken in options:
            raise InvalidArgumentError(f"{taken!r} is what hypothesis draws")
    no_faults: SearchStrategy[Any] = st.just(())
    placements = (
        st.lists(
            st.builds(Placement, st.sampled_from(names), st.just("*"), st.integers(1, OCCURRENCES_MAX)),
            max_size=PLACEMENTS_MAX,
        )
        if names
        else no_faults
    )
    kinds = st.lists(st.sampled_from(names), unique=True, max_size=len(names)) if names else no_faults

    @st.composite
    def drawn(draw: Any) -> Simulation:
        # The order matters: hypothesis would rather shrink what was drawn first, and False is the smaller.
        by_chance = draw(st.booleans())
        seed = draw(st.integers(0, 2**32 - 1))
        plan = FaultPlan(placements=tuple(draw(placements)))
        if not by_chance:
            schedule = draw(st.dictionaries(st.integers(0, 200), st.integers(1, 7), max_size=DEVIATIONS_MAX))
            tape = Tape(
                seed=seed, deviations={"schedule": schedule} if schedule else {}, faults=plan.to_json()
            )
            return DrawnSimulation(
                _text(options, tape=_text_of_tape(seed, schedule, plan)), seed, tape=tape, **options
            )
        rate = draw(st.sampled_from(RATES))
        limit = draw(st.integers(0, faults_max))
        plan |= FaultPlan(rates=dict.fromkeys(draw(kinds), rate), limit=limit)
        return DrawnSimulation(_text(options, seed=seed, faults=plan), seed, faults=plan, **options)

    return drawn()


def _text(options: dict[str, Any], **own: Any) -> str:
    shown = [f"{name}={value}" for name, value in own.items()]
    shown += [f"{name}={value!r}" for name, value in options.items()]
    return f"Simulation({', '.join(shown)})"


def _text_of_tape(seed: int, schedule: dict[int, int], plan: FaultPlan) -> str:
    deviations = {"schedule": schedule} if schedule else {}
    placed = f", faults={plan!r}.to_json()" if plan.placements else ""
    return f"Tape(seed={seed}, deviations={deviations}{placed})"
