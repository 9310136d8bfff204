"""``make soak``: its stages exist, it goes on where it stopped, and it says what came of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.quality import soak
from tests.tidy.rules.source import ROOT

PASSES = soak.Stage("passes", "nothing", 1, ("-c", "print('one')"))
FAILS = soak.Stage("fails", "something", 1, ("-c", "raise SystemExit(10)"))
STOPS = soak.Stage("stops", "an interruption", 1, ("-c", "raise SystemExit(130)"))


@pytest.mark.parametrize("name", [stage.name for stage in soak.stages(Path("folder"))])
def test_every_stage_is_a_command_that_exists(name: str, tmp_path: Path) -> None:
    (stage,) = [each for each in soak.stages(tmp_path, jobs=1, scale=0.001) if each.name == name]
    if "pytest" in stage.words:
        folder = next(word for word in stage.words if word.startswith("tests"))
        assert (ROOT / folder).is_dir() and "--soak" in stage.words
        return
    words = [word if word != "all" else "poison_activity" for word in stage.words]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_goes_on_with_what_has_not_passed_and_sums_up(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stages.jsonl"
    assert soak.run([PASSES, STOPS, FAILS], soak.Journal(file)) == 130
    said = capfd.readouterr().out
    assert "3 of 3 stages, about 3 min" in said and "[1/3] passes" in said and "one\n" in said
    assert "the same call goes on" in said
    file.write_text(file.read_text() + '{"stage": "pas')
    assert soak.run([PASSES, FAILS], soak.Journal(file)) == 1
    said = capfd.readouterr().out
    assert "1 of 2 stages" in said and "one\n" not in said
    assert [line.split()[-3:] for line in said.splitlines() if "failed with 10" in line]
    assert soak.run([PASSES], soak.Journal(file)) == 0


def test_changed_sources_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    file = tmp_path / "sim" / "x.py"
    file.write_text("1")
    first = soak.digest_of_sources(tmp_path)
    assert soak.digest_of_sources(tmp_path) == first
    file.write_text("2")
    assert soak.digest_of_sources(tmp_path) != first


def test_a_stage_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        soak.main(["--only", "sead"])
    assert "no stage is called 'sead'; there are: mutants, seeds" in capsys.readouterr().err
