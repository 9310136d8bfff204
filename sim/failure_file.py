"""A failed run as a file: its tape, and beside it which scenario it is of and what was wrong.

Owns these further fields. Every reader of tapes reads such a file as a tape. Must not import: the simulation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from .errors import TapeError
from .scenario import Kind, RunResult, Violation
from .tape import Tape


@attrs.frozen(kw_only=True)
class FailureFile:
    """What is in a file. ``scenario`` is "" and ``violations`` empty for a bare tape; ``test`` is pytest's id
    of the test that failed, if it was one; ``strict`` is how it was run."""

    tape: Tape
    scenario: str = ""
    test: str = ""
    strict: bool = False
    violations: tuple[Violation, ...] = ()


def write_failure(
    path: str | Path, result: RunResult, *, scenario: str, test: str = "", strict: bool = False
) -> None:
    """Write the tape of ``result``; ``scenario`` is the name under which it is found again, ``test`` pytest's
    id of the test."""
    further: dict[str, Any] = {
        "scenario": scenario,
        **({"test": test} if test else {}),
        "strict": strict,
        "violations": [
            {**attrs.asdict(violation), "kind": violation.kind.value} for violation in result.violations
        ],
    }
    lines = "".join(f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in further.items())
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(result.tape.to_json().replace("{\n", "{\n" + lines, 1), "utf-8")


def read_failure(path: str | Path) -> FailureFile:
    """Read a failed run, or a bare tape. Raises TapeError."""
    tape = Tape.read(path)
    found = json.loads(Path(path).read_text("utf-8"))
    try:
        violations = tuple(
            Violation(
                checker=str(each["checker"]),
                kind=Kind(each["kind"]),
                message=str(each["message"]),
                steps=tuple(each["steps"]),
                location=str(each["location"]),
            )
            for each in found.get("violations", ())
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{path}: its violations cannot be read: {error!r}", source=str(path)) from None
    return FailureFile(
        tape=tape,
        scenario=str(found.get("scenario", "")),
        test=str(found.get("test", "")),
        strict=bool(found.get("strict", False)),
        violations=violations,
    )
