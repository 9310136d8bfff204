"""Each pass does what its name says, on failures that are nothing but a condition on the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.sim import FaultPlan, Placement, Tape
from temporal_do.sim.explore.machine import clock_ns
from temporal_do.sim.scenario import Kind, RunResult, Scenario, Violation
from temporal_do.sim.shrink import size_of
from temporal_do.sim.shrink.candidate import Candidate, Deviation, Group, group_of
from temporal_do.sim.shrink.cut_tail import cut_tail
from temporal_do.sim.shrink.delete_chunks import delete_chunks
from temporal_do.sim.shrink.drop_groups import drop_groups
from temporal_do.sim.shrink.keep_one import keep_one
from temporal_do.sim.shrink.lower_values import lower_values
from temporal_do.sim.shrink.merge_items import merge_items
from temporal_do.sim.shrink.move_earlier import move_earlier
from temporal_do.sim.shrink.shrinker import shrink_report, tidied
from temporal_do.sim.shrink.trial import OutOfLimits, Trial

Condition = Callable[[Candidate], bool]


async def _nothing(sim: object) -> None: ...


SCENARIO = Scenario(name="condition", workload=_nothing)
VIOLATION = Violation(checker="it", kind=Kind.SAFETY, message="fails")


def _result(tape: Tape, fails: bool) -> RunResult:
    return RunResult(
        scenario="condition", seed=0, tape=tape, digest="", violations=(VIOLATION,) if fails else ()
    )


def _runner(fails: Condition) -> Any:
    def run(scenario: Scenario, tape: Tape, strict: bool, checkers: Any) -> RunResult:
        return _result(tape, fails(Candidate.of(tape)))

    return run


def _tape(deviations: dict[str, dict[int, int]], *placements: Placement) -> Tape:
    faults = FaultPlan(placements=placements).to_json() if placements else {}
    return Tape(seed=0, deviations=deviations, faults=faults)


def _trial(tape: Tape, fails: Condition, runs_max: int = 10_000) -> Trial:
    return Trial(
        SCENARIO,
        _result(tape, True),
        target=("it", "safety"),
        run=_runner(fails),
        strict=False,
        checkers=(),
        runs_max=runs_max,
        end_ns=clock_ns() + 60_000_000_000,
    )


def _has(*items: Any) -> Condition:
    return lambda candidate: all(item in candidate.items for item in items)


MANY = {"schedule": {n: 1 + n % 3 for n in range(64)}, "commit:a": dict.fromkeys(range(20), 2)}


def test_one_fault_that_is_enough_at_another_place_replaces_several() -> None:
    enough = Deviation("worker:worker", 3, 1)
    several = {"worker:worker": {5: 1}, "delivery:a": {0: 3}, "commit:a": {1: 2}}

    def fails(candidate: Candidate) -> bool:
        return candidate.items == (enough,) or len(candidate.items) == 3

    trial = _trial(_tape(several), fails)
    delete_chunks(trial, Group.FAULT, Group.DETAIL)
    assert len(trial.best.items) == 3
    assert keep_one(trial)
    assert trial.best.items == (enough,)
    assert not keep_one(trial)


def test_groups_that_play_no_part_go_at_once() -> None:
    trial = _trial(_tape(MANY), _has(Deviation("commit:a", 3, 2)))
    drop_groups(trial)
    assert size_of(trial.best.tape(_tape({}))).schedule == 0
    assert trial.runs <= 5


def test_a_failure_that_needs_nothing_is_left_with_nothing_after_one_run() -> None:
    trial = _trial(_tape(MANY), lambda candidate: True)
    drop_groups(trial)
    assert trial.best == Candidate((), ())
    assert trial.runs == 1


def test_the_tail_is_cut_by_halving() -> None:
    trial = _trial(_tape(MANY), _has(Deviation("schedule", 20, 3)))
    cut_tail(trial)
    assert max(each.n for each in trial.best.deviations if each.label == "schedule") == 20
    assert trial.runs <= 7


def test_chunks_go_until_only_what_is_needed_is_left() -> None:
    needed = (Deviation("schedule", 7, 2), Deviation("schedule", 50, 3))
    trial = _trial(_tape(MANY), _has(*needed))
    delete_chunks(trial, Group.SCHEDULE)
    assert trial.best.within(Group.SCHEDULE) == needed
    assert len(trial.best.within(Group.FAULT)) == 20, "the other groups are left alone"
    assert trial.runs <= 60


def test_placements_go_too_and_equal_ones_one_by_one() -> None:
    crash, loss = Placement("evict", "a", 1), Placement("lost_request", "*", 4)
    trial = _trial(_tape({}, crash, loss, crash, crash), lambda found: found.placements.count(crash) >= 2)
    delete_chunks(trial, Group.FAULT)
    assert trial.best.placements == (crash, crash)


@pytest.mark.parametrize("least", [1, 2, 13, 800, 999])
def test_values_are_lowered_to_the_least_that_fails(least: int) -> None:
    trial = _trial(
        _tape({"slow_reply:a": {3: 999}, "late_alarm:b": {0: 50}}),
        lambda found: any(each.label == "slow_reply:a" and each.value >= least for each in found.deviations),
    )
    lower_values(trial)
    assert [each.value for each in trial.best.deviations if each.label == "slow_reply:a"] == [least]
    assert trial.runs <= 30


def test_things_move_to_where_they_come_first() -> None:
    trial = _trial(
        _tape({"commit:a": {9: 2}}, Placement("evict", "*", 6)),
        lambda found: bool(found.deviations) and bool(found.placements),
    )
    move_earlier(trial)
    assert trial.best.deviations == (Deviation("commit:a", 0, 2),)
    assert trial.best.placements == (Placement("evict", "*", 1),)


def test_two_neighbours_become_one() -> None:
    trial = _trial(
        _tape({"commit:a": {2: 1, 8: 5}}),
        lambda found: (
            sum(each.value for each in found.deviations) >= 5
            and min((each.n for each in found.deviations), default=9) <= 5
        ),
    )
    merge_items(trial)
    assert len(trial.best.deviations) == 1


def test_no_candidate_runs_twice_and_limits_are_kept() -> None:
    seen: list[Candidate] = []

    def fails(candidate: Candidate) -> bool:
        seen.append(candidate)
        return len(candidate.items) >= 40

    trial = _trial(_tape(MANY), fails, runs_max=25)
    with pytest.raises(OutOfLimits):
        while True:
            delete_chunks(trial, Group.SCHEDULE, Group.FAULT)
            lower_values(trial)
            move_earlier(trial)
    assert len(seen) == len(set(seen)) == trial.runs == 25


def test_labels_belong_to_their_groups() -> None:
    groups = {
        "schedule": Group.SCHEDULE,
        "input:orders": Group.INPUT,
        "commit:WorkflowDO/a/b": Group.FAULT,
        "storm:0": Group.FAULT,
        "storm:0:start": Group.DETAIL,
        "slow_commit:WorkflowDO/a/b": Group.DETAIL,
    }
    assert {label: group_of(label) for label in groups} == groups


def test_a_tidied_tape_keeps_only_the_rates_of_what_strikes() -> None:
    plan = FaultPlan.everything() | FaultPlan.storm("overload")
    tape = Tape(seed=0, deviations={"reply:a": {3: 2}}, faults=plan.to_json())
    assert FaultPlan.from_json(tidied(tape).faults) == FaultPlan(rates={"lost_reply": 10_000})


def test_a_failure_that_does_not_repeat_is_given_back_as_it_is() -> None:
    result = _result(_tape(MANY), True)
    shrunk = shrink_report(SCENARIO, result, run=_runner(lambda candidate: False))
    assert shrunk.result is result
    assert not shrunk.repeats and shrunk.runs == 1


def test_a_run_that_passed_is_given_back_as_it_is() -> None:
    result = _result(_tape(MANY), False)
    assert shrink_report(SCENARIO, result).result is result


TAPES = st.dictionaries(
    st.sampled_from(["schedule", "commit:a", "reply:b", "input:x", "slow_reply:b"]),
    st.dictionaries(st.integers(0, 40), st.integers(1, 9), max_size=12),
    max_size=5,
)


@given(deviations=TAPES, data=st.data())
def test_whatever_is_needed_is_found_exactly(
    deviations: dict[str, dict[int, int]], data: st.DataObject
) -> None:
    """For a failure that needs some deviations as they are, those are what is left."""
    items = Candidate.of(_tape(deviations)).deviations
    needed = data.draw(st.lists(st.sampled_from(items), max_size=3, unique=True)) if items else []
    shrunk = shrink_report(
        SCENARIO,
        _result(_tape(deviations), True),
        run=_runner(_has(*needed)),
        runs_max=2_000,
        seconds_max=60,
    )
    assert Candidate.of(shrunk.result.tape).deviations == tuple(sorted(needed))
    assert shrunk.finished
