"""What the page shows, as plain JSON values.

Owns the shape (``SCHEMA``), which steps are in it, and where two runs part. A step is a list ``[kind, at_ns
since the start, lane, mark, text, other lane or -1, its own facts, the steps it follows from]``; its facts
name values by their index in ``values``. Of a long run a stretch of ``STEPS_MAX`` steps is shown, with the
rows that were there before it. Invariant: reads a run that is over and changes nothing of it. Must not
import: the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...runtime.history import HistoryEvent
from ..checkers.ledger import Ledger
from ..scenario import RunResult
from ..story import outline, place
from ..story_slice import Causes
from ..story_words import Words, event_name, runs_of, short
from ..timeline_text import instant_text, plain
from ..trace import FIELDS, Step, describe_step
from .lanes import GROUPS, PLATFORM, Lanes, in_order, kind_of_lane, lane_name
from .values import CLASS, Values

if TYPE_CHECKING:
    from ..simulation import Simulation

SCHEMA: Final = 1
STEPS_MAX: Final = 20_000
STORY_MAX: Final = 60
INVOLVED_MAX: Final = 12

_TREES: Final = frozenset(("message", "body", "reply"))
_TIMES: Final = frozenset(("due_ns", "scheduled_ns", "alarm_ns"))
_PLACES: Final = frozenset(("sender", "receiver", "key", "queue"))


def page_data(
    result: RunResult,
    simulation: Simulation,
    passing: Simulation | None = None,
    *,
    steps_max: int = STEPS_MAX,
) -> dict[str, Any]:
    """Everything the page shows. ``passing``: a run of the same scenario that went well."""
    values = Values(simulation.start_ns)
    story = outline(result, simulation, steps_max=STORY_MAX)
    steps, first = list(simulation.trace.tuples()), simulation.trace.first_kept
    part = None
    focus = [number for violation in result.violations for number in violation.steps]
    label = "failed" if result.violations else "passed"
    if passing is not None:
        part = first_difference(steps, first, list(passing.trace.tuples()), passing.trace.first_kept)
        focus = focus[:1] if part is None else [part]
    run = _Run(values, steps, first, simulation.start_ns, focus, steps_max)
    runs = [run.data(label, story.steps)]
    if passing is not None:
        other_steps, other_first = list(passing.trace.tuples()), passing.trace.first_kept
        other = _Run(values, other_steps, other_first, passing.start_ns, focus, steps_max)
        runs.append(other.data("passed", [number for number in story.steps if part and number <= part]))
    return {
        "schema": SCHEMA,
        "scenario": plain(result.scenario),
        "headline": story.headline,
        "seed": str(result.seed),
        "start": instant_text(simulation.start_ns),
        "virtual_ns": result.virtual_ns,
        "faults": sum(count for name, count in result.stats.items() if name.startswith("fault_")),
        "groups": list(GROUPS.values()),
        "violations": [
            {
                "checker": violation.checker,
                "kind": violation.kind.value,
                "message": run.words.spoken(violation.message),
                "location": place(violation.location) if violation.location else "",
                "steps": sorted(set(violation.steps)),
            }
            for violation in result.violations
        ],
        "difference": part,
        "runs": runs,
        "values": values.all,
        "class": CLASS,
    }


def first_difference(
    one: Sequence[Step], one_first: int, other: Sequence[Step], other_first: int
) -> int | None:
    """The number of the first step that is not the same in both runs; None if there is none.

    Where one run ends first, that is the step after its last.
    """
    begin = max(one_first, other_first)
    left, right = one[begin - one_first :], other[begin - other_first :]
    for number, (mine, theirs) in enumerate(zip(left, right, strict=False), begin):
        if mine != theirs and _exact(mine) != _exact(theirs):
            return number
    return None if len(left) == len(right) else begin + min(len(left), len(right))


def _exact(step: Step) -> str:
    values = Values(0)
    return json.dumps([values.shown(value) for value in step])


class _Run:
    """One of the runs on the page."""

    def __init__(
        self,
        values: Values,
        steps: Sequence[Step],
        first: int,
        start_ns: int,
        focus: Iterable[int],
        steps_max: int,
    ) -> None:
        self.values, self.steps, self.kept_from, self.start_ns = values, steps, first, start_ns
        self.causes = Causes(steps, first)
        end = first + len(steps)
        middle = min((number for number in focus if number < end), default=end)
        last = min(end, max(middle + steps_max // 4, first + steps_max))
        self.shown = range(max(first, last - steps_max), last)
        self.words = Words(runs_of(steps))
        self.lanes: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def data(self, label: str, story: Iterable[int]) -> dict[str, Any]:
        """Its part of the page; ``story``: the steps that matter most."""
        finder = Lanes()
        before = Ledger()
        found: list[tuple[int, str, str, str, str]] = []
        for number, step in enumerate(self.steps, self.kept_from):
            self.words.heard(step)
            lane, other = finder.of(step)
            if number < self.shown.start:
                if step[0] == "commit":
                    before.add(step)
            elif number < self.shown.stop:
                mark, text = self._said(step)
                found.append((number, lane, other, mark, text))
        self._number_lanes(found)
        mattering = [number for number in story if number in self.shown]
        return {
            "label": label,
            "total": self.kept_from + len(self.steps),
            "first": self.shown.start,
            "lanes": [self._lane(key) for key in self.lanes],
            "involved": self._involved(mattering, found),
            "story": mattering,
            "base": [self._rows(tables) if (tables := before.objects.get(key)) else [] for key in self.lanes],
            "steps": [self._step(*each) for each in found],
        }

    def _said(self, step: Step) -> tuple[str, str]:
        kind = step[0]
        if kind == "load":
            return "·", f"reads its rows, {step[5]} of them"
        if kind == "alarm_done":
            return "·", "has handled its alarm"
        if kind == "worker":
            return "·", short(f"worker {step[2]}: {step[3]}/{step[4]}")
        try:
            _, mark, text = self.words.line(step)
        except Exception:  # a record of somebody else's actor: words know the engine's
            return "·", short(describe_step(step))
        return mark, text

    def _number_lanes(self, found: Iterable[tuple[int, str, str, str, str]]) -> None:
        for _, lane, other, _, _ in found:
            self.counts[lane] = self.counts.get(lane, 0) + 1
            if other:
                self.counts.setdefault(other, 0)
        self.lanes = {key: index for index, key in enumerate(in_order(self.counts))}

    def _lane(self, key: str) -> dict[str, Any]:
        group = list(GROUPS).index(kind_of_lane(key))
        return {"key": key, "name": lane_name(key, self.words), "group": group, "steps": self.counts[key]}

    def _involved(self, story: Iterable[int], found: Sequence[tuple[int, str, str, str, str]]) -> list[int]:
        """The lanes of what matters, those with most of it first to come."""
        score: dict[str, int] = {}
        for number in story:
            _, lane, other, _, _ = found[number - self.shown.start]
            score[lane] = score.get(lane, 0) + 2
            if other:
                score[other] = score.get(other, 0) + 1
        score.pop(PLATFORM, None)
        if not score:
            score = dict(self.counts)
        chosen = sorted(score, key=lambda key: -score[key])[:INVOLVED_MAX]
        return sorted(self.lanes[key] for key in chosen)

    def _step(self, number: int, lane: str, other: str, mark: str, text: str) -> list[Any]:
        step = self.steps[number - self.kept_from]
        facts: dict[str, Any] = {}
        for name, value in zip(FIELDS[step[0]], step[2:], strict=True):
            if name == "changes":
                facts["rows"] = [self._row(*change) for change in value]
            elif name in _TREES:
                facts["value"] = self.values.index(value)
            elif name in _TIMES and value is not None:
                facts[name] = value - self.start_ns
            elif name not in _PLACES and value is not None:
                facts[name] = self.values.shown(value, name)
        at_ns = step[1] - self.start_ns
        where = self.lanes[other] if other else -1
        return [step[0], at_ns, self.lanes[lane], mark, text, where, facts, list(self.causes.causes(number))]

    def _rows(self, tables: dict[str, dict[Any, Any]]) -> list[list[Any]]:
        return [self._row(name, key, row) for name, table in tables.items() for key, row in table.items()]

    def _row(self, table: str, key: Any, row: Any) -> list[Any]:
        """``[table, key, index of the row or -1 when it is deleted]``, events with their name and time."""
        if row is None:
            return [table, str(key), -1]
        named: list[Any] = [table, str(key), self.values.index(row)]
        if isinstance(row, HistoryEvent):
            named += [event_name(row), row.event_time - self.start_ns]
        return named
