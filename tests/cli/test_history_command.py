"""``temporal-do history`` shows one history, and where two part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command
from tests.real_histories import corpus_or_skip


def test_the_events_can_be_listed(command: Command, project: Path, order_history: str) -> None:
    (project / "order.json").write_text(order_history)
    done = command("history", "show", "order.json", "--events")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0].split()[-2:] == ["WorkflowExecutionStarted", "order"] or "order" in lines[0]
    assert any("TimerStarted cool down 1 7d" in line for line in lines)
    assert any("ActivityTaskScheduled" in line and "charge" in line for line in lines)
    assert len(lines) == len(json.loads(order_history)["events"])


def test_the_timeline_is_what_is_shown_otherwise(command: Command, project: Path, order_history: str) -> None:
    (project / "order.json").write_text(order_history)
    shown = command("history", "show", "order.json")
    assert shown.code == 0
    assert "cool down" in shown.out
    machine = command("history", "show", "order.json", "--output", "json")
    assert "cool down" in json.dumps(json.loads(machine.out))


def test_equal_histories_have_no_difference(command: Command, project: Path, order_history: str) -> None:
    (project / "a.json").write_text(order_history)
    done = command("history", "diff", "a.json", "a.json")
    assert (done.code, done.out) == (0, "the same steps\n")


def test_a_difference_is_shown_with_its_surroundings(
    command: Command, project: Path, order_history: str
) -> None:
    (project / "a.json").write_text(order_history)
    (project / "b.json").write_text(order_history.replace('"charge"', '"refund"'))
    done = command("history", "diff", "a.json", "b.json")
    changed = [line.split()[:1] + line.split()[2:] for line in done.out.splitlines() if line[:1] in "+-"]
    assert ["-", "ActivityTaskScheduled"] == changed[0][:2]
    assert any(line[0] == "+" and "refund" in line for line in changed)
    assert len(done.out.splitlines()) < 14


@pytest.mark.parametrize("name", ["absent.json", "folder", "bad.json"])
def test_what_is_no_history_is_a_usage_error(command: Command, project: Path, name: str) -> None:
    (project / "folder").mkdir()
    (project / "bad.json").write_text("{")
    done = command("history", "show", name)
    assert done.code == 2
    assert name in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("options", [["--events"], [], ["--output", "json"]], ids=["events", "text", "json"])
def test_every_real_history_is_shown_or_refused_with_a_reason(command: Command, options: list[str]) -> None:
    files = corpus_or_skip()
    listed = 0
    for path in files:
        done = command("history", "show", str(path), *options)
        assert done.code in (0, 2), done.err
        listed += done.code == 0
        assert done.out if done.code == 0 else done.err.startswith(f"temporal-do: {path}")
    assert listed > len(files) * 0.8
