"""A folder to run the command in, and one failure that several tests tell of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from temporal_do.cli.main import main
from temporal_do.sim import Simulation
from temporal_do.sim.explore import Campaign
from temporal_do.sim.failure import examine
from temporal_do.sim.scenario import RunResult
from tests.chaos import shop


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


Chaos = Callable[..., Outcome]


@pytest.fixture
def chaos(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chaos:
    """Run ``temporal-do chaos`` in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(["chaos", *words])
        said = capsys.readouterr()
        return Outcome(int(code), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def double_charge() -> tuple[RunResult, Simulation]:
    """The smallest run of the careless shop that charges twice."""
    report = Campaign(shop.CARELESS, seeds=100, failures_max=1).run()
    failure = examine(shop.CARELESS, report.failures[0])
    assert failure.simulation is not None
    return failure.result, failure.simulation
