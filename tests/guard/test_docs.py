"""docs/determinism.md says what the table of refusals says."""

from __future__ import annotations

from pathlib import Path

from temporal_do.runtime.guard import REFUSALS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "determinism.md"


def test_every_refusal_is_in_the_table_of_the_page_with_its_replacement() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    for refusal in REFUSALS:
        call = "the functions of `random`" if refusal.target.endswith(":*") else f"`{refusal.shown}`"
        found = [row for row in rows if call in row and row.endswith(f"| {refusal.kind} |")]
        assert any(refusal.replacement in row for row in found), (call, refusal.replacement)


def test_the_table_of_the_page_names_nothing_else() -> None:
    known = {refusal.shown for refusal in REFUSALS} | {"random"}
    for line in PAGE.read_text().split("## What each guard sees")[0].splitlines():
        if line.startswith(("| `", "| the functions")):
            calls = line.split("|")[1].split("`")[1::2]
            assert set(calls) <= known, line
