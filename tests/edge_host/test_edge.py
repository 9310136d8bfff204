"""The same test files in the simulator and on the platform's own binary."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge_host.conftest import APP
from tests.on_workerd import platform_or_skip

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "approved_order_is_paid or crashes_in_the_middle or two_shops or cannot_be_shipped"

USERS_TEST = """
from app import order, temporal, worker


async def test_an_order_is_charged(sim):
    sim.run(worker)
    handle = await temporal.start_workflow(order, workflow_id="o", args=[5])
    assert sim.crash("o")
    assert await handle.result() == "charged 5"
"""


@pytest.fixture(scope="module", autouse=True)
def platform() -> None:
    platform_or_skip()


def run(folder: Path, *arguments: str) -> str:
    """Run pytest as a user does; what it says, if all is well."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_a_sample_of_the_shops_tests_passes_there() -> None:
    said = run(ROOT, "tests/examples/test_shop.py", "--sim-host=edge", "-k", SAMPLE)
    assert "3 passed, 1 skipped" in said
    assert "sim.mock_activity is the simulator's alone; this is --sim-host=edge" in said


@pytest.mark.soak
def test_all_of_the_shops_tests_pass_there() -> None:
    said = run(ROOT, "tests/examples/test_shop.py", "--sim-host=edge")
    assert "17 passed, 5 skipped" in said


@pytest.mark.soak
def test_a_user_s_project_is_tested_there_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "test_app.py").write_text(USERS_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    words = [sys.executable, "-m", "temporal_do.cli", "edge", "init", "app", "--name", "orders"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    for host in ("sim", "edge"):
        assert "1 passed" in run(tmp_path, f"--sim-host={host}")
