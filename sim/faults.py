"""Fault plans: how often each of those in ``fault_table`` strikes - and the plan that says so.

Owns: the plan and the choosing. Every fault is off by default. A plan gives rates per million per choice
point, storms (windows of time with higher rates), and placements: "at the k-th commit of this
object". Plans combine with ``|``.

Invariants: at a choice point at most one fault strikes; which one is a choice under the label
``<point>:<key>`` (0: none), so faults of one object shift nothing for another; a point whose rates are all 0
draws nothing.

Must not import: the platform, which asks ``Faults.strike`` and carries the faults out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs

from ..runtime.durations import DAY, MINUTE, SECOND, DurationLike, parse_duration
from ..runtime.errors import InvalidArgumentError
from .choices import MILLION, Choices, Stream
from .fault_table import LOSSES, POINT_OF, POINTS

if TYPE_CHECKING:
    from .scheduler import Scheduler, Timer


def _known(name: str) -> str:
    if name not in POINT_OF:
        raise InvalidArgumentError(f"{name!r} is no fault; there are: {', '.join(POINT_OF)}")
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


RATE = f"a rate is how often in a million times a fault strikes: a whole number from 0 to {MILLION}"
"""What a rate is, for whoever gives another."""


def _rates(given: Mapping[str, int]) -> dict[str, int]:
    for name, rate in given.items():
        _known(name)
        if not isinstance(rate, int) or isinstance(rate, bool) or not 0 <= rate <= MILLION:
            raise InvalidArgumentError(f"the rate of {name} cannot be {rate!r}; {RATE}")
    return {name: given[name] for name in POINT_OF if given.get(name)}


@attrs.frozen(kw_only=True)
class Storm:
    """A window of time in which some faults are frequent: an outage.

    ``rates`` hold while it lasts, where they are higher than the plan's own. ``start_ns`` is when it begins,
    counted from the moment its plan comes into force; None: drawn, at most ``within_ns`` later (a day).
    ``length_ns`` is how long it lasts; None: drawn, 30 to 150 minutes, as outages of the real platform did.
    """

    rates: Mapping[str, int] = attrs.field(converter=_rates)
    start_ns: int | None = None
    length_ns: int | None = None
    within_ns: int = DAY


STORM_NS_MIN = 30 * MINUTE
STORM_NS_MAX = 150 * MINUTE


@attrs.frozen(kw_only=True)
class FaultPlan:
    """What may go wrong in a run.

    ``rates``: fault name -> per million of the times its point is reached. ``placements``: faults at exact
    places. ``storms``: windows with rates of their own. ``limit``: at most so many faults strike by rate
    (None: no limit). Delays are at most ``latency_ns_max`` (messages and replies, default 1 s),
    ``commit_ns_max`` (5 s), ``alarm_ns_max`` (60 s), ``queue_ns_max`` (60 s), ``cron_ns_max`` (10 min),
    ``cold_ns_max`` (5 s); clocks are off by at most ``skew_ns_max`` (1 s), versions for at most
    ``version_skew_ns_max`` (1 min).
    """

    rates: Mapping[str, int] = attrs.field(factory=dict, converter=_rates)
    placements: tuple[Placement, ...] = ()
    limit: int | None = None
    latency_ns_max: int = SECOND
    commit_ns_max: int = 5 * SECOND
    alarm_ns_max: int = MINUTE
    queue_ns_max: int = MINUTE
    storms: tuple[Storm, ...] = ()
    cron_ns_max: int = 10 * MINUTE
    skew_ns_max: int = SECOND
    version_skew_ns_max: int = MINUTE
    cold_ns_max: int = 5 * SECOND

    def __bool__(self) -> bool:
        """Can anything go wrong?"""
        return bool(self.rates or self.placements or self.storms)

    @classmethod
    def crashes(cls, per_million: int = 20_000) -> FaultPlan:
        """Objects die before, during and after their commits, before replies and when idle, alone or with
        their isolate."""
        names = ("reset", "evict", "crash_before_commit", "crash_in_doubt", "crash_after_commit")
        return cls(rates=dict.fromkeys((*names, "crash_before_reply", "isolate_reset"), per_million))

    @classmethod
    def evictions(cls, per_million: int = 100_000) -> FaultPlan:
        """Idle objects lose their memory, and take their time to come back."""
        return cls(rates={"evict": per_million, "cold_start": per_million})

    @classmethod
    def network(cls, per_million: int = 20_000, *, latency: DurationLike = "1s") -> FaultPlan:
        """Requests and replies are lost, doubled, overtaken or take up to ``latency``; receivers are
        overloaded; stubs break; callers disconnect."""
        names = ("lost_request", "slow_request", "overload", "lost_reply", "slow_reply", "broken_stub")
        rates = dict.fromkeys(
            (*names, "duplicate_request", "overtaken_request", "caller_disconnect"), per_million
        )
        return cls(rates=rates, latency_ns_max=parse_duration(latency, name="latency"))

    @classmethod
    def queue(cls, per_million: int = 50_000, *, delay: DurationLike = "60s") -> FaultPlan:
        """Queue messages are duplicated, delayed (hence reordered), batched and redelivered; sends and
        consumers fail."""
        names = ("lost_send", "ambiguous_send", "duplicate_message", "slow_message", "lost_ack")
        rates = dict.fromkeys((*names, "batched_message", "twin_delivery", "throwing_consumer"), per_million)
        return cls(rates=rates, queue_ns_max=parse_duration(delay, name="delay"))

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
        """Commits are slow, stuck or fail, and so does the object store, where twins race."""
        names = ("slow_commit", "failed_commit", "stuck_section", "lost_put", "ambiguous_put")
        return cls(rates=dict.fromkeys((*names, "throttled_put", "failed_get", "lost_race"), per_million))

    @classmethod
    def zombies(cls, per_million: int = 10_000) -> FaultPlan:
        """Superseded incarnations go on for a while beside their successors."""
        return cls(rates={"zombie": per_million})

    @classmethod
    def deploys(cls, per_million: int = 10_000, *, skew: DurationLike = "1m") -> FaultPlan:
        """Code is updated under the objects; some run the older code for up to ``skew``."""
        rates = dict.fromkeys(("code_update", "version_skew"), per_million)
        return cls(rates=rates, version_skew_ns_max=parse_duration(skew, name="skew"))

    @classmethod
    def losses(cls, per_million: int = 20_000) -> FaultPlan:
        """The platform loses alarms and queue messages for good; only the recovery sweep helps."""
        return cls(rates=dict.fromkeys(LOSSES, per_million))

    @classmethod
    def crons(cls, per_million: int = 200_000, *, lateness: DurationLike = "10m") -> FaultPlan:
        """The cron trigger of the recovery sweep is missed, late, doubled and overlaps itself."""
        names = ("missed_cron", "late_cron", "twice_cron", "overlapping_cron")
        rates = dict.fromkeys(names, per_million)
        return cls(rates=rates, cron_ns_max=parse_duration(lateness, name="lateness"))

    @classmethod
    def clocks(cls, per_million: int = 500_000, *, skew: DurationLike = "1s") -> FaultPlan:
        """Clocks of different machines differ from the true time by up to ``skew``."""
        return cls(rates={"clock_skew": per_million}, skew_ns_max=parse_duration(skew, name="skew"))

    @classmethod
    def storm(
        cls,
        *names: str,
        per_million: int = 800_000,
        start: DurationLike | None = None,
        length: DurationLike | None = None,
        within: DurationLike = "1d",
    ) -> FaultPlan:
        """One storm of the faults called ``names``; see Storm."""
        storm = Storm(
            rates=dict.fromkeys(names, per_million),
            start_ns=None if start is None else parse_duration(start, name="start"),
            length_ns=None if length is None else parse_duration(length, name="length"),
            within_ns=parse_duration(within, name="within"),
        )
        return cls(storms=(storm,))

    @classmethod
    def swarm(
        cls,
        choices: Choices,
        *,
        names: Iterable[str] | None = None,
        rates: tuple[int, ...] = (1_000, 5_000, 20_000, 80_000),
    ) -> FaultPlan:
        """A plan drawn from ``choices`` (labels ``swarm:...``): about half of the faults called ``names``
        (None: all) are on, each with one of ``rates``; sometimes there is a storm of those that share a
        point."""
        wanted = tuple(POINT_OF) if names is None else tuple(_known(name) for name in names)
        drawn: dict[str, int] = {}
        for name in wanted:
            level = choices.draw(f"swarm:{name}", 2 * len(rates)) - len(rates)
            if level >= 0:
                drawn[name] = rates[level]
        storms: tuple[Storm, ...] = ()
        if choices.draw("swarm:storm", 4) == 3:
            points = sorted({POINT_OF[name] for name in wanted})
            point = points[choices.draw("swarm:storm:point", len(points))]
            struck = [name for name in wanted if POINT_OF[name] == point]
            storms = (Storm(rates=dict.fromkeys(struck, 800_000 // len(struck))),)
        return cls(rates=drawn, storms=storms)

    @classmethod
    def everything(cls, per_million: int = 10_000) -> FaultPlan:
        """Every fault of the table at one rate."""
        return cls(rates=dict.fromkeys(POINT_OF, per_million))

    @classmethod
    def at(cls, fault: str, key: str = "*", occurrence: int = 1) -> FaultPlan:
        """One fault at one place; see Placement."""
        return cls(placements=(Placement(fault, key, occurrence),))

    def __or__(self, other: FaultPlan) -> FaultPlan:
        """Both plans: the higher rate of each fault, all placements and storms, the wider bounds."""
        if not isinstance(other, FaultPlan):
            return NotImplemented
        limits = [plan.limit for plan in (self, other) if plan.rates or plan.storms]
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
            storms=self.storms + other.storms,
            cron_ns_max=max(self.cron_ns_max, other.cron_ns_max),
            skew_ns_max=max(self.skew_ns_max, other.skew_ns_max),
            version_skew_ns_max=max(self.version_skew_ns_max, other.version_skew_ns_max),
            cold_ns_max=max(self.cold_ns_max, other.cold_ns_max),
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values, for a tape."""
        found = attrs.asdict(self, recurse=False)
        found["rates"] = dict(self.rates)
        found["placements"] = [[p.fault, p.key, p.occurrence] for p in self.placements]
        found["storms"] = [{**attrs.asdict(storm), "rates": dict(storm.rates)} for storm in self.storms]
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> FaultPlan:
        """Read what ``to_json`` gave. Raises InvalidArgumentError."""
        fields = dict(found)
        try:
            fields["placements"] = tuple(Placement(*each) for each in fields.get("placements", ()))
            fields["storms"] = tuple(Storm(**each) for each in fields.get("storms", ()))
            return cls(**fields)
        except TypeError as error:
            raise InvalidArgumentError(f"this is no fault plan: {error}") from None


class Faults:
    """A plan at work in one run: decides at every choice point whether, and which, fault strikes."""

    __slots__ = (
        "_choices",
        "_limit",
        "_pending",
        "_weights",
        "_raging",
        "_streams",
        "_timers",
        "counts",
        "plan",
    )

    def __init__(self, plan: FaultPlan, choices: Choices) -> None:
        self.plan = plan
        self._choices = choices
        self._limit = plan.limit
        self._weights: dict[str, tuple[tuple[int, ...], int, dict[str, Stream]]] = {}
        self._streams: dict[str, dict[str, Stream]] = {point: {} for point in POINTS}
        self._pending: dict[str, list[list[Any]]] = {}
        self.counts: dict[str, int] = {}
        """Fault name -> how often it struck."""
        self._raging: list[Storm] = []
        self._timers: list[Timer] = []
        self._weigh()
        self.place(plan.placements)

    def _weigh(self) -> None:
        highest: dict[str, int] = dict(self.plan.rates)
        for storm in self._raging:
            for name, rate in storm.rates.items():
                if rate > highest.get(name, 0):
                    highest[name] = rate
        self._weights.clear()
        for name in highest:
            point = POINT_OF[name]
            if point not in self._weights:
                weights = tuple([highest.get(each, 0) for each in POINTS[point]])
                self._weights[point] = (weights, sum(weights), self._streams[point])

    # --- storms ---

    def brew(self, scheduler: Scheduler, tell: Callable[[str, Storm], object]) -> None:
        """Schedule the plan's storms from now on; ``tell`` hears when one begins and ends."""
        now = scheduler.now()
        for index, storm in enumerate(self.plan.storms):
            label = f"storm:{index}"
            if not self._choices.chance(label, MILLION):
                continue  # it was shrunk away
            start_ns, length_ns = storm.start_ns, storm.length_ns
            if start_ns is None:
                start_ns = self._choices.draw(f"{label}:start", max(1, storm.within_ns // MINUTE)) * MINUTE
            if length_ns is None:
                minutes = (STORM_NS_MAX - STORM_NS_MIN) // MINUTE + 1
                length_ns = STORM_NS_MIN + MINUTE * self._choices.draw(f"{label}:length", minutes)
            self._timers.append(scheduler.at(now + start_ns, self._begin, storm, tell))
            self._timers.append(scheduler.at(now + start_ns + length_ns, self._end, storm, tell))

    def _begin(self, storm: Storm, tell: Callable[[str, Storm], object]) -> None:
        self._raging.append(storm)
        self._weigh()
        tell("begins", storm)

    def _end(self, storm: Storm, tell: Callable[[str, Storm], object]) -> None:
        if storm in self._raging:
            self._raging.remove(storm)
            self._weigh()
            tell("ends", storm)

    def calm(self) -> None:
        """No storm comes any more: the plan is out of force."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    # --- choosing ---

    def place(self, placements: Iterable[Placement]) -> None:
        """Add placements to the run; their occurrences count from now."""
        for placement in placements:
            waiting = [placement, placement.occurrence]
            self._pending.setdefault(POINT_OF[placement.fault], []).append(waiting)

    def strike(self, point: str, key: str) -> str:
        """The name of the fault that strikes ``key`` at ``point`` now, or ""."""
        struck = ""
        if self._pending:
            pending = self._pending.get(point, ())
            for waiting in pending:
                if waiting[1] > 0 and (waiting[0].key == "*" or fnmatchcase(key, waiting[0].key)):
                    waiting[1] -= 1
                    if waiting[1] == 0 and not struck:
                        struck = waiting[0].fault
        if not struck:
            armed = self._weights.get(point)
            if armed is None or self._limit == 0:
                return ""
            weights, total, streams = armed
            stream = streams.get(key)
            if stream is None:
                stream = streams[key] = self._choices.stream(f"{point}:{key}")
            index = stream.weighed(weights, total)
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

    def skew_ns(self, label: str, bound_ns: int) -> int:
        """An offset of a clock, ahead or behind, of 1 ms to ``bound_ns``."""
        drawn = self._choices.draw(label, 2 * max(1, bound_ns // 1_000_000))
        return 1_000_000 * (drawn // 2 + 1) * (-1 if drawn % 2 else 1)

    def coin(self, label: str) -> bool:
        """Either way."""
        return bool(self._choices.draw(label, 2))
