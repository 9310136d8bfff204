"""One execution on one screen: its steps as bars on a time axis whose idle stretches are cut short.

Owns the drawing and the machine-readable form (`timeline_as_dict`, plain JSON values, `schema` 1). The axis
is not to scale: an idle stretch (nothing runs, the workflow only waits) takes a few columns however long it
is, and is written out as a line of its own; what is left is scaled by magnitude. Durations stand at the
right. Invariants: no line is wider than asked; without colour there is no escape sequence; any history that
can be read can be drawn. Must not import: the engine's actors, the platform.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from math import log10
from typing import Any, Final

import attrs

from ..runtime.durations import MILLISECOND, SECOND
from ..runtime.history import History
from .timeline_steps import Run, Step, read_run
from .timeline_text import cut, duration_text, fit, instant_text, width_of

SCHEMA: Final = 1
WIDTH_MIN: Final = 48
STEPS_MAX: Final = 80

_BUSY: Final = frozenset({"activity", "local", "nexus"})
_BARS: Final = {"activity": "█", "local": "█", "nexus": "█", "timer": "━", "child": "▓", "update": "▒"}
_POINTS: Final = {"signal": "◆", "task": "✗", "cancel": "⊗", "patch": "▪"}
_GOOD: Final = frozenset({"", "completed", "fired", "delivered", "running"})
_STATUS: Final = {"completed": "✓", "running": "…", "continued as new": "↻"}

_COLOURS: Final = {
    "activity": "36",
    "local": "36",
    "nexus": "36",
    "timer": "34",
    "child": "35",
    "signal": "33",
    "update": "33",
    "good": "32",
    "bad": "31",
    "dim": "2",
    "bold": "1",
}


def timeline_as_dict(history: History) -> dict[str, Any]:
    """The timeline as JSON values: the run, its `steps`, its idle `gaps`, and `waits`, where its time went.

    Times are nanoseconds since the epoch, durations nanoseconds.
    """
    run = read_run(history)
    found = attrs.asdict(run)
    for step in found["steps"]:
        step["duration_ns"] = None if step["end_ns"] is None else step["end_ns"] - step["start_ns"]
    found["steps"] = list(found["steps"])
    found["waits"] = [{"what": what, "duration_ns": length} for what, length in run.waits]
    found["gaps"] = [
        {"start_ns": start, "end_ns": end, "duration_ns": end - start} for start, end in _Axis(run, 10).gaps
    ]
    return {"schema": SCHEMA, "duration_ns": run.end_ns - run.start_ns, **found}


def render_timeline(
    history: History, *, width: int = 100, colour: bool = False, steps_max: int = STEPS_MAX
) -> str:
    """Draw the run for a terminal of `width` columns; `colour` adds ANSI colours.

    Of more than `steps_max` steps the middle ones are counted, not drawn.
    """
    return "\n".join(_Drawing(read_run(history), max(width, WIDTH_MIN), colour, max(steps_max, 2)).lines())


class _Axis:
    """Instants to columns, idle stretches cut short."""

    def __init__(self, run: Run, width: int) -> None:
        self.width = width
        instants = {run.start_ns, run.end_ns}
        busy: list[tuple[int, int]] = []
        for step in run.steps:
            end = run.end_ns if step.end_ns is None else step.end_ns
            instants.update(
                (step.start_ns, end, step.start_ns if step.running_ns is None else step.running_ns)
            )
            if step.kind in _BUSY:
                busy.append((step.start_ns, end))
        self.instants = sorted(instants)
        self.gaps = _gaps(self.instants, busy)
        gaps = dict(self.gaps)
        at = 0.0
        self.positions = [at]
        for start, end in zip(self.instants, self.instants[1:], strict=False):
            if start in gaps:
                at += 2.5
            else:
                at += 0.2 + log10(1 + (end - start) / MILLISECOND)
            self.positions.append(at)
        self.scale = width / at if at else 0.0

    def column(self, instant: int) -> int:
        """Where the instant stands, from 0 to the width."""
        index = bisect_right(self.instants, instant) - 1
        return min(round(self.positions[max(index, 0)] * self.scale), self.width)


def _gaps(instants: list[int], busy: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches between neighbouring instants in which nothing ran, if they are long for this run."""
    total = instants[-1] - instants[0]
    busy = sorted(busy)
    gaps = []
    index, busy_until = 0, instants[0]
    for start, end in zip(instants, instants[1:], strict=False):
        while index < len(busy) and busy[index][0] <= start:
            busy_until = max(busy_until, busy[index][1])
            index += 1
        if end - start >= max(SECOND, total // 50) and busy_until <= start:
            gaps.append((start, end))
    return gaps


class _Drawing:
    """The lines of one run."""

    def __init__(self, run: Run, width: int, colour: bool, steps_max: int) -> None:
        self.run, self.width, self.colour = run, width, colour
        shown = list(run.steps)
        self.folded: list[Step] = []
        self.fold_at = len(shown)
        if len(shown) > steps_max:
            head, tail = steps_max - steps_max // 3, steps_max // 3
            self.fold_at = head
            self.folded = shown[head : len(shown) - tail]
            shown = shown[:head] + shown[len(shown) - tail :]
        self.shown = shown
        self.at_width = max((width_of(self._at(step)) for step in shown), default=4)
        self.name_width = min(
            max((width_of(_label(step)) for step in shown), default=8), max(14, width * 28 // 100)
        )
        self.kind_width = max((len(step.kind) for step in shown), default=4)
        took = max((width_of(_took(step)) for step in shown), default=4)
        fixed = self.at_width + self.name_width + self.kind_width + 10
        self.took_width = min(took, max(12, width - fixed - 16))
        self.bar_width = width - fixed - self.took_width
        if self.bar_width <= 3:  # no room for bars: the words take it
            self.bar_width, self.took_width = 0, max(width - fixed + 4, 0)
        self.axis = _Axis(run, max(self.bar_width, 1))

    def lines(self) -> list[str]:
        """Everything, top to bottom."""
        out = [*self._head(), ""]
        gaps = list(self.axis.gaps)
        last_at = ""
        for index, step in enumerate(self.shown):
            if index == self.fold_at:
                out.append(self._fold_line())
                gaps = [gap for gap in gaps if gap[1] > self.folded[-1].start_ns]
            while gaps and gaps[0][1] <= step.start_ns:
                out.append(self._gap_line(*gaps.pop(0)))
            at = self._at(step)
            out.append(self._row(step, "" if at == last_at else at))
            last_at = at
            if step.note:
                indent = " " * (self.at_width + 5)
                out.append(
                    indent + self._paint(cut(step.note, self.width - len(indent)), _tone(step.outcome))
                )
        out += [self._gap_line(*gap) for gap in gaps]
        return [*out, "", *self._foot()]

    def _head(self) -> list[str]:
        run = self.run
        length = duration_text(run.end_ns - run.start_ns)
        sign = _STATUS.get(run.status, "✗")
        tone = "good" if run.status == "completed" else "dim" if sign != "✗" else "bad"
        verdict = f"{sign} {run.status} {'after' if run.status == 'running' else 'in'} {length}"
        name = cut(" · ".join(part for part in (run.workflow_type, run.workflow_id) if part), self.width)
        facts = f"{instant_text(run.start_ns)} · {run.events} events"
        if run.run_id:
            facts += f" · run {run.run_id}"
        lines = [
            self._paint(name or "a workflow", "bold"),
            self._paint(cut(verdict, self.width), tone),
            self._paint(cut(facts, self.width), "dim"),
        ]
        if run.note:
            lines.insert(2, self._paint(cut(run.note, self.width), "bad"))
        return lines

    def _foot(self) -> list[str]:
        if not self.run.waits:
            return []
        parts = [f"{what} {duration_text(length)}" for what, length in self.run.waits[:5]]
        if len(self.run.waits) > len(parts):
            parts.append(f"{len(self.run.waits) - len(parts)} more")
        lines = ["● where the time went:"]
        for index, part in enumerate(parts):
            part = f"{part} ·" if index + 1 < len(parts) else part
            if width_of(lines[-1]) + width_of(part) >= self.width:
                lines.append(" ")
            lines[-1] += f" {part}"
        return [cut(line, self.width) for line in lines]

    def _at(self, step: Step) -> str:
        return f"+{duration_text(step.start_ns - self.run.start_ns)}"

    def _row(self, step: Step, at: str) -> str:
        mark = self._paint("●", "bold") if step.critical else " "
        took = cut(_took(step), self.took_width)
        parts = [
            self._paint(" " * (self.at_width - width_of(at)) + at, "dim"),
            mark,
            fit(_label(step), self.name_width),
            self._paint(fit(step.kind, self.kind_width), step.kind),
        ]
        if self.bar_width:
            parts.append(self._bar(step))
        return (
            "  ".join(parts[:1]) + " " + " ".join(parts[1:]) + "  " + self._paint(took, _tone(step.outcome))
        ).rstrip()

    def _bar(self, step: Step) -> str:
        axis = self.axis
        end_ns = self.run.end_ns if step.end_ns is None else step.end_ns
        first = min(axis.column(step.start_ns), axis.width - 1)
        last = max(first, axis.column(end_ns) - 1)
        if step.start_ns == end_ns:
            last = first
        glyph = _BARS.get(step.kind) or _POINTS.get(step.kind, "▪")
        bar = glyph * (last - first + 1)
        if step.running_ns is not None and step.kind == "activity":
            waited = min(axis.column(step.running_ns) - first, len(bar) - 1)
            bar = "░" * waited + bar[waited:]  # earlier attempts and the pauses between them
        if step.end_ns is None:
            bar = bar[:-1] + "▷"
        elif step.outcome not in (*_GOOD, "cancelled"):
            bar = bar[:-1] + "✗"
        tone = _tone(step.outcome) or step.kind
        return (
            self._paint("▕", "dim")
            + " " * first
            + self._paint(bar, tone)
            + " " * (axis.width - last - 1)
            + self._paint("▏", "dim")
        )

    def _gap_line(self, start: int, end: int) -> str:
        text = f"· {duration_text(end - start)} ·"
        return " " * (self.at_width + 3) + self._paint(text, "dim")

    def _fold_line(self) -> str:
        counts = Counter(step.kind for step in self.folded)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        return cut(" " * (self.at_width + 3) + f"… {len(self.folded)} more steps: {kinds}", self.width)

    def _paint(self, text: str, tone: str) -> str:
        code = _COLOURS.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text.strip() else text


def _label(step: Step) -> str:
    """The name, and the detail unless the duration beside the bar says the same."""
    shown = (
        step.detail
        and not _same(step.detail, step.name)
        and (step.kind != "timer" or step.detail != _took(step))
    )
    return f"{step.name} ({step.detail})" if shown else step.name


def _same(one: str, other: str) -> bool:
    """Is `charge-payment` just `charge_payment`?"""
    return one.replace("_", "-").casefold() == other.replace("_", "-").casefold()


def _tone(outcome: str) -> str:
    return "" if outcome in _GOOD or outcome == "open" else "dim" if outcome == "cancelled" else "bad"


def _took(step: Step) -> str:
    """How long it took and how it ended, in words."""
    words = []
    if step.end_ns is None:
        words.append("still open")
    elif step.end_ns > step.start_ns or step.kind in _BARS:
        words.append(duration_text(step.end_ns - step.start_ns))
    if step.outcome not in ("", "completed", "fired", "delivered", "open"):
        words.append(step.outcome)
    if step.attempts > 1:
        words.append(f"{step.attempts} attempts")
    return ", ".join(words)
