"""A failure as a story: what was wrong, the few faults and steps that matter in order, the history after it.

Owns the layout of that text. What matters is chosen in ``story_slice``, its words come from ``story_words``,
the lines of the user's code from ``story_lines``. Invariants: no line is wider than asked, apart from the
command at the end; without colour there is no escape sequence; the same run gives the same text. Must not
import: a terminal, the runner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from linecache import getline
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from .scenario import Kind, RunResult
from .story_slice import FAULTS_MAX, Causes, choose
from .story_words import ROUTINE, Run, Words, event_name, runs_of, short
from .timeline_text import cut, duration_text, fit, plain, width_of
from .trace import Step, Trace
from .verdict import WORKLOAD

if TYPE_CHECKING:
    from .simulation import Simulation

WIDTH_MIN = 60
STEPS_MAX = 28
EVENTS_MAX = 40
EVENTS_WHOLE_MAX = 24
"""Of a longer history the events that go with every workflow task are left out."""
HISTORIES_MAX = 2
_VIOLATIONS_MAX = 3
_MESSAGE_LINES_MAX = 24
_WRONG_LINES_MAX = 4
_LINES_MAX = 2
_NAME_WIDTH = 26
_NEAR_MAX = 6
"""What a fault struck is at most so many steps away from it."""
_TONES = {"✗": "31", "†": "31", "?": "33", "●": "36", "→": "", "←": "", "◷": "34", "·": "2"}
_VERDICTS = {
    Kind.SAFETY: "a promise was broken",
    Kind.LIVENESS: "what had to happen did not",
    Kind.NONDETERMINISM: "the code does something else when it runs again",
    Kind.HARNESS: "the run itself went wrong",
}


@attrs.frozen(kw_only=True)
class Story:
    """The parts of a story, as text without colour: for reports that are not for a terminal."""

    headline: str
    steps: tuple[int, ...]
    workflows: tuple[str, ...]


def render_story(
    result: RunResult,
    source: Simulation | Trace,
    *,
    width: int = 100,
    colour: bool = False,
    command: str = "",
    steps_max: int = STEPS_MAX,
) -> str:
    """Tell how the run ``result`` failed, for a terminal of ``width`` columns.

    ``source``: the simulation (it is over), or its trace, which knows nothing of the user's code.
    ``command`` repeats the failure and is the last line.
    """
    return "\n".join(_Telling(result, source, max(width, WIDTH_MIN), colour, steps_max).lines(command))


def outline(result: RunResult, source: Simulation | Trace, *, steps_max: int = STEPS_MAX) -> Story:
    """What ``render_story`` would show, as numbers of steps and ids of workflows."""
    telling = _Telling(result, source, WIDTH_MIN, False, steps_max)
    return Story(
        headline=telling.headline(),
        steps=tuple(telling.shown),
        workflows=tuple(run.workflow_id for run in telling.affected),
    )


class _Telling:
    """One story."""

    def __init__(
        self, result: RunResult, source: Simulation | Trace, width: int, colour: bool, steps_max: int
    ) -> None:
        self.result, self.width, self.colour = result, width, colour
        self.simulation = None if isinstance(source, Trace) else source
        trace = source if isinstance(source, Trace) else source.trace
        self.first = trace.first_kept
        self.total = len(trace)
        self.steps: list[Step] = list(trace.tuples())
        self.start_ns = source.start_ns if not isinstance(source, Trace) else _start_of(self.steps)
        self.runs = runs_of(self.steps)
        self.words = Words(self.runs)
        self.causes = Causes(self.steps, self.first)
        named = [number for violation in result.violations for number in violation.steps]
        self.roots = sorted({self._before_phase(number) for number in named})
        self.affected = self._affected()
        places = frozenset(run.key for run in self.affected)
        self.shown = choose(self.steps, self.causes, self._all_roots(), shown_max=steps_max, places=places)

    def _before_phase(self, number: int) -> int:
        """What ended the safety phase is what happened before its end was noted."""
        while number > self.first and self._kind(number) == "phase":
            number -= 1
        return number

    def _kind(self, number: int) -> str:
        index = number - self.first
        return str(self.steps[index][0]) if 0 <= index < len(self.steps) else ""

    # --- what it is about ---

    def _affected(self) -> list[Run]:
        """The runs it is about: those named in what is wrong, else those at the steps that show it."""
        texts = " ".join(_spoken(violation.message) for violation in self.result.violations)
        latest = {run.key: run for run in self.runs.values()}
        named: dict[str, int] = {}
        for run in self.runs.values():
            for word in (run.run_id, run.key, run.workflow_id):
                at = _position(_spoken(word), texts)
                if at >= 0:
                    shown = run if word == run.run_id else latest[run.key]
                    named[shown.run_id] = min(at, named.get(shown.run_id, at))
        found = sorted(named, key=lambda run_id: named[run_id])
        if not found and any(violation.checker == WORKLOAD for violation in self.result.violations):
            # The workload sees the end, wherever it went wrong: what a fault struck is the better guess.
            strokes = [number for number in range(self.first, self.total) if self._kind(number) == "fault"]
            onward = self.causes.onward_from(strokes[:FAULTS_MAX])
            near = sorted((far, number) for number, far in onward.items() if far <= _NEAR_MAX)
            found = list(dict.fromkeys(self._runs_at([number for _, number in near])))[:HISTORIES_MAX]
        if not found:
            found = list(dict.fromkeys(self._runs_at(self.roots)))
        if not found:
            depth = self.causes.back_from(self.roots)
            nearest = sorted(depth, key=lambda number: (depth[number], -number))
            found = list(self._runs_at(nearest))[:1]
        return [self.runs[run_id] for run_id in found]

    def _runs_at(self, numbers: Sequence[int]) -> Iterator[str]:
        newest = {run.key: run.run_id for run in self.runs.values()}
        for number in numbers:
            if not self.first <= number < self.first + len(self.steps):
                continue
            for value in self.steps[number - self.first][2:5]:
                if not isinstance(value, str) or "/" not in value:
                    continue
                if value in newest:
                    yield newest[value]
                else:
                    run_id = unquote(value.split("/", 2)[-1].partition("|")[0])
                    if run_id in self.runs:
                        yield run_id

    def _all_roots(self) -> list[int]:
        """Where the slice begins: what is wrong, and the last thing each affected run recorded."""
        roots = list(self.roots)
        for run in self.affected[:HISTORIES_MAX]:
            table = f"events:{run.run_id}"
            for number in range(self.first + len(self.steps) - 1, self.first - 1, -1):
                step = self.steps[number - self.first]
                if step[0] != "commit" or step[2] != run.key:
                    continue
                if any(change[0] == table for change in step[5]):
                    roots.append(number)
                    break
        return roots

    # --- its parts ---

    def headline(self) -> str:
        """What was wrong, in one line."""
        violations = self.result.violations
        if not violations:
            return f"{self.result.scenario}: every promise held"
        first = violations[0]
        text = plain(self.words.spoken(first.message.partition("\n")[0]))
        named = text if first.checker in text else f"{first.checker}: {text}"
        return f"{self.result.scenario}: {named}"

    def lines(self, command: str) -> Iterator[str]:
        """Everything, top to bottom."""
        yield from self._wrong()
        yield ""
        yield from self._what_happened()
        for run in self.affected[:HISTORIES_MAX]:
            yield ""
            yield from self._history(run)
        if command:
            yield ""
            yield f"repeat with: {command}"

    def _wrong(self) -> Iterator[str]:
        violations = self.result.violations
        if not violations:
            yield self._paint(cut(f"✓ {self.headline()}", self.width), "32")
        for violation in violations[:_VIOLATIONS_MAX]:
            verdict = f"✗ {violation.kind.value}: {_VERDICTS[violation.kind]} ({violation.checker})"
            yield self._paint(cut(plain(verdict), self.width), "1;31")
            message = list(_without_dump(self.words.spoken(violation.message).splitlines())) or [""]
            for line in message[:_MESSAGE_LINES_MAX]:
                yield from self._wrapped(line)
            if len(message) > _MESSAGE_LINES_MAX:
                yield f"    ... {len(message) - _MESSAGE_LINES_MAX} more lines"
            if violation.location:
                yield self._paint(cut(f"    at {place(violation.location)}", self.width), "36")
                code = _code_at(violation.location)
                if code and code not in violation.message:
                    yield self._paint(cut(f"       {code}", self.width), "2")
        if len(violations) > _VIOLATIONS_MAX:
            yield f"  and {len(violations) - _VIOLATIONS_MAX} more broken promises"
        faults = sum(count for name, count in self.result.stats.items() if name.startswith("fault_"))
        facts = [
            self.result.scenario,
            f"seed {self.result.seed}",
            f"{duration_text(self.result.virtual_ns)} of virtual time",
            f"{faults} fault{'s' * (faults != 1)} struck",
        ]
        yield self._paint(cut("  " + " · ".join(plain(fact) for fact in facts), self.width), "2")

    def _wrapped(self, line: str) -> Iterator[str]:
        """A line of a message, broken where it is too wide."""
        indent = "    " + " " * (len(line) - len(line.lstrip()))
        for part in _broken(plain(line.strip()), max(self.width - len(indent), 20)):
            yield indent + part

    def _what_happened(self) -> Iterator[str]:
        if not self.shown:
            text = "no step of the run is kept" if self.total else "nothing happened in the simulated world"
            yield self._paint(text, "2")
            return
        yield self._paint(f"What mattered, {len(self.shown)} of {self.total} steps:", "1")
        broken = frozenset(self.roots)
        shown = frozenset(self.shown)
        rows = []
        for number, step in enumerate(self.steps, self.first):
            self.words.heard(step)
            if number in shown:
                rows.append((number, step, self.words.line(step)))
        at_width = max(width_of(self._at(step)) for _, step, _ in rows)
        name_width = min(max(width_of(who) for _, _, (who, _, _) in rows), _NAME_WIDTH)
        last_at = last_who = ""
        for number, step, (who, mark, what) in rows:
            at = self._at(step)
            who = cut(who, name_width)
            again = at == last_at and who == last_who
            if number in broken and step[0] != "fault":
                mark = "!"
            if step[0] == "call" and number in self.causes.repeats:
                what = f"once more {what}"
            room = self.width - at_width - name_width - 6
            shown_at = "" if at == last_at else at
            wrong = mark in "✗!"
            told = _broken(what, room, _WRONG_LINES_MAX if wrong else _LINES_MAX)
            yield (
                f" {self._paint(' ' * (at_width - width_of(shown_at)) + shown_at, '2')} "
                f" {self._paint(fit('' if again else who, name_width), '1')} "
                f"{self._paint(mark, '1;31' if mark == '!' else _TONES.get(mark, ''))} "
                f"{self._paint(told[0], '31' if wrong else '')}"
            ).rstrip()
            for line in told[1:]:
                yield " " * (self.width - room) + self._paint(line, "31" if wrong else "")
            last_at, last_who = at, who

    def _at(self, step: Step) -> str:
        return f"+{duration_text(step[1] - self.start_ns)}"

    def _history(self, run: Run) -> Iterator[str]:
        events = [run.events[number] for number in sorted(run.events)]
        name = f"{run.workflow_id} ({run.workflow_type})" if run.workflow_type else run.workflow_id
        code = self._code_of(run)
        head = f"History of {plain(name)}, {len(events)} events" + (f", {code}" if code else "")
        yield self._paint(cut(head, self.width), "1")
        lines = self._source_lines(run)
        shown = events
        if len(events) > EVENTS_WHOLE_MAX:
            events = [event for event in events if event.event_type not in ROUTINE]
            yield self._paint("        without the events of its workflow tasks", "2")
            left_out = max(len(events) - EVENTS_MAX, 0)
            kept = EVENTS_MAX // 4 if left_out else len(events)
            shown = events[:kept] + events[kept + left_out :]
        at_width = max((width_of(self._since(event.event_time)) for event in shown), default=4)
        for index, event in enumerate(shown):
            if index == EVENTS_MAX // 4 and len(shown) < len(events):
                yield self._paint(f"        ... {len(events) - len(shown)} more events", "2")
            where = lines.get(event.event_id, "")
            left = f" {event.event_id:>5}  {self._since(event.event_time):>{at_width}}  "
            room = self.width - len(left)
            text = event_name(event)
            if where and width_of(text) + len(where) + 2 <= room:
                yield f"{left}{text}  {self._paint(where, '36')}"
            else:
                yield left + cut(text, room)

    def _since(self, at_ns: int) -> str:
        return f"+{duration_text(at_ns - self.start_ns)}"

    # --- the user's code ---

    def _code_of(self, run: Run) -> str:
        code = getattr(getattr(self._definition(run), "fn", None), "__code__", None)
        return "" if code is None else place(f"{code.co_filename}:{code.co_firstlineno}")

    def _definition(self, run: Run) -> object:
        first = run.events.get(1)
        if self.simulation is None or first is None:
            return None
        queue = getattr(first.attributes, "task_queue", None)
        namespace = unquote(run.key.split("/", 2)[1])
        return self.simulation.deployment.workflow(namespace, queue.name if queue else "", run.workflow_type)

    def _source_lines(self, run: Run) -> dict[int, str]:
        from ..runtime.definitions import WorkflowDefinition
        from .story_lines import source_lines

        definition = self._definition(run)
        if self.simulation is None or not isinstance(definition, WorkflowDefinition):
            return {}
        return source_lines(
            [run.events[number] for number in sorted(run.events)],
            definition,
            self.simulation.deployment.converter,
            namespace=unquote(run.key.split("/", 2)[1]),
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            task_queue=getattr(getattr(run.events[1].attributes, "task_queue", None), "name", ""),
        )

    def _paint(self, text: str, tone: str) -> str:
        return f"\x1b[{tone}m{text}\x1b[0m" if self.colour and tone and text.strip() else text


def _broken(text: str, room: int, lines_max: int = _MESSAGE_LINES_MAX) -> list[str]:
    """``text`` in lines of at most ``room`` columns, at least one."""
    lines: list[str] = []
    while width_of(text) > room and len(lines) < lines_max - 1:
        at = text.rfind(" ", 0, room)
        at = at if at > room // 3 else room
        lines.append(cut(text[:at], room))
        text = text[at:].strip()
    return [*lines, cut(text, room)]


def _start_of(steps: Sequence[Step]) -> int:
    return steps[0][1] if steps else 0


def _spoken(text: str) -> str:
    """``Order-3`` and ``order 3`` are the same to a reader."""
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _position(word: str, text: str) -> int:
    """Where ``word`` stands in ``text``, -1 if it doesn't or says nothing."""
    return text.find(word) if len(word) > 3 else -1


def _without_dump(lines: Sequence[str]) -> Iterator[str]:
    """Without the last steps as the trace has them: the story tells those that matter."""
    depth = -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if 0 <= depth < indent:
            continue
        depth = indent if line.strip() == "the last steps:" else -1
        if depth < 0:
            yield line


def _code_at(location: str) -> str:
    """The line of the user's code, as far as it can be read."""
    file, _, line = location.rpartition(":")
    return plain(getline(file, int(line)).strip()) if file and line.isdecimal() else ""


def place(location: str) -> str:
    """``file:line``, the file as seen from the current directory."""
    from ..runtime.guard_frames import display_path

    file, _, line = location.rpartition(":")
    return short(f"{display_path(file)}:{line}" if file else location)
