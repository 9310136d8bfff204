"""A user's project in a folder of its own: modules with workflows, and histories of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from temporal_do.sim import Simulation
from tests.command import Command, command_line, inside
from tests.replay import app
from tests.replay.conftest import history_text


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process."""
    return command_line(capsys)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project, which is the current directory. Its modules are forgotten afterwards."""
    with inside(tmp_path, monkeypatch):
        yield tmp_path


@pytest.fixture
def shop(project: Path) -> Path:
    """The project with workflows in ``shop.py`` and a changed copy in ``changed.py``."""
    (project / "shop.py").write_text("from tests.replay.app import order, greeting, temporal, worker\n")
    (project / "changed.py").write_text(
        dedent(
            """
            from tests.replay.app import changed as temporal
            print("a workflow module that talks")
            """
        )
    )
    return project


async def _record() -> str:
    handle = await app.temporal.start_workflow(app.order, workflow_id="order-1", args=[5])
    await handle.result()
    return history_text(await handle.fetch_history())


@pytest.fixture(scope="session")
def order_history() -> str:
    """The text of one history of the order workflow."""
    with Simulation() as simulation:
        simulation.run(app.worker)
        return simulation.execute(_record)
