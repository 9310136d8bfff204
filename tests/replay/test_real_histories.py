"""Histories of other SDKs' workflows get a verdict each, whatever the code they are held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from temporal_do.runtime import HistoryReadError, NondeterminismError, Temporal, WorkflowContext
from temporal_do.runtime.history import read_history_file
from temporal_do.sim import Replayer, ReplayReport, Verdict
from tests.real_histories import CORPUS, corpus_or_skip


@pytest.fixture(scope="module")
def folder() -> Path:
    corpus_or_skip()
    return CORPUS


def _types(folder: Path) -> list[str]:
    names: dict[str, None] = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            started = read_history_file(path).events[0].attributes
            names[started.workflow_type.name] = None
        except (HistoryReadError, IndexError, AttributeError):
            continue
    return list(names)


def _against(folder: Path, body: object) -> ReplayReport:
    temporal = Temporal()
    for name in _types(folder):
        temporal.define_workflow(name, body)  # type: ignore[arg-type]
    return Replayer(temporal).replay_corpus([folder])


@pytest.fixture(scope="module")
def nothing_done(folder: Path) -> ReplayReport:
    """Every history against code that returns at once."""

    async def nothing(ctx: WorkflowContext, *args: object) -> None:
        """Return at once."""

    return _against(folder, nothing)


def test_code_that_does_nothing_gets_a_report_for_each(nothing_done: ReplayReport) -> None:
    report = nothing_done
    assert set(report.counts) <= {"ok", "nondeterminism", "unreadable"}, report.counts
    assert report.counts["nondeterminism"] > 50
    for history in report.histories:
        if history.verdict is Verdict.NONDETERMINISM:
            assert isinstance(history.error, NondeterminismError)
            assert "test_real_histories.py:" in history.text(), history.text()
            assert "Fix: " in history.text()


def test_code_that_waits_for_ever_gets_a_report_for_each(folder: Path) -> None:
    async def waiting(ctx: WorkflowContext, *args: object) -> None:
        """Wait for what never comes."""
        await ctx.wait_condition(lambda: False)

    report = _against(folder, waiting)
    assert set(report.counts) <= {"ok", "nondeterminism", "unreadable"}, report.counts
    assert report.counts["nondeterminism"] > 50
    assert {each.source for each in report.histories} == {str(path) for path in folder.rglob("*.json")}


def test_an_unreadable_file_says_which_and_why(nothing_done: ReplayReport) -> None:
    for history in nothing_done.histories:
        if history.verdict is Verdict.UNREADABLE:
            assert history.text().startswith(f"{history.source}: "), history.text()
