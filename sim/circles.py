"""Runs that go in circles: finding the loop at the end of a trace.

Owns: what makes two steps alike (kind, places, classes of records; not times, numbers or contents) and the
search for the shortest sequence of them that a trace ends with again and again. Must not import: the
platform.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .trace import FIELDS, Step, describe_step

WINDOW = 3000
REPEATS_MIN = 3
SHOWN_MAX = 24

_VARYING = frozenset(
    ("call", "incarnation", "version", "at_ns", "alarm_ns", "scheduled_ns", "attempt", "due_ns", "message")
)


def alike(step: Step) -> str:
    """Two steps that give the same text differ only in when, and how often, they happened."""
    kind = step[0]
    facts = [kind]
    for name, value in zip(FIELDS[kind], step[2:], strict=True):
        if name == "changes":
            facts += [f"{change[0]}" for change in value]
        elif isinstance(value, str):
            facts.append(value)
        elif name not in _VARYING or not isinstance(value, int | None):
            facts.append(type(value).__name__)
    return " ".join(facts)


def loop_at_the_end(steps: Sequence[Step]) -> tuple[int, int]:
    """``(length, repeats)`` of the loop that ``steps`` end with; (0, 0): there is none."""
    words = [alike(step) for step in steps[-WINDOW:]][::-1]
    # The failure function of Knuth, Morris and Pratt gives the shortest period of every prefix.
    border = [0] * len(words)
    found = (0, 0)
    length = 0
    for index in range(1, len(words)):
        while length and words[index] != words[length]:
            length = border[length - 1]
        if words[index] == words[length]:
            length += 1
        border[index] = length
        period = index + 1 - length
        if length and (index + 1) // period >= REPEATS_MIN:
            found = (period, (index + 1) // period)
    return found


def describe_loop(steps: Sequence[Step], first_number: int) -> tuple[str, tuple[int, ...]]:
    """In words what repeats at the end of ``steps`` (numbered from ``first_number``), and those steps."""
    length, repeats = loop_at_the_end(steps)
    if length:
        shown = steps[len(steps) - length :]
        numbers = range(first_number + len(steps) - length, first_number + len(steps))
        lines = [f"these {length} steps repeat ({repeats} times or more at the end of the run):"]
        lines += [f"  {describe_step(step)}" for step in shown[:SHOWN_MAX]]
        if length > SHOWN_MAX:
            lines.append(f"  ... and {length - SHOWN_MAX} more")
        return "\n".join(lines), tuple(numbers[:SHOWN_MAX])
    tail = steps[-WINDOW:]
    if not tail:
        return "nothing has happened in the simulated world, only time went by", ()
    common = Counter(alike(step) for step in tail).most_common(8)
    lines = [f"the most frequent of the last {len(tail)} steps:"]
    lines += [f"  {count} x {words}" for words, count in common]
    return "\n".join(lines), ()
