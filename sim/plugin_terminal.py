"""How a chaos test shows how far it is, and what is told of chaos tests when all are over.

Owns three things. A status at the end of the line that pytest is writing: it is taken back before pytest goes
on, uses no colour and no escape sequence, and is only there where somebody watches: at a terminal, in one
process, not in CI. The branches of workflow code that no seed took. GitHub's annotations of what failed. The
last two are made from what the reports carry, so that they come from xdist's processes as well.

Must not import: anything that runs a simulation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from .ci import github_error, on_ci, on_github
from .timeline_text import cut, width_of

BRANCH = "chaos_untaken_branch"
LOCATION = "chaos_location"
MESSAGE = "chaos_message"
COMMAND = "chaos_command"
KIND = "chaos_kind"
WIDTH = 100
WIDTH_MAX = 140
_ROOM_MIN = 20
_ANNOTATES_ALL = "pytest_github_actions_annotate_failures"
"""A plugin that annotates every failed test: with it, ours would be said twice."""


class Status:
    """A text at the end of pytest's line; silent where it has no place."""

    def __init__(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._writer: Any = config.get_terminal_writer() if reporter is not None else None
        watched = bool(getattr(reporter, "isatty", False)) and not on_ci()
        self._on = watched and not hasattr(config, "workerinput")
        self._shown = 0

    @property
    def on(self) -> bool:
        """Does anybody see it?"""
        return self._on

    def show(self, text: str) -> None:
        """Replace what is there."""
        room = self._writer.fullwidth - self._writer.width_of_current_line - 2 if self._on else 0
        if room < _ROOM_MIN:
            return
        shown = "  " + cut(text, room - 2)
        wide = width_of(shown)
        self._write(shown + " " * (self._shown - wide) + "\b" * max(wide, self._shown))
        self._shown = wide

    def clear(self) -> None:
        """Take it away."""
        if self._shown:
            self._write(" " * self._shown + "\b" * self._shown)
            self._shown = 0

    def _write(self, text: str) -> None:
        capture = self._capture
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            sys.stdout.write(text)
            sys.stdout.flush()


def width_of_report(config: pytest.Config) -> int:
    """How many columns a story may have: those of the terminal if it goes to one."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not getattr(reporter, "isatty", False):
        return WIDTH
    return min(config.get_terminal_writer().fullwidth, WIDTH_MAX)


@contextmanager
def status(config: pytest.Config) -> Iterator[Status]:
    """A status that is gone at the end of the block."""
    found = Status(config)
    try:
        yield found
    finally:
        found.clear()


def summarize(reporter: pytest.TerminalReporter) -> None:
    """What is told once, after all tests."""
    _name_branches(reporter)
    _annotate(reporter)


def _name_branches(reporter: pytest.TerminalReporter) -> None:
    """The branches that a test steered by coverage could not reach."""
    found: dict[str, list[str]] = {}
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            untaken = [value for name, value in getattr(report, "user_properties", ()) if name == BRANCH]
            if untaken:
                found[report.nodeid] = untaken
    if not found:
        return
    from .explore.coverage_of import branch_text

    reporter.section("temporal-do chaos: branches that no seed took")
    for nodeid, branches in found.items():
        reporter.write_line(nodeid)
        for branch in branches:
            reporter.write_line(f"  {branch_text(branch)}")


def _annotate(reporter: pytest.TerminalReporter) -> None:
    """Tell GitHub's runner, if there is one, of the chaos tests that failed."""
    if not on_github() or reporter.config.pluginmanager.has_plugin(_ANNOTATES_ALL):
        return
    for report in reporter.stats.get("failed", ()):
        facts = dict(getattr(report, "user_properties", ()))
        if KIND not in facts:
            continue
        reporter.ensure_newline()
        reporter.write_line(
            github_error(
                title=f"{facts[KIND]}: {report.nodeid}",
                text=facts.get(MESSAGE, ""),
                location=facts.get(LOCATION, ""),
                last=f"repeat with: {facts[COMMAND]}" if COMMAND in facts else "",
            )
        )
