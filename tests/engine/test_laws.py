"""The laws of the engine: what holds for every workflow, every crash and every schedule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from temporal_do.runtime.history import EventType
from temporal_do.sim import FaultPlan

from .harness import Outcome, run_program
from .laws import check_at_most_one_open_run_at_a_time, check_every_history_replays, check_history, of_type
from .programs import EVERYTHING, Program, World, expected, programs

CRASHES = FaultPlan.crashes(60_000) | FaultPlan.workers(30_000)
ROUGH = CRASHES | FaultPlan.network(30_000) | FaultPlan.queue(60_000) | FaultPlan.alarms(60_000)


def normal(value: Any) -> Any:
    return list(map(normal, value)) if isinstance(value, (list, tuple)) else value


@given(program=programs(), seed=st.integers(0, 2**32))
def test_a_program_without_faults_returns_what_it_says(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed)
    assert normal(outcome.result) == expected(program)
    assert outcome.faults == 0


@given(program=programs(), seed=st.integers(0, 2**32))
def test_crashes_change_no_result(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=CRASHES)
    event(f"faults: {min(outcome.faults, 5)}")
    assert normal(outcome.result) == expected(program)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_nothing_the_platform_may_do_changes_a_result(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    event(f"faults: {min(outcome.faults, 9)}")
    assert normal(outcome.result) == expected(program)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_dropping_every_cached_coroutine_changes_no_history(program: Program, seed: int) -> None:
    kept = run_program(program, seed=seed)
    dropped = run_program(program, seed=seed, cache_size=0)
    assert dropped.result == kept.result
    assert dropped.histories == kept.histories


@given(program=programs(), seed=st.integers(0, 2**32))
def test_rows_and_messages_survive_their_encoding(program: Program, seed: int) -> None:
    fast = run_program(program, seed=seed, faults=ROUGH)
    strict = run_program(program, seed=seed, faults=ROUGH, strict=True)
    assert (strict.digest, strict.histories) == (fast.digest, fast.histories)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_a_seed_names_one_run(program: Program, seed: int) -> None:
    assert run_program(program, seed=seed, faults=ROUGH) == run_program(program, seed=seed, faults=ROUGH)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_histories_keep_their_laws_under_faults(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    assert outcome.histories
    for history in outcome.histories:
        check_history(history)
    check_signals_arrive_once_and_in_order(outcome)
    check_at_most_one_open_run_at_a_time(outcome.histories)


@given(program=programs(), seed=st.integers(0, 2**32))
def test_every_history_replays_from_itself(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    check_every_history_replays(outcome.histories, World().workflows)


@settings(max_examples=10)
@given(program=programs(), seed=st.integers(0, 2**32))
def test_an_activity_that_completed_has_been_executed(program: Program, seed: int) -> None:
    outcome = run_program(program, seed=seed, faults=ROUGH)
    completed = sum(len(of_type(history, EventType.ACTIVITY_TASK_COMPLETED)) for history in outcome.histories)
    assert len(outcome.executions) >= completed


def check_signals_arrive_once_and_in_order(outcome: Outcome) -> None:
    received: list[int] = []
    for history in outcome.histories:
        started = of_type(history, EventType.WORKFLOW_EXECUTION_STARTED)[0].attributes
        carried = bool(started.continued_execution_run_id)
        for signal in of_type(history, EventType.WORKFLOW_EXECUTION_SIGNALED):
            number = json.loads(signal.attributes.input[0].data)
            if not carried or number not in received:
                received.append(number)
    assert received == list(outcome.sent_signals)


@pytest.mark.parametrize("seed", range(12))
def test_every_kind_of_step_keeps_the_laws_under_faults(seed: int) -> None:
    outcome = run_program(EVERYTHING, seed=seed, faults=ROUGH, strict=seed % 4 == 0)
    assert normal(outcome.result) == expected(EVERYTHING)
    for history in outcome.histories:
        check_history(history)
    check_signals_arrive_once_and_in_order(outcome)
    check_at_most_one_open_run_at_a_time(outcome.histories)
    check_every_history_replays(outcome.histories, World().workflows)
    calm, dropped = run_program(EVERYTHING, seed=seed), run_program(EVERYTHING, seed=seed, cache_size=0)
    assert calm.histories == dropped.histories
