"""The results file of a campaign: a head line, then one JSON line per outcome, in the order they came in.

    {"campaign": 1, "engine": "0.1.0", "code": {"shop": "5ec1..."}, "strategy": "random", ...}
    {"scenario": "shop:ORDERS", "number": 0, "seed": 0, "passed": true, ...}

Invariants: a line is written whole and at once, so a campaign that was stopped at any moment goes on from its
file; a last line that was cut short is dropped. A file belongs to the campaign whose head it has: going on
with it under another strategy, other scenarios or changed code is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...runtime.errors import InvalidArgumentError
from .case import Outcome
from .code_of import changed_modules

FORMAT = 1


class ResultsFile:
    """Opens ``path``, reads what is there, and appends. Raises InvalidArgumentError if it is another's."""

    def __init__(self, path: str | Path, head: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.outcomes: list[Outcome] = []
        """What was already there."""
        head = {"campaign": FORMAT, **head}
        if self.path.exists() and self.path.stat().st_size:
            text = self.path.read_text("utf-8")
            whole = text[: text.rfind("\n") + 1]
            known, self.outcomes = _parse(whole, str(path))
            if changed := changed_modules(known.get("code", {}), head["code"]):
                raise InvalidArgumentError(
                    f"{path} was begun with other code: {', '.join(changed)} changed since, so what is in it "
                    "says nothing about the code of today. Delete it, or name another file"
                )
            for name, value in head.items():
                if name != "code" and known.get(name) != value:
                    raise InvalidArgumentError(
                        f"{path} belongs to another campaign: its {name} is {known.get(name)!r}, "
                        f"not {value!r}"
                    )
            if whole != text:
                self.path.write_text(whole, "utf-8")
            self._file = self.path.open("a", encoding="utf-8")
        else:
            self._file = self.path.open("a", encoding="utf-8")
            self._line(json.dumps(head, separators=(",", ":")))

    def add(self, outcome: Outcome, *, with_tape: bool = False) -> None:
        """Append one outcome; it is safe from then on."""
        self._line(outcome.to_json(with_tape=with_tape))

    def _line(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        """No more outcomes."""
        self._file.close()


def read_results(path: str | Path) -> tuple[dict[str, Any], list[Outcome]]:
    """The head and the outcomes of a results file. Raises InvalidArgumentError if it is none."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error}") from None
    return _parse(text[: text.rfind("\n") + 1], str(path))


def _parse(text: str, path: str) -> tuple[dict[str, Any], list[Outcome]]:
    lines = text.splitlines()
    try:
        head = json.loads(lines[0])
        known = head["campaign"]
    except (IndexError, ValueError, KeyError, TypeError):
        raise InvalidArgumentError(f"{path} holds no results of a campaign") from None
    if known != FORMAT:
        raise InvalidArgumentError(f"{path} has format {known!r}; this version reads format {FORMAT}")
    outcomes = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            outcomes.append(Outcome.from_json(line))
        except ValueError as error:
            raise InvalidArgumentError(f"{path}:{number}: {error}") from None
    return head, outcomes


def compare_digests(first: Iterable[Outcome], second: Iterable[Outcome]) -> list[str]:
    """The cases that two campaigns have in common and that ended with different digests, one line each.

    For campaigns over the same seeds in two processes, with other hash seeds, or on two machines.
    """
    known = {(each.scenario, each.number): each for each in first}
    found = []
    for other in second:
        one = known.get((other.scenario, other.number))
        if one is not None and one.result.digest != other.result.digest:
            found.append(
                f"{other.scenario}, seed {other.result.seed}: {one.result.digest} and {other.result.digest}"
            )
    return found
