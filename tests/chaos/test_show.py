"""``temporal-do chaos show`` over results: the verdict of a campaign, and what repeats its failures."""

from __future__ import annotations

import json
import shlex

import pytest

from temporal_do.cli.exit_codes import ExitCode
from tests.command import Command

SHOP = "tests.chaos.shop"


def test_a_state_that_no_shard_reached_fails_the_campaign_unless_that_is_allowed(chaos: Command) -> None:
    files = ["one.jsonl", "two.jsonl"]
    for number, file in enumerate(files, start=1):
        part = ("--seeds", "4", "--shard", f"{number}/2", "--resume", file)
        assert chaos(f"{SHOP}:NEVER", *part).code == 0, "a part does not judge"
    said = chaos("show", *files)
    assert said.code == ExitCode.LIVENESS and "never reached: pigs fly" in said.out
    found = json.loads(chaos("show", *files, "--output", "json").out)
    assert found["exit_code"] == ExitCode.LIVENESS
    assert found["never_reached"] == [{"scenario": f"{SHOP}:NEVER", "name": "pigs fly", "fails": True}]
    assert chaos("show", *files, "--allow-unreached").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("CARELESS",),
        ("CARELESS", "--strategy", "swarm"),
        ("CARELESS", "--strategy", "pct"),
        ("CARELESS", "--strategy", "coverage"),
        ("CARELESS", "--strategy", "exhaustive"),
        ("QUIET", "--faults", "workers=300000"),
    ],
    ids=" ".join,
)
def test_the_command_of_each_failure_repeats_it_whatever_the_strategy(
    chaos: Command, words: tuple[str, ...]
) -> None:
    scenario, *options = words
    assert (
        chaos(f"{SHOP}:{scenario}", *options, "--seeds", "200", "--resume", "r.jsonl").code == ExitCode.SAFETY
    )
    (line,) = [line for line in chaos("show", "r.jsonl").out.splitlines() if line.startswith("repeat with: ")]
    (failure,) = json.loads(chaos("show", "r.jsonl", "--output", "json").out)["failures"]
    again = chaos(*shlex.split(line)[4:], "--no-shrink", "--output", "json")
    assert again.code == ExitCode.SAFETY
    assert json.loads(again.out)["failures"][0]["digest"] == failure["digest"]


def test_runs_that_come_from_the_file_are_not_passed_off_as_made(chaos: Command) -> None:
    options = (f"{SHOP}:GOOD", "--resume", "r.jsonl")
    assert "from r.jsonl" not in chaos(*options, "--seeds", "3").out
    said = chaos(*options, "--seeds", "3").out
    assert "3 runs from r.jsonl, whatever has changed since" in said and "runs/s" not in said
    more = json.loads(chaos(*options, "--seeds", "5", "--output", "json").out)
    assert (more["runs"], more["resumed_runs"]) == (5, 3)
    assert more["runs_per_second"] < 1_000
