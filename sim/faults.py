"""Faults: what may go wrong, where, how often - and the plan that says so.

Owns: the table of faults (one row each: its name, the choice point where it strikes, the reference into the
catalogue of platform faults) and the choosing. Every fault is off by default. A plan gives rates per million
per choice point, and placements: "at the k-th commit of this object". Plans combine with ``|``.

Invariants: at a choice point at most one fault strikes; which one is a choice under the label
``<point>:<key>`` (0: none), so faults of one object shift nothing for another; a point whose rates are all 0
draws nothing; the position of a fault in the table is part of the tape format, so new rows go to the end of
their point.

Must not import: the platform, which asks ``Faults.strike`` and carries the faults out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import attrs

from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import InvalidArgumentError
from .choices import MILLION, Choices


@attrs.frozen
class Fault:
    """One row of the table: ``point`` is where it is decided, ``reference`` its number in the catalogue."""

    name: str
    point: str
    reference: str
    what: str


FAULTS: tuple[Fault, ...] = (
    Fault("lost_request", "request", "G10", "the message never arrives; the sender's outcome is unknown"),
    Fault(
        "slow_request", "request", "G10", "the message takes its time; order per sender and receiver is kept"
    ),
    Fault("overload", "deliver", "G8", "the receiver turns the call away unseen; the outcome is unknown"),
    Fault("evict", "deliver", "G6", "an idle object has lost its memory when the message arrives"),
    Fault(
        "reset", "deliver", "G7", "the object loses memory and all calls in flight just before the message"
    ),
    Fault(
        "zombie",
        "deliver",
        "G12",
        "a new incarnation takes the message; the old one goes on, unable to commit",
    ),
    Fault("crash_before_commit", "commit", "G1", "the object dies; nothing of this turn is durable"),
    Fault("crash_in_doubt", "commit", "G3", "the object dies; the turn is durable or not, either way"),
    Fault("crash_after_commit", "commit", "G2", "the object dies with the turn durable and nobody told"),
    Fault("slow_commit", "commit", "G5", "the turn becomes durable late"),
    Fault("crash_before_reply", "reply", "G2", "the object dies with the answer ready"),
    Fault("lost_reply", "reply", "G10", "the answer never arrives; the sender's outcome is unknown"),
    Fault("slow_reply", "reply", "G10", "the answer takes its time"),
    Fault("late_alarm", "alarm", "G17", "the alarm goes off late"),
    Fault("duplicate_alarm", "alarm_done", "G18", "the handled alarm goes off once more"),
    Fault("lost_send", "enqueue", "G26", "the queue reports an error and has not stored the message"),
    Fault("ambiguous_send", "enqueue", "G26", "the queue reports an error and has stored the message"),
    Fault("duplicate_message", "message", "G22", "the message is delivered twice"),
    Fault("slow_message", "delivery", "G23", "the message is delivered late, after others"),
    Fault("lost_ack", "ack", "G22", "the consumer's acknowledgement is lost: the message comes again"),
    Fault(
        "worker_crash_before_call", "worker", "G31", "a worker process dies before a call it wanted to make"
    ),
    Fault(
        "worker_crash_after_call", "worker", "G31", "a worker process dies after a call, without its answer"
    ),
    Fault("lost_put", "put_blob", "G28", "the object store reports an error and has stored nothing"),
    Fault("ambiguous_put", "put_blob", "G28", "the object store reports an error and has stored the data"),
    Fault("failed_get", "get_blob", "G28", "the object store reports an error"),
)

POINTS: dict[str, tuple[str, ...]] = {}
for _fault in FAULTS:
    POINTS[_fault.point] = (*POINTS.get(_fault.point, ()), _fault.name)
_POINT_OF = {fault.name: fault.point for fault in FAULTS}


def _known(name: str) -> str:
    if name not in _POINT_OF:
        raise InvalidArgumentError(f"{name!r} is no fault; there are: {', '.join(_POINT_OF)}")
    return name


@attrs.frozen
class Placement:
    """Let ``fault`` strike the ``occurrence``-th time (from 1) that a key matching ``key`` comes to its
    point.

    ``key`` may hold ``*`` and ``?``. Occurrences are counted per placement, over all keys that match.
    """

    fault: str = attrs.field(converter=_known)
    key: str = "*"
    occurrence: int = 1


def _rates(given: Mapping[str, int]) -> dict[str, int]:
    for name, rate in given.items():
        _known(name)
        if not isinstance(rate, int) or not 0 <= rate <= MILLION:
            raise InvalidArgumentError(f"the rate of {name} is a whole number per million, not {rate!r}")
    return {name: given[name] for name in _POINT_OF if given.get(name)}


@attrs.frozen(kw_only=True)
class FaultPlan:
    """What may go wrong in a run.

    ``rates``: fault name -> per million of the times its point is reached. ``placements``: faults at exact
    places. ``limit``: at most so many faults strike by rate (None: no limit). Delays are at most
    ``latency_ns_max`` (messages and replies, default 1 s), ``commit_ns_max`` (5 s), ``alarm_ns_max`` (60 s),
    ``queue_ns_max`` (60 s).
    """

    rates: Mapping[str, int] = attrs.field(factory=dict, converter=_rates)
    placements: tuple[Placement, ...] = ()
    limit: int | None = None
    latency_ns_max: int = 1_000_000_000
    commit_ns_max: int = 5_000_000_000
    alarm_ns_max: int = 60_000_000_000
    queue_ns_max: int = 60_000_000_000

    @classmethod
    def crashes(cls, per_million: int = 20_000) -> FaultPlan:
        """Objects die before, during and after their commits, before replies and when idle."""
        names = ("reset", "evict", "crash_before_commit", "crash_in_doubt", "crash_after_commit")
        return cls(rates=dict.fromkeys((*names, "crash_before_reply"), per_million))

    @classmethod
    def evictions(cls, per_million: int = 100_000) -> FaultPlan:
        """Idle objects lose their memory."""
        return cls(rates={"evict": per_million})

    @classmethod
    def network(cls, per_million: int = 20_000, *, latency: DurationLike = "1s") -> FaultPlan:
        """Requests and replies are lost or take up to ``latency``; receivers are overloaded."""
        names = ("lost_request", "slow_request", "overload", "lost_reply", "slow_reply")
        return cls(
            rates=dict.fromkeys(names, per_million), latency_ns_max=parse_duration(latency, name="latency")
        )

    @classmethod
    def queue(cls, per_million: int = 50_000, *, delay: DurationLike = "60s") -> FaultPlan:
        """Queue messages are duplicated, delayed (hence reordered) and redelivered; sends fail."""
        names = ("lost_send", "ambiguous_send", "duplicate_message", "slow_message", "lost_ack")
        return cls(rates=dict.fromkeys(names, per_million), queue_ns_max=parse_duration(delay, name="delay"))

    @classmethod
    def alarms(cls, per_million: int = 50_000, *, lateness: DurationLike = "60s") -> FaultPlan:
        """Alarms are late, or go off twice."""
        rates = dict.fromkeys(("late_alarm", "duplicate_alarm"), per_million)
        return cls(rates=rates, alarm_ns_max=parse_duration(lateness, name="lateness"))

    @classmethod
    def workers(cls, per_million: int = 20_000) -> FaultPlan:
        """Worker processes die in the middle of activities."""
        return cls(rates=dict.fromkeys(("worker_crash_before_call", "worker_crash_after_call"), per_million))

    @classmethod
    def storage(cls, per_million: int = 50_000) -> FaultPlan:
        """Commits are slow and the object store fails."""
        names = ("slow_commit", "lost_put", "ambiguous_put", "failed_get")
        return cls(rates=dict.fromkeys(names, per_million))

    @classmethod
    def zombies(cls, per_million: int = 10_000) -> FaultPlan:
        """Superseded incarnations go on for a while beside their successors."""
        return cls(rates={"zombie": per_million})

    @classmethod
    def everything(cls, per_million: int = 10_000) -> FaultPlan:
        """Every fault of the table at one rate."""
        return cls(rates=dict.fromkeys(_POINT_OF, per_million))

    @classmethod
    def at(cls, fault: str, key: str = "*", occurrence: int = 1) -> FaultPlan:
        """One fault at one place; see Placement."""
        return cls(placements=(Placement(fault, key, occurrence),))

    def __or__(self, other: FaultPlan) -> FaultPlan:
        """Both plans: the higher rate of each fault, all placements, the wider bounds."""
        if not isinstance(other, FaultPlan):
            return NotImplemented
        limits = [plan.limit for plan in (self, other) if plan.rates]
        return FaultPlan(
            rates={
                name: max(self.rates.get(name, 0), other.rates.get(name, 0))
                for name in (*self.rates, *other.rates)
            },
            placements=self.placements + other.placements,
            limit=None
            if None in limits or not limits
            else sum(limit for limit in limits if limit is not None),
            latency_ns_max=max(self.latency_ns_max, other.latency_ns_max),
            commit_ns_max=max(self.commit_ns_max, other.commit_ns_max),
            alarm_ns_max=max(self.alarm_ns_max, other.alarm_ns_max),
            queue_ns_max=max(self.queue_ns_max, other.queue_ns_max),
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, for a tape."""
        found = attrs.asdict(self, recurse=False)
        found["rates"] = dict(self.rates)
        found["placements"] = [[p.fault, p.key, p.occurrence] for p in self.placements]
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> FaultPlan:
        """Read what ``to_json`` gave. Raises InvalidArgumentError."""
        fields = dict(found)
        try:
            fields["placements"] = tuple(Placement(*each) for each in fields.get("placements", ()))
            return cls(**fields)
        except TypeError as error:
            raise InvalidArgumentError(f"this is no fault plan: {error}") from None


class Faults:
    """A plan at work in one run: decides at every choice point whether, and which, fault strikes."""

    __slots__ = ("_choices", "_limit", "_pending", "_weights", "counts", "plan")

    def __init__(self, plan: FaultPlan, choices: Choices) -> None:
        self.plan = plan
        self._choices = choices
        self._limit = plan.limit
        self._weights: dict[str, tuple[int, ...]] = {}
        self._pending: dict[str, list[list[Any]]] = {}
        self.counts: dict[str, int] = {}
        """Fault name -> how often it struck."""
        for point, names in POINTS.items():
            weights = tuple(plan.rates.get(name, 0) for name in names)
            if any(weights):
                self._weights[point] = weights
        self.place(plan.placements)

    def place(self, placements: Iterable[Placement]) -> None:
        """Add placements to the run; their occurrences count from now."""
        for placement in placements:
            waiting = [placement, placement.occurrence]
            self._pending.setdefault(_POINT_OF[placement.fault], []).append(waiting)

    def strike(self, point: str, key: str) -> str:
        """The name of the fault that strikes ``key`` at ``point`` now, or ""."""
        struck = ""
        if self._pending:
            pending = self._pending.get(point, ())
            for waiting in pending:
                if waiting[1] > 0 and fnmatchcase(key, waiting[0].key):
                    waiting[1] -= 1
                    if waiting[1] == 0 and not struck:
                        struck = waiting[0].fault
        if not struck:
            weights = self._weights.get(point)
            if weights is None or self._limit == 0:
                return ""
            index = self._choices.stream(f"{point}:{key}").weighted(weights)
            if not index:
                return ""
            if self._limit is not None:
                self._limit -= 1
            struck = POINTS[point][index - 1]
        self.counts[struck] = self.counts.get(struck, 0) + 1
        return struck

    def delay_ns(self, label: str, bound_ns: int) -> int:
        """A delay of 1 ms to ``bound_ns``, in whole milliseconds."""
        return 1_000_000 * (1 + self._choices.draw(label, max(1, bound_ns // 1_000_000)))

    def coin(self, label: str) -> bool:
        """Either way."""
        return bool(self._choices.draw(label, 2))
