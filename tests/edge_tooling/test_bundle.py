"""The bundle folder holds what the Worker needs and nothing else, and the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.bundle import Bundle, collect_bundle, write_bundle
from temporal_do.edge_adapter.tooling.errors import EdgeProjectError
from temporal_do.edge_adapter.tooling.jsonc import read_jsonc
from temporal_do.edge_adapter.tooling.project import Project, open_project
from temporal_do.edge_adapter.tooling.sizes import measure
from tests.command import Command
from tests.tidy.rules.source import ROOT

Open = Callable[[], Project]


def _content(bundle: Bundle, place: str) -> bytes:
    return next(file.content for file in bundle.files if file.place == place)


def _settings(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.temporal-do.edge]\n{text}\n")


def test_the_layout_is_the_deploy_tools(project: Open, packages: Path) -> None:
    bundle = collect_bundle(project(), packages)
    places = [file.place for file in bundle.files]
    own = [place for place in places if place.startswith("python_modules/temporal_do/")]
    assert sorted(set(places) - set(own)) == [
        "manifest.json",
        "python_modules/attr/__init__.py",
        "python_modules/attrs-1.0.dist-info/METADATA",
        "python_modules/croniter.py",
        "python_modules/tzdata/zoneinfo/Europe/Oslo",
        "python_modules/workers/__init__.py",
        "src/app.py",
        "src/edge_entry.py",
        "wrangler.jsonc",
    ]


def test_of_the_project_itself_only_what_runs_in_a_worker_goes_in(project: Open, packages: Path) -> None:
    bundle = collect_bundle(project(), packages)
    prefix = "python_modules/temporal_do/"
    own = {file.place.removeprefix(prefix) for file in bundle.files if file.place.startswith(prefix)}
    wanted = {"edge_adapter/__init__.py"}
    for room in ("runtime", "edge_adapter/api", "edge_adapter/cloudflare"):
        wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / room).rglob("*.py")}
    assert own == wanted


def test_metadata_keeps_the_name_and_the_version_only(project: Open, packages: Path) -> None:
    bundle = collect_bundle(project(), packages)
    assert _content(bundle, "python_modules/attrs-1.0.dist-info/METADATA") == b"Name: attrs\nVersion: 1.0\n"


def test_the_configuration_names_the_entry_in_the_bundle_and_keeps_its_comments(
    project: Open, packages: Path
) -> None:
    text = _content(collect_bundle(project(), packages), "wrangler.jsonc").decode()
    assert '"main": "src/edge_entry.py",' in text
    assert text.replace('"src/edge_entry.py"', '"edge_entry.py"') == project().config_text


def test_the_same_input_gives_the_same_bytes(project: Open, packages: Path, tmp_path: Path) -> None:
    first, second = collect_bundle(project(), packages), collect_bundle(project(), packages)
    assert first.files == second.files
    for name in ("one", "two"):
        write_bundle(first, tmp_path / name)
    tree = {
        path.relative_to(tmp_path / "one"): path for path in (tmp_path / "one").rglob("*") if path.is_file()
    }
    assert len(tree) == len(first.files)
    for place, path in tree.items():
        assert path.read_bytes() == (tmp_path / "two" / place).read_bytes()


def test_the_manifest_has_the_hash_of_every_file(project: Open, packages: Path) -> None:
    bundle = collect_bundle(project(), packages)
    manifest = json.loads(_content(bundle, "manifest.json"))
    assert manifest["files"] == {
        file.place: hashlib.sha256(file.content).hexdigest()
        for file in bundle.files
        if file.place != "manifest.json"
    }


def test_writing_again_leaves_nothing_of_before(project: Open, packages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_bundle(collect_bundle(project(), packages), out)
    (out / "src" / "old.py").touch()
    write_bundle(collect_bundle(project(), packages), out)
    assert not (out / "src" / "old.py").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out")) == ["out"]


def test_a_folder_that_holds_something_else_is_not_replaced(
    project: Open, packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    for out in (tmp_path / "out", tmp_path / "out" / "thesis.txt"):
        with pytest.raises(EdgeProjectError, match="holds no bundle"):
            write_bundle(collect_bundle(project(), packages), out)
    assert (tmp_path / "out" / "thesis.txt").exists()


def test_files_that_are_included_lie_beside_the_modules_and_are_uploaded(
    project: Open, folder: Path, packages: Path
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "prices.json").write_text("{}")
    (folder / "data" / "text.txt").write_text("")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "extra.py").write_text("import attr\n")
    _settings(folder, 'include = ["data", "plugins/*.py"]')
    bundle = collect_bundle(project(), packages)
    mine = [file.place for file in bundle.files if file.place.startswith("src/")]
    assert mine == [
        "src/app.py",
        "src/data/prices.json",
        "src/data/text.txt",
        "src/edge_entry.py",
        "src/plugins/extra.py",
    ]
    rules = read_jsonc(_content(bundle, "wrangler.jsonc").decode()).plain()["rules"]
    assert rules == [{"type": "Data", "globs": ["**/data/prices.json"], "fallthrough": True}]


def test_the_users_packages_join_and_the_pinned_ones_win(
    project: Open, packages: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    for place in ("attr/__init__.py", "slugify/__init__.py"):
        (more / place).parent.mkdir(parents=True)
        (more / place).write_text("y = 2\n")
    bundle = collect_bundle(project(), packages, more)
    assert _content(bundle, "python_modules/attr/__init__.py") == b"x = 1\n"
    assert _content(bundle, "python_modules/slugify/__init__.py") == b"y = 2\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('include = ["absent/*"]', "no file matches 'absent/\\*'"),
        ('include = ["native.so"]', "external worker"),
        ('include = ["/etc/*"]', "no pattern of files"),
        ('include = "data"', "include is a list of texts"),
        ("requirements = 5", "requirements is the name of a file"),
        ("includes = []", "has no setting 'includes'; there are: source, include, requirements"),
        ("include = [", "cannot be read"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: str, message: str, project: Open, folder: Path, packages: Path
) -> None:
    (folder / "native.so").touch()
    _settings(folder, settings)
    with pytest.raises(EdgeProjectError, match=message):
        collect_bundle(project(), packages)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "edge init MODULE"),
        ("[]", "an object in braces"),
        ('{"name": }', "a value is expected"),
        ("{}", "names no entry"),
        ('{"main": "gone.py"}', "there is no file"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told_with_its_place(
    text: str | None, message: str, folder: Path, packages: Path
) -> None:
    config = folder / "wrangler.jsonc"
    if text is not None:
        config.write_text(text)
    with pytest.raises(EdgeProjectError, match=message) as caught:
        collect_bundle(open_project(config), packages)
    assert text is None or caught.value.located.startswith(f"{config}:1: ")


def test_another_form_of_configuration_is_named(folder: Path) -> None:
    (folder / "wrangler.toml").touch()
    with pytest.raises(EdgeProjectError, match="only the JSON form"):
        open_project(folder / "wrangler.jsonc")


def test_sizes_count_what_is_uploaded_part_by_part(project: Open, packages: Path) -> None:
    bundle = collect_bundle(project(), packages)
    sizes = measure(bundle)
    assert [part.name for part in sizes.parts][0] == "temporal_do"
    assert {"entry", "your modules", "attrs", "tzdata"} <= {part.name for part in sizes.parts}
    assert sum(part.files for part in sizes.parts) == sizes.total.files == len(bundle.files) - 2
    assert sum(part.raw_bytes for part in sizes.parts) == sizes.total.raw_bytes
    assert 0 < sizes.total.gzip_bytes < sizes.total.raw_bytes


def test_the_runtime_leaves_room_under_the_goal(project: Open, packages: Path) -> None:
    """The pinned packages and the SDK take about 280 KiB more; see docs/deploy.md."""
    assert measure(collect_bundle(project(), packages)).total.gzip_bytes < 500 * 1024


def test_the_command_builds_and_prints_the_table(
    command: Command, project: Open, folder: Path, packages: Path
) -> None:
    done = command("build")
    assert done.code == 0, done.err
    assert "temporal_do " in done.out and "your modules " in done.out
    assert "the goal is 1 MiB gzip" in done.out
    assert (folder / ".temporal-do" / "edge" / "src" / "edge_entry.py").is_file()
    told = json.loads(command("build", "--output", "json", "--out", "elsewhere").out)
    assert (told["folder"], told["exit_code"]) == ("elsewhere", 0)
    assert told["total"]["gzip_bytes"] > 0
    assert (folder / "elsewhere" / "manifest.json").is_file()


def test_a_bundle_that_cannot_start_is_built_and_told(
    command: Command, project: Open, folder: Path, packages: Path
) -> None:
    (folder / "app.py").write_text("import numpy\nworker = None\n")
    done = command("build")
    assert done.code == 20
    assert "error  app.py:1  imports numpy, which is neither in the project nor vendored" in done.out
    assert "external worker" in done.out
