"""Every benchmark runs, at a tiny size, and says what it measured. Nothing here is timed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.campaign import why_no_peer
from benchmarks.edge import why_none as why_no_edge
from benchmarks.jobs import SCENARIO, count_of, faults_of
from benchmarks.results import Goal, Result, format_number
from benchmarks.run import BENCHMARKS, main
from temporal_do.sim.runner import run_scenario

PEERS = {"events": "simpy", "imports": "temporalio", "replay": "temporalio"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_reports_positive_values(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name in PEERS:
        pytest.importorskip(PEERS[name], reason="the peer is not installed")
    if name == "edge" and (why := why_no_edge()):
        pytest.skip(why)
    assert main(["--quick", "--only", name, "--output", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["quick"] is True
    results = report["benchmarks"][name]
    assert results
    assert all(result["value"] > 0 for result in results)
    assert {result["ratio"] > 0 for result in results if "peer" in result} == (
        {True}
        if name in PEERS or name in ("edge", "hops") or (name == "campaign" and not why_no_peer())
        else set()
    )


def test_the_text_names_value_unit_and_goal(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--only", "year"])
    text = capsys.readouterr().out
    assert "idle simulated year" in text
    assert "goal <= 50 ms" in text


def test_every_benchmark_is_in_the_table_and_in_its_document() -> None:
    root = Path(__file__).resolve().parents[2]
    helpers = {
        "__init__",
        "edge_entry",
        "edge_worlds",
        "jobs",
        "measuring",
        "peer_jobs",
        "peer_workflows",
        "results",
        "run",
        "workflows",
    }
    modules = {path.stem for path in (root / "benchmarks").glob("*.py")}
    assert modules - helpers == set(BENCHMARKS)
    document = (root / "docs" / "benchmarks.md").read_text("utf-8")
    assert [name for name in BENCHMARKS if f"`{name}`" not in document] == []


def test_a_goal_is_judged_by_the_wall_clock_and_a_busy_machine_is_told_apart() -> None:
    goal = Goal(2)
    assert Result(name="a", value=1, unit="s", goal=goal).verdict == "met"
    assert Result(name="a", value=3, unit="s", goal=goal, on_cpu=1).verdict == "busy"
    assert Result(name="a", value=3, unit="s", goal=goal, on_cpu=3).verdict == "missed"
    assert Result(name="a", value=3, unit="s").verdict == ""
    ten_times = Goal(10, at_least=True)
    assert Result(name="a", value=1, unit="s", ratio=9, ratio_goal=ten_times).verdict == "missed"
    assert Result(name="a", value=1, unit="s", ratio=11, ratio_goal=ten_times).verdict == "met"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0525, "0.052"), (1.5, "1.5"), (12.34, "12.3"), (1234.5, "1,234"), (10, "10")]
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert format_number(value) == text


def test_the_measured_scenario_keeps_its_promises_and_is_hit_by_faults() -> None:
    counts = sum((count_of(seed) for seed in range(3)), Counter())
    assert counts["faults"] > 10
    assert counts["messages"] > 300
    assert counts["virtual_ms"] == 3 * 600_000
    for seed in range(3):
        result = run_scenario(SCENARIO, seed=seed, faults=faults_of(seed))
        assert result.passed, result.violations


def test_where_the_peer_of_the_campaign_cannot_run_it_says_why() -> None:
    told = why_no_peer()
    if sys.version_info < (3, 12):
        assert "3.12" in told
    else:
        assert told in ("", "simloop is not installed (the extra 'bench' names it)")
