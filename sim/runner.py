"""Running one scenario once: faults, then none, then everything must converge, then the checkers.

Owns the phases of a run. *Safety*: the workload runs under faults until it ends or ``heal_after_ns`` are
over. *Liveness*: nothing fails any more; the workload must end, and within ``settle_ns`` everything must have
come to rest (see ``settling``). Faults at exact places are few, so nothing has to be healed for them: they
strike wherever they are placed, up to the moment when all is at rest. Then the checkers read the trace. What
goes wrong on the way becomes a Violation and is never raised (see ``verdict``); only BaseExceptions that are
no errors (KeyboardInterrupt, ...) go through. Code that never comes back is interrupted (see ``patience``).

Invariants: a run is a function of (scenario, seed or tape, faults); neither which checkers read it nor
whether its trace is kept changes its digest.

Must not import: a checker of its own, the strategies that choose seeds.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..runtime.durations import format_duration
from ..runtime.errors import HostError
from .checkers import CHECKERS, Checker, World, check_trace
from .circles import WINDOW, describe_loop
from .dismantling import dismantle
from .errors import BudgetExceeded, SimulationDeadlock
from .faults import FaultPlan
from .patience import OutOfPatience, patience
from .properties import properties_of
from .scenario import Kind, RunResult, Scenario, Violation
from .settling import settle
from .simulation import Simulation
from .tape import Tape
from .verdict import location_of, violation_of

_TAIL_KEPT = 10_000

PATIENCE_SECONDS = 30
"""So much of the processor's time may pass without a step of the run."""

YOUNG_OBJECTS_MAX = 200_000
"""So many new objects may there be in one run before the garbage collector looks at them."""


class BudgetedSimulation(Simulation):
    """A simulation of which the whole run, and not only a silence in it, may take so many events."""

    events_max: int | None = None

    def _check(self) -> BaseException | None:
        error = super()._check()
        if error is None and self.events_max is not None and self.loop.events >= self.events_max:
            events, self.events_max = self.events_max, None
            steps = self.trace.tail(WINDOW)
            circle, numbers = describe_loop(steps, len(self.trace) - len(steps))
            found = BudgetExceeded(
                self._stuck.why(f"the run has taken {events} events and is not over; {circle}"), steps=numbers
            )
            return found
        return error


def run_scenario(
    scenario: Scenario,
    *,
    seed: int | str = 0,
    tape: Tape | str | Path | None = None,
    faults: FaultPlan | None = None,
    strict: bool = False,
    checkers: Iterable[type[Checker]] | None = None,
    keep_trace: bool = False,
) -> RunResult:
    """Run ``scenario`` once and say what was wrong with it.

    ``tape`` repeats a recorded run (its seed and faults replace the others); ``faults`` replace the
    scenario's; ``checkers`` read the trace afterwards (None: all of them). ``keep_trace``: keep every step
    while it runs even if no checker wants to read them.
    """
    with _unhurried_gc():
        result, simulation = _run(
            scenario,
            seed=seed,
            tape=tape,
            faults=faults,
            strict=strict,
            checkers=checkers,
            keep_trace=keep_trace,
        )
        simulation.close()
        dismantle(simulation)
    return result


@contextmanager
def many_runs() -> Iterator[None]:
    """Around runs that follow each other: what each of them would set up and take down again stays meanwhile.

    That is the strict guard's hold on the interpreter (a guard refuses nothing outside of workflow code) and
    the garbage collector's patience.
    """
    from ..runtime.guard import strict_guard

    guard = strict_guard()
    try:
        with _unhurried_gc():
            yield
    finally:
        guard.close()


@contextmanager
def _unhurried_gc() -> Iterator[None]:
    """Let the garbage collector wait until a run is over: what it would look at is mostly alive, and dies
    with the run. What the user has set higher, or switched off, stays."""
    thresholds = gc.get_threshold()
    if 0 < thresholds[0] < YOUNG_OBJECTS_MAX:
        gc.set_threshold(YOUNG_OBJECTS_MAX, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def run_and_keep(
    scenario: Scenario,
    *,
    seed: int | str = 0,
    tape: Tape | str | Path | None = None,
    faults: FaultPlan | None = None,
    strict: bool = False,
    checkers: Iterable[type[Checker]] | None = None,
) -> tuple[RunResult, Simulation]:
    """As ``run_scenario``; gives back the simulation as well, which is over, with all steps of its trace."""
    result, simulation = _run(
        scenario, seed=seed, tape=tape, faults=faults, strict=strict, checkers=checkers, keep_trace=True
    )
    simulation.close()
    return result, simulation


def _run(
    scenario: Scenario,
    *,
    seed: int | str,
    tape: Tape | str | Path | None,
    faults: FaultPlan | None,
    strict: bool,
    checkers: Iterable[type[Checker]] | None,
    keep_trace: bool,
) -> tuple[RunResult, BudgetedSimulation]:
    wanted = CHECKERS if checkers is None else tuple(checkers)
    if tape is not None and not isinstance(tape, Tape):
        tape = Tape.read(tape)
    if faults is None and tape is None:
        faults = scenario.faults
    if not faults:
        faults = None
    options = {
        "step_budget": scenario.step_budget,
        "time_budget": scenario.time_budget_ns / 1_000_000_000,
        "trace_limit": None if wanted or keep_trace else _TAIL_KEPT,
        **scenario.options,
    }
    simulation = BudgetedSimulation(seed, faults=faults, tape=tape, strict=strict, **options)
    simulation.events_max = scenario.step_budget
    violations: list[Violation] = []
    settled, undone = False, ""
    injecting = simulation.platform.faults
    skew_ns = 0 if injecting is None else injecting.plan.skew_ns_max
    punctual = injecting is None
    with simulation:
        properties = properties_of(simulation)
        try:
            with patience(PATIENCE_SECONDS, lambda: simulation.loop.events + len(simulation.trace)):
                error, gave_up = _execute(simulation, scenario)
                if error is None:
                    try:
                        undone = simulation.execute(settle(simulation, scenario.settle_ns, gave_up=gave_up))
                        settled = not undone
                    except Exception as found:
                        error = found
        except OutOfPatience as found:
            return _abandoned(scenario, simulation, found), simulation
        if simulation.platform.faults is not None:
            _heal(simulation)
        problem = error or simulation.take_alert()
        over_ns = simulation.platform.now() - simulation.start_ns - scenario.time_budget_ns
        if problem is None and over_ns > 0:
            text = f"the run took {format_duration(over_ns)} of virtual time more than its budget"
            problem = BudgetExceeded(text)
        # A run that got stuck is at rest as well: what it should have done is looked for all the same.
        stuck = isinstance(problem, SimulationDeadlock) and simulation.platform.scheduler.next_ns() is None
        if problem is not None:
            violations.append(violation_of(problem, simulation.trace))
        if undone:
            violations.append(
                Violation(
                    checker="convergence",
                    kind=Kind.LIVENESS,
                    message=f"{undone}, {format_duration(scenario.settle_ns)} after the faults have ended",
                    steps=(len(simulation.trace) - 1,),
                )
            )
        violations += properties.finish()
        digest = simulation.digest
        end_ns = simulation.platform.now()
        world = World(
            deployment=simulation.deployment,
            start_ns=simulation.start_ns,
            end_ns=end_ns,
            settled=settled if problem is None else stuck,
            stuck=stuck,
            gave_up=gave_up,
            skew_ns=skew_ns,
            punctual=punctual,
            cached=getattr(simulation.platform.executor, "cached_run_ids", ()),
        )
        violations += check_trace(simulation.trace, wanted, world=world)
    result = RunResult(
        scenario=scenario.name,
        seed=simulation.seed,
        tape=simulation.tape,
        digest=digest,
        violations=tuple(violations),
        stats={**simulation.stats, "workload_gave_up": int(gave_up), **properties.stats()},
        reached=properties.reached(),
        virtual_ns=end_ns - simulation.start_ns,
    )
    return result, simulation


def _abandoned(scenario: Scenario, simulation: Simulation, error: OutOfPatience) -> RunResult:
    """A run that could only be interrupted. It has no digest: where it was interrupted is chance, so it is
    neither repeated nor shrunk, nor would a checker that replays its workflows come back."""
    return RunResult(
        scenario=scenario.name,
        seed=simulation.seed,
        tape=simulation.tape,
        digest="",
        violations=(
            Violation(
                checker="unresponsive",
                kind=Kind.LIVENESS,
                message=f"code has taken {PATIENCE_SECONDS} s of the processor's time without giving control "
                "back: it is in a loop that awaits nothing",
                location=location_of(error),
            ),
        ),
        stats=simulation.stats,
        virtual_ns=simulation.platform.now() - simulation.start_ns,
    )


def _execute(simulation: Simulation, scenario: Scenario) -> tuple[Exception | None, bool]:
    """Both phases up to the end of the workload: what it raised, and whether it gave up.

    While faults act, a call whose outcome stays unknown is nobody's mistake: the workload ends there, and
    what it has begun must come to its end all the same.
    """
    platform = simulation.platform
    acting = platform.faults
    healing = None
    if acting is not None and (acting.plan.rates or acting.plan.storms):
        healing = platform.scheduler.at(simulation.start_ns + scenario.heal_after_ns, _heal, simulation)
    try:
        simulation.execute(scenario.workload(simulation))  # type: ignore[arg-type]
    except HostError as error:
        return (error, False) if platform.faults is None else (None, True)
    except Exception as error:
        return error, False
    finally:
        if healing is not None:
            if healing.when_ns is not None:
                _heal(simulation)
            healing.cancel()
    return None, False


def _heal(simulation: Simulation) -> None:
    simulation.trace.add(("phase", simulation.platform.now(), "liveness"))
    simulation.heal()
