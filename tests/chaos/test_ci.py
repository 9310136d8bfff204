"""Chaos in CI: annotations, the files that CI systems read, and that every command in them exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from temporal_do.cli.exit_codes import ExitCode
from temporal_do.sim.ci import github_error, on_ci, on_github
from tests.chaos.annotations import read_annotation
from tests.command import Command
from tests.tidy.rules.source import ROOT

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which comes with the extra dask")

SHOP = "tests.chaos.shop"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


# --- annotations ---


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT))


def test_an_annotation_is_one_line_whatever_its_texts_hold(github: None) -> None:
    nasty = "50% of, these:\r\nwords\n::error::x\x1b[31m"
    line = github_error(title=nasty, text=nasty, location=f"{ROOT}/a,b:c/shop.py:7", last="repeat with: x")
    assert "\n" not in line and "\r" not in line and "\x1b" not in line
    fields, text = read_annotation(line)
    assert fields["file"] == "a,b:c/shop.py" and fields["line"] == "7"
    assert fields["title"].startswith("50% of, these: words")
    assert text.splitlines()[0] == "50% of, these:" and text.splitlines()[-1] == "repeat with: x"


def test_a_long_text_is_cut_and_still_ends_with_the_command(github: None) -> None:
    _, text = read_annotation(github_error(title="t", text="line\n" * 50, last="repeat with: x"))
    assert text.count("\n") < 20 and "38 more lines" in text and text.endswith("repeat with: x")


def test_a_file_elsewhere_keeps_its_path_and_no_place_is_no_field(github: None) -> None:
    fields, _ = read_annotation(github_error(title="t", text="x", location="/elsewhere/shop.py:3"))
    assert fields == {"file": "/elsewhere/shop.py", "line": "3", "title": "t"}
    assert read_annotation(github_error(title="t", text="x"))[0] == {"title": "t"}


def test_the_environment_says_where_the_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    assert not on_ci() and not on_github()
    monkeypatch.setenv("CI", "true")
    assert on_ci() and not on_github()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert on_github()


def test_the_command_annotates_the_users_line_and_says_what_repeats_it(github: None, chaos: Command) -> None:
    said = chaos(f"{SHOP}:CARELESS", "--output", "json")
    assert said.code == ExitCode.SAFETY and "::error" not in said.out
    ((fields, text),) = [read_annotation(line) for line in said.err.splitlines()]
    assert fields["file"] == "tests/chaos/shop.py"
    assert (
        "assert len(book) == 1" in (ROOT / fields["file"]).read_text().splitlines()[int(fields["line"]) - 1]
    )
    assert fields["title"].startswith(f"safety: {SHOP}:CARELESS, seed ")
    assert "order 7 was charged" in text
    assert f"repeat with: temporal-do chaos {SHOP}:CARELESS --tape .chaos/" in text


def test_a_state_that_was_never_reached_is_annotated_at_its_workload(github: None, chaos: Command) -> None:
    said = chaos(f"{SHOP}:NEVER", "--seeds", "2")
    ((fields, text),) = [read_annotation(line) for line in said.err.splitlines()]
    assert "'pigs fly'" in text and "--seeds 2" in text
    line = (ROOT / fields["file"]).read_text().splitlines()[int(fields["line"]) - 1]
    assert line.startswith("async def never")


def test_nothing_is_annotated_elsewhere_or_when_all_is_well(
    chaos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert chaos(f"{SHOP}:CARELESS", "--no-shrink").err == ""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert chaos(f"{SHOP}:GOOD", "--seeds", "2").err == ""


# --- the files ---


def _run_lines(workflow: Any) -> list[str]:
    """The shell lines of a GitHub workflow, without GitHub's own expressions."""
    found = []
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["steps"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), step
            text = re.sub(r"\$\{\{.*?\}\}", "X", step.get("run", ""))
            found += [line for line in text.splitlines() if line.strip()]
    return found


def _documented_workflows() -> dict[str, Any]:
    found = {path.name: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
    for page in sorted((ROOT / "docs").glob("*.md")):
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.M | re.S)):
            parsed = yaml.safe_load(block)
            if isinstance(parsed, dict) and "jobs" in parsed:
                found[f"{page.name}[{number}]"] = parsed
    return found


DOCUMENTED = _documented_workflows()


def test_there_is_a_workflow_and_a_documented_one() -> None:
    assert "chaos.yml" in DOCUMENTED and "chaos.md[0]" in DOCUMENTED


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_workflow_says_when_it_runs_and_every_command_in_it_exists(name: str) -> None:
    workflow = DOCUMENTED[name]
    triggers = workflow[True]  # YAML 1.1 reads `on` as a truth value, and GitHub does not mind
    assert {"push", "schedule"} <= set(triggers)
    for entry in triggers["schedule"]:
        assert re.fullmatch(r"[\d*/,-]+( [\d*/,-]+){4}", entry["cron"])
    lines = _run_lines(workflow)
    assert lines
    for line in lines:
        _check_command(shlex.split(line, comments=True))


def _check_command(words: list[str]) -> None:
    program, flags = words[0], {word.partition("=")[0] for word in words if word.startswith("--")}
    program = program.removeprefix(".venv/bin/")
    if program.startswith((".", "/")):
        script = ROOT / program
        assert script.is_file() and script.stat().st_mode & 0o111, f"{program} is no script"
        program = "temporal-do" if script.parent.name == ".ci" else program
    if program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
        assert set(words[1:]) <= targets
        return
    assert program in HELP, f"what is {program}?"
    assert flags <= _flags_of(program), words


HELP = {
    "temporal-do": ["temporal_do.cli", "chaos", "--help"],
    "pytest": ["pytest", "--help", "-p", "no:schemathesis"],
    "pip": ["pip", "install", "--help"],
}


@cache
def _flags_of(program: str) -> set[str]:
    command = [sys.executable, "-m", *HELP[program]]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z][a-z-]+", shown))


def test_each_pass_of_the_script_writes_files_of_its_own(tmp_path: Path) -> None:
    """The script itself, with a make and a command that do nothing but say how they are called."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    script = tmp_path / ".ci" / "chaos"
    script.write_text((ROOT / ".ci" / "chaos").read_text())
    for path, text in (
        (tmp_path / "bin" / "make", "exit 0"),
        (tmp_path / ".venv" / "bin" / "temporal-do", 'echo "$@"; exit 10'),
    ):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", str(script), "--junit", "./out dir/j.xml", "--html=p.html", "--resume", "../results"],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "CHAOS_FRESH": "5", "CHAOS_FIRST": "77"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 10, done.stderr
    first, told, second = done.stdout.splitlines()
    assert first.startswith("chaos all ") and "--seed 0 --seeds 40" in first
    assert first.endswith("--junit ./out dir/j.xml --html=p.html --resume ../results")
    assert told == "fresh seeds from 77:"
    assert "--seed 77 --seeds 5 --allow-unreached" in second
    assert second.endswith("--junit ./out dir/j-fresh.xml --html=p-fresh.html --resume ../results-fresh")
