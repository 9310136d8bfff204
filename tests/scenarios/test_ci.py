"""The files that run the scenarios in CI say what the command understands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.tidy.rules.source import ROOT

SCRIPT = ROOT / ".ci" / "chaos"
WORKFLOW = ROOT / ".github" / "workflows" / "chaos.yml"
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@pytest.fixture(scope="module")
def known() -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "temporal_do.cli", "chaos", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(FLAG.findall(shown.stdout))


def test_the_script_is_a_script() -> None:
    assert subprocess.run(["sh", "-n", str(SCRIPT)], check=False).returncode == 0
    assert SCRIPT.stat().st_mode & 0o111


def test_the_script_gives_the_command_what_it_takes(known: set[str]) -> None:
    flags = set(FLAG.findall(SCRIPT.read_text())) - {"--silent"}  # make's
    assert len(flags) >= 4
    assert flags <= known


def test_the_workflow_gives_the_script_what_it_takes(known: set[str]) -> None:
    text = WORKFLOW.read_text()
    flags = set(FLAG.findall(text)) - {"--silent"}  # make's
    assert "--shard" in flags
    assert flags <= known
    script = SCRIPT.read_text()
    for name in re.findall(r"CHAOS_\w+", text):
        assert name in script, f"the script knows no {name}"


def test_the_shards_are_all_of_them() -> None:
    (line,) = re.findall(r"shard: \[(.*)\]", WORKFLOW.read_text())
    assert re.findall(r"\d+/\d+", line) == [f"{number}/4" for number in range(1, 5)]


def test_what_the_shards_keep_is_judged_as_one() -> None:
    text = WORKFLOW.read_text()
    (kept,) = re.findall(r"--resume (\S+)", text)
    assert f"path: {kept}\n" in text
    assert f"temporal-do chaos show shards/*/{kept}" in text
