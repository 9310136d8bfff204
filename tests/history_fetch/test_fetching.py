"""Fetching through bad times: an application that answers now and then, that goes away, that forgets."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temporal_do.cli.terminal import Progress
from temporal_do.edge_adapter.tooling.fetch_folder import Folder, file_name
from temporal_do.edge_adapter.tooling.fetching import (
    AT_ONCE,
    FetchReport,
    Made,
    Selection,
    fetch_histories,
    list_runs,
)
from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.runtime.actor import Refusal
from temporal_do.runtime.errors import HostError, InvalidArgumentError
from temporal_do.runtime.history import History
from temporal_do.runtime.messages.workflow import ReadHistory
from temporal_do.sim import Simulation
from tests.command import Command

RUNS = 3 * AT_ONCE
temporal = Temporal(namespace="far")


@temporal.workflow("echo")
async def echo(ctx: WorkflowContext, value: int) -> int:
    return value


worker = Worker(namespace="far", task_queue="main", workflows=[echo])


class Line:
    """A host over a bad line: ``change`` may answer, or raise, instead of it."""

    def __init__(self, host: Any, change: Callable[[str, Any], Any]) -> None:
        self._host = host
        self._change = change
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def call(self, receiver: str, message: Any) -> Any:
        if isinstance(message, ReadHistory) and not message.after_event_id:
            self.reads += 1
        answer = self._change(receiver, message)
        return await self._host.call(receiver, message) if answer is None else answer


def fetch(folder: Path, *changes: Callable[[str, Any], Any], selection: Selection | None = None) -> Any:
    """One fetch with each change, of one application with closed runs; the reports, or what was raised."""

    async def work() -> list[Any]:
        for number in range(RUNS):
            await temporal.execute_workflow(echo, workflow_id=f"e{number}", args=[number])
            await asyncio.sleep(1)
        found: list[Any] = []
        for change in changes:
            line = Line(temporal.host(), change)
            far = temporal.connect(line)  # type: ignore[arg-type]
            report = FetchReport()
            try:
                await fetch_histories(far, Folder(folder, namespace="far"), selection or Selection(), report)
                found.append((report, line.reads, None))
            except HostError as error:
                found.append((report, line.reads, error))
        return found

    with Simulation() as simulation:
        simulation.run(worker)
        return simulation.execute(work)


def good(receiver: str, message: Any) -> None:
    return None


def test_a_line_that_breaks_now_and_then_is_waited_for(tmp_path: Path) -> None:
    count = [0]

    def now_and_then(receiver: str, message: Any) -> None:
        count[0] += 1
        if count[0] % 3:
            raise HostError("outcome unknown")

    ((report, _, error),) = fetch(tmp_path, now_and_then)
    assert error is None and len(report.fetched) == RUNS == len(list(tmp_path.glob("*.json")))


def test_an_application_that_goes_away_leaves_what_was_had_and_the_next_fetch_goes_on(tmp_path: Path) -> None:
    count = [0]

    def until_then(receiver: str, message: Any) -> None:
        if isinstance(message, ReadHistory) and not message.after_event_id:
            count[0] += 1
        if count[0] > AT_ONCE:
            raise HostError("gone")

    (first, _, error), (second, reads, _), (third, none, _) = fetch(tmp_path, until_then, good, good)
    assert "gone" in str(error)
    assert 0 < len(first.fetched) <= AT_ONCE and first.selected == RUNS
    assert second.unchanged == len(first.fetched)
    assert reads == len(second.fetched) == RUNS - second.unchanged
    assert (third.unchanged, none) == (RUNS, 0)


def test_a_run_that_is_forgotten_meanwhile_is_counted_and_no_error(tmp_path: Path) -> None:
    def forgotten(receiver: str, message: Any) -> Any:
        if isinstance(message, ReadHistory) and receiver.endswith("e3"):
            return Refusal(code="not_found", message="no such workflow")
        return None

    ((report, _, _),) = fetch(tmp_path, forgotten)
    assert (len(report.gone), len(report.fetched), report.done) == (1, RUNS - 1, RUNS)


def test_a_disk_that_is_full_ends_the_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Folder, entry: Any, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "put", full)
    with pytest.raises(OSError, match="No space"):
        fetch(tmp_path, good)


def test_a_limit_takes_what_was_started_last(tmp_path: Path) -> None:
    ((report, reads, _),) = fetch(tmp_path, good, selection=Selection(limit=2))
    assert sorted(entry.workflow_id for entry in report.fetched) == [f"e{RUNS - 2}", f"e{RUNS - 1}"]
    assert reads == 2


def test_a_filter_that_is_refused_is_said() -> None:
    async def work() -> None:
        line = Line(temporal.host(), lambda receiver, message: Refusal(code="invalid_query", message="odd"))
        await list_runs(temporal.connect(line), Selection())  # type: ignore[arg-type]

    with Simulation() as simulation, pytest.raises(InvalidArgumentError, match="odd"):
        simulation.run(worker)
        simulation.execute(work)


def test_a_type_may_hold_quotes() -> None:
    assert Selection(workflow_types=("it's",)).query() == "WorkflowType = 'it''s'"
    assert Selection().query() == ""


def test_what_is_not_to_be_written_is_not(tmp_path: Path) -> None:
    async def work() -> FetchReport:
        await temporal.execute_workflow(echo, workflow_id="e", args=[1])
        report = FetchReport()

        def refuse(history: History) -> Made:
            return Made(history=None, problem="no")

        await fetch_histories(temporal, Folder(tmp_path, namespace="far"), Selection(), report, make=refuse)
        return report

    with Simulation() as simulation:
        simulation.run(worker)
        report = simulation.execute(work)
    assert [made.problem for _, made in report.refused] == ["no"]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]


STRANGE = [
    "a",
    "A",
    "a/b",
    "a-b",
    "..",
    ".",
    "con",
    "x" * 300,
    "x" * 301,
    "a_b",
    "ä",
    "\ud800",
    "a\n",
    " ",
    "-rf",
]


def test_names_of_files_are_safe_and_differ() -> None:
    names = [file_name(one, other) for one in STRANGE for other in STRANGE]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert len(name) < 200 and name.isascii() and name.isprintable()
        assert name[0] not in ".-" and not set(name) & set('/\\:*?"<>| ')
        assert name.removesuffix(".json").partition(".")[0].lower() not in ("con", "nul")
    assert file_name("order-1", "0b6c-4d") == "order-1_0b6c-4d.json"


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    folder = Folder(tmp_path, namespace="far")
    row = {"workflow_id": "w", "run_id": "r", "workflow_type": "t", "status": "completed", "events": 1}
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write(json.dumps({**row, "bytes": 1, "settings": "", "file": "../elsewhere.json"}) + "\n")
        file.write("[]\n{}\n")
    folder = Folder(tmp_path, namespace="far")
    assert folder.entries == {} and not folder.is_current("w", "r", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_how_far_it_is(
    command: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import temporal_do.cli.history_fetch as history_fetch

    shown = Terminal()
    monkeypatch.setattr(history_fetch, "Progress", lambda: Progress(shown))
    words = ("--url", url, "--namespace", "shop", "--out", str(tmp_path))
    assert command("history", "fetch", *words).code == 0
    assert "5 of 5 histories" in shown.getvalue()
    assert shown.getvalue().endswith("\r\x1b[K")
    assert sys.stderr is not shown
