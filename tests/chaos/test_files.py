"""Fault plans as text, recorded failures as files, JUnit XML."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from temporal_do.cli.junit import JunitCase, junit_xml
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.sim import FaultPlan, Placement, Simulation, Tape, TapeError
from temporal_do.sim.failure_file import read_failure, write_failure
from temporal_do.sim.fault_text import GROUPS, parse_faults
from temporal_do.sim.scenario import RunResult


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("none", FaultPlan()),
        ("crashes", FaultPlan.crashes()),
        ("network=5000", FaultPlan.network(5000)),
        ("crashes, queue=7", FaultPlan.crashes() | FaultPlan.queue(7)),
        ("crashes,lost_reply", FaultPlan.crashes() | FaultPlan(rates={"lost_reply": 10_000})),
        ("lost_reply=3", FaultPlan(rates={"lost_reply": 3})),
        ("evict@WorkflowDO/*#2", FaultPlan(placements=(Placement("evict", "WorkflowDO/*", 2),))),
        ("evict@", FaultPlan.at("evict")),
        ('{"rates": {"evict": 5}}', FaultPlan(rates={"evict": 5})),
    ],
)  # fmt: skip
def test_a_fault_plan_can_be_written_as_text(text: str, plan: FaultPlan) -> None:
    assert parse_faults(text) == plan


@pytest.mark.parametrize(
    "text", ["", "crash", "crashes=many", "evict@x#0", "evict@x#y", "{", '{"rate": 1}', "a=1"]
)
def test_a_text_that_is_no_fault_plan_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_faults(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crashes=2000000", "the rate of crashes cannot be 2000000; a rate is how often in a million times"),
        ("lost_reply=1000001", "the rate of lost_reply cannot be 1000001; a rate is"),
        ("crashes=-1", "the rate of crashes cannot be -1; a rate is"),
        ("crashes=", "the rate of crashes cannot be nothing; a rate is"),
        ('{"rates": {"evict": 2000000}}', "the rate of evict cannot be 2000000; a rate is"),
        ('{"rates": {"evict": true}}', "the rate of evict cannot be True; a rate is"),
    ],
)
def test_a_rate_that_is_none_is_answered_with_what_a_rate_is(text: str, said: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        parse_faults(text)
    assert said in str(refused.value)
    assert str(refused.value).endswith("a whole number from 0 to 1000000")


def test_every_group_makes_a_plan_under_which_something_can_go_wrong() -> None:
    assert [name for name, make in GROUPS.items() if not make(1000)] == []


def test_a_failure_comes_back_from_its_file_and_is_a_tape_as_well(
    double_charge: tuple[RunResult, Simulation], tmp_path: Path
) -> None:
    result, _ = double_charge
    file = tmp_path / "deep" / "failure.json"
    write_failure(file, result, scenario="shop:CARELESS", strict=True)
    found = read_failure(file)
    assert (found.scenario, found.strict, found.tape) == ("shop:CARELESS", True, result.tape)
    assert found.violations == result.violations
    assert Tape.read(file) == result.tape


def test_a_bare_tape_is_a_failure_without_a_scenario(tmp_path: Path) -> None:
    Tape(seed=3, deviations={}).write(tmp_path / "tape.json")
    found = read_failure(tmp_path / "tape.json")
    assert (found.scenario, found.violations, found.tape.seed) == ("", (), 3)


def test_a_file_with_damaged_violations_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tape.json"
    file.write_text('{"format": 1, "seed": 1, "violations": [{"checker": "x"}]}')
    with pytest.raises(TapeError, match="violations"):
        read_failure(file)


def test_junit_counts_failures_and_errors_apart() -> None:
    cases = [
        JunitCase(name="a", classname="chaos", seconds=1.5, properties=(("runs", "3"),)),
        JunitCase(name="b", classname="chaos", kind="safety", message="m", text="t"),
        JunitCase(name="c", classname="chaos", kind="harness", error=True, message="m", text="t"),
    ]
    root = ElementTree.fromstring(junit_xml("suite", cases).encode())
    (suite,) = root
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "time")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "1.500",
    }
    assert [[child.tag for child in case] for case in suite] == [["properties"], ["failure"], ["error"]]


def test_junit_is_well_formed_whatever_the_texts_hold() -> None:
    nasty = "]]> <a> & \x00 \x1b[31m \ud800 \uffff \"quotes\" 'too' \n é 😀"
    case = JunitCase(name=nasty, classname=nasty, kind=nasty, message=nasty, text=nasty)
    root = ElementTree.fromstring(junit_xml("s", [case]).encode("utf-8"))
    text = root.findtext("./testsuite/testcase/failure")
    assert text is not None and text.startswith("]]> <a> & ") and text.endswith("é 😀")
