"""`docs/conformance.md` says what the tables say."""

from __future__ import annotations

from .document import PAGE, page
from .rules import RULES


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.conformance_edge.document writes it anew"


def test_the_page_has_a_row_for_every_rule() -> None:
    text = page()
    assert all(f"| `{rule.name}` |" in text for rule in RULES)
    assert len(RULES) >= 60
