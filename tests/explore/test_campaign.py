"""Campaigns run the cases they are asked for, once, wherever they run, and say what came of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from temporal_do.runtime import InvalidArgumentError
from temporal_do.sim import FaultPlan
from temporal_do.sim.explore import (
    Campaign,
    CampaignReport,
    Progress,
    Replay,
    compare_digests,
    find_scenario,
    merge_results,
    read_results,
)
from temporal_do.sim.explore.case import Outcome
from temporal_do.sim.scenario import Kind, Scenario

from . import worlds

TILLS = "tests.explore.worlds:TILLS"
SLEEPER = "tests.explore.worlds:SLEEPER"


def _seeds(path: Path) -> list[int | str]:
    return sorted(outcome.result.seed for outcome in read_results(path)[1])  # type: ignore[type-var]


def _digests(path: Path) -> dict[tuple[str, int], str]:
    return {(each.scenario, each.number): each.result.digest for each in read_results(path)[1]}


def test_a_campaign_runs_every_seed_of_every_scenario() -> None:
    report = Campaign([worlds.TILLS, worlds.SLEEPER], seeds=12).run()
    assert report.passed, str(report)
    assert report.runs_of == {"tills": 12, "sleeper": 12}
    assert report.complete
    assert report.faults > 50
    assert 0 < report.reached["tills"]["an activity ran again"] < 12


def test_a_planted_bug_is_found_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    report = Campaign(worlds.TILLS, seeds=20).run()
    assert not report.passed
    assert {each.kind for each in report.violations} == {Kind.SAFETY}
    failure = report.failures[0]
    assert f"tills seed {failure.result.seed}: safety: AssertionError" in str(report)
    assert failure.result.tape.deviations, "a failure keeps its tape"
    again = Campaign(worlds.TILLS, strategy=Replay(failure.result.tape)).run()
    assert again.failures[0].result.digest == failure.result.digest


def test_processes_change_nothing_but_the_time_it_takes(tmp_path: Path) -> None:
    alone = Campaign(TILLS, seeds=6, resume=tmp_path / "alone").run()
    together = Campaign(TILLS, seeds=6, jobs=2, resume=tmp_path / "together").run()
    assert alone.stats == together.stats
    assert _digests(tmp_path / "alone") == _digests(tmp_path / "together")
    assert compare_digests(read_results(tmp_path / "alone")[1], read_results(tmp_path / "together")[1]) == []


def test_any_executor_runs_the_cases_and_is_left_open() -> None:
    with ThreadPoolExecutor(1) as pool:
        report = Campaign(TILLS, seeds=4, executor=pool, jobs=2).run()
        assert pool.submit(int, "7").result() == 7
    assert report.runs == 4 and not report.failures


def test_shards_share_the_seeds_and_make_one_report(tmp_path: Path) -> None:
    paths = [tmp_path / "1", tmp_path / "2"]
    for part, path in enumerate(paths, start=1):
        report = Campaign(TILLS, seeds=9, shard=(part, 2), resume=path).run()
        assert not report.judges_reach, "a state that one shard never reaches may be reached by the other"
    assert _seeds(paths[0]) == [0, 2, 4, 6, 8] and _seeds(paths[1]) == [1, 3, 5, 7]
    merged = merge_results(paths)
    whole = Campaign(TILLS, seeds=9).run()
    assert (merged.runs, merged.stats, merged.reached) == (whole.runs, whole.stats, whole.reached)
    assert merged.judges_reach


def test_a_campaign_goes_on_where_its_results_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "results"
    Campaign(TILLS, seeds=3, resume=path).run()
    with path.open("a") as file:
        file.write('{"scenario": "cut sho')
    seen: list[Progress] = []
    report = Campaign(TILLS, seeds=5, resume=path, progress=seen.append).run()
    assert report.runs == 5
    assert _seeds(path) == [0, 1, 2, 3, 4]
    assert (seen[-1].done, seen[-1].resumed, seen[-1].total) == (5, 3, 5)


def test_what_older_code_came_to_is_not_taken_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "an_edited_till.py"
    module.write_text("from tests.explore.worlds import TILLS\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "results"
    Campaign("an_edited_till:TILLS", seeds=1, resume=path).run()
    assert Campaign("an_edited_till:TILLS", seeds=2, resume=path).run().runs == 2
    module.write_text("from tests.explore.worlds import TILLS  # mended\n")
    with pytest.raises(InvalidArgumentError, match="begun with other code: an_edited_till changed since"):
        Campaign("an_edited_till:TILLS", seeds=3, resume=path).run()
    assert _seeds(path) == [0, 1]


def test_failures_survive_in_the_results_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    first = Campaign(worlds.TILLS, seeds=10, resume=tmp_path / "results").run()
    again = Campaign(worlds.TILLS, seeds=10, resume=tmp_path / "results").run()
    assert again.failures == first.failures
    assert again.failures


def test_a_results_file_of_another_campaign_is_refused(tmp_path: Path) -> None:
    Campaign(SLEEPER, seeds=1, resume=tmp_path / "results").run()
    with pytest.raises(InvalidArgumentError, match="its scenarios is"):
        Campaign(TILLS, seeds=1, resume=tmp_path / "results").run()
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(InvalidArgumentError, match="holds no results"):
        Campaign(TILLS, seeds=1, resume=tmp_path / "other").run()


def test_a_budget_ends_a_campaign() -> None:
    report = Campaign(SLEEPER, budget_ns=50_000_000).run()
    assert report.runs > 0
    assert not report.complete


def test_enough_failures_end_a_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    report = Campaign(worlds.TILLS, seeds=1_000, failures_max=2).run()
    assert len(report.failures) == 2
    assert not report.complete


def test_a_state_that_is_never_reached_fails_the_campaign() -> None:
    report = Campaign(worlds.NEVER, seeds=3).run()
    assert report.never_reached == (("never", "the moon is blue"),)
    assert not report.failures and not report.passed
    (violation,) = report.violations
    assert "never reached in 3 runs" in violation.message


def test_what_breaks_the_run_itself_is_an_outcome() -> None:
    broken = Scenario(name="broken", workload=worlds.sleeper, options={"no_such_option": 1})
    report = Campaign([broken, worlds.SLEEPER], seeds=2).run()
    assert [violation.kind for violation in report.violations] == [Kind.HARNESS] * 2
    assert report.runs_of["sleeper"] == 2


def test_other_faults_replace_the_scenarios() -> None:
    assert Campaign(worlds.TILLS, seeds=2, faults=FaultPlan()).run().faults == 0


def test_a_share_of_the_cases_runs_strict_and_ends_the_same() -> None:
    def stats(**options: Any) -> CampaignReport:
        return Campaign(worlds.TILLS, seeds=4, **options).run()

    assert stats(strict_every=2).stats == stats().stats == stats(strict=True).stats


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "has no end"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": 1, "jobs": 0}, "jobs must be"),
        ({"seeds": 1, "shard": (3, 2)}, "a shard is"),
        ({"seeds": 1, "strategy": "luck"}, "there are: random, swarm"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        Campaign(worlds.SLEEPER, **arguments)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tills", "is named 'module:NAME'"),
        ("no_such_module:X", "no module 'no_such_module'"),
        ("tests.explore.worlds:NOTHING", "has no NOTHING"),
        ("tests.explore.worlds:FAULTS", "is no Scenario but FaultPlan"),
    ],
)
def test_a_name_that_says_no_scenario_is_refused(name: str, said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        find_scenario(name)


def test_an_outcome_is_what_its_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.forget_signal_requests(monkeypatch)
    (failure, *_) = Campaign(worlds.TILLS, seeds=1_000, failures_max=1).run().failures
    assert Outcome.from_json(failure.to_json()) == failure
