"""What is being shrunk: the choices of one run that are not benign, and the faults placed in it.

Owns the order of candidates and what counts as a schedule deviation, a fault, an input. Invariants: a
candidate is a value; ``key`` is a total order in which fewer things come first, and of equally many the
smaller values (shortlex); seed, rates and bounds of the fault plan are the same in all candidates of a run.

Must not import: the runner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import attrs

from ..fault_table import POINTS
from ..faults import Placement
from ..tape import Tape

SCHEDULE = "schedule"
INPUT = "input:"
"""Labels of choices that a workload makes for itself begin with this."""


class Group:
    """What a deviation is. Their order is the order in which they are got rid of."""

    INPUT = "input"
    FAULT = "fault"
    DETAIL = "detail"
    """How long, how: the particulars of a fault that strikes elsewhere on the tape."""
    SCHEDULE = "schedule"


def group_of(label: str) -> str:
    """Which Group the choices under ``label`` belong to."""
    if label == SCHEDULE:
        return Group.SCHEDULE
    if label.startswith(INPUT):
        return Group.INPUT
    point, _, rest = label.partition(":")
    is_storm = point == "storm" and ":" not in rest
    return Group.FAULT if is_storm or point in POINTS else Group.DETAIL


@attrs.frozen(order=True)
class Deviation:
    """The ``n``-th choice under ``label`` is ``value`` and not 0."""

    label: str
    n: int
    value: int

    @property
    def group(self) -> str:
        """See Group."""
        return group_of(self.label)


Item = Deviation | Placement


@attrs.frozen(kw_only=True)
class Size:
    """How much of what a tape holds. ``inputs`` and ``faults`` together are what a reader has to know."""

    schedule: int
    faults: int
    inputs: int
    details: int

    def __str__(self) -> str:
        return (
            f"{self.schedule} schedule deviations, {self.faults} faults with {self.details} details, "
            f"{self.inputs} inputs"
        )


@attrs.frozen(slots=False)
class Candidate:
    """Deviations, sorted; placements, in their order."""

    deviations: tuple[Deviation, ...]
    placements: tuple[Placement, ...]

    @classmethod
    def of(cls, tape: Tape) -> Candidate:
        """What ``tape`` holds."""
        return cls(
            tuple(
                Deviation(label, n, value)
                for label in sorted(tape.deviations)
                for n, value in sorted(tape.deviations[label].items())
                if value
            ),
            tuple(Placement(*each) for each in tape.faults.get("placements", ())),
        )

    @classmethod
    def made_of(cls, items: Iterable[Item]) -> Candidate:
        """A candidate that holds these; of two values for one choice the later counts."""
        deviations: dict[tuple[str, int], Deviation] = {}
        placements = []
        for item in items:
            if isinstance(item, Placement):
                placements.append(item)
            elif item.value:
                deviations[item.label, item.n] = item
        return cls(tuple(sorted(deviations.values())), tuple(placements))

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything in it, one by one."""
        return (*self.placements, *self.deviations)

    def within(self, *groups: str) -> tuple[Item, ...]:
        """The items of these groups; placements are faults."""
        return tuple(item for item in self.items if _group(item) in groups)

    def without(self, items: Iterable[Item]) -> Candidate:
        """All but ``items``; of equal placements only as many go as are given."""
        gone = list(items)
        kept: list[Item] = []
        lost = {item for item in gone if isinstance(item, Deviation)}
        placed = [item for item in gone if isinstance(item, Placement)]
        for item in self.items:
            if isinstance(item, Deviation):
                if item not in lost:
                    kept.append(item)
            elif item in placed:
                placed.remove(item)
            else:
                kept.append(item)
        return Candidate.made_of(kept)

    def replaced(self, old: Item, *new: Item) -> Candidate:
        """``new`` instead of ``old``."""
        found: list[Item] = []
        done = False
        for item in self.items:
            if not done and item == old:
                found.extend(new)
                done = True
            else:
                found.append(item)
        return Candidate.made_of(found)

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The order: fewer items, then smaller ones, then the alphabet."""
        return (
            len(self.deviations) + len(self.placements),
            sum(each.value for each in self.deviations),
            sum(each.n for each in self.deviations) + sum(each.occurrence for each in self.placements),
            self.deviations,
            tuple((each.fault, each.key, each.occurrence) for each in self.placements),
        )

    def tape(self, base: Tape) -> Tape:
        """``base`` with these choices and placements."""
        deviations: dict[str, dict[int, int]] = {}
        for each in self.deviations:
            deviations.setdefault(each.label, {})[each.n] = each.value
        faults: dict[str, Any] = dict(base.faults)
        if faults or self.placements:
            faults["placements"] = [[each.fault, each.key, each.occurrence] for each in self.placements]
        return attrs.evolve(base, deviations=deviations, faults=faults)


def _group(item: Item) -> str:
    return Group.FAULT if isinstance(item, Placement) else item.group


def size_of(tape: Tape) -> Size:
    """How much of what ``tape`` holds."""
    counts: Mapping[str, int]
    counts = {
        group: len(Candidate.of(tape).within(group))
        for group in (Group.SCHEDULE, Group.FAULT, Group.INPUT, Group.DETAIL)
    }
    return Size(
        schedule=counts[Group.SCHEDULE],
        faults=counts[Group.FAULT],
        inputs=counts[Group.INPUT],
        details=counts[Group.DETAIL],
    )
