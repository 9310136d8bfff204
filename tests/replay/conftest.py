"""Histories of the small application, recorded in a simulation once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from temporal_do.runtime.history import History, write_history
from temporal_do.sim import Simulation
from tests.replay.app import greeting, order, temporal, worker


def history_text(history: History) -> str:
    """The history as a file holds it."""
    written: Any = write_history(history)
    return written if isinstance(written, str) else json.dumps(written)


async def _record() -> dict[str, History]:
    done = await temporal.start_workflow(order, workflow_id="order-1", args=[5])
    await done.result()
    spoken = await temporal.start_workflow(greeting, workflow_id="greeting-1", args=["Ada"])
    await spoken.signal("word", "Good day")
    await spoken.result()
    waiting = await temporal.start_workflow(greeting, workflow_id="greeting-2", args=["Bo"])
    handles = {"order": done, "greeting": spoken, "open": waiting}
    return {name: await handle.fetch_history() for name, handle in handles.items()}


@pytest.fixture(scope="session")
def recorded() -> dict[str, History]:
    """order: closed; greeting: closed; open: a greeting that still waits."""
    with Simulation() as simulation:
        simulation.run(worker)
        return simulation.execute(_record)


@pytest.fixture
def folder(recorded: dict[str, History], tmp_path: Path) -> Path:
    """The same as files, one of them in a folder of its own."""
    (tmp_path / "corpus" / "greetings").mkdir(parents=True)
    for name, history in recorded.items():
        place = "" if name == "order" else "greetings"
        (tmp_path / "corpus" / place / f"{name}.json").write_text(history_text(history))
    (tmp_path / "corpus" / "README.md").write_text("not a history")
    return tmp_path / "corpus"
