"""A history as lines of text, one event each, and what differs between two.

Owns which of an event's facts name it. Event ids and times are left out of a comparison, so that one more
event does not make everything after it differ. Must not import: the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..runtime.history import History, HistoryEvent
from ..runtime.instants import to_datetime
from ..runtime.texts import event_kind

_NAMING = (
    "activity_id",
    "activity_type",
    "timer_id",
    "start_to_fire_timeout",
    "signal_name",
    "marker_name",
    "workflow_id",
    "workflow_type",
    "workflow_execution",
    "cause",
    "attempt",
)
_CONTEXT = 3


def describe(event: HistoryEvent) -> str:
    """The event without its number and time."""
    facts = []
    for name in _NAMING:
        text = _text(name, getattr(event.attributes, name, None))
        if text:
            facts.append(text)
    summary = event.user_metadata.summary if event.user_metadata else None
    if summary is not None:
        facts.insert(0, summary.data.decode("utf-8", "replace").strip('"'))
    return " ".join([event_kind(event.event_type), *facts])


def _text(name: str, value: Any) -> str:
    if value is None or value == "" or (name == "attempt" and value in (0, 1)):
        return ""
    for inner in ("name", "workflow_id"):
        value = getattr(value, inner, value)
    if name.endswith("_timeout"):
        from ..runtime.durations import format_duration

        return format_duration(int(value))
    return f"{name}={value}" if name in ("attempt", "cause") else str(value)


def event_lines(history: History) -> Iterator[str]:
    """Number, time and description of every event."""
    for event in history.events:
        at = to_datetime(event.event_time).strftime("%Y-%m-%d %H:%M:%S")
        yield f"{event.event_id:>5}  {at}  {describe(event)}"


def diff_lines(first: History, second: History) -> Iterator[tuple[str, str]]:
    """(" ", "-" or "+", line) around every difference, in order."""
    from difflib import SequenceMatcher

    before = [describe(event) for event in first.events]
    after = [describe(event) for event in second.events]
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT):
        for tag, begin, end, other_begin, other_end in group:
            if tag == "equal":
                yield from ((" ", line) for line in _numbered(first, before, begin, end))
                continue
            yield from (("-", line) for line in _numbered(first, before, begin, end))
            yield from (("+", line) for line in _numbered(second, after, other_begin, other_end))


def _numbered(history: History, lines: list[str], begin: int, end: int) -> Iterator[str]:
    for index in range(begin, end):
        yield f"{history.events[index].event_id:>5}  {lines[index]}"
