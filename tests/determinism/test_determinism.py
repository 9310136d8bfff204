"""Same seed, same run: across processes, hash seeds, Pythons, strict and fast mode, and tapes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from temporal_do.sim import Simulation, Tape
from tests.engine.representatives import REPRESENTATIVES

from .run_seed import STORM, line, lines

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 3
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def printed(python: str, hash_seed: str) -> list[str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    child = subprocess.run(
        [python, "-m", "tests.determinism.run_seed", str(SEEDS)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


@pytest.fixture(scope="module")
def here() -> list[str]:
    return lines(SEEDS)


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_another_process_under_another_hash_seed_prints_the_same(here: list[str], hash_seed: str) -> None:
    assert printed(sys.executable, hash_seed) == here


def test_a_second_run_in_the_same_process_is_the_same(here: list[str]) -> None:
    assert lines(SEEDS) == here


def test_runs_differ_from_seed_to_seed(here: list[str]) -> None:
    assert len({each.split()[2] for each in here}) > len(here) * 3 // 4


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_fast_and_strict_mode_are_the_same_run(name: str) -> None:
    for seed in range(SEEDS):
        fast, strict = (line(name, seed, strict=strict).split()[:-1] for strict in (False, True))
        assert fast == strict


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_tape_repeats_the_run(name: str) -> None:
    def play(**options: object) -> Simulation:
        app = REPRESENTATIVES[name]()
        with Simulation(**options) as simulation:  # type: ignore[arg-type]

            async def scenario() -> None:
                simulation.run(app.worker)
                await app.client(simulation)

            simulation.execute(scenario())
        return simulation

    first = play(seed=7, faults=STORM, strict=True)
    tape = Tape.from_json(first.tape.to_json())
    again = play(tape=tape, strict=True)
    assert (again.digest, again.content_digest) == (first.digest, first.content_digest)
    assert again.stats == first.stats


def interpreter(version: str) -> str:
    """A Python of that version that can import the project; skips the test if there is none."""
    candidates = [str(ROOT / f".venv-{version}/bin/python"), shutil.which(f"python{version}")]
    candidates += os.environ.get("TEMPORAL_DO_PYTHONS", "").split(os.pathsep)
    candidates += [str(found) for found in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    check = "import sys, temporal_do.sim, croniter; sys.exit('%d.%d' % sys.version_info[:2] != sys.argv[1])"
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            if subprocess.run([candidate, "-c", check, version], capture_output=True).returncode == 0:
                return candidate
    pytest.skip(f"no Python {version} here that can import temporal_do (make test-all makes one)")


@pytest.mark.parametrize("version", PYTHONS)
def test_another_python_runs_the_same(here: list[str], version: str) -> None:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip(f"this is Python {version}")
    theirs = printed(interpreter(version), "0")
    assert [each.rsplit(" ", 1)[0] for each in theirs] == [each.rsplit(" ", 1)[0] for each in here]
