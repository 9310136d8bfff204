"""No file outgrows a reader's head, and the rule that says so can fail."""

from __future__ import annotations

from tests.tidy.rules.sizes import LINES_MAX, check
from tests.tidy.rules.source import Source, every_source


def test_every_file_fits_its_limit() -> None:
    findings = check(every_source())
    assert not findings, "\n".join(findings)


def _file(lines: int) -> Source:
    return Source.parse("sim/a.py", "x = 1\n" * lines)


def test_a_planted_file_over_the_limit_is_reported() -> None:
    (finding,) = check([_file(LINES_MAX + 1)], larger={})
    assert "split it" in finding
    assert check([_file(LINES_MAX)], larger={}) == []


def test_a_listed_file_may_not_grow_and_its_entry_follows_when_it_shrinks() -> None:
    entry = LINES_MAX + 100
    assert check([_file(entry)], larger={"sim/a.py": entry}) == []
    assert "may only shrink" in check([_file(entry + 1)], larger={"sim/a.py": entry})[0]
    assert "lower its entry" in check([_file(entry - 50)], larger={"sim/a.py": entry})[0]
    assert "remove it" in check([_file(10)], larger={"sim/a.py": entry})[0]
    assert "does not exist" in check([], larger={"sim/a.py": entry})[0]
