"""Which steps of a run matter: a slice backwards over its trace, from what went wrong to what caused it.

Owns the causes of a step and the choice of the few that are shown. A step follows from the step that made it
possible: an arrival from its sending, a commit from the arrival or alarm before it, a message from the commit
that holds it, a second attempt from the loss of the first. Invariants: causes come before what they cause;
choosing reads nothing but the trace. Must not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .story_workers import Workers
from .trace import Step

UNSHOWN = frozenset(("load", "alarm_done", "reply", "ack", "put_blob", "get_blob", "worker", "phase"))
"""Steps that say nothing by themselves; they are shown only if they are what is wrong."""

_EFFECTS = frozenset(("dead", "lost", "redeliver", "drop", "alarm_lost"))
FAULTS_MAX = 16
"""If more faults than this struck, only those are shown that what went wrong follows from."""
_BACKGROUND_MAX = 8
"""Where faults led to what went wrong, so many of the steps that led there as well."""


class Causes:
    """The causes of every step, found in one pass. ``steps[0]`` is step number ``first``."""

    def __init__(self, steps: Sequence[Step], first: int) -> None:
        self.first = first
        self.of: list[tuple[int, ...]] = []
        self.repeats: dict[int, int] = {}
        """A call that says once more what an earlier one said -> the step at which that one was lost."""
        self.arrivals: dict[int, int] = {}
        """Number of a call -> the step of its first arrival."""
        self._call: dict[int, int] = {}
        self._deliver: dict[int, int] = {}
        self._said: dict[int, tuple[str, Any]] = {}
        self._lost: dict[str, list[tuple[Any, int]]] = {}
        self._turn: dict[str, int] = {}
        self._commit: dict[str, int] = {}
        self._fault: dict[str, int] = {}
        self._dead: dict[str, int] = {}
        self._queued: dict[Any, int] = {}
        self._given: dict[Any, int] = {}
        self._task: dict[str, int] = {}
        self._workers = Workers(whole=first == 0)
        self._given_up: dict[str, int] = {}
        """Key of an activity -> the step at which the worker died that had it in hand."""
        self._last_fault = -1
        for number, step in enumerate(steps, first):
            self._workers.heard(number, step)
            found = getattr(self, f"_{step[0]}_", self._other_)(number, step)
            self.of.append(tuple(sorted({cause for cause in found if cause is not None and cause < number})))

    def causes(self, number: int) -> tuple[int, ...]:
        """The steps that this one follows from."""
        index = number - self.first
        return self.of[index] if 0 <= index < len(self.of) else ()

    def back_from(self, roots: Iterable[int]) -> dict[int, int]:
        """Every step that one of ``roots`` follows from -> how many steps away."""
        depth = dict.fromkeys(roots, 0)
        level = list(depth)
        while level:
            following: list[int] = []
            for number in level:
                for cause in self.causes(number):
                    if cause not in depth:
                        depth[cause] = depth[number] + 1
                        following.append(cause)
            level = following
        return depth

    def onward_from(self, roots: Iterable[int]) -> dict[int, int]:
        """Every step that follows from one of ``roots`` -> how many steps away."""
        depth = dict.fromkeys(roots, 0)
        for number in range(min(depth, default=self.first), self.first + len(self.of)):
            if number not in depth:
                before = [depth[cause] for cause in self.causes(number) if cause in depth]
                if before:
                    depth[number] = 1 + min(before)
        return depth

    # --- one method per kind of step ---

    def _call_(self, number: int, step: Step) -> Iterable[int | None]:
        _, _, sender, receiver, call, message = step
        self._call[call] = number
        self._said[call] = (receiver, message)
        causes = [self._commit.get(sender), self._turn.get(sender)]
        if sender == "worker":
            causes.append(self._task.get(receiver))
        for said, lost in reversed(self._lost.get(receiver, ())):
            if said is message or said == message:
                self.repeats[number] = lost
                causes.append(lost)
                break
        return causes

    def _deliver_(self, number: int, step: Step) -> Iterable[int | None]:
        _, _, receiver, _, call, _ = step
        self._deliver[call] = number
        self.arrivals.setdefault(call, number)
        self._turn[receiver] = number
        return (self._call.get(call), self._dead.get(receiver))

    def _alarm_(self, number: int, step: Step) -> Iterable[int | None]:
        self._turn[step[2]] = number
        return (
            self._commit.get(step[2]),
            self._fault_of(step[2], number),
            self._given_up.get(step[2]),
        )

    def _commit_(self, number: int, step: Step) -> Iterable[int | None]:
        self._commit[step[2]] = number
        return (self._turn.get(step[2]), self._fault_of(step[2], number))

    def _reply_(self, number: int, step: Step) -> Iterable[int | None]:
        return (self._deliver.get(step[4]), self._commit.get(step[2]))

    def _lost_(self, number: int, step: Step) -> Iterable[int | None]:
        call = step[2]
        receiver, message = self._said.get(call, ("", None))
        self._lost.setdefault(receiver, []).append((message, number))
        dead = self._dead.get(receiver)
        return (self._call.get(call), self._deliver.get(call), dead, self._just_before(number))

    def _dead_(self, number: int, step: Step) -> Iterable[int | None]:
        self._dead[step[2]] = number
        in_hand = self._workers.in_hand(step)
        if in_hand is not None and hasattr(in_hand[1][5], "activity_key"):
            self._given_up[in_hand[1][5].activity_key] = number
        return (
            self._fault_of(step[2], number) or self._just_before(number),
            self._turn.get(step[2]),
            in_hand[0] if in_hand is not None else None,
        )

    def _fault_(self, number: int, step: Step) -> Iterable[int | None]:
        self._fault[step[3]] = self._last_fault = number
        return (self._turn.get(step[3]),)

    def _enqueue_(self, number: int, step: Step) -> Iterable[int | None]:
        self._queued[step[3], step[4]] = number
        return (self._commit.get(step[2]),)

    def _consume_(self, number: int, step: Step) -> Iterable[int | None]:
        name = (step[2], step[3])
        earlier = self._given.get(name)
        self._given[name] = number
        receiver = getattr(step[5], "activity_key", None)
        if receiver is not None:
            self._task[receiver] = number
        gone = self._given_up.pop(receiver, None) if receiver is not None else None
        return (self._queued.get(name), earlier, self._fault_of(step[2], number), gone)

    def _redeliver_(self, number: int, step: Step) -> Iterable[int | None]:
        name = (step[2], step[3])
        self._queued[name] = number
        return (self._given.get(name), self._just_before(number))

    def _drop_(self, number: int, step: Step) -> Iterable[int | None]:
        return (self._given.get((step[2], step[3])), self._just_before(number))

    def _ack_(self, number: int, step: Step) -> Iterable[int | None]:
        return (self._given.get((step[2], step[3])),)

    def _load_(self, number: int, step: Step) -> Iterable[int | None]:
        return (self._turn.get(step[2]), self._dead.get(step[2]))

    def _other_(self, number: int, step: Step) -> Iterable[int | None]:
        return (self._just_before(number),) if step[0] in _EFFECTS else ()

    def _fault_of(self, key: str, number: int) -> int | None:
        """The fault that struck there last, if it can have to do with this step."""
        found = self._fault.get(key)
        return found if found is not None and number - found <= 64 else None

    def _just_before(self, number: int) -> int | None:
        return self._last_fault if 0 <= self._last_fault and number - self._last_fault <= 8 else None


def choose(
    steps: Sequence[Step], causes: Causes, roots: Iterable[int], *, shown_max: int, places: frozenset[str]
) -> list[int]:
    """The numbers of the steps that are shown, in order, at most ``shown_max``.

    First what broke, then the faults and what they did, then what came of that on the way to what broke, the
    nearest to the faults first; then what else led there, the nearest first. Of these, steps at ``places``
    (keys of objects) come before others. What came of faults that are not known to have led there is shown
    if no fault is.
    """
    first = causes.first
    roots = [root for root in roots if first <= root < first + len(steps)]
    depth = causes.back_from(roots)
    struck = _faults(steps, causes, depth, places)
    strokes = {
        number
        for number, step in enumerate(steps, first)
        if number in struck or (step[0] in _EFFECTS and struck.intersection(causes.causes(number)))
    }
    onward = causes.onward_from(strokes)
    led = depth if depth.keys() & strokes else onward
    beginnings = {cause for number in strokes for cause in causes.causes(number)}
    opened: dict[str, int] = {}
    for number, step in enumerate(steps, first):
        if step[0] == "call" and step[3] in places:
            opened.setdefault(step[3], number)
    ranked: list[tuple[tuple[int, int, int], int]] = []
    for number, step in enumerate(steps, first):
        beside = 0 if places.intersection(step[2:4]) else 1
        near = depth.get(number, len(steps))
        if number in roots:
            ranked.append(((0, 0, 0), number))
        elif number in strokes:
            ranked.append(((1 if number in struck else 2, 0, near), number))
        elif step[0] == "call" and causes.repeats.get(number) is not None and number in depth:
            ranked.append(((2, 0, near), number))
        elif _says_nothing(causes, number, step):
            continue
        elif (number in beginnings and step[0] == "consume") or opened.get(step[3]) == number:
            ranked.append(((2, 0, near), number))
        elif number in onward and number in led:
            ranked.append(((3, beside, onward[number]), number))
        elif number in depth:
            ranked.append(((4, beside, near), number))
    ranked.sort(key=lambda each: (each[0], -each[1]))
    came = any(rank[0] == 3 for rank, _ in ranked)
    background = [number for rank, number in ranked if rank[0] == 4]
    chosen = [number for rank, number in ranked if rank[0] < 4]
    chosen = [*chosen[: shown_max - 2], *background[: _BACKGROUND_MAX if came else shown_max]]
    return _without_idle_alarms(sorted(chosen[:shown_max]), steps, causes, roots)


def _faults(
    steps: Sequence[Step], causes: Causes, depth: Mapping[int, int], places: frozenset[str]
) -> frozenset[int]:
    """The faults that are shown: all, or of many those that have to do with it."""
    first = causes.first
    found = [number for number, step in enumerate(steps, first) if step[0] in ("fault", "storm")]
    if len(found) > FAULTS_MAX:
        near = [number for number in found if number in depth or set(steps[number - first][2:]) & places]
        found = sorted(near, key=lambda number: (depth.get(number, len(steps)), -number))[:FAULTS_MAX]
    return frozenset(found)


def _without_idle_alarms(
    shown: list[int], steps: Sequence[Step], causes: Causes, roots: Sequence[int]
) -> list[int]:
    """An alarm says something only together with what it led to."""
    led = {cause for number in shown for cause in causes.causes(number)}
    return [
        number
        for number in shown
        if number in led or number in roots or steps[number - causes.first][0] != "alarm"
    ]


def _says_nothing(causes: Causes, number: int, step: Step) -> bool:
    """Steps that only go with others: an arrival, which is told where the message is sent unless it is the
    second one, and a commit that forgets what was sent."""
    if step[0] == "deliver":
        return causes.arrivals.get(step[4]) == number
    if step[0] == "commit":
        return all(table == "outbox" and row is None for table, _, row in step[5])
    return step[0] in UNSHOWN
