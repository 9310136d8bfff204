"""Paths: where in the histories of a workflow a value lies, and patterns that say which of them to keep.

Owns the notation. A path begins with the workflow's type and names the place, then the way into the value:
``order.input[0].address.city``, ``order.activity.charge.result[0]``, ``order.signal.approve.input[0].by``. A
pattern is the beginning of a path, in which ``*`` stands for any one step; it means everything below. A
step that is no plain word is written ``["like this"]``. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from .fetch_folder import FetchError

Step = str | int
Path = tuple[Step, ...]
Pattern = tuple[Step | None, ...]
"""None stands for any step."""

ACCEPTED: Final = (
    "order.input[0].amount, order.activity.charge.result, *.signal.approve, order.input[0].items[*].sku"
)

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_STEP: Final = re.compile(
    r"""(?:(?:^|\.)(?P<word>[^.\[\]"*\s]+|\*)|\[(?P<number>[0-9]{1,9}|\*)\]|\[(?P<text>"(?:[^"\\]|\\.)*")\])"""
)


def parse_pattern(text: str) -> Pattern:
    """The pattern that ``text`` spells. Raises FetchError."""
    steps: list[Step | None] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            break
        word, number, quoted = match.group("word", "number", "text")
        if word is not None:
            steps.append(None if word == "*" else word)
        elif number is not None:
            steps.append(None if number == "*" else int(number))
        else:
            try:
                steps.append(json.loads(quoted))
            except ValueError:
                break
        at = match.end()
    if at < len(text) or len(steps) < 2:
        raise FetchError(f"{text!r} is no path to values of a workflow; accepted are such as {ACCEPTED}")
    return tuple(steps)


def render(pattern: Sequence[Step | None]) -> str:
    """The text that spells a path or a pattern."""
    found = ""
    for step in pattern:
        if isinstance(step, int):
            found += f"[{step}]"
        elif step is None:
            found += "[*]" if found else "*"
        elif _WORD.fullmatch(step):
            found += f".{step}" if found else step
        else:
            found += f"[{json.dumps(step)}]"
    return found


def covers(pattern: Pattern, path: Pattern) -> bool:
    """Does the pattern mean this path, or something above it?"""
    return len(pattern) <= len(path) and all(
        step is None or step == other for step, other in zip(pattern, path, strict=False)
    )


def below(patterns: Sequence[Pattern], depth: int, step: Step) -> list[Pattern]:
    """Those patterns that still fit when step number ``depth`` of a path is ``step``."""
    return [each for each in patterns if len(each) > depth and (each[depth] is None or each[depth] == step)]
