"""Cases: scripts in parts, with a restart of the whole platform between them. Drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

Step = list[Any]


@attrs.frozen
class Part:
    """Steps until a restart; ``across``: [object, steps of its alarm], an alarm set just before it."""

    steps: list[Step]
    across: list[Any] | None = None


@attrs.frozen
class Case:
    """One script. ``name`` keeps its objects apart from those of others."""

    name: str
    parts: list[Part]

    @property
    def names(self) -> list[str]:
        """The objects that it speaks of."""
        found: set[str] = set()
        for part in self.parts:
            found.update(_names([part.steps, part.across]))
        return sorted(found)

    def renamed(self, name: str) -> Case:
        """The same script for other objects."""
        return attrs.evolve(self, name=name)

    def smaller(self) -> Iterator[Case]:
        """The case without one of its parts, alarms or steps."""
        for number, part in enumerate(self.parts):
            others = [*self.parts]
            if len(self.parts) > 1:
                yield attrs.evolve(self, parts=others[:number] + others[number + 1 :])
            if part.across:
                others[number] = Part(part.steps)
                yield attrs.evolve(self, parts=[*others])
            for steps in _smaller(part.steps):
                others[number] = Part(steps, part.across)
                yield attrs.evolve(self, parts=[*others])

    def __str__(self) -> str:
        lines = [f"case {self.name}"]
        for number, part in enumerate(self.parts, start=1):
            lines += [f"  part {number}", *(f"    {step}" for step in part.steps)]
            if part.across:
                lines.append(f"    across the restart: {part.across}")
        return "\n".join(lines)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, str) and value in NAMES:
        yield value


def _smaller(steps: list[Step]) -> Iterator[list[Step]]:
    for number, step in enumerate(steps):
        yield steps[:number] + steps[number + 1 :]
        for place, argument in enumerate(step):
            if isinstance(argument, list) and argument and isinstance(argument[0], list):
                for inner in _smaller(argument):
                    smaller = [*step[:place], inner, *step[place + 1 :]]
                    yield [*steps[:number], smaller, *steps[number + 1 :]]


PORTS = ("a", "b", "c")
PURES = ("p", "q")
NAMES = (*PORTS, *PURES)

# Tables of one letter would be taken for names of objects. A table has keys of one kind.
number_key = st.one_of(st.integers(-3, 3), st.sampled_from((10**6, 2**40, -(2**33))))
text_key = st.sampled_from(("", "k", "Z", "é", "a/b", "\uffff", "\U0001f600"))
value = st.one_of(
    st.none(),
    st.integers(-1, 9),
    st.sampled_from((True, False, 2**60, 1.5, "", "text", "\U0001f600", ["x", 5000], ["y", 1_200_000])),
)
row = st.one_of(
    st.tuples(st.sampled_from(("one", "two", "")), number_key, value).map(list),
    st.tuples(st.sampled_from(("three", "a b", "é/%")), text_key, value).map(list),
)
rows = st.lists(row, max_size=4, unique_by=lambda found: (found[0], found[1]))
"""A commit names each row once, as the engine's do."""
port = st.sampled_from(PORTS)
pure = st.sampled_from(PURES)
NO_TEXT: list[Step] = []

put = rows.map(lambda found: ["commit", found, "keep"])
clear = rows.map(lambda found: ["commit", found, None])
far = rows.map(lambda found: ["commit", found, [3_600_000, []]])
blob = st.tuples(
    st.just("blob"), st.sampled_from(("one", "two/x")), st.sampled_from(("", "text")), st.booleans()
)
blobs = st.one_of(
    blob.map(list),
    st.sampled_from(("one", "two/x", "none")).map(lambda name: ["read", name]),
    st.just(["race", "raced", ["1st", "2nd", "3rd"]]),
)
ring_steps = st.lists(st.one_of(put, st.just(["load"])), max_size=2)
"""What the alarm of a Port does; it may fail at first."""
ring = st.one_of(
    ring_steps,
    st.tuples(st.integers(1, 2), ring_steps).map(lambda found: [["fail_first", found[0]], *found[1]]),
)
later = st.tuples(rows, ring).map(lambda found: ["commit", found[0], [1_500, found[1]]])
"""An alarm that the steps after it may still replace."""
own_table = st.sampled_from(("spawned 1", "spawned 2"))
spawned = st.tuples(own_table, st.sampled_from((0, 700))).map(
    lambda found: ["spawn", [["wait", found[1]], ["commit", [[found[0], 1, 1]], "keep"]]]
)
queued_steps = st.integers(0, 5).map(lambda number: [["commit", [["queued", number, 1]], "keep"]])
queued = st.tuples(st.sampled_from((0, 0, 0, 300)), port, queued_steps, st.sampled_from((0, 0, 0, 1, 2))).map(
    lambda found: ["queue", *found]
)

leaf = st.one_of(
    put, put, put, clear, far, later, spawned, blobs, queued,
    st.just(["load"]), st.just(["tick"]), st.just(["doom", "doomed"]), st.just(["abort"]), st.just(["fail"]),
)  # fmt: skip
program = st.recursive(
    st.lists(leaf, min_size=1, max_size=3),
    lambda inner: st.one_of(
        st.tuples(leaf, port, inner, leaf).map(lambda f: [f[0], ["call", f[1], f[2]], f[3]]),
        st.lists(
            st.tuples(port, st.lists(leaf, min_size=1, max_size=2)).map(list), min_size=2, max_size=3
        ).map(lambda calls: [["all", calls]]),
    ),
    max_leaves=6,
)
"""What a Port is told to do: down to calls of calls."""

told_port = st.lists(put, min_size=1, max_size=2)
told_pure = st.lists(row.map(lambda found: ["put", *found]), min_size=1, max_size=2)
pure_leaf = st.one_of(
    row.map(lambda found: ["put", *found]),
    row.map(lambda found: ["put", *found]),
    st.tuples(port, told_port).map(lambda found: ["send", *found]),
    st.tuples(pure, told_pure).map(lambda found: ["send", *found]),
    st.tuples(st.just(1_500), told_pure).map(lambda found: ["alarm", *found]),
    st.just(["clear"]),
)
pure_steps = st.one_of(
    st.lists(pure_leaf, max_size=5),
    st.tuples(st.lists(pure_leaf, max_size=3), port, told_port).map(
        lambda f: [*f[0], ["send", f[1], f[2]], ["after"]]
    ),
    st.lists(pure_leaf, max_size=2).map(lambda steps: [*(s for s in steps if s[0] == "put"), ["fail"]]),
)

soon = st.tuples(port, rows, st.sampled_from((-5_000, 0, 1, 20, 60)), ring).map(
    lambda f: [["call", f[0], [["commit", f[1], [f[2], f[3]]]]], ["settle"]]
)
moved = st.tuples(port, st.one_of(far, later), st.one_of(far, later, clear, put), rows, ring).map(
    lambda f: [
        ["call", f[0], [f[1]]],
        ["call", f[0], [f[2], ["commit", f[3], [20, f[4]]]]],
        ["settle"],
    ]
)
"""An alarm that is set, and set again."""
rewritten = st.tuples(port, st.lists(row, min_size=2, max_size=4, unique_by=lambda f: (f[0], f[1]))).map(
    lambda f: [
        ["call", f[0], [["commit", [[table, key, 7] for table, key, _ in f[1]], "keep"]]],
        ["call", f[0], [["commit", [[table, key, None] for table, key, _ in f[1][1:]], "keep"], ["load"]]],
    ]
)
"""Rows that are written and deleted."""
soon_pure = st.tuples(pure, st.sampled_from((-5_000, 0, 30)), told_pure).map(
    lambda f: [["ask", f[0], [["alarm", f[1], f[2]]]], ["settle"]]
)
together = st.lists(st.tuples(port, st.lists(leaf, min_size=1, max_size=3)).map(list), min_size=2, max_size=4)
top = st.one_of(
    st.tuples(port, program).map(lambda f: [["call", *f]]),
    st.tuples(port, program).map(lambda f: [["call", *f]]),
    st.tuples(port, program).map(lambda f: [["call", *f]]),
    together.map(lambda calls: [["all", calls]]),
    st.tuples(pure, pure_steps).map(lambda f: [["ask", *f]]),
    st.tuples(pure, pure_steps).map(lambda f: [["ask", *f]]),
    st.tuples(port, st.one_of(put, put, far, later), st.sampled_from(("abort", "fail"))).map(
        lambda f: [["call", f[0], [f[1], [f[2]]]]]
    ),
    soon,
    moved,
    rewritten,
    soon_pure,
    queued.map(lambda step: [step]),
    st.tuples(port, queued_steps, st.integers(1, 2)).map(
        lambda f: [["queue", 0, f[0], f[1], f[2]], ["settle"]]
    ),
    blobs.map(lambda step: [step]),
    st.just([["settle"]]),
)
tops = st.lists(top, min_size=1, max_size=6).map(lambda found: [step for steps in found for step in steps])
across = st.one_of(st.none(), st.tuples(port, ring_steps).map(list))


@st.composite
def parts(draw: Any) -> list[Part]:
    """Mostly one part; a second one begins when what was due has come."""
    found = [Part(draw(tops))]
    if draw(st.integers(0, 3)) == 0:
        found[0] = Part(found[0].steps, draw(across))
        found.append(Part([["settle"], *draw(tops)]))
    return found


def draw_cases(count: int, seed: int, prefix: str = "case") -> list[Case]:
    """So many cases, no two alike; the same for the same seed."""
    found: dict[str, list[Part]] = {}
    rounds = 0
    while len(found) < count:
        # The first few of each draw are the simplest there are, whatever the seed.
        for drawn in _draw(count + 20, seed + rounds):
            found[repr(drawn)] = drawn
        rounds += 1_000_003
    return [Case(f"{prefix}{number}", each) for number, each in enumerate([*found.values()][:count])]


def _draw(count: int, seed: int) -> list[list[Part]]:
    found: list[list[Part]] = []

    @hypothesis_seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(parts())
    def collect(drawn: list[Part]) -> None:
        found.append(drawn)

    collect()
    return found
