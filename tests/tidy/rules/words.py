"""Words that belong to somebody's machine or somebody's list and not to the repository.

Paths of one machine, the place of the reference texts, registry hosts, numbered issues, unfinished business.
The patterns are put together from pieces so that this file does not find itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from .source import ROOT

# A file that looks for the histories corpus names this variable, and may name the folder it falls back on.
CORPUS_VARIABLE = "TEMPORAL_DO_HISTORIES"


@attrs.frozen
class Word:
    """A pattern, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str
    corpus_excuses: bool = False


def _any_of(*pieces: tuple[str, str]) -> str:
    """A pattern for any of the words, each given in two pieces."""
    return "(" + "|".join(first + second for first, second in pieces) + ")"


WORDS: tuple[Word, ...] = (
    Word(
        re.compile(r"(?<![\w.~/-])/" + _any_of(("wor", "k"), ("roo", "t"), ("tm", "p"), ("hom", "e")) + "/"),
        "a path of one machine; make it relative",
    ),
    Word(
        re.compile(r"\.\./" + _any_of(("sha", "red")) + r"\b"),
        "a place beside the checkout; say the thing itself",
        corpus_excuses=True,
    ),
    Word(
        re.compile(r"\b" + _any_of(("pyp", r"i\.org"), ("python", r"hosted\.org")) + r"\b"),
        "a registry's host; pip knows it",
    ),
    Word(
        re.compile(r"\b" + _any_of(("issu", "es?")) + r" (#|no\.? ?)?\d", re.IGNORECASE),
        "an issue's number; say what it asked for",
    ),
    Word(
        re.compile(r"\b" + _any_of(("TO", "DO"), ("FIX", "ME"), ("X", "XX")) + r"\b"),
        "unfinished business; do it, or write a limit down",
    ),
)


def check_text(path: str, text: str) -> Iterator[str]:
    """Findings in one file's text."""
    excused = CORPUS_VARIABLE in text
    for number, line in enumerate(text.splitlines(), start=1):
        for word in WORDS:
            match = word.pattern.search(line)
            if match and not (word.corpus_excuses and excused):
                yield f"{path}:{number}: says {match.group(0)!r}: {word.instead}"


def committed_files(root: Path = ROOT) -> list[Path]:
    """The files git knows or would take; in an unpacked archive, every file of the visible folders."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        return sorted({root / name.decode() for name in listing.stdout.split(b"\0") if name})
    return sorted(
        path
        for path in root.rglob("*")
        if not any(part.startswith(".") or part in {"build", "dist"} for part in path.relative_to(root).parts)
    )


def check(paths: Iterable[Path], *, root: Path = ROOT) -> list[str]:
    """Findings in all `paths` that hold text."""
    findings: list[str] = []
    for path in paths:
        if not path.is_file():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        findings += check_text(path.relative_to(root).as_posix(), text)
    return findings
