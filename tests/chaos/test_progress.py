"""What a chaos test shows while it runs, and what it tells GitHub, through pytest's own reporter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.chaos.annotations import read_annotation
from tests.tidy.rules.source import ROOT

pytest_plugins = "pytester"

SLOW = """
    import pytest, time
    from tests.chaos.shop import *

    @pytest.mark.chaos(seeds=8, faults="none")
    async def test_slow(sim):
        print("the test prints")
        time.sleep(0.1)
"""
FAILING = """
    import pytest
    from tests.chaos.shop import *
    from temporal_do.sim.properties import sometimes

    @pytest.mark.chaos(seeds=200, faults="workers=100000,crashes")
    async def test_charged(sim):
        await careless(sim)

    @pytest.mark.chaos(seeds=2, faults="none")
    async def test_reached(sim):
        sometimes(sim, "pigs fly", False)
"""


ALONE = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")
"""Other plugins take their time to load."""


def _write(project: pytest.Pytester, text: str) -> None:
    project.makeini("[pytest]\naddopts = --import-mode=importlib\n")
    project.makepyfile(test_it=dedent(text))


def _at_a_terminal(project: pytest.Pytester, *words: str, **environment: str) -> str:
    """Everything that pytest writes to a terminal of 100 columns."""
    pty = pytest.importorskip("pty", reason="needs a pseudo terminal")
    outside = ("CI", "BUILD_NUMBER", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER")
    inherited = {name: value for name, value in os.environ.items() if name not in outside}
    mine, terminal = pty.openpty()
    child = subprocess.Popen(  # no fork of this process: it may have threads
        [sys.executable, "-m", "pytest", "--color=no", *ALONE, *words],
        cwd=project.path,
        env={**inherited, "COLUMNS": "100", "TERM": "xterm", "PYTHONPATH": str(ROOT), **environment},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(mine)
    assert child.wait() == 0, said.decode("utf-8", "replace")
    return said.decode("utf-8", "replace")


def _screen(text: str) -> list[str]:
    """What is left on a terminal that shows ``text``."""
    rows, column = [""], 0
    for char in text:
        if char == "\n":
            rows.append("")
        elif char == "\r":
            column = 0
        elif char == "\b":
            column = max(column - 1, 0)
        else:
            rows[-1] = rows[-1][:column].ljust(column) + char + rows[-1][column + 1 :]
            column += 1
        if char == "\n":
            column = 0
    return [row.rstrip() for row in rows]


def test_at_a_terminal_it_tells_how_far_it_is_and_leaves_nothing_behind(pytester: pytest.Pytester) -> None:
    _write(pytester, SLOW)
    said = _at_a_terminal(pytester)
    assert re.search(r"\d/8 seeds, \d+/s", said)
    screen = _screen(said)
    assert "test_it.py .".ljust(93) + "[100%]" in [row.rstrip() for row in screen]
    assert not [row for row in screen if "seeds," in row or "the test prints" in row]


def test_in_ci_and_with_several_processes_it_is_silent(pytester: pytest.Pytester) -> None:
    _write(pytester, SLOW)
    assert " seeds, " not in _at_a_terminal(pytester, CI="true")
    assert " seeds, " not in _at_a_terminal(pytester, "-n", "1")


def test_into_a_file_it_is_silent(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    _write(pytester, SLOW)
    result = pytester.runpytest_inprocess("-v")
    result.assert_outcomes(passed=1)
    assert " seeds, " not in result.stdout.str() and "\b" not in result.stdout.str()


def _annotations(text: str) -> list[tuple[dict[str, str], str]]:
    return [read_annotation(line) for line in text.splitlines() if line.startswith("::error")]


@pytest.mark.parametrize("words", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_on_github_a_failed_chaos_test_is_annotated(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    _write(pytester, FAILING)
    run = pytester.runpytest_subprocess if words else pytester.runpytest_inprocess
    result = run(*ALONE, *words)
    result.assert_outcomes(failed=2)
    found = _annotations(result.stdout.str())
    assert len(found) == 2
    charged, reached = sorted(found, key=lambda each: each[0]["title"], reverse=True)
    assert charged[0]["title"] == "safety: test_it.py::test_charged"
    assert charged[0]["file"] == "tests/chaos/shop.py"
    assert "order 7 was charged" in charged[1]
    assert "\nrepeat with: pytest test_it.py::test_charged --chaos-tape " in charged[1]
    assert reached[0]["title"] == "liveness: test_it.py::test_reached"
    assert Path(reached[0]["file"]).name == "test_it.py" and int(reached[0]["line"]) > 8
    assert "pigs fly" in reached[1]
    assert "traceback entries are hidden" not in result.stdout.str()


def test_nothing_is_annotated_elsewhere_or_where_another_plugin_does_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(pytester, FAILING)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert not _annotations(pytester.runpytest_inprocess().stdout.str())
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pytester.makepyfile(pytest_github_actions_annotate_failures="")
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    said = pytester.runpytest_subprocess(*ALONE, "-p", "pytest_github_actions_annotate_failures")
    assert not _annotations(said.stdout.str())
