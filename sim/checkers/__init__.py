"""The checkers: one invariant a file, fed by the trace only.

Owns: the table of all of them, in the order of their numbers, and feeding them a trace. Each step is read
once and handed to those who asked for its kind; each row of a commit to those who asked for its table. Must
not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...runtime.keys import kind_of
from ..scenario import Violation
from ..trace import FIELDS, Step, Trace
from .alarms_run import AlarmsRun
from .append_only import AppendOnly
from .atomic_commits import AtomicCommits
from .attempts import Attempts
from .base import Checker
from .cancellation import Cancellation
from .closed_runs import ClosedRuns
from .conservation import Conservation
from .contiguous_ids import ContiguousIds
from .fixed_point import FixedPoint
from .input_gate import InputGate
from .ledger import Ledger
from .one_completion import OneCompletion
from .one_open_run import OneOpenRun
from .one_writer import OneWriter
from .open_cause import OpenCause
from .output_gate import OutputGate
from .queries_pure import QueriesPure
from .queue_acks import QueueAcks
from .replays import Replays
from .request_ids import RequestIds
from .schedules import Schedules
from .signals import Signals
from .successor import Successor
from .timers_early import TimersEarly
from .timers_once import TimersOnce
from .wake_ups import WakeUps
from .world import World

__all__ = ["CHECKERS", "Checker", "World", "check_trace"]

CHECKERS: tuple[type[Checker], ...] = (
    ContiguousIds,
    AppendOnly,
    OpenCause,
    OneCompletion,
    Attempts,
    Signals,
    RequestIds,
    TimersEarly,
    TimersOnce,
    OneOpenRun,
    OneWriter,
    ClosedRuns,
    Successor,
    Replays,
    FixedPoint,
    QueriesPure,
    OutputGate,
    InputGate,
    AtomicCommits,
    QueueAcks,
    WakeUps,
    AlarmsRun,
    Schedules,
    Cancellation,
    Conservation,
)
"""All of them, by number."""

ReadStep = Callable[[int, Step], None]
ReadRow = Callable[[int, Step, str, Any, Any], None]


def check_trace(
    trace: Trace, checkers: Iterable[type[Checker]] | None = None, *, world: World | None = None
) -> tuple[Violation, ...]:
    """Feed every kept step of ``trace`` to new instances of ``checkers`` (None: all of them).

    Returns what they found, in the order of the checkers.
    """
    instances = [checker() for checker in (CHECKERS if checkers is None else checkers)]
    if not instances:
        return ()
    ledger = Ledger()
    found_steps: dict[str, list[ReadStep]] = {kind: [] for kind in FIELDS}
    rows: dict[str, list[ReadRow]] = {}
    for instance in instances:
        instance.world = world
        instance.ledger = ledger
        for kind in instance.kinds:
            found_steps[kind].append(instance.step)
        for table in instance.tables:
            rows.setdefault(table, []).append(instance.row)
    steps = {kind: tuple(found) for kind, found in found_steps.items()}
    readers = _RowReaders(rows)
    for number, step in enumerate(trace.tuples(), trace.first_kept):
        kind = step[0]
        for read in steps[kind]:
            read(number, step)
        if kind == "commit":
            of_table = readers[step[2]]
            for table, key, row in step[5]:
                for read_row in of_table[table]:
                    read_row(number, step, table, key, row)
            ledger.add(step)
        elif kind == "alarm_lost":
            ledger.lost.add(step[2])
    return tuple(violation for instance in instances for violation in instance.finish())


class _OfTable(dict[str, tuple[ReadRow, ...]]):
    """Table -> who reads its rows, for the objects of one class; looked up once per table."""

    def __init__(self, actor: str, rows: dict[str, list[ReadRow]]) -> None:
        super().__init__()
        self._actor = actor
        self._rows = rows

    def __missing__(self, table: str) -> tuple[ReadRow, ...]:
        name = "events" if table.startswith("events:") else table
        found = self[table] = tuple(self._rows.get(f"{self._actor}.{name}", ()))
        return found


class _RowReaders(dict[str, _OfTable]):
    """Object key -> who reads the rows of its tables; looked up once per object."""

    def __init__(self, rows: dict[str, list[ReadRow]]) -> None:
        super().__init__()
        self._rows = rows
        self._of_class: dict[str, _OfTable] = {}

    def __missing__(self, key: str) -> _OfTable:
        actor = kind_of(key)
        found = self._of_class.get(actor)
        if found is None:
            found = self._of_class[actor] = _OfTable(actor, self._rows)
        self[key] = found
        return found
