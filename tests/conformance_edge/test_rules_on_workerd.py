"""The platform's own binary does what the table of its rules says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from temporal_do.edge_adapter.tooling.platform import Platform

from .on_javascript import PROBE, JavaScriptEdge
from .on_python import ask_python
from .rules import RULES, Rule

AGAIN = 3
"""A case with short pauses in it may see another order on a busy machine: so often it is tried."""

QUICK = [rule for rule in RULES if not rule.slow and not rule.in_python and not rule.name.startswith("crash")]
SLOW = [rule for rule in RULES if rule.slow]
IN_PYTHON = [rule for rule in RULES if rule.in_python]
CRASH = [rule for rule in RULES if rule.name.startswith("crash")]


@pytest.fixture
def javascript(platform: Platform, tmp_path: Path, loop: asyncio.Runner) -> Iterator[JavaScriptEdge]:
    edge = JavaScriptEdge(platform, tmp_path, loop)
    edge.start()
    try:
        yield edge
    finally:
        edge.stop()


def check(rules: Sequence[Rule], ask: Callable[[list[str]], dict[str, Any]]) -> None:
    """Try them, those that differ once more."""
    left = list(rules)
    seen: dict[str, Any] = {}
    for _ in range(AGAIN):
        seen = ask([rule.name for rule in left])
        left = [rule for rule in left if seen[rule.name] != rule.seen]
        if not left:
            return
    lines = [
        f"{rule.name} ({rule.rule}): {rule.says}\n  expected {rule.seen}\n  seen     {seen[rule.name]}"
        for rule in left
    ]
    pytest.fail("\n".join(lines))


def test_rules_tried_in_javascript(javascript: JavaScriptEdge) -> None:
    check(QUICK, javascript.ask)


def test_rules_tried_in_python(platform: Platform, tmp_path: Path, loop: asyncio.Runner) -> None:
    runs = iter(range(AGAIN))
    check(IN_PYTHON, lambda names: loop.run(ask_python(platform, tmp_path / str(next(runs)), names)))


def test_what_a_crash_leaves(javascript: JavaScriptEdge) -> None:
    seen = javascript.crash()
    assert seen == {rule.name: rule.seen for rule in CRASH}


@pytest.mark.soak
def test_rules_that_take_minutes(javascript: JavaScriptEdge) -> None:
    check(SLOW, lambda names: javascript.ask(names, timeout_s=300))


def test_every_case_of_the_probes_has_its_rule() -> None:
    import re

    in_javascript = re.findall(r'^  async "([a-z0-9-]+)"\(', PROBE.read_text("utf-8"), re.MULTILINE)
    text = PROBE.with_name("main.py").read_text("utf-8")
    in_python = [name.replace("_", "-") for name in re.findall(r"async def on_(\w+)", text)]
    assert sorted([*in_javascript, *in_python]) == sorted(rule.name for rule in RULES)


def test_a_rule_that_is_not_true_is_told() -> None:
    rule = Rule("gate-nothing", "A3.2", "nothing comes between", "01234")
    with pytest.raises(pytest.fail.Exception, match="A3.2"):
        check([rule], lambda names: {"gate-nothing": "00000"})
    check([rule], lambda names: {"gate-nothing": "01234"})
