"""Objects that show what their host does to them; the toys of the simulator's tests serve as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporal_do.runtime.actor import Actor, Alarm, Deferred, Ok, State, Turn
from temporal_do.runtime.host import Change, RowKey, Tables
from temporal_do.runtime.records import record
from tests.sim.toys import ToyAdd


@record
class Put:
    """Write rows: (table, key, value), value None deletes. ``fail``: then raise. ``alarm_ns``: set the alarm
    (-1: clear it, 0: leave it)."""

    rows: tuple[tuple[str, RowKey, int | None], ...] = ()
    fail: bool = False
    alarm_ns: int = 0


@record
class Cell:
    value: int


@record
class Look:
    """How many messages this incarnation has taken, and how many loads there were."""


@record
class Seen:
    messages: int
    tables: Mapping[str, tuple[RowKey, ...]]


@record
class WaitForEver:
    """Answered never."""


class BoxState(State):
    __slots__ = ("messages",)

    def __init__(self, key: str, tables: Tables) -> None:
        super().__init__(key, tables)
        self.messages = 0


class Box(Actor[BoxState]):
    """Keeps what it is given. Its alarm is a row; each time it goes off leaves a row."""

    kind = "Box"

    def __init__(self) -> None:
        self.handlers = {
            Put: self.put,
            Look: self.look,
            WaitForEver: self.wait,
            Alarm: self.alarm,
            ToyAdd: self.log,
        }

    def load(self, key: str, tables: Tables) -> BoxState:
        return BoxState(key, tables)

    def next_alarm(self, state: BoxState) -> int | None:
        row = state.get("box", "alarm")
        return None if row is None else int(row.value)

    def put(self, state: BoxState, message: Put, turn: Turn) -> Ok:
        state.messages += 1
        for table, key, value in message.rows:
            if value is None:
                turn.delete(table, key)
            else:
                turn.put(table, key, Cell(value=value))
        if message.alarm_ns < 0:
            turn.delete("box", "alarm")
        elif message.alarm_ns:
            turn.put("box", "alarm", Cell(value=message.alarm_ns))
        if message.fail:
            raise ValueError("planted")
        return Ok()

    def look(self, state: BoxState, message: Look, turn: Turn) -> Seen:
        state.messages += 1
        return Seen(messages=state.messages, tables={name: tuple(rows) for name, rows in state.rows.items()})

    def log(self, state: BoxState, message: ToyAdd, turn: Turn) -> Ok:
        """What a Sender sends, in order of arrival: a table per sender, number of arrival -> number sent."""
        sender, _, number = message.request_id.split(":")
        turn.put(sender, len(state.table(sender)) + 1, Cell(value=int(number)))
        return Ok()

    def wait(self, state: BoxState, message: WaitForEver, turn: Turn) -> Deferred:
        return Deferred("never")

    def alarm(self, state: BoxState, message: Alarm, turn: Turn) -> Ok:
        number = len(state.table("rings")) + 1
        turn.put("rings", number, Cell(value=turn.now))
        turn.put("rung for", number, Cell(value=message.scheduled_ns))
        if state.get("box", "alarm") is not None and state.rows["box"]["alarm"].value <= turn.now:
            turn.delete("box", "alarm")
        return Ok()


class Grump(Actor[State]):
    """Fails at its first alarms: as often as ``patience`` says, over all its lives."""

    kind = "Grump"

    def __init__(self) -> None:
        self.patience: dict[str, int] = {}
        self.handlers = {Put: self.put, Alarm: self.alarm}

    def load(self, key: str, tables: Tables) -> State:
        return State(key, tables)

    def next_alarm(self, state: State) -> int | None:
        row = state.get("box", "alarm")
        return None if row is None else int(row.value)

    def put(self, state: State, message: Put, turn: Turn) -> Ok:
        turn.put("box", "alarm", Cell(value=message.alarm_ns))
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        turn.delete("box", "alarm")
        turn.put("rings", 1, Cell(value=message.scheduled_ns))
        if self.patience.get(state.key, 0) > 0:
            self.patience[state.key] -= 1
            raise ValueError("planted")
        return Ok()


GRUMP = Grump()
SUITE_ACTORS: Mapping[str, Actor[Any]] = {"Box": Box(), "Grump": GRUMP}


def cell(table: str, key: RowKey, value: int | None) -> Change:
    """A change, as the port takes it."""
    return (table, key, None if value is None else Cell(value=value))


def values(tables: Tables) -> dict[str, dict[RowKey, int]]:
    """Rows as plain numbers; tables without rows left out."""
    return {name: {key: row.value for key, row in rows.items()} for name, rows in tables.items() if rows}
