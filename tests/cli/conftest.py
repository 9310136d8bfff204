"""A user's project in a folder of its own: modules with workflows, and histories of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import attrs
import pytest

from temporal_do.cli.main import main
from temporal_do.sim import Simulation
from tests.replay import app
from tests.replay.conftest import history_text


@attrs.frozen
class Outcome:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line of the report."""
        return self.out.rstrip().splitlines()[-1]


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process."""

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        return Outcome(int(code), said.out, said.err)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project, which is the current directory. Its modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in sorted(set(sys.modules) - before):
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


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
