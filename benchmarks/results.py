"""What a benchmark says: a value, the goal it has, and a peer's value from the same run."""

from __future__ import annotations

from typing import Any

import attrs

from .measuring import Timing


@attrs.frozen
class Goal:
    """A bound in the unit of the value."""

    bound: float
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        """Is the value within the bound?"""
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self, unit: str) -> str:
        """For people."""
        return f"{'>=' if self.at_least else '<='} {format_number(self.bound)} {unit}"


@attrs.frozen(kw_only=True)
class Result:
    """One measured value.

    ``on_cpu`` is the same value by processor time, None where that means nothing. ``peer`` names what was
    measured beside it with ``peer_value``; ``ratio`` says how many times better ours is.
    """

    name: str
    value: float
    unit: str
    on_cpu: float | None = None
    goal: Goal | None = None
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    ratio_goal: Goal | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """ "met", "missed", "busy" (met by processor time alone), or "" without a goal."""
        if self.goal is None and self.ratio_goal is None:
            return ""
        if self.ratio_goal is not None and not (self.ratio and self.ratio_goal.is_met_by(self.ratio)):
            return "missed"
        if self.goal is None or self.goal.is_met_by(self.value):
            return "met"
        return "busy" if self.on_cpu is not None and self.goal.is_met_by(self.on_cpu) else "missed"

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is absent is left out."""
        found = attrs.asdict(self)
        for name in ("goal", "ratio_goal"):
            goal = found.pop(name)
            if goal is not None:
                found[name] = {"at_least" if goal["at_least"] else "at_most": goal["bound"]}
        verdict = {"verdict": self.verdict} if self.verdict else {}
        return {key: value for key, value in found.items() if value not in (None, "")} | verdict


def duration(name: str, timing: Timing, unit: str = "s", *, per: float = 1.0, **facts: Any) -> Result:
    """How long something took, divided by ``per``."""
    factor = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit] / per
    return Result(name=name, value=timing.wall_s * factor, on_cpu=timing.cpu_s * factor, unit=unit, **facts)


def rate(name: str, timing: Timing, count: float, unit: str, **facts: Any) -> Result:
    """How many per second there were."""
    return Result(
        name=name, value=count / timing.wall_s, on_cpu=count / timing.cpu_s, unit=f"{unit}/s", **facts
    )


def format_number(value: float) -> str:
    """Three digits that count, thousands separated."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
