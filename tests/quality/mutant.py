"""What a planted bug is, how it is planted and how it is looked for.

A bug is planted by a function that patches (``mutant``) or by an edit of one function's source (``edit``):
the edited code replaces the function's own, so that whoever imported the function before has the bug as well.
An edit whose text is no longer in the function fails loudly.

Two judges look at every seed: the laws of the engine, with the result of a run in which nothing goes wrong,
and the checkers of the simulator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from operator import attrgetter
from types import CodeType
from typing import Any

import attrs
import pytest

from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Scenario
from tests.checkers import worlds
from tests.engine.representatives import REPRESENTATIVES, App
from tests.engine.sweep import run

from .workloads import WORKLOADS

SEEDS = 40
STEPS_MAX = 20_000

CRASHES = FaultPlan.crashes(60_000)
NETWORK = FaultPlan.network(40_000)
QUEUE = FaultPlan.queue(150_000)
CALM = FaultPlan()

Plant = Callable[[pytest.MonkeyPatch], None]
WITH_LAWS: dict[str, Callable[[], App]] = {**REPRESENTATIVES, **WORKLOADS}
"""The applications that come to rest with nothing open: the laws hold for them."""


@attrs.frozen
class Mutant:
    """A bug: how it is planted, and the runs that are to find it."""

    name: str
    plant: Plant
    applications: tuple[str, ...]
    faults: Callable[[int], FaultPlan]
    """The faults of a seed."""
    budget: int = SEEDS
    """The first failing seed is below this."""
    survives: str = ""
    """Why nobody finds it: another guard stands behind, or a hole in the laws."""


@attrs.frozen
class Found:
    """Who found a bug, and where."""

    seed: int
    application: str
    by: str


MUTANTS: list[Mutant] = []


def mutant(
    name: str,
    *applications: str,
    faults: FaultPlan | Callable[[int], FaultPlan] = CALM,
    budget: int = SEEDS,
    survives: str = "",
) -> Callable[[Plant], Plant]:
    """Register a bug that a function plants."""
    of_seed = (lambda seed: faults) if isinstance(faults, FaultPlan) else faults

    def register(plant: Plant) -> Plant:
        MUTANTS.append(Mutant(name, plant, applications, of_seed, budget, survives))
        return plant

    return register


def edit(
    name: str,
    where: str,
    old: str,
    new: str,
    *applications: str,
    faults: FaultPlan | Callable[[int], FaultPlan] = CALM,
    budget: int = SEEDS,
    survives: str = "",
) -> None:
    """Register a bug that is an edit: ``old`` becomes ``new`` in the function ``where``, "module:function"
    below the engine's room."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        module_name, _, path = where.partition(":")
        function = attrgetter(path)(import_module(f"temporal_do.runtime.{module_name}"))
        patch.setattr(function, "__code__", _edited(function, old, new))

    mutant(name, *applications, faults=faults, budget=budget, survives=survives)(plant)


def _edited(function: Any, old: str, new: str) -> CodeType:
    lines, first = inspect.getsourcelines(function)
    text = "".join(lines)
    assert text.count(old) == 1, f"{function.__qualname__} has {old!r} {text.count(old)} times, not once"
    file = inspect.getsourcefile(function)
    assert file is not None
    module = inspect.getsource(inspect.getmodule(function))  # type: ignore[arg-type]
    whole = module.splitlines(keepends=True)
    whole[first - 1 : first - 1 + len(lines)] = [text.replace(old, new)]
    compiled = compile("".join(whole), file, "exec", dont_inherit=True)
    return next(code for code in _codes(compiled) if code.co_qualname == function.__qualname__)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@cache
def calm_result(application: str) -> Any:
    """What an application comes to when nothing goes wrong. Ask before a bug is planted."""
    app = WITH_LAWS[application]()
    with Simulation(0) as simulation:
        return run(app, simulation).result


def check_laws(application: str, seed: int, faults: FaultPlan) -> None:
    """Run once; the laws hold and the result is the calm one."""
    app = WITH_LAWS[application]()
    with Simulation(seed, faults=faults, step_budget=STEPS_MAX) as simulation:
        assert run(app, simulation).result == calm_result(application)


def scenario_of(application: str, faults: FaultPlan) -> Scenario:
    """The application as the checkers see it: its result is to be the calm one as well, if that is known."""
    make = WITH_LAWS.get(application) or worlds.APPLICATIONS[application]
    calm = calm_result(application) if application in WITH_LAWS else None

    async def workload(simulation: Simulation) -> None:
        app = make()
        simulation.run(app.worker)
        assert await app.client(simulation) == calm

    return Scenario(name=application, workload=workload, faults=faults, options={"step_budget": STEPS_MAX})


def prepare(planted: Mutant) -> None:
    """Run what the bug needs to know of the engine as it is, and see that the first seed passes."""
    for application in planted.applications:
        assert judge(application, 0, planted.faults(0)) == ""


def judge(application: str, seed: int, faults: FaultPlan) -> str:
    """Run under both judges; who found something, or "". The checkers are asked if the laws are content."""
    if application in WITH_LAWS:
        calm_result(application)
        try:
            check_laws(application, seed, faults)
        except Exception as error:
            return f"laws: {type(error).__name__}"
    result = run_scenario(scenario_of(application, faults), seed=seed)
    return f"checkers: {result.violations[0].checker}" if result.violations else ""


def look_for(planted: Mutant) -> Found | None:
    """Run seed after seed until one fails; None when the budget is used up."""
    for seed in range(planted.budget):
        for application in planted.applications:
            by = judge(application, seed, planted.faults(seed))
            if by:
                return Found(seed, application, by)
    return None
