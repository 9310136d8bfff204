"""``temporal-do replay`` tells people and scripts whether workflow code still fits its histories."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.command import Command
from tests.tidy.rules.source import ROOT


def test_unchanged_code_exits_with_0(command: Command, shop: Path, order_history: str) -> None:
    (shop / "order.json").write_text(order_history)
    done = command("replay", "order.json", "--workflows", "shop")
    assert done.code == 0, done.out + done.err
    assert "ok  order.json  order, " in done.out
    assert "1 history, " in done.last_line
    assert done.err == ""


def test_changed_code_exits_with_12_and_ends_with_the_command_that_repeats_it(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "histories").mkdir()
    (shop / "histories" / "order.json").write_text(order_history)
    done = command("replay", "histories", "--workflows", "changed:temporal")
    assert done.code == 12
    assert "nondeterminism  " in done.out
    assert "app.py:" in done.out
    assert (
        done.last_line == "repeat with: temporal-do replay histories/order.json --workflows changed:temporal"
    )
    again = shlex.split(done.last_line.removeprefix("repeat with: temporal-do "))
    assert command(*again).code == 12


def test_what_a_workflow_module_prints_stays_out_of_the_report(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    done = command("replay", "order.json", "--workflows", "changed", "--output", "json")
    assert json.loads(done.out)["exit_code"] == 12
    assert "a workflow module that talks" in done.err


def test_the_json_form_says_everything(command: Command, shop: Path, order_history: str) -> None:
    (shop / "order.json").write_text(order_history)
    (shop / "other.json").write_text("[]")
    done = command("replay", "order.json", "other.json", "--workflows", "shop:temporal", "--output=json")
    found = json.loads(done.out)
    assert done.code == found["exit_code"] == 2
    assert found["counts"] == {"ok": 1, "unreadable": 1}
    order, other = found["histories"]
    assert (order["workflow_type"], order["workflow_id"], order["verdict"]) == ("order", "order-1", "ok")
    assert "has no events" in other["error"]["message"]


@pytest.mark.parametrize("spec", ["shop", "shop:temporal", "shop:worker", "shop:order", "lists:everything"])
def test_workflows_may_be_named_in_many_ways(
    command: Command, shop: Path, order_history: str, spec: str
) -> None:
    (shop / "order.json").write_text(order_history)
    (shop / "lists.py").write_text("from shop import order, greeting\neverything = [order, (greeting,)]\n")
    assert command("replay", "order.json", "--workflows", spec).code == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("absent", "there is no module 'absent'"),
        ("package.absent", "there is no module 'package.absent'"),
        (
            "shop:absent",
            "module 'shop' has no 'absent'; usable names in it: order, greeting, temporal, worker",
        ),
        ("shop:", "--workflows takes MODULE or MODULE:NAME, not 'shop:'"),
        ("./shop.py", "takes the name of a module, not of a file: write 'shop'"),
        ("nothing", "module 'nothing' holds no workflows at its top level"),
        ("nothing:function", "is the plain function 'function' (decorate it with @temporal.workflow(name))"),
        ("nothing:number", "nothing:number is a int; it must be a Temporal, a Worker"),
        ("nothing:empty", "nothing:empty defines no workflows"),
        ("raises", "module 'raises' cannot be imported: it raised at raises.py:2\n  ZeroDivisionError"),
        ("leaves", "module 'leaves' cannot be imported: it raised at leaves.py:2\n  SystemExit: 3"),
        (
            "wants",
            "cannot be imported: it raised at wants.py:1\n  ModuleNotFoundError: No module named 'gone'",
        ),
        ("typo", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_used_is_a_usage_error_without_a_traceback(
    command: Command, shop: Path, spec: str, message: str
) -> None:
    (shop / "package").mkdir()
    (shop / "package" / "__init__.py").write_text("")
    (shop / "nothing.py").write_text(
        "from temporal_do.runtime import Temporal\nempty = Temporal()\nnumber = 5\ndef function(): ...\n"
    )
    (shop / "raises.py").write_text("zero = 0\none = 1 / zero\n")
    (shop / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (shop / "wants.py").write_text("import gone\n")
    (shop / "typo.py").write_text("def (:\n")
    (shop / "order.json").write_text("{}")
    done = command("replay", "order.json", "--workflows", spec)
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("temporal-do: ")
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("{}", "has no 'events'"),
        ("not json", "is not JSON"),
        ('{"events": [{"eventId": "1"', "is cut off"),
        ('{"events": []}', "has no events"),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(
    command: Command, shop: Path, content: str, reason: str
) -> None:
    (shop / "bad.json").write_text(content)
    done = command("replay", "bad.json", "--workflows", "shop")
    assert done.code == 2
    assert "unreadable  bad.json" in done.out
    assert reason in done.out
    assert "Traceback" not in done.out + done.err


def test_a_path_that_is_not_there_is_a_usage_error(command: Command, shop: Path) -> None:
    done = command("replay", "nowhere", "--workflows", "shop")
    assert (done.code, done.err) == (2, "temporal-do: there is no file or folder 'nowhere'\n")


def test_an_empty_corpus_exits_with_5(command: Command, shop: Path) -> None:
    (shop / "histories").mkdir()
    done = command("replay", "histories", "--workflows", "shop")
    assert done.code == 5
    assert "no histories found in histories" in done.out


def test_a_workflow_without_a_history_exits_with_5_when_coverage_is_required(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    assert command("replay", "order.json", "--workflows", "shop").code == 0
    done = command("replay", "order.json", "--workflows", "shop", "--require-coverage")
    assert done.code == 5
    assert "not covered: greeting" in done.out
    assert done.last_line.endswith("--require-coverage")


def test_a_history_of_an_unknown_workflow_exits_with_2_unless_that_is_allowed(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    done = command("replay", "order.json", "--workflows", "shop:greeting")
    assert done.code == 2
    assert "which was not given; given: greeting" in done.out
    allowed = command("replay", "order.json", "--workflows", "shop:greeting", "--allow-unregistered")
    assert allowed.code == 5
    assert "every history was skipped" in allowed.out


def test_a_lenient_replay_passes_over_a_changed_duration(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    (shop / "patient.py").write_text("from tests.replay.app import patient\n")
    assert command("replay", "order.json", "--workflows", "patient").code == 12
    assert command("replay", "order.json", "--workflows", "patient", "--lenient").code == 0


def test_a_forbidden_call_exits_with_1_and_names_the_line_and_the_replacement(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    (shop / "clocked.py").write_text(
        dedent(
            """
            import time
            from temporal_do.runtime import Temporal

            temporal = Temporal()

            @temporal.workflow("order")
            async def order(ctx, amount):
                await ctx.sleep("cool down", f"{time.time()}s")
            """
        )
    )
    done = command("replay", "order.json", "--workflows", "clocked")
    assert done.code == 1
    assert "failed  order.json  order" in done.out
    assert "clocked.py:9" in done.out
    assert "ctx.now()" in done.out


def test_two_workflows_of_one_name_are_a_usage_error(command: Command, shop: Path) -> None:
    (shop / "order.json").write_text("{}")
    done = command("replay", "order.json", "--workflows", "shop", "--workflows", "changed")
    assert done.code == 2
    assert "two of the workflows given are named 'order'" in done.err


def test_nothing_is_coloured_and_no_progress_is_shown_off_a_terminal(
    command: Command, shop: Path, order_history: str
) -> None:
    (shop / "order.json").write_text(order_history)
    done = command("replay", "order.json", "--workflows", "changed")
    assert "\x1b" not in done.out + done.err


def test_colour_on_a_terminal_respects_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    from temporal_do.cli import terminal

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.may_colour(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.may_colour(Terminal())  # type: ignore[arg-type]


def test_the_installed_command_works_from_the_users_folder(shop: Path, order_history: str) -> None:
    (shop / "order.json").write_text(order_history)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [str(Path(sys.executable).parent / "temporal-do"), "replay", "order.json", "-w", "changed"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.returncode == 12, run.stderr
    assert run.stdout.rstrip().endswith("repeat with: temporal-do replay order.json --workflows changed")
