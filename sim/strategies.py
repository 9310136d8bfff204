"""Inputs from the choice sequence, and simulations for hypothesis.

Two ways to vary the inputs of a test, which never mix in one test:

- In a scenario, ``draw_integer(sim, "orders", 1, 20)`` draws from the run's own choice sequence: the input is
  on the tape, and the shrinker lowers it together with schedule and faults. The least value is the benign
  one.
- With hypothesis, ``@given(simulations(), integers(1, 20))``: hypothesis draws the inputs *and* what a
  simulation is made of, and shrinks both. It is asked for a handful of numbers - a seed, whether the order of
  events is left to it, some faults at exact places - and never for the thousands of choices of a run, so its
  sizes, its shrinker and its database work as for any other value. No fault strikes by chance here: what
  hypothesis cannot see it could not shrink. Nothing else shrinks such a test.

Must not import: hypothesis before ``simulations`` is called; the runner, the shrinker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..runtime.errors import InvalidArgumentError
from .fault_table import POINTS
from .faults import FaultPlan, Placement
from .simulation import Simulation
from .tape import Tape

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

FAULTS_MAX = 8
DEVIATIONS_MAX = 4
OCCURRENCES_MAX = 60
POSITIONS_MAX = 200


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
    sequence: none); at most ``faults_max`` do, each at the n-th time that anything comes to its place.
    ``options`` go to every Simulation. A failing example shrinks towards events in the order of their age and
    one or two faults. Raises InvalidArgumentError.
    """
    from hypothesis import strategies as st
    from hypothesis.control import cleanup

    for taken in ("tape", "seed"):
        if taken in options:
            raise InvalidArgumentError(f"{taken!r} is what hypothesis draws")
    names = _names(faults)
    placements: SearchStrategy[Any] = st.just(())
    if names:
        placements = st.lists(
            st.builds(Placement, st.sampled_from(names), st.just("*"), st.integers(1, OCCURRENCES_MAX)),
            max_size=faults_max,
        )

    @st.composite
    def drawn(draw: Any) -> Simulation:
        # The same draws either way: only so does hypothesis get from the one to the other.
        explores = draw(st.booleans())
        plan = FaultPlan(placements=tuple(draw(placements)))
        positions = st.integers(0, POSITIONS_MAX)
        schedule = draw(st.dictionaries(positions, st.integers(1, 7), max_size=DEVIATIONS_MAX))
        seed = draw(st.integers(0, 2**32 - 1))
        if explores:
            made = DrawnSimulation(_text(options, seed, plan), seed, faults=plan, **options)
        else:
            deviations = {"schedule": schedule} if schedule else {}
            tape = Tape(seed=seed, deviations=deviations, faults=plan.to_json())
            made = DrawnSimulation(_text_of_tape(options, tape, plan), seed, tape=tape, **options)
        cleanup(made.close)  # hypothesis drops what it drew; a world wants to be closed
        return made

    return drawn()


def _names(faults: Sequence[str] | FaultPlan | None) -> tuple[str, ...]:
    if faults is None:
        return tuple(name for point in POINTS.values() for name in point)
    if isinstance(faults, FaultPlan):
        return tuple(faults.rates)
    return tuple(FaultPlan(rates=dict.fromkeys(faults, 1)).rates)


def _plan(plan: FaultPlan) -> str:
    placed = [f"Placement({each.fault!r}, {each.key!r}, {each.occurrence})" for each in plan.placements]
    return f"FaultPlan(placements=({', '.join(placed)},))"


def _text(options: dict[str, Any], seed: int, plan: FaultPlan) -> str:
    own = [str(seed), *([f"faults={_plan(plan)}"] if plan.placements else [])]
    return f"Simulation({', '.join(own + _shown(options))})"


def _text_of_tape(options: dict[str, Any], tape: Tape, plan: FaultPlan) -> str:
    placed = f", faults={_plan(plan)}.to_json()" if plan.placements else ""
    made = f"tape=Tape(seed={tape.seed}, deviations={dict(tape.deviations)}{placed})"
    return f"Simulation({', '.join([made, *_shown(options)])})"


def _shown(options: dict[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in options.items()]
