"""The determinism campaign: many seeds, twice in each of two processes with different hash seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from .campaign import HASH_SEEDS, Campaign, main
from .lane import BIG_EVERY, scenario_of

SEEDS = 50


def test_seeds_are_the_same_run_twice_under_two_hash_seeds() -> None:
    campaign = Campaign(SEEDS, jobs=2)
    assert campaign.run() == []
    assert len(campaign.found) == SEEDS and campaign.done == SEEDS * len(HASH_SEEDS)
    assert len({print for prints in campaign.found.values() for print in prints}) == SEEDS


def test_every_fifth_seed_is_a_scenario_and_the_others_are_small_worlds() -> None:
    names = [scenario_of(seed).name for seed in range(60)]
    assert len(set(names[BIG_EVERY - 1 :: BIG_EVERY])) == 12
    assert len(set(names)) > 20


def test_what_the_hash_of_text_decides_is_found_and_shown_with_both_sides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    what = "tests.determinism.hashed:BY_HASH"
    assert main(["--seeds", "1", "--what", what]) == 12
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("1 seeds differ: 0") and "1 seeds x 2 runs x 2 hash seeds" in said[0]
    assert said[1].startswith("seed 0: two runs differ at step ")
    assert said[2].startswith("  hash seed 1, run 1: ") and said[4].startswith("  hash seed 4711, run 1: ")
    assert "workflow-" in said[2] and said[2].split(": ")[1] != said[4].split(": ")[1]
    assert "hashed.py:" in said[3] and "hashed.py:" in said[5]
    assert said[-1] == f"repeat with: python -m tests.determinism.campaign --first 0 --seeds 1 --what {what}"


def test_what_an_earlier_run_decides_is_found_within_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--what", "tests.determinism.hashed:BY_HISTORY"]) == 12
    said = capsys.readouterr().out
    assert "hash seed 1, run 1" in said and "hash seed 1, run 2" in said


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "results"
    what = "tests.explore.worlds:SLEEPER"
    assert Campaign(3, what=what, resume=str(file)).run() == []
    whole = file.read_text()
    assert len(whole.splitlines()) == 1 + 3 * len(HASH_SEEDS)
    file.write_text(whole + "1 3 half a li")
    again = Campaign(3, what=what, resume=str(file))
    assert again.run() == [] and again.resumed == again.done == 6
    assert file.read_text() == whole
    with pytest.raises(SystemExit, match="another campaign"):
        Campaign(3, resume=str(file)).run()


def test_a_process_that_dies_ends_the_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="after 0 of 1 seeds"):
        Campaign(1, what="tests.determinism.hashed:NOTHING").run()
