"""The command line's frame: help, version, usage errors, and bugs of our own."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from temporal_do.cli import main as frame
from temporal_do.cli.exit_codes import MEANINGS, ExitCode
from temporal_do.cli.terminal import Progress
from tests.command import Command


def test_the_version_is_shown(command: Command) -> None:
    done = command("--version")
    assert done.code == 0
    assert done.out.startswith("temporal-do 0.")


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_the_exit_codes(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert done.code == 0
    for text in ("replay", "history", "exit codes:", "12  nondeterminism"):
        assert text in done.out


def test_help_of_a_command_is_that_commands(command: Command) -> None:
    assert "--workflows MODULE[:NAME]" in command("help", "replay").out
    assert "show" in command("help", "history").out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["replay"],
        ["replay", "x.json"],
        ["replay", "--workflows", "x"],
        ["replay", "x.json", "--workflows", "x", "--output", "xml"],
        ["replay", "x.json", "--workflows", "x", "--strict", "--lenient"],
        ["history"],
        ["history", "show"],
        ["help", "dance"],
        ["--wrong"],
    ],
)
def test_bad_usage_exits_with_2_and_shows_the_usage(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert done.code == 2
    assert "usage: temporal-do" in done.err
    assert "Traceback" not in done.err


def test_every_exit_code_has_a_meaning() -> None:
    assert [code for code, _ in MEANINGS] == list(ExitCode)


def test_a_bug_of_ours_is_a_short_message_unless_debugging(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import temporal_do.cli.history as history

    def broken(arguments: object) -> int:
        raise RuntimeError("planted")

    monkeypatch.setattr(history, "run", broken)
    done = command("history", "show", "x.json")
    assert done.code == 70
    assert "this is a bug in temporal-do: RuntimeError: planted" in done.err
    assert "Traceback" not in done.err
    with pytest.raises(RuntimeError, match="planted"):
        frame.main(["history", "--debug", "show", "x.json"])


def test_an_interrupt_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import temporal_do.cli.history as history

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(history, "run", interrupted)
    assert command("history", "show", "x.json").code == 130


def test_the_module_runs_like_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "temporal_do.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("temporal-do ")


def test_a_reader_that_goes_away_is_no_error(project: Path, order_history: str) -> None:
    (project / "order.json").write_text(order_history)
    command = f"{sys.executable} -m temporal_do.cli history show --events order.json | head -1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "WorkflowExecutionStarted" in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize("where", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_bug(where: str) -> None:
    command = f"{sys.executable} -m temporal_do.cli chaos --list {where}"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_a_full_disk_is_no_bug() -> None:
    command = f"{sys.executable} -m temporal_do.cli chaos --list > /dev/full"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == "temporal-do: the output cannot be written: No space left on device\n"


def test_asking_for_help_imports_no_engine() -> None:
    code = (
        "import sys; from temporal_do.cli.main import main; main(['--version']); "
        "rooms = ('temporal_do.runtime', 'temporal_do.sim'); "
        "print(sorted(name for name in sys.modules if name.startswith(rooms)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_progress_is_a_line_that_goes_away_and_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress(stream)
        progress.show("half way")
        progress.clear()
    assert terminal.getvalue() == "\r\x1b[Khalf way\r\x1b[K"
    assert pipe.getvalue() == ""
