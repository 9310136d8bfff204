"""Workflows whose activities run in external workers only, in a world where everything fails: all of them
end, no activity is recorded twice, none runs more often than it was leased, and nothing is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.remote.worker import ExternalWorker
from temporal_do.runtime import Worker
from temporal_do.runtime.actor import Turn
from temporal_do.runtime.actors import activity as activity_do
from temporal_do.runtime.actors import task_queue, task_queue_polls
from temporal_do.runtime.actors.task_queue_polls import TaskQueueState
from temporal_do.runtime.deployment import Deployment
from temporal_do.runtime.messages.activity import Leased
from temporal_do.runtime.records import evolve
from temporal_do.scenarios.world import ROUGH
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.runner import run_scenario
from temporal_do.sim.scenario import Scenario
from tests.engine.sweep import storm

from .processes import Processes
from .worlds import NAMESPACE, ORDERS, Shop, play

ROUGH_DAY = ROUGH | FaultPlan.workers(100_000)
FLOOD = FaultPlan.queue(150_000) | FaultPlan.crashes(50_000) | FaultPlan.workers(50_000)
EVERYTHING = storm(20_000) | FaultPlan.workers(100_000)
LOSSES = ROUGH | FaultPlan.losses(20_000) | FaultPlan.workers(50_000)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Every failure is on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_without_faults_every_attempt_is_leased_once_and_nobody_dies() -> None:
    outcome = play(0)
    assert outcome.deaths == 0
    assert outcome.results == tuple((n, f"packed {n}", n * 10) for n in range(ORDERS))


STORMS: dict[str, tuple[FaultPlan, dict[str, Any]]] = {
    "objects and processes die": (ROUGH_DAY, {}),
    "everything that production allows": (EVERYTHING, {"profile": "prod"}),
    "queue messages are doubled and late": (FLOOD, {"strict": True}),
    "alarms and messages are lost for good": (LOSSES, {"profile": "prod"}),
}
SEEDS = 6


@pytest.mark.parametrize("name", STORMS)
def test_every_order_ends_as_it_should_when(name: str) -> None:
    faults, options = STORMS[name]
    for seed in range(SEEDS):
        play(seed, faults, **options)


@pytest.mark.soak
@pytest.mark.parametrize("name", STORMS)
@given(seed=st.integers(0, 1_000_000))
def test_every_order_ends_as_it_should_whatever_the_seed_when(name: str, seed: int) -> None:
    faults, options = STORMS[name]
    play(seed, faults, **options)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_is_the_same_run_in_both_modes(seed: int) -> None:
    first, second = play(seed, ROUGH_DAY), play(seed, ROUGH_DAY, strict=True)
    assert (first.digest, first.deaths) == (second.digest, second.deaths)
    assert first.deaths


def test_a_task_in_the_hands_of_a_process_that_dies_is_run_by_the_next_within_seconds() -> None:
    # The process polls, is answered, and dies before it can lease what it got.
    shop = Shop(orders=1)

    async def scenario() -> Any:
        simulation.run(shop.inside)
        handle = await shop.temporal.start_workflow(
            shop.order, workflow_id="order-0", task_queue="main", args=[0]
        )
        await simulation.sleep("1m")
        processes = Processes(simulation, shop.outside, 1)
        return await handle.result(), processes

    with Simulation(0, faults=FaultPlan.at("worker_crash_after_call", "external", 1)) as simulation:
        result, processes = simulation.execute(scenario())
        assert result == [0, "packed 0", 0]
        assert processes.deaths == 1
        assert 60 + 83 <= (simulation.platform.now() - simulation.start_ns) / 10**9 < 60 + 83 + 15


def test_tasks_wait_while_all_processes_are_dead_and_move_when_one_comes() -> None:
    shop = Shop(orders=3)

    async def scenario() -> None:
        async def power_failure() -> None:
            await simulation.sleep("10s")
            assert shop.processes is not None
            shop.processes.kill_all()

        failing = asyncio.create_task(power_failure())
        await shop.workload(simulation)
        await failing

    with Simulation(0) as simulation:
        simulation.execute(scenario())
        assert shop.results == [[n, f"packed {n}", n * 10] for n in range(3)]


def test_a_queue_may_be_served_by_a_deployment_and_by_external_workers_alike() -> None:
    shop = Shop(orders=8)
    both = Worker(namespace=NAMESPACE, task_queue="native", activities=list(shop.outside.activities.values()))

    async def scenario() -> None:
        async def come_and_go() -> None:
            for _ in range(3):
                await simulation.sleep("7s")
                simulation.run(both)
                await simulation.sleep("13s")
                await simulation.stop(both)

        going = asyncio.create_task(come_and_go())
        await shop.workload(simulation)
        await going

    with Simulation(1) as simulation:
        simulation.execute(scenario())
        assert len(shop.results) == 8
        assert all(count == 1 for count in shop.executions.values())


# --- planted bugs ---


def _no_end_of_poll_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(task_queue_polls, "POLL_LEASE_NS", 10**18)


def _given_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = task_queue_polls._give

    def give(state: TaskQueueState, turn: Any, poll_id: str, limit: int) -> list[str]:
        given = real(state, turn, poll_id, limit)
        if poll_id in state.table("poll"):  # an answer to a poll that waited: its tasks are dropped
            rows = {key: state.rows["activity"][key] for key in given}
            for key in given:
                turn.delete("activity", key)
            state.rows["activity"].update(rows)
            turn.resolutions.append(("", None, 0))
        return given

    patch.setattr(task_queue_polls, "_give", give)


def _never_unparked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(activity_do, "_unpark", lambda state, turn: None)


def _too_late_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(activity_do, "_too_late", lambda state, message, turn: activity_do.OK)


def _old_copies_win(patch: pytest.MonkeyPatch) -> None:
    real = task_queue._park_activity

    def park(state: TaskQueueState, message: Any, turn: Any) -> Any:
        held = state.get("activity", message.task.activity_key)
        if held is not None:
            state.rows["activity"][message.task.activity_key] = evolve(held, attempt=0)
        return real(state, message, turn)

    patch.setitem(task_queue_actor().handlers, task_queue.ParkActivityTask, park)


def _runs_what_it_did_not_lease(patch: pytest.MonkeyPatch) -> None:
    leases: dict[str, Leased] = {}
    real = Deployment._lease

    async def lease(self: Deployment, host: Any, task: Any) -> Leased | None:
        found = await real(self, host, task)
        if found is not None:
            leases[task.token] = found
        return found or leases.get(task.token)

    patch.setattr(Deployment, "_lease", lease)


def _reports_once(patch: pytest.MonkeyPatch) -> None:
    async def serve(self: ExternalWorker, task: Any) -> None:
        attempt = await self._deployment.take(self._host, task)
        if attempt is not None and attempt.info.activity_type != "stamp":
            await attempt.run()

    patch.setattr(ExternalWorker, "_serve", serve)


def task_queue_actor() -> Any:
    from temporal_do.runtime.actors import ACTORS
    from temporal_do.runtime.keys import TASK_QUEUE

    return ACTORS[TASK_QUEUE]


BUGS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], FaultPlan, int]] = {
    "a poll lease never ends": (_no_end_of_poll_leases, ROUGH_DAY, 3),
    "what is given is forgotten": (_given_is_forgotten, ROUGH_DAY, 10),
    "a leased task stays parked": (_never_unparked, FaultPlan(), 1),
    "what is parked too late stays parked": (_too_late_is_ignored, FLOOD, 10),
    "an old copy hides a newer attempt": (_old_copies_win, FLOOD, 30),
    "a worker runs what it did not lease": (_runs_what_it_did_not_lease, FLOOD, 10),
    "a worker leases and does not run": (_reports_once, FaultPlan(), 1),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, faults, seeds = BUGS[name]
    plant(monkeypatch)
    for seed in range(seeds):
        try:
            play(seed, faults)
        except AssertionError as error:
            assert "crashed" not in str(error), error
            return
    pytest.fail(f"{seeds} seeds did not find it")


@pytest.mark.parametrize("name", BUGS)
def test_without_the_bug_the_same_seeds_pass(name: str) -> None:
    _, faults, seeds = BUGS[name]
    for seed in range(min(seeds, 2)):
        play(seed, faults)


def _nobody_polls(patch: pytest.MonkeyPatch | None) -> str:
    """What the checkers say of a world in which a task waits for a worker that never comes."""
    shop = Shop(orders=1)

    async def workload(simulation: Simulation) -> None:
        simulation.run(shop.inside)
        await shop.temporal.start_workflow(shop.order, workflow_id="order", task_queue="main", args=[0])
        await simulation.sleep("1h")

    if patch is not None:
        patch.setattr(TaskQueueState, "parked", lambda self, key, row: self.rows["activity"].pop(key))
        real = Turn.put

        def put(self: Turn, table: str, key: Any, row: Any) -> None:
            real(self, table, key, row)
            if type(row) is task_queue_polls.ParkedActivity:
                del self.changes[table, key]

        patch.setattr(Turn, "put", put)
    result = run_scenario(Scenario(name="nobody-polls", workload=workload))
    return "\n".join(violation.message for violation in result.violations)


def test_a_task_that_waits_for_a_worker_is_held_by_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _nobody_polls(None) == ""
    assert "is parked, and TaskQueueDO/external/native does not hold it" in _nobody_polls(monkeypatch)
