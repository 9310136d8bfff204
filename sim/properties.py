"""What users promise about their own workflows: ``always``, ``eventually``, ``sometimes``.

Owns the properties of one simulation and when they are asked: after every event, as long as anything is being
executed on it. A property is a plain function without arguments; it must not change the world.

- ``always(sim, name, fn)``: ``fn()`` is true (or asserts nothing false) after every event from now on.
- ``eventually(sim, name, fn, within="1h")``: ``fn()`` becomes true at some instant of the duration, faults
  or not; without ``within``, before the run ends.
- ``sometimes(sim, name, condition)``: reached in a run in which ``condition`` was true when it came by here.
  One run need not reach it; a campaign of runs that never does has failed.

Must not import: the simulation, a checker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import InvalidArgumentError
from .scenario import Kind, Violation
from .scheduler import AFTERWARDS

if TYPE_CHECKING:
    from .simulation import Simulation

Condition = Callable[[], object]

STATS_PREFIX = "sometimes:"
"""In RunResult.stats: this and the name of a ``sometimes``, and how often it was reached; 0 included."""


class PropertyViolated(AssertionError):
    """A property of the user's does not hold. ``name`` is the property's, ``kind`` what sort of failure."""

    def __init__(self, message: str, *, name: str = "", kind: Kind = Kind.SAFETY) -> None:
        super().__init__(message)
        self.name = name
        self.kind = kind


def always(sim: Simulation, name: str, fn: Condition) -> None:
    """Promise that ``fn()`` holds after every event from now on.

    Broken: PropertyViolated is raised where the test waits.
    """
    properties_of(sim).add_always(_checked(name, fn), fn)


def eventually(sim: Simulation, name: str, fn: Condition, *, within: DurationLike | None = None) -> None:
    """Promise that ``fn()`` will hold, at the latest ``within`` from now (None: before the run ends)."""
    within_ns = None if within is None else parse_duration(within, name="within")
    properties_of(sim).add_eventually(_checked(name, fn), fn, within_ns)


def sometimes(sim: Simulation, name: str, condition: object = True) -> bool:
    """Note that the run came by here, with ``condition`` true or not; returns that truth.

    Call it with False at the start of a workload for states that the code may never come to.
    """
    return properties_of(sim).note(_checked(name), bool(condition))


def _checked(name: str, fn: object = bool) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"a property's name is a text, not {name!r}")
    from inspect import iscoroutinefunction

    if not callable(fn) or iscoroutinefunction(fn):
        raise InvalidArgumentError(f"property {name!r} takes a plain function without arguments, not {fn!r}")
    return name


class _Awaited:
    """What is to become true."""

    __slots__ = ("fn", "is_over", "name")

    def __init__(self, name: str, fn: Condition) -> None:
        self.name = name
        self.fn = fn
        self.is_over = False

    def end(self) -> None:
        """Its time is over."""
        self.is_over = True


class Properties:
    """The properties of one simulation."""

    def __init__(self, sim: Simulation) -> None:
        self._platform = sim.platform
        self._inner: Callable[[], BaseException | None] | None = None
        self._always: list[tuple[str, Condition]] = []
        self._eventually: list[_Awaited] = []
        self._sometimes: dict[str, int] = {}

    def add_always(self, name: str, fn: Condition) -> None:
        """See ``always``."""
        self._always.append((name, fn))
        self._watch()

    def add_eventually(self, name: str, fn: Condition, within_ns: int | None) -> None:
        """See ``eventually``."""
        awaited = _Awaited(name, fn)
        if within_ns is not None:
            # After everything else of that instant.
            self._platform.scheduler.at(self._platform.now() + within_ns, awaited.end, rank=AFTERWARDS)
        self._eventually.append(awaited)
        self._watch()

    def note(self, name: str, reached: bool) -> bool:
        """See ``sometimes``."""
        self._sometimes[name] = self._sometimes.get(name, 0) + reached
        return reached

    def _watch(self) -> None:
        loop = self._platform.loop
        if self._inner is None:
            self._inner = loop.on_check
            loop.on_check = self._check
        loop.check_at = 0

    def _check(self) -> BaseException | None:
        error: BaseException | None = self._broken()
        if error is None and self._inner is not None:
            error = self._inner()
        if self._always or self._eventually:
            self._platform.loop.check_at = 0
        return error

    def _broken(self) -> PropertyViolated | None:
        for each in self._always:
            reason = _falsehood(each[1])
            if reason is not None:
                self._always.remove(each)
                return PropertyViolated(f"always {each[0]!r}: {reason}", name=each[0])
        for awaited in list(self._eventually):
            reason = _falsehood(awaited.fn)
            if reason is None:
                self._eventually.remove(awaited)
            elif awaited.is_over:
                self._eventually.remove(awaited)
                return PropertyViolated(
                    f"eventually {awaited.name!r}: its time is over and {reason}",
                    name=awaited.name,
                    kind=Kind.LIVENESS,
                )
        return None

    def finish(self) -> list[Violation]:
        """The run is over: what does not hold now, or never did."""
        found = []
        for name, fn in self._always:
            reason = _falsehood(fn)
            if reason is not None:
                text = f"always {name!r}: {reason}"
                found.append(Violation(checker=name, kind=Kind.SAFETY, message=text))
        for awaited in self._eventually:
            reason = _falsehood(awaited.fn)
            if reason is not None:
                text = f"eventually {awaited.name!r}: not before the run ended: {reason}"
                found.append(Violation(checker=awaited.name, kind=Kind.LIVENESS, message=text))
        self._always.clear()
        self._eventually.clear()
        return found

    def reached(self) -> frozenset[str]:
        """The ``sometimes`` that the run reached."""
        return frozenset(name for name, count in self._sometimes.items() if count)

    def stats(self) -> dict[str, int]:
        """How often each ``sometimes`` was reached, those included that were not."""
        return {f"{STATS_PREFIX}{name}": self._sometimes[name] for name in sorted(self._sometimes)}


def _falsehood(fn: Condition) -> str | None:
    """Why ``fn()`` does not hold; None: it does."""
    try:
        return None if fn() else "it is not so"
    except AssertionError as error:
        return str(error) or "an assertion in it failed"


def properties_of(sim: Simulation) -> Properties:
    """The properties of ``sim``. They live in it, because what they ask may hold on to it."""
    if sim.properties is None:
        sim.properties = Properties(sim)
    return sim.properties
