"""Another world for `--sim-host`, one that needs nothing: a simulation, used as real hosts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from temporal_do.sim import Simulation, plugin_host

APP = """
from temporal_do.runtime import Temporal, Worker

temporal = Temporal(namespace="shop")


@temporal.activity
async def charge(amount):
    return f"charged {amount}"


@temporal.workflow("order")
async def order(ctx, amount):
    await ctx.sleep("cool down", "1s")
    return await ctx.activity("charge", lambda: charge(amount))


runs = []


@temporal.workflow("impure")
async def impure(ctx):
    runs.append(1)
    await ctx.sleep("a while", f"{len(runs)}s")


worker = Worker(namespace="shop", task_queue="main", workflows=[order, impure], activities=[charge])
"""

CONFTEST = """
import pytest


@pytest.fixture
def sim_host_options():
    import app
    return {"workers": [app.worker]}
"""


class FakeWorld:
    """A simulation that looks like a world in real time."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.host = simulation.host
        self.execute = simulation.execute

    def crash(self) -> None:
        for key in list(self.simulation.platform.objects):
            self.simulation.crash(key)

    async def pause(self, seconds: float) -> None:
        await self.simulation.sleep(seconds)

    def describe(self) -> str:
        return "all is quiet here"


@contextmanager
def make_fake(
    *, folder: Path, skip: Callable[[str], Any], workers: list[Any] | None = None, reason: str = ""
) -> Iterator[FakeWorld]:
    """The fake as an entry point would name it."""
    if reason:
        skip(reason)
    assert folder.is_dir()
    with Simulation() as simulation:
        for worker in workers or []:
            simulation.run(worker)
        yield FakeWorld(simulation)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with ``app.py``, on a machine that has the host `fake`."""
    monkeypatch.setattr(plugin_host, "_maker", lambda name: make_fake)
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    pytester.makepyfile(app=APP)
    pytester.makeconftest(CONFTEST)
    return pytester


def run(project: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    """Run these tests with ``--sim-host=fake``."""
    project.makepyfile(test_it="from app import *\nimport asyncio, datetime, pytest\n" + dedent(text))
    return project.runpytest_inprocess("--sim-host=fake", "-rs", *arguments)


__all__ = ["run"]
