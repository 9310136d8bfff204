"""Campaigns: many runs of some scenarios, as one strategy says, in one process or many.

Owns the order in which cases are handed out, the bounds (how many, how long, how many failures), the results
file, and where the runs happen. Invariants: which cases are run and what comes of each depends on neither
``jobs`` nor the executor; a strategy that steers sees outcomes in the order of its cases; a case that is in
the results file is not run again.

Must not import: a strategy by itself (the table in the package's face names them), a shrinker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import attrs

from ...runtime.errors import InvalidArgumentError
from ..faults import FaultPlan
from ..scenario import Scenario
from ..tape import engine_version
from .case import Case, Outcome
from .code_of import code_of
from .machine import BrokenExecutor, Executor, Future, clock_ns, first_done, process_pool
from .report import CampaignReport, Summary
from .results import ResultsFile
from .strategy import Checkers, Strategy
from .work import broken_outcome, play_case, scenario_of

AHEAD = 2
"""So many cases per process are handed out before the first of them is done."""


@attrs.frozen(kw_only=True)
class Progress:
    """How far a campaign is. ``total`` is None when only time bounds it; ``resumed`` of the ``done`` cases
    were found in the results file; ``states`` counts the ``sometimes`` reached so far."""

    done: int
    total: int | None
    failures: int
    states: int
    elapsed_ns: int
    resumed: int = 0

    @property
    def runs_per_second(self) -> float:
        """Of real time, all processes together."""
        return (self.done - self.resumed) * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0


class _Plan:
    """One scenario of a campaign and the cases of it that are still to come."""

    def __init__(
        self, name: str, reference: Scenario | str, scenario: Scenario, cases: Iterator[Case | None]
    ) -> None:
        self.name = name
        self.reference = reference
        self.scenario = scenario
        self.cases = cases
        self.out = 0
        """Cases handed out whose outcome is not there yet."""
        self.unseen: list[Outcome] = []
        """Outcomes that the strategy has not been shown."""
        self.waits = False
        self.ended = False


class Campaign:
    """Runs ``scenarios`` (objects, or texts ``module:NAME``) case by case.

    ``strategy``: a Strategy or the name of one. Bounds: ``seeds``, cases per scenario over all shards;
    ``budget_ns`` of real time; ``failures_max`` (None: go on whatever fails). A strategy without end needs
    one of the first two. ``first_seed``: where seeds begin. ``jobs``: how many processes; with more than one,
    scenarios are given by name or are importable. ``executor``: any ``concurrent.futures.Executor``, used
    instead and left open; ``jobs`` says how many cases it takes at a time. ``shard`` (k, n): only the k-th of
    n parts, k from 1. ``resume``: the results file; what it already holds is not run again. ``faults``
    replace the scenarios' own; ``strict`` and ``checkers`` as in run_scenario; ``strict_every`` n: every n-th
    case runs strict. ``progress`` is called after each outcome. Raises InvalidArgumentError.
    """

    def __init__(
        self,
        scenarios: Scenario | str | Sequence[Scenario | str],
        *,
        strategy: Strategy | str = "random",
        seeds: int | None = None,
        budget_ns: int | None = None,
        failures_max: int | None = None,
        first_seed: int = 0,
        jobs: int = 1,
        executor: Executor | None = None,
        shard: tuple[int, int] = (1, 1),
        resume: str | Path | None = None,
        faults: FaultPlan | None = None,
        strict: bool = False,
        strict_every: int | None = None,
        checkers: Checkers = None,
        progress: Callable[[Progress], object] | None = None,
    ) -> None:
        from . import make_strategy

        given = [scenarios] if isinstance(scenarios, Scenario | str) else list(scenarios)
        self.strategy = make_strategy(strategy)
        part, parts = shard
        for name, value, least in (
            ("seeds", seeds, 1),
            ("budget_ns", budget_ns, 1),
            ("failures_max", failures_max, 1),
            ("jobs", jobs, 1),
            ("strict_every", strict_every, 1),
        ):
            if value is not None and value < least:
                raise InvalidArgumentError(f"{name} must be at least {least}, not {value}")
        if not 1 <= part <= parts:
            raise InvalidArgumentError(f"a shard is (k, n) with 1 <= k <= n, not {shard}")
        if not given:
            raise InvalidArgumentError("a campaign needs a scenario")
        if faults is not None and (why := self.strategy.refuses(faults)):
            raise InvalidArgumentError(f"strategy {self.strategy.name!r} can't use this fault plan: {why}")
        if self.strategy.endless and seeds is None and budget_ns is None:
            raise InvalidArgumentError(f"strategy {self.strategy.name!r} has no end: give seeds or a budget")
        self._references = {
            reference if isinstance(reference, str) else reference.name: reference for reference in given
        }
        if len(self._references) != len(given):
            raise InvalidArgumentError("two scenarios of this campaign have one name")
        self._scenarios = {name: scenario_of(each) for name, each in self._references.items()}
        self._seeds = seeds
        self._budget_ns = budget_ns
        self._failures_max = failures_max
        self._first_seed = first_seed
        self._jobs = jobs
        self._executor = executor
        self._part, self._parts = part, parts
        self._resume = resume
        self._faults = faults
        self._strict = strict
        self._strict_every = strict_every
        self._checkers = None if checkers is None else tuple(checkers)
        self._progress = progress

    def run(self) -> CampaignReport:
        """Run it to one of its bounds."""
        from ..runner import many_runs

        file = None if self._resume is None else ResultsFile(self._resume, self._head())
        try:
            with self._pool() as pool, many_runs() if pool is None else nullcontext():
                return _Run(self, file, pool).run()
        finally:
            if file is not None:
                file.close()

    def _head(self) -> dict[str, Any]:
        return {
            "engine": engine_version(),
            "code": code_of(getattr(each.workload, "__module__", "") for each in self._scenarios.values()),
            "strategy": self.strategy.describe(),
            "scenarios": list(self._references),
            "first_seed": self._first_seed,
            "shard": [self._part, self._parts],
            "faults": None if self._faults is None else self._faults.to_json(),
            "judges_reach": self.strategy.judges_reach,
        }

    @contextmanager
    def _pool(self) -> Iterator[Executor | None]:
        if self._executor is not None or self._jobs == 1:
            yield self._executor
            return
        pool = process_pool(self._jobs)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _plans(self) -> list[_Plan]:
        plans = []
        for name, reference in self._references.items():
            scenario = self._scenarios[name]
            if self._faults is not None:
                scenario = attrs.evolve(scenario, faults=self._faults)
            cases = self.strategy.cases(
                scenario, first_seed=self._first_seed, start=self._part - 1, stride=self._parts
            )
            plans.append(_Plan(name, reference, scenario, cases))
        return plans

    def _completed(self, case: Case) -> tuple[Case, bool]:
        """The case with the campaign's own faults, and whether it runs strict."""
        if self._faults is not None and case.faults is None and case.tape is None:
            case = attrs.evolve(case, faults=self._faults)
        every = self._strict_every
        return case, self._strict or (every is not None and case.number % every == 0)


class _Run:
    """One run of a campaign."""

    def __init__(self, campaign: Campaign, file: ResultsFile | None, pool: Executor | None) -> None:
        self._campaign = campaign
        self._strategy = campaign.strategy
        self._file = file
        self._pool = pool
        self._plans = campaign._plans()
        self._summary = Summary(plan.name for plan in self._plans)
        self._known = {} if file is None else {(each.scenario, each.number): each for each in file.outcomes}
        self._resumed = 0
        self._began_ns = clock_ns()
        self._pending: dict[Future[Outcome], tuple[_Plan, Case]] = {}

    def run(self) -> CampaignReport:
        """Hand out cases until a bound is met, then wait for those under way."""
        ahead = AHEAD * self._campaign._jobs if self._pool is not None else 1
        stopped = False
        while True:
            while not stopped and len(self._pending) < ahead:
                stopped = self._over()
                found = None if stopped else self._next()
                if found is None:
                    break
                self._hand_out(*found)
            if not self._pending:
                break
            for future in first_done(self._pending):
                plan, case = self._pending.pop(future)
                self._take(plan, case, future)
        complete = all(plan.ended for plan in self._plans)
        judges = self._strategy.judges_reach and self._campaign._parts == 1
        return self._summary.report(
            self._strategy.describe(),
            elapsed_ns=clock_ns() - self._began_ns,
            complete=complete,
            judges_reach=judges,
            resumed=self._resumed,
        )

    def _over(self) -> bool:
        campaign = self._campaign
        if campaign._failures_max is not None and len(self._summary.failures) >= campaign._failures_max:
            return True
        return campaign._budget_ns is not None and clock_ns() - self._began_ns >= campaign._budget_ns

    def _next(self) -> tuple[_Plan, Case] | None:
        """The next case, the scenarios taking turns; None: none is to be had now."""
        for plan in list(self._plans):
            self._plans.remove(plan)
            self._plans.append(plan)
            case = self._next_of(plan)
            if case is not None:
                return plan, case
        return None

    def _next_of(self, plan: _Plan) -> Case | None:
        while not plan.ended:
            if plan.waits:
                if plan.out:
                    return None
                plan.waits = False
                for outcome in sorted(plan.unseen, key=lambda each: each.number):
                    self._strategy.observe(plan.scenario, outcome)
                plan.unseen.clear()
            try:
                case = next(plan.cases)
            except StopIteration:
                plan.ended = True
                break
            seeds = self._campaign._seeds
            if case is None:
                plan.waits = True
            elif seeds is not None and case.number >= seeds:
                plan.ended = True
            else:
                known = self._known.get((plan.name, case.number))
                if known is None:
                    return case
                self._resumed += 1
                self._count(plan, known)
        return None

    def _hand_out(self, plan: _Plan, case: Case) -> None:
        case, strict = self._campaign._completed(case)
        work = (
            plan.reference,
            plan.name,
            self._strategy.play,
            case,
            strict,
            self._campaign._checkers,
            self._strategy.steers,
        )
        plan.out += 1
        future: Future[Outcome]
        if self._pool is None:
            future = Future()
            future.set_result(play_case(*work))
        else:
            future = self._pool.submit(play_case, *work)
        self._pending[future] = (plan, case)

    def _take(self, plan: _Plan, case: Case, future: Future[Outcome]) -> None:
        plan.out -= 1
        try:
            outcome = future.result()
        except BrokenExecutor:
            raise  # nothing more will come of it; what is in the results file is safe
        except Exception as error:
            outcome = broken_outcome(plan.name, case, error)
        if self._file is not None:
            self._file.add(outcome, with_tape=self._strategy.steers)
        self._count(plan, outcome)

    def _count(self, plan: _Plan, outcome: Outcome) -> None:
        self._summary.add(outcome)
        if self._strategy.steers:
            plan.unseen.append(outcome)
        campaign = self._campaign
        if campaign._progress is not None:
            campaign._progress(
                Progress(
                    done=self._summary.runs,
                    total=self._total(),
                    failures=len(self._summary.failures),
                    states=self._summary.states,
                    elapsed_ns=clock_ns() - self._began_ns,
                    resumed=self._resumed,
                )
            )

    def _total(self) -> int | None:
        """How many outcomes there will be, as far as it is known."""
        campaign = self._campaign
        if campaign._seeds is None:
            return None
        each = len(range(campaign._part - 1, campaign._seeds, campaign._parts))
        return each * len(self._plans)
