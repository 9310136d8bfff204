"""Words for the steps of a run: who, and what happened there.

Owns short names for objects (the workflow's id instead of its key, the activity's type and its workflow
instead of a run's id and a number) and one line for each kind of step. Learns names from the trace itself:
from the events in its commits. Must not import: the simulation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from ..runtime.durations import format_duration
from ..runtime.history import EventType, HistoryEvent
from ..runtime.keys import ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW
from ..runtime.texts import event_kind
from .fault_table import FAULTS
from .story_workers import Workers
from .timeline_text import plain
from .trace import Step

_WHAT = {fault.name: fault.what for fault in FAULTS}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UUID = re.compile(r"([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RUN = re.compile(rf"(?P<run>\brun )?\b(?P<id>{_UUID.pattern})(?P<of> of )?")
_KEY = re.compile(
    rf"\b(?:{'|'.join((ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW))})/[\w./%|~-]*[\w%|~-]"
)
_NAMING = ("signal_name", "update_id", "query_type", "activity_type", "workflow_type", "outcome", "reason")
_EVENTS_SHOWN = 3
ROUTINE = frozenset(
    (
        EventType.WORKFLOW_TASK_SCHEDULED,
        EventType.WORKFLOW_TASK_STARTED,
        EventType.WORKFLOW_TASK_COMPLETED,
    )
)
"""Events that go with every turn of a workflow; the history shows them."""


def short(text: str) -> str:
    """``text`` in one line, run ids cut to what tells them apart."""
    return _UUID.sub(r"\1", plain(text))


def said(text: str) -> str:
    """``CamelCase`` as people say it."""
    return _CAMEL.sub(" ", text).lower()


def event_name(event: HistoryEvent) -> str:
    """``ActivityTaskScheduled charge``: the kind of an event and what it is about."""
    kind = event_kind(event.event_type)
    facts = []
    summary = event.user_metadata.summary if event.user_metadata else None
    if summary is not None:
        facts.append(summary.data.decode("utf-8", "replace").strip('"'))
    attributes = event.attributes
    for name in ("activity_type", "workflow_type", "signal_name", "timer_id", "marker_name", "workflow_id"):
        value = getattr(attributes, name, None)
        value = getattr(value, "name", value)
        if value and str(value) not in facts and not (name == "timer_id" and facts):
            facts.append(str(value))
    timeout = getattr(attributes, "start_to_fire_timeout", None)
    if timeout:
        facts.append(format_duration(int(timeout)))
    attempt = getattr(attributes, "attempt", 0)
    if attempt and attempt > 1:
        facts.append(f"attempt {attempt}")
    failure = getattr(attributes, "failure", None)
    if failure is not None and failure.message:
        facts.append(f"({failure.message})")
    return short(" ".join([kind, *facts]))


class Run:
    """The events of one run, as its commits wrote them."""

    __slots__ = ("events", "key", "run_id")

    def __init__(self, key: str, run_id: str) -> None:
        self.key = key
        self.run_id = run_id
        self.events: dict[int, HistoryEvent] = {}

    @property
    def workflow_id(self) -> str:
        """The id of the workflow."""
        return unquote(self.key.split("/", 2)[2])

    @property
    def workflow_type(self) -> str:
        """What it runs, as far as the trace tells."""
        first = self.events.get(1)
        kind = getattr(first.attributes, "workflow_type", None) if first is not None else None
        return kind.name if kind is not None else ""


def runs_of(steps: Iterable[Step]) -> dict[str, Run]:
    """Run id -> the run; what was deleted after it was archived is kept."""
    runs: dict[str, Run] = {}
    for step in steps:
        if step[0] != "commit" or not step[2].startswith(WORKFLOW):
            continue
        for table, key, row in step[5]:
            if row is not None and table.startswith("events:"):
                run_id = table[7:]
                run = runs.get(run_id)
                if run is None:
                    run = runs[run_id] = Run(step[2], run_id)
                run.events[key] = row
    return runs


def _row_name(table: str, key: Any, row: Any) -> str:
    """What a row is to people: its table, or its own name where a table holds rows of different sorts."""
    return key if table == "activity" and isinstance(key, str) else table.partition(":")[0]


class Words:
    """Names and lines for one run's steps."""

    def __init__(self, runs: Mapping[str, Run], *, whole: bool = True) -> None:
        self._runs = runs
        self._workers = Workers(whole=whole)
        self._activities: dict[tuple[str, str], str] = {}
        self._calls: dict[int, tuple[str, str, Any]] = {}
        for run in runs.values():
            for event in run.events.values():
                if event.event_type == EventType.ACTIVITY_TASK_SCHEDULED:
                    kind = event.attributes.activity_type
                    self._activities[run.run_id, event.attributes.activity_id] = kind.name if kind else ""

    def heard(self, step: Step) -> None:
        """Take note of a step; every one, in order."""
        if step[0] == "call":
            self._calls[step[4]] = (step[2], step[3], step[5])
        else:
            self._workers.heard(0, step)

    def name(self, key: str) -> str:
        """Who ``key`` is."""
        kind, slash, rest = key.partition("/")
        if not slash:
            return short(key)
        name = rest.partition("/")[2]
        if kind == WORKFLOW:
            return short(unquote(name))
        run_id, _, number = (unquote(part) for part in name.partition("|"))
        run = self._runs.get(run_id)
        of = f" of {short(run.workflow_id)}" if run is not None else ""
        if kind == ACTIVITY:
            return f"{short(self._activities.get((run_id, number), '') or f'activity {number}')}{of}"
        if kind == HISTORY:
            return f"archive{of}" if of else f"archive {short(run_id)}"
        label = {TASK_QUEUE: "task queue", VISIBILITY: "visibility", TIMER: "schedule"}.get(kind, kind)
        return f"{label} {short(unquote(name))}"

    def spoken(self, text: str) -> str:
        """``text`` with people's names for the keys and run ids in it."""
        lines = (_KEY.sub(lambda found: self._key_spoken(found[0]), line) for line in text.splitlines())
        return "\n".join(_RUN.sub(self._run_spoken, line) for line in lines)

    def _key_spoken(self, key: str) -> str:
        kind = {WORKFLOW: "workflow ", ACTIVITY: "activity "}.get(key.partition("/")[0], "")
        return kind + self.name(key).removeprefix(kind)

    def _run_spoken(self, found: re.Match[str]) -> str:
        run = self._runs.get(found["id"])
        named = run is None or found["of"] or run.workflow_id in found.string
        whose = found["of"] or "" if named or run is None else f" of {short(run.workflow_id)}"
        return f"{found['run'] or ''}{short(found['id'])}{whose}"

    def message(self, message: Any) -> str:
        """What a request or a queue message says."""
        kind = type(message).__name__
        if kind == "ActivityTask":
            return f"task of {self.name(message.activity_key)}"
        inner = getattr(message, "signal", None)
        facts = []
        for name in _NAMING:
            value = getattr(message, name, None) or getattr(inner, name, None)
            if isinstance(value, str) and value:
                facts.append(value)
        return short(" ".join([said(kind), *(f"'{fact}'" for fact in facts[:2])]))

    def line(self, step: Step) -> tuple[str, str, str]:
        """``(who, mark, what)`` of one step; the mark is one character."""
        kind = step[0]
        found: tuple[str, str, str] = getattr(self, f"_{kind}_", self._other_)(step)
        return found

    def _call_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "→", f"{self.name(step[3])}: {self.message(step[5])}"

    def _deliver_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "→", f"hears {self.message(step[5])}"

    def _commit_(self, step: Step) -> tuple[str, str, str]:
        rows = [change for change in step[5] if change[2] is not None]
        events = [(key, row) for table, key, row in rows if table.startswith("events:")]
        sends = [row.body for table, _, row in rows if table == "outbox"]
        parts = []
        if events:
            telling = [(key, row) for key, row in events if row.event_type not in ROUTINE] or events
            shown = [f"{key} {event_name(row)}" for key, row in telling[:_EVENTS_SHOWN]]
            more = len(telling) - len(shown)
            parts.append("records " + ", ".join(shown) + (f" and {more} more" if more else ""))
        else:
            written = dict.fromkeys(_row_name(*change) for change in step[5] if change[2] is not None)
            deleted = dict.fromkeys(_row_name(*change) for change in step[5] if change[2] is None)
            for verb, names in (("writes", written), ("deletes", deleted)):
                names.pop("outbox", None)
                if names:
                    parts.append(f"{verb} {', '.join(names)}")
        if sends and not events:
            parts.append("to send: " + ", ".join(self.message(body) for body in sends[:2]))
        return self.name(step[2]), "●", "; ".join(parts) or "commits"

    def _reply_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "←", f"answers {said(type(step[5]).__name__)}{self._asked(step[4])}"

    def _lost_(self, step: Step) -> tuple[str, str, str]:
        sender, receiver, message = self._calls.get(step[2], ("", "", None))
        what = f": {self.message(message)} to {self.name(receiver)}" if message is not None else ""
        return self.name(sender) or "?", "?", f"never learns the outcome{what}"

    def _asked(self, call: int) -> str:
        found = self._calls.get(call)
        return "" if found is None else f" to {self.message(found[2])} from {self.name(found[0])}"

    def _alarm_(self, step: Step) -> tuple[str, str, str]:
        again = f", attempt {step[5]}" if step[5] and step[5] > 1 else ""
        return self.name(step[2]), "◷", f"wakes up{again}"

    def _alarm_done_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "◷", "has done what it woke up for"

    def _alarm_lost_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "✗", f"its alarm is lost: {short(step[4])}"

    def _dead_(self, step: Step) -> tuple[str, str, str]:
        in_hand = self._workers.in_hand(step)
        if in_hand is None:
            return self.name(step[2]), "†", f"loses its memory ({step[4]})"
        return self.name(step[2]), "†", f"dies with the {self.message(in_hand[1][5])} in hand"

    def _fault_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[3]), "✗", f"FAULT {step[2]}: {_WHAT.get(step[2], '')}".rstrip(": ")

    def _storm_(self, step: Step) -> tuple[str, str, str]:
        return "platform", "✗", f"a storm {step[2]}: {short(step[3])}"

    def _phase_(self, step: Step) -> tuple[str, str, str]:
        return "platform", "·", "from here on nothing fails any more"

    def _enqueue_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "→", f"queue {step[3]}: {self.message(step[5])}"

    def _consume_(self, step: Step) -> tuple[str, str, str]:
        again = f", delivery {step[4]}" if step[4] > 1 else ""
        return "worker", "→", f"takes the {self.message(step[5])}{again}"

    def _redeliver_(self, step: Step) -> tuple[str, str, str]:
        return f"queue {step[2]}", "?", f"message {step[3]} will come again: {short(step[5])}"

    def _drop_(self, step: Step) -> tuple[str, str, str]:
        return f"queue {step[2]}", "✗", f"message {step[3]} is given up: {short(step[4])}"

    def _put_blob_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "→", f"object store: keep {short(step[3])}, {step[4]:,} bytes"

    def _get_blob_(self, step: Step) -> tuple[str, str, str]:
        found = f"{step[4]:,} bytes" if step[4] >= 0 else "there is none"
        return self.name(step[2]), "←", f"object store: {short(step[3])}, {found}"

    def _ack_(self, step: Step) -> tuple[str, str, str]:
        return f"queue {step[2]}", "·", f"message {step[3]} is done with"

    def _worker_(self, step: Step) -> tuple[str, str, str]:
        return "worker", "·", f"{step[2]}, for task queue {short(step[4])}"

    def _cron_(self, step: Step) -> tuple[str, str, str]:
        return "platform", "◷", f"the cron trigger '{short(step[2])}' {step[4]}"

    def _load_(self, step: Step) -> tuple[str, str, str]:
        return self.name(step[2]), "·", f"reads its {step[5]} rows"

    def _other_(self, step: Step) -> tuple[str, str, str]:
        facts = " ".join(short(str(value)) for value in step[3:] if isinstance(value, str | int))
        return self.name(str(step[2])), "·", f"{step[0].replace('_', ' ')} {facts}".rstrip()
