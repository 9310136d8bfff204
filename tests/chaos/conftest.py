"""A folder to run the command in, and one failure that several tests tell of."""

from __future__ import annotations

from pathlib import Path

import pytest

from temporal_do.sim import Simulation
from temporal_do.sim.explore import Campaign
from temporal_do.sim.failure import examine
from temporal_do.sim.scenario import RunResult
from tests.chaos import shop
from tests.command import Command, command_line


@pytest.fixture
def chaos(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``temporal-do chaos`` in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command_line(capsys, "chaos")


@pytest.fixture(scope="session")
def double_charge() -> tuple[RunResult, Simulation]:
    """The smallest run of the careless shop that charges twice."""
    report = Campaign(shop.CARELESS, seeds=100, failures_max=1).run()
    failure = examine(shop.CARELESS, report.failures[0])
    assert failure.simulation is not None
    return failure.result, failure.simulation
