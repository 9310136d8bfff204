"""Nothing committed names one machine or unfinished business, and the rule that says so can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy.rules.words import CORPUS_VARIABLE, check, check_text, committed_files


def test_no_committed_file_says_a_forbidden_word() -> None:
    findings = check(committed_files())
    assert not findings, "\n".join(findings)


def test_the_files_looked_at_include_the_rooms_and_the_documents() -> None:
    names = {path.name for path in committed_files()}
    assert {"README.md", "pyproject.toml", "Makefile", "host.py"} <= names


@pytest.mark.parametrize(
    "text",
    [
        "see /wor{}k/main",
        'open("/tm{}p/x")',
        "read ../sha{}red/notes.md",
        "--index-url https://pyp{}i.org/simple",
        "as issu{}e 7 asks",
        "as Issu{}e #7 asks",
        "# TO{}DO: later",
    ],
)
def test_a_planted_forbidden_word_is_reported_with_its_line(text: str) -> None:
    (finding,) = check_text("docs/a.md", f"first\n{text.format('')}\n")
    assert finding.startswith("docs/a.md:2: says ")


@pytest.mark.parametrize(
    "text",
    [
        "docs/work/flow.md",
        "https://example.org/home/",
        "/.temporal/workflows/a",
        "an issue with 3 parts",
        "method",
    ],
)
def test_a_harmless_look_alike_is_not_reported(text: str) -> None:
    assert list(check_text("docs/a.md", text)) == []


def test_a_file_that_locates_the_corpus_may_name_its_folder() -> None:
    assert list(check_text("tests/a.py", f'{CORPUS_VARIABLE} or "../sha{""}red/histories"')) == []


def test_files_that_are_no_text_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    assert check([tmp_path / "picture.png", tmp_path / "gone"], root=tmp_path) == []
