"""``temporal-do history fetch --redact``: the key, the check by replay, and folders that mix nothing."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from temporal_do.cli.exit_codes import ExitCode
from tests.command import Command, Outcome
from tests.history_fetch.canaries import contents
from tests.tidy.rules.source import ROOT

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
APP = "tests.http_api.app:temporal"


def fetch(command: Command, url: str, out: Path, *words: str) -> Outcome:
    return command("history", "fetch", "--url", url, "--namespace", "shop", "--out", str(out), *words)


def texts(folder: Path) -> str:
    return "\n".join(each for path in folder.glob("*") for each in contents(path.read_text()))


def test_redacted_histories_hold_no_data_and_replay(command: Command, url: str, tmp_path: Path) -> None:
    plain, out = tmp_path / "plain", tmp_path / "redacted"
    fetch(command, url, plain)
    assert '"secret"' in texts(plain) and '"pen"' in texts(plain)
    done = fetch(command, url, out, "--redact")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "secret" not in texts(out) and '"pen"' not in texts(out)
    assert [path.name for path in sorted(out.glob("*.json"))] == [
        path.name for path in sorted(plain.glob("*.json"))
    ]
    assert command("replay", str(out), "--workflows", APP).code == ExitCode.OK


def test_the_key_lies_beside_the_folder_for_its_owner_only(
    command: Command, url: str, tmp_path: Path
) -> None:
    out = tmp_path / "histories"
    fetch(command, url, out, "--redact")
    key = tmp_path / "histories.redaction-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().strip() not in texts(out)
    before = {path.name: path.read_text() for path in out.glob("*.json")}
    again = json.loads(fetch(command, url, out, "--redact", "--output", "json").out)
    assert again["unchanged"] == 4
    assert {path.name: path.read_text() for path in out.glob("*.json")} == before
    other = tmp_path / "other"
    fetch(command, url, other, "--redact", "--redaction-key", str(key))
    assert {path.name: path.read_text() for path in other.glob("*.json")} == before
    fetch(command, url, tmp_path / "third", "--redact")
    assert {path.name: path.read_text() for path in (tmp_path / "third").glob("*.json")} != before


def test_a_folder_holds_redacted_histories_or_others(command: Command, url: str, tmp_path: Path) -> None:
    plain, out = tmp_path / "plain", tmp_path / "redacted"
    fetch(command, url, plain, "--type", "order")
    fetch(command, url, out, "--type", "order", "--redact")
    refused = fetch(command, url, plain, "--redact")
    assert refused.code == ExitCode.USAGE and "are not redacted" in refused.err
    refused = fetch(command, url, out)
    assert refused.code == ExitCode.USAGE and "redacted histories" in refused.err
    (tmp_path / "redacted.redaction-key").unlink()
    refused = fetch(command, url, out, "--redact")
    assert refused.code == ExitCode.USAGE and "another key" in refused.err
    (tmp_path / "redacted.redaction-key").write_text("hello\n")
    refused = fetch(command, url, out, "--redact")
    assert refused.code == ExitCode.USAGE and "holds no key" in refused.err


def test_values_that_decide_are_told_and_nothing_that_would_not_replay_is_written(
    command: Command, url: str, tmp_path: Path
) -> None:
    words = ("--redact", "--workflows", "tests.history_fetch.shop", "--type", "doubled")
    done = fetch(command, url, tmp_path / "new", *words)
    assert done.code == ExitCode.NONDETERMINISM
    assert "3 runs: 2 fetched (22 events), 1 not written" in done.out
    assert done.out.rstrip().splitlines()[-1].strip() == "--keep 'doubled.input[0]'"
    assert len(list((tmp_path / "new").glob("*.json"))) == 2
    found = json.loads(fetch(command, url, tmp_path / "new", *words, "--output", "json").out)
    assert (found["unchanged"], found["fetched"], found["exit_code"]) == (2, [], 12)
    (missing,) = found["redaction"]["not_written"]
    assert (missing["workflow_id"], missing["needed"]) == ("doubled-2", ["doubled.input[0]"])
    done = fetch(command, url, tmp_path / "other", *words[:3], "--type", "failing", "--output", "json")
    assert json.loads(done.out)["redaction"]["without_code"] == ["failing"]
    done = fetch(command, url, tmp_path / "third", *words[:3], "--type", "failing")
    assert "not checked" in done.out and "'failing'" in done.out
    done = fetch(command, url, tmp_path / "new", *words, "--keep", "doubled.input[0]")
    assert done.code == ExitCode.OK and "3 fetched" in done.out
    assert '"temporal-do-redacted"' in texts(tmp_path / "new")


def test_what_is_kept_no_longer_goes(command: Command, url: str, tmp_path: Path) -> None:
    out = tmp_path / "new"
    fetch(command, url, out, "--redact", "--keep", "*.failure", "--keep", "failing.input")
    assert '"secret"' in texts(out)
    done = fetch(command, url, out, "--redact", "--type", "order")
    assert "4 older histories lie here with other values kept" in done.out
    done = fetch(command, url, out, "--redact")
    assert "5 fetched" in done.out and "older" not in done.out
    assert "secret" not in texts(out)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--keep", "order.input"], "--redact"),
        (["--redact", "--keep", "order"], "'order' is no path"),
        (["--redact", "--data-keys", "a..b"], "'a..b' is no path"),
        (["--redact", "--workflows", "not_there"], "not_there"),
        (["--redact", "--redaction-key", "/"], "/"),
    ],
)
def test_bad_arguments_are_named(
    command: Command, url: str, tmp_path: Path, words: list[str], said: str
) -> None:
    done = fetch(command, url, tmp_path / "new", *words)
    assert done.code == ExitCode.USAGE and said in done.err and "Traceback" not in done.err


def test_the_page_names_only_flags_that_there_are(command: Command) -> None:
    page = (ROOT / "docs" / "replay.md").read_text("utf-8")
    section = page.partition("## Fetch them from production")[2].partition("\n## ")[0]
    known = set(FLAG.findall(command("history", "fetch", "--help").out))
    assert {"--redact", "--keep", "--since", "--out"} <= set(FLAG.findall(section)) <= known
    assert known - set(FLAG.findall(section)) <= {"--help"}
