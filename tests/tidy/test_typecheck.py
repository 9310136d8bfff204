"""The type check sees the rooms under their installed names, and sees their errors."""

from __future__ import annotations

from pathlib import Path

from tests.tidy.typecheck import link_rooms

TABLE = '[tool.setuptools.package-dir]\n"temporal_do.sim" = "sim"\n"temporal_do.cli" = "cli"\n'


def test_every_room_is_linked_under_the_import_root_and_old_links_go(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TABLE)
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "clock.py").write_text("")
    tree = tmp_path / "build"
    (tree / "temporal_do").mkdir(parents=True)
    (tree / "temporal_do" / "gone").symlink_to(tmp_path / "gone")
    assert sorted(link_rooms(tmp_path, tree)) == ["cli", "sim"]
    assert (tree / "temporal_do" / "sim" / "clock.py").exists()
    assert not (tree / "temporal_do" / "gone").is_symlink()
