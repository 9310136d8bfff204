"""A NondeterminismError for people and for machines.

Owns the text: recorded and replayed commands side by side, the first difference marked, the user's line, the
probable cause, the fix. No colour unless asked for. Lines are at most 100 characters as far as names allow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..errors import NondeterminismError

_COLUMN = 46
_RED, _GREEN, _BOLD, _DIM, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[2m", "\x1b[0m"


def summary(fields: Mapping[str, Any]) -> str:
    """The report as the error's own message."""
    return render(fields)


def as_json(error: NondeterminismError) -> str:
    """The report as one JSON object."""
    return json.dumps(error.fields, default=str, ensure_ascii=False)


def render_error(error: NondeterminismError, *, colour: bool = False) -> str:
    """The report of an error as text."""
    if "kind" not in error.fields:
        return error.message
    return render(error.fields, colour=colour)


def render(fields: Mapping[str, Any], *, colour: bool = False) -> str:
    """The report as text."""
    paint = _paint if colour else _plain
    place = f"{fields['file']}:{fields['line']}" if fields["file"] else ""
    lines = [
        paint(
            _BOLD,
            f"Nondeterminism in workflow {fields['workflow_type']!r} "
            f"(id {fields['workflow_id']!r}, run {fields['run_id']!r})",
        ),
        f"The code does not do what the history records: first difference at event {fields['event_id']}"
        + (f", {place}" if place else ""),
        "",
    ]
    lines += _table(fields, paint)
    if place:
        lines += ["", f"Your code: {place}" + (f" in {fields['function']}" if fields["function"] else "")]
        if fields["source"]:
            lines.append(f"    {fields['line']} | {fields['source']}")
    for other in fields.get("also_waits_at", ()):
        lines.append(f"    it also waits at {other}")
    lines += ["", paint(_BOLD, f"Probable cause ({fields['kind'].replace('_', ' ')}): ") + fields["cause"]]
    lines += ["", paint(_BOLD, "Fix: ") + fields["advice"]]
    lines += ["    " + paint(_GREEN, line) for line in fields["fix"].splitlines()]
    return "\n".join(lines)


def _table(fields: Mapping[str, Any], paint: Any) -> list[str]:
    recorded, replayed = fields["recorded"], fields["replayed"]
    recorded_at, replayed_at = fields["recorded_differs_at"], fields["replayed_differs_at"]
    # A skipped deprecated patch can put the two lists out of step; the difference is one row all the same.
    offset = recorded_at - replayed_at
    first = max(0, recorded_at - 3)
    rows = max(len(recorded), len(replayed) + offset, recorded_at + 1)
    last = min(rows, recorded_at + 6)
    lines = [paint(_DIM, f"      {'event':>5}  {'recorded':<{_COLUMN}}  replayed")]
    if not first:
        for step in fields.get("before", ()):
            lines.append(f"   ok {step['event_id']:>5}  {_cut(step['text']):<{_COLUMN}}  the same")
    if first:
        lines.append(paint(_DIM, f"      {'...':>5}  {first} that fit"))
    for row in range(first, last):
        left = _get(recorded, row)
        right = _get(replayed, row - offset)
        lines.append(_row(left, right, row, recorded_at, paint))
    if last < rows:
        lines.append(paint(_DIM, f"      {'...':>5}  {rows - last} more"))
    for step in fields.get("recorded_later", ())[:2]:
        lines.append(paint(_DIM, f"      {step['event_id']:>5}  {_cut(step['text'])}  (later)"))
    return lines


def _row(
    left: Mapping[str, Any] | None, right: Mapping[str, Any] | None, row: int, differs_at: int, paint: Any
) -> str:
    number = str(left["event_id"]) if left is not None else ""
    recorded = _cut(left["text"]) if left is not None else "-"
    replayed = right["text"] if right is not None else "-"
    if right is not None and right.get("file") and row >= differs_at:
        replayed += f"  ({right['file']}:{right['line']})"
    if row < differs_at:
        return f"   ok {number:>5}  {recorded:<{_COLUMN}}  {replayed}"
    mark = ">>" if row == differs_at else "  "
    text = f"   {mark} {number:>5}  {recorded:<{_COLUMN}}  {replayed}"
    painted: str = paint(_RED, text) if row == differs_at else text
    return painted


def _cut(text: str) -> str:
    return text if len(text) <= _COLUMN else text[: _COLUMN - 3] + "..."


def _get(steps: Sequence[Mapping[str, Any]], index: int) -> Mapping[str, Any] | None:
    return steps[index] if 0 <= index < len(steps) else None


def _plain(code: str, text: str) -> str:
    return text


def _paint(code: str, text: str) -> str:
    return f"{code}{text}{_PLAIN}"
