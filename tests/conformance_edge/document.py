"""Writes `docs/conformance.md` from the tables: `python -m tests.conformance_edge.document`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import divergences, rules
from .divergences import Divergence
from .models import MODELS
from .planted import PLANTS
from .rules import Rule

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
SEEN_MAX = 90

GROUPS = (
    ("What lets other events in", rules.GATES),
    ("What is one unit", rules.UNITS),
    ("Calls, errors, lives", rules.LIVES),
    ("SQL", rules.SQL),
    ("Alarms", rules.ALARMS),
    ("Queues", rules.QUEUES),
    ("The object store", rules.BLOBS),
    ("What Python sees", rules.PYTHON),
)

HEAD = Path(__file__).with_name("head.md")
MEASURED = """\
2,000 scripts of 31,063 steps, 916 of them with a restart, took 220 s on two busy cores. 1,866 were equal at
once and 134 in another order of simultaneous events; none had to be performed again, and 0 divergences were
unexplained."""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _seen(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= SEEN_MAX else text[: SEEN_MAX - 3] + '...'}`"


def _simulator(rule: Rule) -> str:
    if rule.name not in MODELS:
        return ""
    entries = divergences.entries_of(rule.name)
    return f"differs: {', '.join(entries)}" if entries else "the same"


def _rules(title: str, group: tuple[Rule, ...]) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield "| case | rule | the documents | seen | simulator |"
    yield "|---|---|---|---|---|"
    for rule in group:
        cells = (f"`{rule.name}`", rule.rule, rule.says, _seen(rule.seen), _simulator(rule))
        yield f"| {' | '.join(map(_cell, cells))} |"


def _divergences(title: str, group: tuple[Divergence, ...]) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield "| where | what differs | who is right | why it is covered |"
    yield "|---|---|---|---|"
    for each in group:
        names = ", ".join(f"`{name}`" for name in each.names)
        yield f"| {' | '.join(map(_cell, (names, each.differs, each.right, each.covered)))} |"


def page() -> str:
    """The text of the page."""
    from .compare import SEEDS

    lines = [
        HEAD.read_text("utf-8")
        .format(
            seeds=SEEDS[-1],
            measured=MEASURED,
            plants=len(PLANTS),
            count=len(rules.RULES),
            models=len(MODELS),
        )
        .rstrip()
    ]
    for title, group in GROUPS:
        lines += _rules(title, group)
    lines.append("\n## Divergences\n")
    lines.append("Each is explained; one that is not fails the tests, as does a row that is no longer true.")
    lines += _divergences("Between the simulator and the binary", divergences.OF_THE_SIMULATOR)
    lines += _divergences("In scripts", divergences.OF_THE_SCRIPTS)
    lines += _divergences("Between the documents and the binary", divergences.OF_THE_DOCUMENTS)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
