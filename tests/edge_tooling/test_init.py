"""``edge init`` writes what is missing, and never what a user has changed."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from temporal_do.edge_adapter.cloudflare import names as theirs
from temporal_do.edge_adapter.tooling import worker_shape as ours
from temporal_do.edge_adapter.tooling.errors import EdgeProjectError
from temporal_do.edge_adapter.tooling.init import InitializedFile, Outcome, check_reachable, initialize
from temporal_do.edge_adapter.tooling.jsonc import read_jsonc
from temporal_do.edge_adapter.tooling.secrets_file import read_secrets
from tests.command import Command


def _init(root: Path, **options: object) -> dict[str, Outcome]:
    chosen = {"module": "app", "workers": ["worker"], **options}
    done: list[InitializedFile] = initialize(root, **chosen)  # type: ignore[arg-type]
    return {each.path: each.outcome for each in done}


def _texts(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in root.iterdir() if path.is_file()}


def test_everything_is_written_the_first_time_and_unchanged_the_second(folder: Path) -> None:
    first = _init(folder)
    assert first == dict.fromkeys(
        ("wrangler.jsonc", "edge_entry.py", ".dev.vars", ".gitignore"), Outcome.WRITTEN
    )
    texts = _texts(folder)
    assert set(_init(folder).values()) == {Outcome.UNCHANGED}
    assert _texts(folder) == texts


def test_what_a_user_has_changed_stays_unless_forced_and_a_token_stays_even_then(folder: Path) -> None:
    _init(folder)
    token = read_secrets(folder / ".dev.vars")
    (folder / "wrangler.jsonc").write_text("{}")
    (folder / "edge_entry.py").write_text("x = 1\n")
    again = _init(folder)
    assert (again["wrangler.jsonc"], again["edge_entry.py"]) == (Outcome.KEPT, Outcome.KEPT)
    assert (folder / "wrangler.jsonc").read_text() == "{}"
    forced = _init(folder, force=True)
    assert (forced["wrangler.jsonc"], forced["edge_entry.py"]) == (Outcome.REPLACED, Outcome.REPLACED)
    assert read_secrets(folder / ".dev.vars") == token


def test_lines_are_added_to_what_is_there(folder: Path) -> None:
    (folder / ".gitignore").write_text("build\n.dev.vars")
    (folder / ".dev.vars").write_text("OTHER=1")
    done = _init(folder)
    assert (done[".gitignore"], done[".dev.vars"]) == (Outcome.EXTENDED, Outcome.EXTENDED)
    assert (folder / ".gitignore").read_text() == "build\n.dev.vars\n/.temporal-do/\n/.wrangler/\n"
    assert list(read_secrets(folder / ".dev.vars")) == ["OTHER", "TEMPORAL_DO_TOKEN"]


def test_the_token_is_long_different_each_time_and_for_the_owner_only(folder: Path, tmp_path: Path) -> None:
    _init(folder)
    other = tmp_path / "other"
    other.mkdir()
    _init(other)
    tokens = {read_secrets(root / ".dev.vars")["TEMPORAL_DO_TOKEN"] for root in (folder, other)}
    assert len(tokens) == 2
    assert all(len(token) >= ours.TOKEN_LENGTH_MIN for token in tokens)
    assert stat.S_IMODE((folder / ".dev.vars").stat().st_mode) == 0o600


def test_the_workers_name_is_made_from_the_folders(tmp_path: Path) -> None:
    root = tmp_path / "My  Shop_2!"
    root.mkdir()
    _init(root)
    assert read_jsonc((root / "wrangler.jsonc").read_text()).plain()["name"] == "my-shop-2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "My Shop"}, "--name: 'My Shop' must be lower-case"),
        ({"name": ""}, "--name: '' has 0 characters"),
        ({"name": "x" * 47}, "has 47 characters"),
        ({"entry": "entry.js"}, "must be a Python file inside the project"),
        ({"entry": "../entry.py"}, "must be a Python file inside the project"),
        ({"entry": "my-entry.py"}, "must be a Python file inside the project"),
        ({"entry": "app.py"}, "would hide the module 'app'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    options: dict[str, object], message: str, folder: Path
) -> None:
    with pytest.raises(EdgeProjectError, match=message):
        _init(folder, **options)
    assert list(_texts(folder)) == ["app.py"]


def test_a_second_configuration_is_refused(folder: Path) -> None:
    (folder / "wrangler.toml").write_text("")
    with pytest.raises(EdgeProjectError, match="two configurations"):
        _init(folder)


def test_a_module_outside_the_project_is_refused(folder: Path) -> None:
    check_reachable(folder, "app")
    with pytest.raises(EdgeProjectError, match="source = "):
        check_reachable(folder, "elsewhere.app")
    (folder / "lib" / "elsewhere").mkdir(parents=True)
    (folder / "lib" / "elsewhere" / "app.py").touch()
    (folder / "pyproject.toml").write_text('[tool.temporal-do.edge]\nsource = ["lib"]\n')
    check_reachable(folder, "elsewhere.app")


def test_the_names_are_those_of_the_workers_side() -> None:
    assert {each.name: each.binding for each in ours.OBJECT_CLASSES} == theirs.OBJECT_BINDINGS
    assert list(theirs.QUEUE_BINDINGS.values()) == [ours.QUEUE_BINDING]
    assert ours.BUCKET_BINDING == theirs.BLOB_BINDING
    assert ours.TOKEN == theirs.TOKEN_SECRET
    assert ours.RUNNER == theirs.ACTIVITY_ENTRYPOINT
    assert ours.DEAD_LETTER_SUFFIX == theirs.DEAD_LETTER_SUFFIX


def test_the_entry_imports_names_that_the_workers_side_has(folder: Path) -> None:
    from temporal_do.edge_adapter import cloudflare

    _init(folder)
    assert set(cloudflare.__all__) == {ours.BASE, *ours.EXPORTS} - {ours.FETCH_HANDLER}
    compile((folder / "edge_entry.py").read_text(), "edge_entry.py", "exec")


def test_the_command_says_what_it_wrote_and_what_comes_next(command: Command, folder: Path) -> None:
    done = command("init", "app:worker")
    assert done.code == 0, done.err
    assert "wrote      wrangler.jsonc" in done.out
    assert "next: temporal-do edge check" in done.out
    assert read_secrets(folder / ".dev.vars")["TEMPORAL_DO_TOKEN"] not in done.out
    (folder / "edge_entry.py").write_text("")
    again = command("init", "app")
    assert "edge_entry.py differs from what init would write and is yours" in again.out
    assert "--force" in again.out


def test_a_list_of_workers_is_spread_in_the_entry(command: Command, folder: Path) -> None:
    assert command("init", "app:workers").code == 0
    text = (folder / "edge_entry.py").read_text()
    assert "from app import workers\n" in text
    assert "workers = [*workers]" in text


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("absent", "there is no module 'absent'"),
        ("app.py", "write 'app'"),
        ("app:", "MODULE or MODULE:NAME"),
        ("app:absent", "usable names in it: worker"),
        ("app:temporal", "app:temporal is a Temporal; it must be a Worker"),
        ("app:worker.namespace", "not a name at the top level"),
        ("broken", "cannot be imported"),
        ("empty", "holds no Worker"),
    ],
)
def test_a_module_without_workers_is_a_mistake_of_the_users(
    command: Command, folder: Path, spec: str, message: str
) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "empty.py").write_text("")
    done = command("init", spec)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not (folder / "wrangler.jsonc").exists()


def test_the_tooling_is_not_imported_by_other_commands(folder: Path) -> None:
    text = (
        "import sys, temporal_do.cli.main as frame\n"
        "frame.main(['--version'])\n"
        "print(any('tooling' in name for name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
