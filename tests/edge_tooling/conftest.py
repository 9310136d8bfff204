"""A user's project in a folder of its own, and a small folder of vendored packages: nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from temporal_do.cli import edge_making
from temporal_do.edge_adapter.tooling.init import initialize
from temporal_do.edge_adapter.tooling.project import Project, open_project
from tests.command import Command, command_line, inside

APP = """
    from temporal_do.runtime import Temporal, Worker, WorkflowContext

    temporal = Temporal(namespace="shop")


    @temporal.activity
    async def greet(name: str) -> str:
        return f"Hello, {name}!"


    @temporal.workflow("greeting")
    async def greeting(ctx: WorkflowContext, name: str) -> str:
        await ctx.sleep("take a breath", "1s")
        return await ctx.activity("greet", lambda: greet(name))


    worker = Worker(namespace="shop", task_queue="main", workflows=[greeting], activities=[greet])
    workers = [worker]
"""


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``temporal-do edge`` in this process."""
    return command_line(capsys, "edge")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, named ``my-shop``, with ``app.py``. Its modules are forgotten later."""
    root = tmp_path / "my-shop"
    root.mkdir()
    (root / "app.py").write_text(dedent(APP).lstrip())
    with inside(root, monkeypatch):
        yield root


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for the vendored packages, also on the command line."""
    root = tmp_path / "packages"
    files = {
        "attr/__init__.py": "x = 1\n",
        "attr/__init__.pyi": "x: int\n",
        "attr/py.typed": "",
        "attr/tests/test_it.py": "",
        "attr/__pycache__/__init__.cpython-314.pyc": "",
        "croniter.py": "",
        "workers/__init__.py": "",
        "tzdata/zoneinfo/Europe/Oslo": "TZif",
        "attrs-1.0.dist-info/METADATA": "Name: attrs\nVersion: 1.0\n\nA long story.\n",
        "attrs-1.0.dist-info/RECORD": "attr/__init__.py,sha256=x,6\nattrs-1.0.dist-info/METADATA,,\n",
    }
    for place, text in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)

    async def fetch(**_: object) -> Path:
        return root

    monkeypatch.setattr(edge_making, "install_python_modules", fetch)
    return root


@pytest.fixture
def project(folder: Path) -> Callable[[], Project]:
    """The project as ``edge init`` writes it; each call reads it again."""
    initialize(folder, module="app", workers=["worker"])
    return lambda: open_project(folder / "wrangler.jsonc")
