"""An entry of the cache is made once, completely or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.platform import (
    EdgePlatformError,
    EdgeUnavailableError,
    install,
    install_platform,
)
from temporal_do.edge_adapter.tooling.platform.cache import CACHE_VARIABLE, cached, default_cache


def test_an_entry_is_made_once_however_many_ask(tmp_path: Path) -> None:
    made: list[Path] = []

    async def make(folder: Path) -> None:
        made.append(folder)
        await asyncio.sleep(0.01)
        (folder / "file").write_text("complete")

    async def everybody() -> list[Path]:
        return await asyncio.gather(*(cached(tmp_path, "entry", make) for _ in range(5)))

    assert asyncio.run(everybody()) == [tmp_path / "entry"] * 5
    assert len(made) == 1
    assert (tmp_path / "entry" / "file").read_text() == "complete"
    assert made[0] != tmp_path / "entry"


def test_an_attempt_that_fails_leaves_nothing_that_counts(tmp_path: Path) -> None:
    async def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise EdgeUnavailableError("no network")

    async def make(folder: Path) -> None:
        assert list(folder.iterdir()) == []

    with pytest.raises(EdgeUnavailableError, match="no network"):
        asyncio.run(cached(tmp_path, "entry", fail))
    assert not (tmp_path / "entry").exists()
    assert asyncio.run(cached(tmp_path, "entry", make)).is_dir()


def test_what_an_interrupted_attempt_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "entry.partial").mkdir()
    (tmp_path / "entry.partial" / "half").write_text("")

    async def make(folder: Path) -> None:
        assert list(folder.iterdir()) == []

    assert list(asyncio.run(cached(tmp_path, "entry", make)).iterdir()) == []


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def make(folder: Path) -> None:
        raise AssertionError("there is no place for it")

    with pytest.raises(EdgePlatformError, match=CACHE_VARIABLE):
        asyncio.run(cached(tmp_path / "file", "entry", make))


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "temporal-do"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "temporal-do"


def test_without_node_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeUnavailableError, match=r"node is not installed.*Install Node\.js 20"):
        asyncio.run(install_platform(tmp_path / "cache"))


def _program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_without_npm_the_message_names_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path, "node", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeUnavailableError, match="npm is not installed"):
        asyncio.run(install_platform(tmp_path / "cache"))


def test_a_download_that_fails_is_told_with_the_end_of_what_npm_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path, "node", "exit 0")
    _program(tmp_path, "npm", "echo getaddrinfo ENOTFOUND; exit 7")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    told: list[str] = []
    with pytest.raises(EdgeUnavailableError, match=r"ended with 7(.|\n)*ENOTFOUND"):
        asyncio.run(install_platform(tmp_path / "cache", progress=told.append))
    assert len(told) == 1
    assert not [entry for entry in (tmp_path / "cache").iterdir() if entry.is_dir()]


def test_a_long_complaint_keeps_its_beginning_and_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path, "node", "exit 0")
    _program(tmp_path, "npm", "echo why; seq 1000; echo where; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(
        EdgeUnavailableError, match=r"\nwhy\n1\n(.|\n)*\n\.\.\.\n(.|\n)*\n1000\nwhere$"
    ) as raised:
        asyncio.run(install_platform(tmp_path / "cache"))
    assert "500" not in str(raised.value)


def test_without_pip_and_uv_the_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeUnavailableError, match="python -m ensurepip"):
        asyncio.run(install.install_python_modules(tmp_path / "cache"))


def test_without_pip_uv_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path, "uv", f'echo "$@" > {tmp_path}/asked')
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    asyncio.run(install.install_python_modules(tmp_path / "cache"))
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("pip install")
    assert "--require-hashes" in asked
