"""Code that never gives control back ends its run; a run that is only slow goes on."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.sim import Simulation, runner
from temporal_do.sim.explore import Campaign
from temporal_do.sim.failure import examine
from temporal_do.sim.patience import LOOKS, OutOfPatience, ctrl_c, patience
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Kind, Scenario

temporal = Temporal(namespace="patience")
PATIENCE_SECONDS = 0.3


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@temporal.workflow("spin")
async def spin(ctx: WorkflowContext) -> None:
    while True:
        pass


@temporal.workflow("interrupted")
async def interrupted(ctx: WorkflowContext) -> None:
    raise KeyboardInterrupt


def _scenario(workflow: Any) -> Scenario:
    async def workload(sim: Simulation) -> None:
        sim.run(Worker(namespace="patience", task_queue="main", workflows=[spin, interrupted]))
        await temporal.execute_workflow(workflow, workflow_id="w", request_id="w")

    return Scenario(name="patience", workload=workload)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", PATIENCE_SECONDS)


@pytest.mark.usefixtures("impatient")
def test_a_workflow_that_spins_for_ever_fails_its_run_at_the_line_where_it_spins() -> None:
    found = run_scenario(_scenario(spin)).violations[0]
    assert (found.kind, found.checker) == (Kind.LIVENESS, "unresponsive")
    lines = range(spin.fn.__code__.co_firstlineno + 2, spin.fn.__code__.co_firstlineno + 4)
    assert found.location in [f"{__file__}:{line}" for line in lines]


@pytest.mark.usefixtures("impatient")
def test_it_is_told_without_being_run_again() -> None:
    report = Campaign(_scenario(spin), seeds=5, failures_max=1).run()
    assert report.runs == 1
    failure = examine(_scenario(spin), report.failures[0])
    assert failure.runs == 0
    story = failure.story(command="temporal-do chaos x --seed 0")
    assert "in a loop that awaits nothing" in story
    assert "did not show again" not in story
    assert story.splitlines()[-1] == "repeat with: temporal-do chaos x --seed 0"


@pytest.mark.usefixtures("impatient")
def test_a_run_that_takes_steps_may_take_as_long_as_it_needs() -> None:
    async def workload(sim: Simulation) -> None:
        for _ in range(12):
            burn(PATIENCE_SECONDS / LOOKS)
            await sim.sleep("1s")

    assert run_scenario(Scenario(name="slow", workload=workload)).passed


def test_what_was_there_before_is_there_again() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(OutOfPatience), patience(PATIENCE_SECONDS, lambda: 1):
        burn(60)
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_in_another_thread_it_waits() -> None:
    said: list[str] = []

    def run(work: Callable[[], None]) -> None:
        with patience(0.01, lambda: 1):
            work()
        said.append("done")

    thread = threading.Thread(target=run, args=(lambda: burn(0.1),))
    thread.start()
    thread.join()
    assert said == ["done"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_noticed_where_python_drops_it() -> None:
    class Dying:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ctrl_c() as raise_if_interrupted:
            raise_if_interrupted()
            Dying()
            with pytest.raises(KeyboardInterrupt):
                raise_if_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_workflow_ends_the_run_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyboardInterrupt):
        run_scenario(_scenario(interrupted))
    assert caplog.text == ""
