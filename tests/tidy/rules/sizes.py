"""File sizes, as a ratchet: a file fits a reader's head, and one that does not may only shrink.

Aim at under 400 lines. Where a file reaches the limit, split it where the concept splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .source import Source

LINES_MAX = 500
LINES_MAX_OUTSIDE = 700  # tests, examples, benchmarks
# How far a listed file may fall below its entry before the entry has to follow.
SLACK_LINES = 20

# Path -> most lines. Entries only go down; a new one needs an argument in the change that adds it.
LARGER: dict[str, int] = {}


def check(sources: Iterable[Source], *, larger: Mapping[str, int] = LARGER) -> list[str]:
    """Findings: files above their limit, entries of the table that are too generous or name no file."""
    findings: list[str] = []
    seen: set[str] = set()
    for source in sources:
        seen.add(source.path)
        lines = len(source.text.splitlines())
        limit = LINES_MAX if source.in_room else LINES_MAX_OUTSIDE
        entry = larger.get(source.path)
        if entry is None:
            if lines > limit:
                findings.append(
                    f"{source.path}:{limit}: has {lines} lines of {limit}; split it where the concept splits"
                )
        elif lines > entry:
            findings.append(f"{source.path}:{entry}: grew to {lines} lines of {entry}; it may only shrink")
        elif lines <= limit:
            findings.append(f"{source.path}:1: has {lines} lines and fits; remove it from LARGER")
        elif lines < entry - SLACK_LINES:
            findings.append(f"{source.path}:1: has {lines} lines; lower its entry in LARGER from {entry}")
    findings += [f"{path}:1: is listed in LARGER and does not exist" for path in larger if path not in seen]
    return findings
