"""A user's own packages are fetched once, as pure Python, and what cannot run in a Worker is told."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.errors import EdgeProjectError
from temporal_do.edge_adapter.tooling.platform.install import PYTHON_LOCK
from temporal_do.edge_adapter.tooling.project import Project
from temporal_do.edge_adapter.tooling.requirements import install_requirements
from tests.command import Command


def _wheel(folder: Path, tag: str = "py3-none-any", *, requires: str = "") -> Path:
    path = folder / f"slugs-1.0-{tag}.whl"
    metadata = "Metadata-Version: 2.1\nName: slugs\nVersion: 1.0\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("slugs.py", "def slug(text): ...\n")
        wheel.writestr(
            "slugs-1.0.dist-info/METADATA", metadata + (f"Requires-Dist: {requires}\n" if requires else "")
        )
        wheel.writestr(
            "slugs-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
        )
        wheel.writestr("slugs-1.0.dist-info/RECORD", "slugs.py,,\n")
    return path


def _requirements(folder: Path, *lines: str) -> Path:
    file = folder / "edge-requirements.txt"
    file.write_text("\n".join(["--no-index", *lines]) + "\n")
    return file


def test_packages_are_fetched_once_per_file(tmp_path: Path) -> None:
    file = _requirements(tmp_path, str(_wheel(tmp_path)))
    said: list[str] = []
    first = install_requirements(file, tmp_path / "cache", PYTHON_LOCK, said.append)
    assert (first / "slugs.py").is_file()
    assert install_requirements(file, tmp_path / "cache", PYTHON_LOCK, said.append) == first
    assert said == ["fetching the packages of edge-requirements.txt"]
    file.write_text(file.read_text() + "# changed\n")
    assert install_requirements(file, tmp_path / "cache", PYTHON_LOCK, said.append) != first
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_what_is_not_pure_python_is_told_with_the_way_out(tmp_path: Path) -> None:
    file = _requirements(tmp_path, str(_wheel(tmp_path, "cp314-cp314-manylinux_2_17_x86_64")))
    with pytest.raises(EdgeProjectError) as caught:
        install_requirements(file, tmp_path / "cache", PYTHON_LOCK)
    assert "only pure-Python wheels can" in str(caught.value)
    assert "external worker" in str(caught.value)
    assert not list((tmp_path / "cache").glob("requirements-*/"))


def test_a_version_that_the_runtime_does_not_have_is_refused(tmp_path: Path) -> None:
    file = _requirements(tmp_path, str(_wheel(tmp_path, requires="attrs==1.0")))
    with pytest.raises(EdgeProjectError):
        install_requirements(file, tmp_path / "cache", PYTHON_LOCK)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EdgeProjectError, match="cannot be read"):
        install_requirements(tmp_path / "absent.txt", tmp_path, PYTHON_LOCK)


def test_they_go_into_the_bundle(
    command: Command, project: Callable[[], Project], folder: Path, packages: Path
) -> None:
    _requirements(folder, str(_wheel(folder)))
    (folder / "pyproject.toml").write_text(
        '[tool.temporal-do.edge]\nrequirements = "edge-requirements.txt"\n'
    )
    (folder / "app.py").write_text("import slugs\n" + (folder / "app.py").read_text())
    done = command("build")
    assert done.code == 0, done.out + done.err
    assert "slugs " in done.out
    assert (folder / ".temporal-do/edge/python_modules/slugs.py").is_file()
