"""Running a scenario: its phases, what it calls what goes wrong, and that a run is a function of its seed."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from temporal_do.runtime import RetryPolicy, Temporal, Worker, WorkflowContext
from temporal_do.runtime.errors import HostError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.checkers import CHECKERS, Checker
from temporal_do.sim.runner import run_and_keep, run_scenario
from temporal_do.sim.scenario import Kind, RunResult, Scenario

SECOND = 1_000_000_000
Client = Callable[[Simulation, Temporal], Awaitable[None]]


class Shop:
    """An application with workflows that behave and workflows that do not."""

    def __init__(self) -> None:
        self.temporal = temporal = Temporal(namespace="shop", task_queue="main")
        self.tried = 0

        @temporal.activity
        async def poisonous() -> None:
            raise RuntimeError("never")

        @temporal.workflow("good")
        async def good(ctx: WorkflowContext) -> str:
            await ctx.sleep("pause", "1h")
            return "fine"

        @temporal.workflow("patient")
        async def patient(ctx: WorkflowContext) -> Any:
            return await ctx.wait_for_signal("never")

        @temporal.workflow("broken")
        async def broken(ctx: WorkflowContext) -> None:
            await ctx.sleep("pause", "1s")
            raise KeyError("a bug in it")

        @temporal.workflow("fickle")
        async def fickle(ctx: WorkflowContext) -> None:
            self.tried += 1
            if self.tried > 1:
                ctx.upsert_memo({"tried": self.tried})
            await ctx.sleep("pause", 1)
            await ctx.wait_for_signal("go")
            await ctx.sleep("pause again", 1)

        @temporal.workflow("poisoned")
        async def poisoned(ctx: WorkflowContext) -> None:
            retry = RetryPolicy(initial_interval="1s", maximum_interval="1s")
            await ctx.activity("poisonous", poisonous, retry=retry)

        self.worker = Worker(
            namespace="shop",
            task_queue="main",
            workflows=[good, patient, broken, fickle, poisoned],
            activities=[poisonous],
        )


def scenario(client: Client, **fields: Any) -> Scenario:
    """``client`` against a shop of its own."""

    async def workload(sim: Simulation) -> None:
        shop = Shop()
        sim.run(shop.worker)
        await client(sim, shop.temporal)

    return Scenario(name="shop", workload=workload, **fields)


async def visit(sim: Simulation, temporal: Temporal) -> None:
    assert await temporal.execute_workflow("good", workflow_id="g") == "fine"


def only(result: RunResult) -> Any:
    """The one violation of a run."""
    assert len(result.violations) == 1, result.violations
    return result.violations[0]


# --- a run that passes ---


def test_a_run_in_which_all_is_well_passes_and_tells_how_it_went() -> None:
    result = run_scenario(scenario(visit), seed=7)
    assert result.passed
    assert (result.scenario, result.seed) == ("shop", 7)
    assert result.virtual_ns >= 3600 * SECOND
    assert result.stats["commits"] > 5
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize("profile", ["local", "prod"])
def test_a_seed_names_one_run_whoever_reads_it(profile: str) -> None:
    shop = scenario(visit, faults=FaultPlan.everything(30_000), options={"profile": profile})
    for seed in range(3):
        first = run_scenario(shop, seed=seed)
        assert run_scenario(shop, seed=seed) == first
        assert run_scenario(shop, seed=seed, checkers=()).digest == first.digest
        assert run_scenario(shop, seed=seed, strict=True).digest == first.digest
        assert run_scenario(shop, tape=first.tape).digest == first.digest


def test_the_simulation_that_is_kept_has_every_step_of_the_run() -> None:
    result, simulation = run_and_keep(scenario(visit), seed=1, checkers=())
    assert len(list(simulation.trace.tuples())) == len(simulation.trace) == result.stats["steps"]
    assert simulation.digest == result.digest


def test_a_tape_can_be_a_file(tmp_path: Any) -> None:
    shop = scenario(visit, faults=FaultPlan.crashes(50_000))
    first = run_scenario(shop, seed=3)
    first.tape.write(tmp_path / "tape.json")
    assert run_scenario(shop, tape=tmp_path / "tape.json").digest == first.digest


def test_other_faults_can_be_given_than_the_scenario_has() -> None:
    shop = scenario(visit, faults=FaultPlan.crashes(500_000))
    calm = run_scenario(shop, seed=1, faults=FaultPlan())
    assert not any(name.startswith("fault_") for name in calm.stats)
    assert any(name.startswith("fault_") for name in run_scenario(shop, seed=1).stats)


# --- phases ---


def test_faults_end_after_a_while_and_the_trace_says_when() -> None:
    faults = FaultPlan.everything(100_000)
    _, simulation = run_and_keep(scenario(visit, faults=faults, heal_after_ns=60 * SECOND), seed=5)
    phase = next(step for step in simulation.trace.steps() if step["kind"] == "phase")
    assert (phase["name"], phase["at_ns"]) == ("liveness", simulation.start_ns + 60 * SECOND)
    later = [step for step in simulation.trace.steps() if step["step"] > phase["step"]]
    assert later
    assert not any(step["kind"] == "fault" for step in later)


def test_faults_end_with_the_workload_and_what_it_has_begun_comes_to_its_end() -> None:
    async def leave(sim: Simulation, temporal: Temporal) -> None:
        await temporal.start_workflow("good", workflow_id="g")

    faults = FaultPlan.crashes(200_000)
    result, simulation = run_and_keep(scenario(leave, faults=faults), seed=5)
    assert result.passed
    assert result.virtual_ns >= 3600 * SECOND  # the timer of the workflow
    assert [step["name"] for step in simulation.trace.steps() if step["kind"] == "phase"] == ["liveness"]


def test_a_run_that_waits_for_a_signal_is_at_rest() -> None:
    async def leave(sim: Simulation, temporal: Temporal) -> None:
        await temporal.start_workflow("patient", workflow_id="p")

    result = run_scenario(scenario(leave))
    assert result.passed
    assert result.virtual_ns < 60 * SECOND


def test_a_call_without_an_answer_ends_the_workload_but_is_nobodys_fault_while_faults_act() -> None:
    async def shy(sim: Simulation, temporal: Temporal) -> None:
        await temporal.start_workflow("good", workflow_id="g")
        if sim.platform.faults is not None:
            raise HostError("outcome unknown")

    faulty = run_scenario(scenario(shy, faults=FaultPlan.evictions()))
    assert faulty.passed
    assert faulty.stats["workload_gave_up"] == 1

    async def shyer(sim: Simulation, temporal: Temporal) -> None:
        raise HostError("outcome unknown")

    violation = only(run_scenario(scenario(shyer)))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "unanswered")


# --- what goes wrong ---


def test_an_assertion_of_the_workload_is_a_safety_violation_with_its_place() -> None:
    async def wrong(sim: Simulation, temporal: Temporal) -> None:
        assert await temporal.execute_workflow("good", workflow_id="g") == "bad"

    violation = only(run_scenario(scenario(wrong)))
    assert (violation.kind, violation.checker) == (Kind.SAFETY, "workload")
    file, line = violation.location.rsplit(":", 1)
    assert file == __file__
    assert int(line) == wrong.__code__.co_firstlineno + 1


def test_a_bug_in_a_workflow_is_a_safety_violation_with_its_place() -> None:
    async def ask(sim: Simulation, temporal: Temporal) -> None:
        await temporal.execute_workflow("broken", workflow_id="b")

    violation = only(run_scenario(scenario(ask), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.SAFETY, "workflow-task")
    assert "a bug in it" in violation.message
    assert "test_runner.py:" in violation.location


def test_code_that_does_not_replay_is_nondeterminism() -> None:
    async def ask(sim: Simulation, temporal: Temporal) -> None:
        handle = await temporal.start_workflow("fickle", workflow_id="f")
        await sim.sleep("1m")
        sim.crash("f")
        await handle.signal("go")
        await handle.result()

    violation = only(run_scenario(scenario(ask), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.NONDETERMINISM, "workflow-task")


def test_a_workload_that_waits_for_ever_is_a_liveness_violation() -> None:
    async def wait(sim: Simulation, temporal: Temporal) -> None:
        await temporal.execute_workflow("patient", workflow_id="p")

    violation = only(run_scenario(scenario(wait)))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "deadlock")
    assert "waits for a signal" in violation.message


def test_a_run_that_goes_in_circles_shows_the_loop() -> None:
    async def wait(sim: Simulation, temporal: Temporal) -> None:
        await temporal.execute_workflow("poisoned", workflow_id="p")

    violation = only(run_scenario(scenario(wait, step_budget=5_000), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "budget")
    assert "repeat" in violation.message
    assert "FailActivity" in violation.message
    assert violation.steps


def test_a_workload_that_polls_without_end_exceeds_the_budget_of_the_whole_run() -> None:
    async def poll(sim: Simulation, temporal: Temporal) -> None:
        handle = await temporal.start_workflow("patient", workflow_id="p")
        while True:
            await handle.describe()

    violation = only(run_scenario(scenario(poll, step_budget=2_000), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "budget")
    assert "DescribeWorkflow" in violation.message


def test_where_nothing_but_time_went_by_the_budget_says_so_once() -> None:
    async def poll(sim: Simulation) -> None:
        while True:
            await sim.sleep("1s")

    found = only(run_scenario(Scenario(name="poll", workload=poll, step_budget=200)))
    assert found.checker == "budget"
    assert found.message.count("nothing has happened in the simulated world, only time went by") == 1
    assert "last 0 steps" not in found.message


def test_virtual_time_is_bounded() -> None:
    async def wait(sim: Simulation, temporal: Temporal) -> None:
        for _ in range(100):
            await sim.sleep("1h")

    violation = only(run_scenario(scenario(wait, time_budget_ns=3600 * SECOND)))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "budget")


def test_what_the_engine_must_not_raise_is_a_safety_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    from temporal_do.runtime.actors.workflow import waking

    def crash(*args: Any) -> None:
        raise ZeroDivisionError("in the engine")

    monkeypatch.setattr(waking, "fire_timers", crash)
    violation = only(run_scenario(scenario(visit), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.SAFETY, "engine")
    assert "in the engine" in violation.message


def test_any_other_error_of_the_workload_is_the_harness() -> None:
    async def wrong(sim: Simulation, temporal: Temporal) -> None:
        {}["nothing"]

    violation = only(run_scenario(scenario(wrong)))
    assert (violation.kind, violation.checker) == (Kind.HARNESS, "harness")
    assert violation.location.startswith(__file__)


def test_messages_that_are_never_delivered_are_a_liveness_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    from temporal_do.runtime.shell import Shell

    async def pump(self: Shell, receiver: str, lane: Any) -> None:
        lane.running = False
        if receiver.startswith("HistoryDO"):
            return
        await real(self, receiver, lane)

    real = Shell._pump
    monkeypatch.setattr(Shell, "_pump", pump)
    violation = only(run_scenario(scenario(visit, settle_ns=60 * SECOND), checkers=()))
    assert (violation.kind, violation.checker) == (Kind.LIVENESS, "convergence")
    assert "WorkflowDO/shop/g has messages that were not delivered" in violation.message


def test_an_interruption_by_the_user_goes_through() -> None:
    async def stop(sim: Simulation, temporal: Temporal) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scenario(scenario(stop))


# --- checkers of one's own ---


class NoSecondWorkflow(Checker):
    """Somebody's own promise."""

    name = "no-second-workflow"
    kinds = ("call",)

    def step(self, number: int, step: Any) -> None:
        if type(step[5]).__name__ == "StartWorkflow" and step[5].workflow_id != "g":
            self.violated(f"{step[5].workflow_id} was started", number)


def test_a_checker_of_ones_own_reads_the_trace_as_well() -> None:
    async def two(sim: Simulation, temporal: Temporal) -> None:
        await asyncio.gather(*(temporal.execute_workflow("good", workflow_id=name) for name in ("g", "h")))

    result = run_scenario(scenario(two), checkers=(*CHECKERS, NoSecondWorkflow))
    violation = only(result)
    assert (violation.checker, violation.message) == ("no-second-workflow", "h was started")
    assert violation.steps
