"""Tapes: a run as a file, and what is said of files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.sim import FaultPlan, Simulation, Tape, TapeError

from .toys import busy_world, check_busy_world, toy_simulation


@pytest.mark.parametrize("seed", range(5))
def test_a_tape_replays_to_the_same_digest(seed: int, tmp_path: Path) -> None:
    with toy_simulation(seed, faults=FaultPlan.everything(50_000), start="2030-05-01T00:00:00Z") as first:
        first.execute(busy_world(first))
    file = tmp_path / "run.json"
    first.tape.write(file)
    with toy_simulation(tape=file) as second:
        second.execute(busy_world(second))
    check_busy_world(second)
    assert second.digest == first.digest
    assert second.stats == first.stats
    assert second.tape == first.tape


def test_a_tape_without_its_deviations_is_the_benign_run() -> None:
    with toy_simulation(4, faults=FaultPlan.everything(50_000)) as explored:
        explored.execute(busy_world(explored))
    tape = explored.tape
    assert tape.deviations
    benign = Tape(seed=tape.seed, deviations={}, start_ns=tape.start_ns, faults=tape.faults)
    with toy_simulation(tape=benign) as simulation:
        simulation.execute(busy_world(simulation))
    check_busy_world(simulation)
    assert not [name for name in simulation.stats if name.startswith("fault_")]
    assert simulation.tape.deviations == {}


def test_a_tape_says_what_made_it() -> None:
    tape = Simulation(9).tape
    again = Tape.from_json(tape.to_json())
    assert again == tape
    assert (again.seed, again.profile) == (9, "local")
    assert again.python.count(".") == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON"),
        ("[]", "is no tape"),
        ('{"seed": 1}', "has no field 'format'"),
        ('{"format": 99, "seed": 1}', "has format 99; this version reads format 1"),
        ('{"format": 1, "seed": true}', "the seed must be"),
        ('{"format": 1, "seed": 1, "deviations": {"a": {"x": 1}}}', "deviations must map"),
        ('{"format": 1, "seed": 1, "deviations": {"a": {"1": -1}}}', "-1 is no natural number"),
        ('{"format": 1, "seed": 1, "deviations": []}', "deviations must map"),
    ],
)
def test_what_is_no_tape_is_refused_with_the_reason(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(TapeError, match="bad.json") as caught:
        Tape.read(file)
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"absent\.json cannot be read"):
        Simulation(tape=tmp_path / "absent.json")


def test_a_fault_plan_goes_through_a_tape_unchanged() -> None:
    plan = FaultPlan.everything(123) | FaultPlan.at("zombie", "Counter/*", 3)
    tape = Simulation(faults=plan).tape
    assert FaultPlan.from_json(Tape.from_json(tape.to_json()).faults) == plan


def test_a_tape_with_an_unknown_fault_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'flood' is no fault"):
        Simulation(tape=Tape(seed=1, deviations={}, faults={"rates": {"flood": 1}}))
