"""Two hosts' observations of the same cases, side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import attrs

from .app.ports import Driver, PortShell
from .cases import Case
from .simulated import simulate

SEEDS = (150, 400, 1_500)
"""Where the order of simultaneous events is open, the simulator's seed decides it: so many are tried, more of
them when a case is performed again."""
AGAIN = 2
"""What the real platform sees depends on the machine's load as well: so often a case is performed again, with
fewer beside it, before it counts."""

AT_ONCE = (25, 5, 1)
"""So many cases at the same time: at first, and when those that differ are performed again."""
SHRINKING_S = 60.0

WORDS = frozenset(name.removeprefix("do_") for name in dir(Driver) + dir(PortShell) if name[:3] == "do_")

Perform = Callable[[list[Case], int], list[list[Any]]]
"""(cases, how many at the same time) -> what each part of each case sees."""


@attrs.define
class Divergence:
    """One case on which they do not agree."""

    case: Case
    simulated: list[Any]
    measured: list[Any]

    def __str__(self) -> str:
        lines = [str(self.case)]
        for number, (here, there) in enumerate(zip(self.simulated, self.measured, strict=False), start=1):
            if here != there:
                lines += [f"  part {number}", f"    simulator: {here}", f"    workerd:   {there}"]
        return "\n".join(lines)


@attrs.define
class Summary:
    """How the comparison went."""

    cases: int = 0
    steps: int = 0
    restarts: int = 0
    other_seeds: int = 0
    """Agreed with another order of simultaneous events than the simulator's first."""
    again: int = 0
    """Agreed when performed again, with fewer at the same time."""
    divergences: list[Divergence] = attrs.field(factory=list)

    def add(self, other: Summary) -> None:
        """Count those of ``other`` too."""
        self.cases += other.cases
        self.steps += other.steps
        self.restarts += other.restarts
        self.other_seeds += other.other_seeds
        self.again += other.again
        self.divergences += other.divergences

    def __str__(self) -> str:
        return (
            f"{self.cases} scripts, {self.steps} steps, {self.restarts} with a restart: "
            f"{self.cases - self.other_seeds - self.again - len(self.divergences)} equal at once, "
            f"{self.other_seeds} in another order of simultaneous events, "
            f"{self.again} when performed again, {len(self.divergences)} divergences unexplained"
        )


def plain(seen: Any) -> Any:
    """Observations as JSON carries them."""
    return json.loads(json.dumps(seen))


def explained(
    case: Case, measured: list[Any], simulator: Callable[..., Any] = simulate, seeds: int = SEEDS[-1]
) -> int | None:
    """The first seed with which the simulator sees what was measured; None: none does."""
    for seed in range(seeds):
        if plain(simulator(case, seed)) == measured:
            return seed
    return None


def compare(
    cases: list[Case], perform: Perform, *, simulator: Callable[..., Any] = simulate, again: int = AGAIN
) -> Summary:
    """Perform all cases on both sides."""
    found = Summary()
    for case in cases:
        found.cases += 1
        found.steps += sum(count_steps(part.steps) for part in case.parts)
        found.restarts += len(case.parts) > 1
    left = cases
    for attempt in range(1 + again):
        differing: list[Divergence] = []
        for case, measured in zip(left, perform(left, AT_ONCE[attempt]), strict=True):
            seed = explained(case, measured, simulator, SEEDS[attempt])
            if seed is None:
                differing.append(Divergence(case, plain(simulator(case, 0)), measured))
            elif attempt:
                found.again += 1
            else:
                found.other_seeds += seed > 0
        found.divergences = differing
        left = [each.case for each in differing]
        if not left:
            break
    return found


def count_steps(value: Any) -> int:
    """The steps in a script, those inside of others included."""
    if not isinstance(value, list):
        return 0
    return int(bool(value) and isinstance(value[0], str) and value[0] in WORDS) + sum(map(count_steps, value))


def smallest(
    divergence: Divergence, perform: Perform, simulator: Callable[..., Any] = simulate
) -> Divergence:
    """A case of fewer steps on which they do not agree either; as far as one comes in ``SHRINKING_S``."""
    give_up_at = time.monotonic() + SHRINKING_S
    found = divergence
    shrinking = True
    while shrinking:
        shrinking = False
        for case in found.case.smaller():
            if time.monotonic() > give_up_at:
                return found
            summary = compare([case], perform, simulator=simulator, again=0)
            if summary.divergences:
                found = summary.divergences[0]
                shrinking = True
                break
    return found
