"""What the page on schedules shows is what happens: its examples are executed, its tables compared."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from temporal_do.runtime.schedules.cron import MACROS
from temporal_do.runtime.schedules.overlap import OverlapPolicy
from temporal_do.runtime.schedules.state import BUFFER_MAX

PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"
TEXT = PAGE.read_text("utf-8")


def test_the_examples_give_what_the_page_shows() -> None:
    # Only what stands in blocks of Python is an example; lines in between keep their numbers.
    parts = re.split(r"^```(?:python)?$", TEXT, flags=re.MULTILINE)
    code = "\n".join(part if number % 2 else "\n" * part.count("\n") for number, part in enumerate(parts))
    examples = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) > 15
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed, _ = runner.run(examples, out=report.append)
    assert not failed, "".join(report)


def test_the_page_names_every_policy_and_every_macro() -> None:
    named = set(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", TEXT))
    assert named >= {policy.value for policy in OverlapPolicy}
    assert " ".join(MACROS) in named
    assert f"at most {BUFFER_MAX:,}" in TEXT
