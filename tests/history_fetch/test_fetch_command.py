"""``temporal-do history fetch`` over a real socket: files, resuming, selection, what can go wrong."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from temporal_do.cli.exit_codes import ExitCode
from temporal_do.edge_adapter.remote import RemoteHost
from temporal_do.runtime.history import check_history, read_history_file
from tests.command import Command, Outcome
from tests.history_fetch.conftest import STRANGE, TOKEN
from tests.http_api.app import temporal as application
from tests.http_api.server import Server


def fetch(command: Command, url: str, out: Path, *words: str) -> Outcome:
    return command("history", "fetch", "--url", url, "--namespace", "shop", "--out", str(out), *words)


def files(folder: Path) -> dict[str, str]:
    """File name -> workflow id, of the histories in ``folder``."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        history = read_history_file(path)
        check_history(history)
        found[path.name] = history.events[0].attributes.workflow_id  # type: ignore[union-attr]
    return found


def test_every_run_becomes_a_file_that_replays(command: Command, url: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "histories"
    done = fetch(command, url, out)
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert re.search(r"histories: 5 runs: 5 fetched \(\d+ events\)\n$", done.out)
    assert sorted(files(out).values()) == ["../Böse: id?", "doubled-0", "doubled-1", "doubled-2", "order-1"]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in files(out))
    replayed = command("replay", str(out), "--workflows", "tests.http_api.app:temporal")
    assert replayed.code == ExitCode.OK, replayed.out
    assert "5 histories" in replayed.out


def test_a_second_fetch_fetches_only_what_was_open(command: Command, url: str, tmp_path: Path) -> None:
    fetch(command, url, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    done = fetch(command, url, tmp_path, "--output", "json")
    found = json.loads(done.out)
    assert (found["selected"], found["unchanged"]) == (5, 4)
    assert [(run["workflow_id"], run["status"]) for run in found["fetched"]] == [("order-1", "running")]
    changed = [path for path, moment in before.items() if path.stat().st_mtime_ns != moment]
    assert [path.name for path in changed] == [found["fetched"][0]["file"]]


def test_what_is_missing_or_cut_short_is_fetched_again(command: Command, url: str, tmp_path: Path) -> None:
    fetch(command, url, tmp_path, "--type", "doubled")
    one, other, _ = sorted(tmp_path.glob("*.json"))
    whole = other.read_bytes()
    one.unlink()
    other.write_bytes(whole[:100])
    found = json.loads(fetch(command, url, tmp_path, "--type", "doubled", "--output", "json").out)
    assert (found["unchanged"], len(found["fetched"])) == (1, 2)
    assert other.read_bytes() == whole


def test_a_torn_manifest_and_a_half_written_file_do_no_harm(
    command: Command, url: str, tmp_path: Path
) -> None:
    fetch(command, url, tmp_path, "--type", "doubled")
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    (tmp_path / ".doubled-9_x.json.partial").write_text("{")
    found = json.loads(fetch(command, url, tmp_path, "--type", "doubled", "--output", "json").out)
    assert (found["unchanged"], len(found["fetched"])) == (2, 1)
    assert [json.loads(line) for line in manifest.read_text().splitlines()][0]["namespace"] == "shop"
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob(".*.partial"))


@pytest.mark.parametrize(
    "words, ids",
    [
        (["--status", "failed"], [STRANGE]),
        (["--status", "running", "--status", "failed"], [STRANGE, "order-1"]),
        (["--status", "timed_out", "--status", "failed"], [STRANGE]),
        (["--type", "order"], ["order-1"]),
        (["--type", "doubled", "--limit", "1"], ["doubled-2"]),
        (["--since", "1h", "--status", "failed"], [STRANGE]),
        (["--since", "2999-01-01"], ["order-1"]),
        (["--since", "2020-01-01T00:00:00+02:00", "--type", "failing"], [STRANGE]),
    ],
)
def test_a_selection_takes_what_it_says(
    command: Command, url: str, tmp_path: Path, words: list[str], ids: list[str]
) -> None:
    assert fetch(command, url, tmp_path, *words).code == ExitCode.OK
    assert sorted(files(tmp_path).values()) == sorted(ids)


def test_an_open_run_is_replaced_when_it_has_gone_on(command: Command, tmp_path: Path) -> None:
    async def work(url: str, step: str) -> None:
        async with RemoteHost(url, token=TOKEN) as host:
            shop = application.connect(host)
            if step == "start":
                await shop.start_workflow("order", workflow_id="o", args=["pen"])
            else:
                await shop.get_handle("o").signal("add", -1)
                await shop.get_handle("o").result()

    with Server(token=TOKEN) as server:
        asyncio.run(work(server.url, "start"))
        first = json.loads(fetch(command, server.url, tmp_path, "--output", "json").out)["fetched"]
        asyncio.run(work(server.url, "end"))
        second = json.loads(fetch(command, server.url, tmp_path, "--output", "json").out)["fetched"]
        third = json.loads(fetch(command, server.url, tmp_path, "--output", "json").out)
    assert first[0]["file"] == second[0]["file"]
    assert (first[0]["status"], second[0]["status"]) == ("running", "completed")
    assert first[0]["events"] < second[0]["events"]
    assert third["fetched"] == [] and third["unchanged"] == 1


def test_a_wrong_token_is_said_and_not_shown(
    command: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "hunter2hunter2")
    done = fetch(command, url, tmp_path, "--token-env", "OTHER")
    assert done.code == ExitCode.USAGE
    assert "OTHER" in done.err and "refuses" in done.err and "hunter2" not in done.err


def test_a_token_that_is_not_there_is_asked_for(command: Command, url: str, tmp_path: Path) -> None:
    done = fetch(command, url, tmp_path, "--token-env", "NOT_THERE")
    assert done.code == ExitCode.USAGE and "NOT_THERE" in done.err


def test_a_namespace_without_runs_is_nothing_to_check(command: Command, url: str, tmp_path: Path) -> None:
    done = fetch(command, url, tmp_path, "--namespace", "shopp")
    assert done.code == ExitCode.EMPTY_CORPUS
    assert "no runs in namespace 'shopp'" in done.out


def test_a_selection_without_runs_says_so(command: Command, url: str, tmp_path: Path) -> None:
    done = fetch(command, url, tmp_path, "--type", "oder")
    assert done.code == ExitCode.EMPTY_CORPUS
    assert "--type oder" in done.out


def test_an_application_that_is_not_there_is_unavailable(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import temporal_do.edge_adapter.tooling.fetching as fetching

    monkeypatch.setattr(fetching, "FIRST_ANSWER_NS", 1)
    done = fetch(command, "http://127.0.0.1:1", tmp_path)
    assert done.code == ExitCode.UNAVAILABLE
    assert "http://127.0.0.1:1 does not answer" in done.err


def test_a_server_that_is_no_api_is_a_wrong_url(command: Command, url: str, tmp_path: Path) -> None:
    done = fetch(command, url + "/somewhere", tmp_path)
    assert done.code == ExitCode.USAGE and done.err.count("\n") == 1


@pytest.mark.parametrize(
    "words, said",
    [
        (["--since", "soon"], "'soon'"),
        (["--limit", "0"], "--limit"),
        (["--status", "done"], "--status"),
        (["--url", "shop.example.com"], "shop.example.com"),
    ],
)
def test_bad_arguments_are_named(
    command: Command, url: str, tmp_path: Path, words: list[str], said: str
) -> None:
    done = fetch(command, url, tmp_path, *words)
    assert done.code == ExitCode.USAGE and said in done.err and "Traceback" not in done.err


def test_a_folder_of_another_namespace_is_refused(command: Command, url: str, tmp_path: Path) -> None:
    fetch(command, url, tmp_path, "--type", "order")
    done = fetch(command, url, tmp_path, "--namespace", "other")
    assert done.code == ExitCode.USAGE and "'shop'" in done.err and "'other'" in done.err


def test_a_folder_that_cannot_be_one_is_refused(command: Command, url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in fetch(command, url, tmp_path / "file").err
    (tmp_path / "manifest.jsonl").write_text("hello\n")
    assert "is not a manifest" in fetch(command, url, tmp_path).err
    (tmp_path / "manifest.jsonl").write_text('{"format":99}\n')
    assert "format 99" in fetch(command, url, tmp_path).err


def test_a_fetch_that_is_killed_goes_on_where_it_was(command: Command, tmp_path: Path) -> None:
    async def start(url: str) -> None:
        async with RemoteHost(url, token=TOKEN) as host:
            shop = application.connect(host)
            await asyncio.gather(
                *(shop.execute_workflow("echo", workflow_id=f"e{n}", args=[n]) for n in range(40))
            )

    def there() -> int:
        return len(list(tmp_path.glob("*.json")))

    with Server(token=TOKEN) as server:
        asyncio.run(start(server.url))
        words = ("history", "fetch", "--url", server.url, "--namespace", "shop", "--out", str(tmp_path))
        for number in (signal.SIGKILL, signal.SIGINT):
            before = there()
            process = subprocess.Popen(
                [sys.executable, "-m", "temporal_do.cli", *words],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while there() < before + 5 and process.poll() is None:
                time.sleep(0.005)
            process.send_signal(number)
            assert process.wait(30) in (-number, ExitCode.INTERRUPTED, ExitCode.OK)
        kept = there()
        found = json.loads(command(*words, "--output", "json").out)
    assert kept >= 10
    assert kept - 1 <= found["unchanged"] <= kept  # one file may have been without its line
    assert (found["selected"], there(), len(found["fetched"])) == (40, 40, 40 - found["unchanged"])
    assert sorted(files(tmp_path).values()) == sorted(f"e{n}" for n in range(40))
