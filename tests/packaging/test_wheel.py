"""What a user installs: the wheel holds every file of the rooms, imports, and type checks."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Installed
from tests.tidy.rules.source import ROOM_MAP, ROOT, room_sources

ROOMS = [room for room in ROOM_MAP if (ROOT / room / "__init__.py").exists()]


def test_the_wheel_holds_every_module_of_the_rooms_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"temporal_do/{source.path}" for source in room_sources()}
    expected |= {f"temporal_do/{room}/py.typed" for room in ROOMS}
    expected |= {f"temporal_do/{asset.relative_to(ROOT).as_posix()}" for asset in _assets()}
    assert names == expected


def _assets() -> list[Path]:
    """What a browser sees of the page of a run, and what the local platform is set up from."""
    page = [path for path in (ROOT / "sim" / "html").iterdir() if path.suffix in (".html", ".css", ".js")]
    tooling = ROOT / "edge_adapter" / "tooling"
    node = [path for path in (tooling / "node").iterdir() if path.suffix in (".json", ".mjs", ".sh")]
    return [*page, *node, tooling / "python_modules.lock"]


def test_the_wheel_carries_its_license_and_its_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (license_text,) = [
            archive.read(name) for name in archive.namelist() if name.endswith("licenses/LICENSE")
        ]
        (entries,) = [archive.read(name) for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert b"MIT License" in license_text
    parsed = configparser.ConfigParser()
    parsed.read_string(entries.decode())
    assert parsed["console_scripts"]["temporal-do"] == "temporal_do.cli.main:main"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_imports_from_the_wheel(installed: Installed, room: str, tmp_path: Path) -> None:
    code = f"import temporal_do.{room} as room; print(room.__file__)"
    run = installed.run("-c", code, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(installed.site_packages)


def _mypy(installed: Installed, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    return subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed.python)),
            *("--cache-dir", str(folder.parent / "mypy-cache"), "program.py"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_users_strict_type_check_sees_every_public_name(installed: Installed, tmp_path: Path) -> None:
    import temporal_do.runtime

    names = ", ".join(temporal_do.runtime.__all__)
    run = _mypy(installed, f"from temporal_do.runtime import {names}\n", tmp_path)
    assert run.returncode == 0, run.stdout
    run = _mypy(installed, "from temporal_do.runtime import NoSuchName\n", tmp_path)
    assert 'has no attribute "NoSuchName"' in run.stdout
