"""The demo does what it tells, wherever it runs; what it says to try next works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import examples.demo as demo

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "demo.py"


def run_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the demo as `make demo` does, into a pipe."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@pytest.fixture(scope="module")
def shown() -> str:
    """What the demo prints into a pipe."""
    run = run_demo()
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def test_it_shows_every_chapter_in_plain_text(shown: str) -> None:
    assert "\x1b" not in shown and "\r" not in shown
    for chapter in "12345":
        assert re.search(rf"^{chapter}  \S", shown, re.MULTILINE), chapter
    assert "Traceback" not in shown


def test_it_tells_both_times_the_crash_and_the_recovery(shown: str) -> None:
    assert re.search(r"21 d of business in \d+\.\d\d s of your time", shown)
    assert re.search(r"back as +incarnation 2", shown)
    assert re.search(r"result +completed, track-\d+", shown)
    assert "ada paid 49.00;" in shown


def test_its_report_names_the_changed_line_and_a_fix(shown: str) -> None:
    (line,) = set(re.findall(r"examples/shop/changed\.py:(\d+)", shown))
    assert (
        "mail-received" in (ROOT / "examples/shop/changed.py").read_text("utf-8").splitlines()[int(line) - 1]
    )
    assert "ctx.patched(" in shown


def test_three_weeks_take_less_than_five_seconds_of_work() -> None:
    before = os.times()
    assert run_demo("--seed", "a word").returncode == 0
    after = os.times()  # what the demo itself used: other processes on this machine don't count
    assert after.children_user - before.children_user < 5


def test_the_same_seed_tells_the_same_story(shown: str) -> None:
    def timeless(text: str) -> str:
        return re.sub(r"in \d+\.\d\d s of your time", "in no time", text)

    assert timeless(run_demo(PYTHONHASHSEED="7").stdout) == timeless(shown)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_box_characters_is_no_reason_to_fail(encoding: str) -> None:
    run = run_demo(PYTHONIOENCODING=encoding)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_commands_it_names_do_what_it_says(shown: str) -> None:
    named = re.findall(r"^  (\S*temporal-do .*)$", shown, re.MULTILINE)
    assert len(named) == 3
    codes = []
    for command in named:
        words = [sys.executable, "-m", "temporal_do.cli", *shlex.split(command)[1:]]
        codes.append(subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode)
    assert codes == [0, 0, 12]


def test_a_failure_tells_the_seed_and_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no van in town")

    monkeypatch.setattr(demo, "run", fail)
    assert demo.main(["--seed", "41", "--colour", "never"]) == 1
    error = capsys.readouterr().err
    assert "seed 41" in error and "no van in town" in error
    assert error.splitlines()[-1].endswith("demo.py --seed 41")
    assert "Traceback" not in error


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo terminal")
def test_on_a_terminal_the_progress_is_one_line_that_redraws_itself() -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "NO_COLOR": ""},
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # Linux says so when the other end is closed
            pass
    os.close(ours)
    text = b"".join(chunks).decode("utf-8")
    assert process.returncode == 0
    assert text.count("\r\x1b[K") >= 2
    assert "\x1b[" in text
