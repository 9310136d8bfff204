"""``temporal-do chaos``: what it runs, what it says, how it exits."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from temporal_do.cli.exit_codes import ExitCode
from temporal_do.cli.terminal import Progress as Line
from temporal_do.scenarios import SCENARIOS
from temporal_do.sim import Tape
from tests.command import Command, Outcome
from tests.tidy.rules.source import ROOT

SHOP = "tests.chaos.shop"


def _again(chaos: Command, first: Outcome) -> Outcome:
    """What the last line of a failure says to do."""
    words = shlex.split(first.last_line.removeprefix("repeat with: "))
    assert words[:2] == ["temporal-do", "chaos"]
    return chaos(*words[2:])


def test_it_lists_the_scenarios(chaos: Command) -> None:
    said = chaos("--list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == list(SCENARIOS)
    found = json.loads(chaos("--list", "--output", "json").out)["scenarios"]
    assert [each["name"] for each in found] == list(SCENARIOS)
    assert all(each["summary"] and ":" in each["location"] for each in found)


def test_a_scenario_that_holds_exits_with_0(chaos: Command) -> None:
    said = chaos(f"{SHOP}:GOOD", "--seeds", "5")
    assert said.code == 0
    assert said.out.splitlines()[0] == f"ok  {SHOP}:GOOD: 5 runs"
    assert "faults struck" in said.out and "\x1b" not in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("CARELESS", ExitCode.SAFETY, "order 7 was charged"),
        ("STUCK", ExitCode.LIVENESS, "waiting-1"),
        ("CHANGING", ExitCode.NONDETERMINISM, "Nondeterminism in workflow 'fickle'"),
        ("BROKEN", ExitCode.HARNESS, "RuntimeError: the scenario has a bug"),
    ],
)
def test_a_failure_is_told_exits_by_its_kind_and_ends_with_what_repeats_it(
    chaos: Command, name: str, code: ExitCode, words: str
) -> None:
    said = chaos(f"{SHOP}:{name}", "--seeds", "50")
    assert said.code == code
    assert words in " ".join(said.out.split())
    assert said.last_line.startswith(f"repeat with: temporal-do chaos {SHOP}:{name} --tape .chaos/")
    again = _again(chaos, said)
    assert again.code == code
    assert words in " ".join(again.out.split())
    assert again.last_line == said.last_line


def test_the_repeated_failure_is_the_shrunk_one(chaos: Command) -> None:
    said = chaos(f"{SHOP}:CARELESS")
    assert re.search(r"Found with seed \d+, shrunk in \d+ runs\.", said.out)
    (file,) = Path(".chaos").iterdir()
    assert sum(len(values) for values in Tape.read(file).deviations.values()) <= 3
    story = said.out[said.out.index("✗") :].replace(" · ", "")
    again = _again(chaos, said).out
    assert again[again.index("✗") :].replace(" · ", "") == story


def test_without_shrinking_the_failure_is_told_as_it_was_found(chaos: Command) -> None:
    said = chaos(f"{SHOP}:CARELESS", "--no-shrink", "--tapes", "elsewhere")
    assert "shrunk" not in said.out
    assert "--tape elsewhere/" in said.last_line
    assert _again(chaos, said).code == ExitCode.SAFETY


def test_a_recorded_failure_names_its_scenario(chaos: Command) -> None:
    chaos(f"{SHOP}:CARELESS")
    (file,) = Path(".chaos").iterdir()
    assert chaos("--tape", str(file)).code == ExitCode.SAFETY


def test_show_tells_a_recorded_failure_once_more(chaos: Command) -> None:
    chaos(f"{SHOP}:CARELESS")
    (file,) = Path(".chaos").iterdir()
    said = chaos("show", str(file))
    assert said.code == 0
    assert f"{SHOP}:CARELESS: seed" in said.out and "order 7 was charged" in said.out
    assert said.last_line == f"repeat with: temporal-do chaos {SHOP}:CARELESS --tape {file}"
    assert json.loads(chaos("show", str(file), "--output", "json").out)["scenario"] == f"{SHOP}:CARELESS"


def test_show_describes_a_bare_tape(chaos: Command) -> None:
    Tape(seed=3, deviations={"schedule": {4: 1}}).write("tape.json")
    said = chaos("show", "tape.json")
    assert said.code == 0
    assert "seed 3, 1 choices" in said.out and "schedule  4: 1" in said.out


def test_results_are_kept_gone_on_from_and_shown(chaos: Command) -> None:
    options = (f"{SHOP}:GOOD", f"{SHOP}:CARELESS", "--failures", "0", "--resume", "results.jsonl")
    first = chaos(*options, "--seeds", "5")
    more = chaos(*options, "--seeds", "8", "--no-shrink")
    assert len(Path("results.jsonl").read_text().splitlines()) == 1 + 2 * 8
    assert f"{SHOP}:GOOD: 5 runs" in first.out and f"{SHOP}:GOOD: 8 runs" in more.out
    shown = chaos("show", "results.jsonl")
    assert shown.code == 0 and "16 runs" in shown.out
    assert json.loads(chaos("show", "results.jsonl", "--output", "json").out)["runs"] == 16


def test_results_of_one_seed_that_differ_between_files_are_told(chaos: Command) -> None:
    for file in ("one.jsonl", "two.jsonl"):
        assert chaos(f"{SHOP}:GOOD", "--seeds", "3", "--resume", file).code == 0
    same = chaos("show", "one.jsonl", "two.jsonl")
    assert same.code == 0 and "random: 3 runs" in same.out
    two = Path("two.jsonl")
    two.write_text(re.sub(r'("seed":1,.*?"digest":")\w{4}', r"\1beef", two.read_text()))
    differ = chaos("show", "one.jsonl", "two.jsonl")
    assert differ.code == ExitCode.NONDETERMINISM
    assert f"one seed, two runs: {SHOP}:GOOD, seed 1: " in differ.out
    assert (
        len(json.loads(chaos("show", "one.jsonl", "two.jsonl", "--output", "json").out)["differences"]) == 1
    )


def test_one_seed_is_run_as_it_is_in_a_campaign(chaos: Command) -> None:
    found = json.loads(chaos(f"{SHOP}:CARELESS", "--output", "json", "--no-shrink").out)
    seed = found["failures"][0]["seed"]
    alone = json.loads(chaos(f"{SHOP}:CARELESS", "--seed", str(seed), "--output", "json", "--no-shrink").out)
    assert alone["runs"] == 1
    assert alone["failures"][0]["digest"] == found["failures"][0]["digest"]


def test_a_seed_may_be_a_word(chaos: Command) -> None:
    assert chaos(f"{SHOP}:GOOD", "--seed", "monday").code == 0
    assert chaos(f"{SHOP}:GOOD", "--seed", "monday", "--seeds", "3").code == ExitCode.USAGE


def test_json_says_everything_and_nothing_else_is_on_stdout(chaos: Command) -> None:
    said = chaos(f"{SHOP}:BROKEN", "--output", "json")
    found = json.loads(said.out)
    assert "a scenario that talks" in said.err
    assert found["exit_code"] == said.code == ExitCode.HARNESS
    (failure,) = found["failures"]
    assert failure["violations"][0]["kind"] == "harness"
    assert failure["command"].startswith("temporal-do chaos ")
    assert found["failed_runs"] == 1 and found["scenarios"] == [f"{SHOP}:BROKEN"]


def test_junit_has_a_case_for_every_scenario(chaos: Command) -> None:
    said = chaos(f"{SHOP}:GOOD", f"{SHOP}:CARELESS", "--junit", "j.xml", "--failures", "1")
    (suite,) = ElementTree.parse("j.xml").getroot()
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == [f"{SHOP}:GOOD", f"{SHOP}:CARELESS"]
    assert cases[f"{SHOP}:GOOD"].find("failure") is None
    failure = cases[f"{SHOP}:CARELESS"].find("failure")
    assert failure is not None and failure.get("type") == "safety"
    assert failure.text is not None and said.last_line in failure.text


def test_a_page_shows_the_failure_or_the_run_that_passed(chaos: Command) -> None:
    assert chaos(f"{SHOP}:CARELESS", "--html", "failed.html").code == ExitCode.SAFETY
    assert chaos(f"{SHOP}:GOOD", "--seed", "3", "--html", "passed.html").code == 0
    failed, passed = Path("failed.html").read_text("utf-8"), Path("passed.html").read_text("utf-8")
    assert "order 7 was charged" in failed and "order 7 was charged" not in passed
    assert all(page.lstrip().lower().startswith("<!doctype html>") for page in (failed, passed))
    assert chaos(f"{SHOP}:GOOD", "--seed", "3", "--html", "no/such/folder.html").code == ExitCode.USAGE


def test_a_state_that_was_never_reached_fails_the_campaign_unless_that_is_allowed(chaos: Command) -> None:
    said = chaos(f"{SHOP}:NEVER", "--seeds", "3", "--junit", "j.xml")
    assert said.code == ExitCode.LIVENESS
    assert "never reached: pigs fly" in said.out
    assert said.last_line == f"repeat with: temporal-do chaos {SHOP}:NEVER --seeds 3"
    assert "never reached: pigs fly" in Path("j.xml").read_text()
    assert chaos(f"{SHOP}:NEVER", "--seeds", "3", "--allow-unreached").code == 0
    assert chaos(f"{SHOP}:NEVER", "--seed", "1").code == 0


def test_faults_can_be_replaced(chaos: Command) -> None:
    assert chaos(f"{SHOP}:CARELESS", "--faults", "none", "--seeds", "10").code == 0
    Path("plan.json").write_text(json.dumps({"rates": {"worker_crash_before_call": 200_000}}))
    for plan in ("worker_crash_before_call=200000", "plan.json"):
        assert chaos(f"{SHOP}:QUIET", "--faults", plan, "--seeds", "40").code == ExitCode.SAFETY


def test_code_that_ends_the_process_does_not_end_the_campaign(chaos: Command) -> None:
    said = chaos(f"{SHOP}:LEAVING", "--seeds", "2", "--failures", "0")
    assert said.code == ExitCode.HARNESS
    assert "SystemExit: 0" in said.out and "2 runs, 2 failed" in said.out
    assert said.last_line == f"repeat with: temporal-do chaos {SHOP}:LEAVING --seed 0"


def test_branches_that_no_run_took_are_named_with_their_line(chaos: Command) -> None:
    said = chaos("tests.explore.worlds:CHOOSY", "--strategy", "coverage", "--seeds", "2")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if "never said" in line]
    assert re.search(r'no run took the branch \S*worlds\.py:\d+->\d+ \(if found == "never said":\)$', line)


def test_two_processes_find_what_one_finds(chaos: Command) -> None:
    options = (f"{SHOP}:CARELESS", "--seeds", "6", "--failures", "0", "--no-shrink", "--output", "json")
    one, two = (json.loads(chaos(*options, "--jobs", jobs).out) for jobs in "12")
    assert [each["digest"] for each in one["failures"]] == [each["digest"] for each in two["failures"]]
    assert one["stats"] == two["stats"]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a group of processes")
def test_ctrl_c_ends_all_processes_keeps_the_results_and_says_so(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    words = ("all", "--seeds", "1000", "--jobs", "2", "--failures", "0", "--resume", str(results))
    child = subprocess.Popen(
        [sys.executable, "-m", "temporal_do.cli", "chaos", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(600):
        if results.exists() and results.read_text().count("\n") > 2:
            break
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)  # its processes hold the pipes as long as they live
    assert (child.returncode, out) == (ExitCode.INTERRUPTED, "")
    told, last = err.splitlines()
    assert re.fullmatch(
        r"temporal-do: \d+ runs?, none failed; the same command goes on from .*results\.jsonl", told
    )
    assert last == "temporal-do: interrupted"
    assert results.read_text().endswith("}\n")


def test_shards_share_the_seeds(chaos: Command) -> None:
    parts = [
        json.loads(chaos(f"{SHOP}:GOOD", "--seeds", "5", "--shard", part, "--output", "json").out)
        for part in ("1/2", "2/2")
    ]
    assert [part["runs"] for part in parts] == [3, 2]


def test_every_strategy_with_an_end_or_without_can_be_asked_for(chaos: Command) -> None:
    for strategy in ("swarm", "double_run"):
        assert chaos(f"{SHOP}:GOOD", "--strategy", strategy, "--seeds", "2").code == 0


def test_a_budget_of_time_ends_the_campaign(chaos: Command) -> None:
    said = chaos(f"{SHOP}:GOOD", "--budget", "0.2s", "--output", "json")
    assert said.code == 0
    assert 1 <= json.loads(said.out)["runs"] < 1000


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("no_such_scenario",),
        (f"{SHOP}:nothing",),
        (f"{SHOP}:order",),
        ("tests/chaos/shop.py",),
        ("no_such_module:X",),
        (f"{SHOP}:GOOD", "--seeds", "0"),
        (f"{SHOP}:GOOD", "--shard", "3/2"),
        (f"{SHOP}:GOOD", "--budget", "soon"),
        (f"{SHOP}:GOOD", "--faults", "gremlins"),
        (f"{SHOP}:GOOD", "--faults", "gone.json"),
        (f"{SHOP}:GOOD", "--tape", "gone.json"),
        (f"{SHOP}:GOOD", "--tape", "gone.json", "--seed", "1"),
        (f"{SHOP}:GOOD", "--budget", "0s"),
        (f"{SHOP}:GOOD", "--seed", ""),
        (f"{SHOP}:GOOD", "--seed", "monday", "--jobs", "0"),
        (f"{SHOP}:GOOD", f"{SHOP}:CARELESS", "--seed", "monday"),
        ("all", "--seed", "monday"),
        (":GOOD",),
        (f"{SHOP}:",),
        (f"{SHOP}:GOOD", "--html", "."),
        (f"{SHOP}:GOOD", "--junit", "no/such/folder.xml"),
        (f"{SHOP}:GOOD", "--resume", "."),
        (f"{SHOP}:GOOD", "--resume", "no/such/folder.jsonl"),
        ("show",),
        ("show", "gone.json"),
    ],
)
def test_mistakes_exit_with_2_and_one_line(chaos: Command, words: tuple[str, ...]) -> None:
    said = chaos(*words)
    assert said.code == ExitCode.USAGE
    assert said.out == ""
    assert "Traceback" not in said.err and said.err.count("\n") <= 20


@pytest.mark.parametrize("option", ["--tapes", "--html", "--junit"])
def test_what_cannot_be_written_takes_nothing_away_from_the_report(
    chaos: Command, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    said = chaos(f"{SHOP}:CARELESS", "--seeds", "50", option, str(tmp_path / "there"))
    assert said.code == ExitCode.SAFETY
    assert "order 7 was charged 2 times" in said.out
    assert re.fullmatch(rf"repeat with: temporal-do chaos {SHOP}:CARELESS --seed \d+", said.last_line)
    assert "Permission denied" in said.err and "bug" not in said.err


def test_a_report_that_cannot_be_written_is_the_only_thing_wrong_with_a_good_run(
    chaos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "j.xml").mkdir()
    monkeypatch.setattr("temporal_do.cli.chaos._check_file", lambda option, file: None)
    said = chaos(f"{SHOP}:GOOD", "--seeds", "1", "--junit", "j.xml")
    assert said.code == ExitCode.USAGE
    assert said.out.startswith("ok  ")
    assert "j.xml cannot be written" in said.err


def test_a_tape_of_another_scenario_or_version_is_run_with_a_note(chaos: Command, tmp_path: Path) -> None:
    chaos(f"{SHOP}:CARELESS", "--seeds", "50")
    (tape,) = (tmp_path / ".chaos").iterdir()
    assert "note" not in chaos(f"{SHOP}:CARELESS", "--tape", str(tape)).err
    tape.write_text(re.sub(r'"engine": "[^"]*"', '"engine": "0.0.1"', tape.read_text()))
    said = chaos(f"{SHOP}:GOOD", "--tape", str(tape))
    assert said.code == 0
    assert f"note: this is a recorded run of {SHOP}:CARELESS\n" in said.err
    assert "note: recorded with version 0.0.1, this is " in said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [(f"{SHOP}:STUCK", ExitCode.LIVENESS), (f"{SHOP} --failures 0 --output json", ExitCode.NONDETERMINISM)],
)
def test_the_exit_code_does_not_depend_on_how_much_is_read(
    tmp_path: Path, words: str, code: ExitCode
) -> None:
    chaos = f"{sys.executable} -m temporal_do.cli chaos {words} --seeds 1 --tapes {tmp_path}"
    command = f"{{ {chaos}; echo $? >&2; }} | head -c 1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=ROOT)
    assert len(run.stdout) == 1
    assert run.stderr.splitlines()[-1] == str(int(code))


def test_a_fault_plan_that_is_broken_is_named(chaos: Command, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{broken")
    said = chaos(f"{SHOP}:GOOD", "--faults", "plan.json")
    assert said.code == ExitCode.USAGE
    assert said.err.startswith("temporal-do: plan.json: this is no fault plan")


def test_without_a_number_of_seeds_the_line_counts_them(
    chaos: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Line, "show", lambda self, text: shown.append(text))
    chaos(f"{SHOP}:GOOD", "--budget", "300ms")
    assert shown[0].startswith("1 seed in 0 s  ")


def test_a_module_means_all_its_scenarios(chaos: Command) -> None:
    found = json.loads(chaos(SHOP, "--seeds", "1", "--failures", "0", "--output", "json").out)
    assert len(found["scenarios"]) == 10


def test_progress_is_one_line_and_only_on_a_terminal(chaos: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(Line, "show", lambda self, text: shown.append(text))
    chaos(f"{SHOP}:GOOD", "--seeds", "4")
    assert len(shown) == 4
    assert re.fullmatch(r"\[#{24}\]  4/4 seeds  [\d.]+ seeds/s  \d+ states  0 failures", shown[-1])
