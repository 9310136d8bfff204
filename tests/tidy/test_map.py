"""`tests/README.md` maps every folder of tests in one line, and the rule that says so can fail."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.tidy.rules.source import ROOT

_ROW = re.compile(r"^\| `([a-z_]+)/` \| \S.* \|$", re.MULTILINE)


def _findings(text: str, folders: Iterable[str]) -> list[str]:
    mapped = _ROW.findall(text)
    there = sorted(folders)
    return [
        *(f"tests/{name}/ has no line in tests/README.md" for name in there if name not in mapped),
        *(f"tests/README.md maps {name}/, which is gone" for name in mapped if name not in there),
        *(f"tests/README.md maps {name}/ twice" for name in sorted(set(mapped)) if mapped.count(name) > 1),
    ]


def test_the_map_of_the_tests_is_complete() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    findings = _findings((ROOT / "tests" / "README.md").read_text("utf-8"), folders)
    assert not findings, "\n".join(findings)


def test_planted_gaps_are_reported() -> None:
    row = "| `sim/` | the world |\n"
    assert _findings(row, ["sim"]) == []
    assert "no line" in _findings(row, ["sim", "cli"])[0]
    assert "gone" in _findings(row, [])[0]
    assert "twice" in _findings(row * 2, ["sim"])[0]
    assert "no line" in _findings("| `sim/` |  |\n", ["sim"])[0]
