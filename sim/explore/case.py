"""One case of an exploration, and what came of it. Data only, and its JSON form.

Owns what travels between the process that plans a campaign and those that run its cases, and what a line of
a results file says. Invariants: a Case is everything that a run needs beside its scenario; an Outcome read
back from its line says the same, except that a passed run's choices are not kept unless asked for.

Must not import: the runner, a strategy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from ..errors import TapeError
from ..faults import FaultPlan
from ..scenario import Kind, RunResult, Violation
from ..tape import Tape

Area = tuple[str, int, int]
"""A piece of workflow code: file, first line, last line."""

Arc = tuple[str, int, int]
"""A jump in workflow code: file, line, next line (negative: out of the function that begins there)."""


@attrs.frozen(kw_only=True)
class Case:
    """One run to be made. ``number`` is its place in the strategy's order, from 0.

    ``faults`` replace the scenario's (None: those); ``tape`` replaces seed and faults; ``options`` are the
    strategy's own; ``note`` says in words what is special about the case.
    """

    number: int
    seed: int | str
    faults: FaultPlan | None = None
    tape: Tape | None = None
    options: Mapping[str, int] = attrs.field(factory=dict)
    note: str = ""


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a case. ``scenario`` is the name the campaign knows the scenario by.

    ``features`` are the engine states the run came to; ``arcs`` and ``areas`` say what workflow code there
    is and which jumps in it the run made. A strategy that does not steer leaves them empty.
    """

    scenario: str
    number: int
    result: RunResult
    note: str = ""
    features: tuple[str, ...] = ()
    arcs: tuple[Arc, ...] = ()
    areas: tuple[Area, ...] = ()

    @property
    def passed(self) -> bool:
        """Did every promise hold?"""
        return self.result.passed

    def to_json(self, *, with_tape: bool = False) -> str:
        """One line. The tape of a failed run is always part of it."""
        found: dict[str, Any] = {
            "scenario": self.scenario,
            "number": self.number,
            "seed": self.result.seed,
            "note": self.note,
            "passed": self.passed,
            "digest": self.result.digest,
            "virtual_ns": self.result.virtual_ns,
            "stats": dict(self.result.stats),
            "reached": sorted(self.result.reached),
        }
        if not self.passed:
            found["violations"] = [violation_to_json(each) for each in self.result.violations]
        if with_tape or not self.passed:
            found["tape"] = json.loads(self.result.tape.to_json())
        for name in ("features", "arcs", "areas"):
            if value := getattr(self, name):
                found[name] = value
        return json.dumps(found, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Outcome:
        """Read one line. Raises ValueError for what is none."""
        found = json.loads(line)
        try:
            seed = found["seed"]
            tape = Tape(seed=seed, deviations={})
            if "tape" in found:
                tape = Tape.from_json(json.dumps(found["tape"]), source="the tape of a result")
            result = RunResult(
                scenario=found["scenario"],
                seed=seed,
                tape=tape,
                digest=found["digest"],
                violations=tuple(violation_from_json(each) for each in found.get("violations", ())),
                stats=found["stats"],
                reached=frozenset(found["reached"]),
                virtual_ns=found["virtual_ns"],
            )
            return cls(
                scenario=found["scenario"],
                number=found["number"],
                result=result,
                note=found["note"],
                features=tuple(found.get("features", ())),
                arcs=tuple((file, line, then) for file, line, then in found.get("arcs", ())),
                areas=tuple((file, first, last) for file, first, last in found.get("areas", ())),
            )
        except (KeyError, TypeError, TapeError) as error:
            raise ValueError(f"no outcome of a run: {error!r}") from None


def violation_to_json(violation: Violation) -> dict[str, Any]:
    """A violation as JSON values."""
    return {
        "checker": violation.checker,
        "kind": violation.kind.value,
        "message": violation.message,
        "steps": list(violation.steps),
        "location": violation.location,
    }


def violation_from_json(found: Mapping[str, Any]) -> Violation:
    """Read what ``violation_to_json`` gave."""
    return Violation(
        checker=found["checker"],
        kind=Kind(found["kind"]),
        message=found["message"],
        steps=tuple(found["steps"]),
        location=found["location"],
    )
