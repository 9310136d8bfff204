"""Drives one actor without a host: message in, reply and sends out, alarms by query.

Owns the commit of a turn into plain tables. Every step can be checked against a reload: the state built from
the committed rows must say the same as the one in memory. Must not import the shell or a simulator.
"""

from __future__ import annotations

from typing import Any

from temporal_do.runtime.actor import OUTBOX, Actor, AfterDelivery, Alarm, Deferred, OutboxEntry, Turn
from temporal_do.runtime.records import decode, encode


class Driver:
    """One object: its committed rows, its state in memory, and what it has sent."""

    def __init__(self, actor: Actor[Any], key: str, *, now: int = 0) -> None:
        self.actor = actor
        self.key = key
        self.now = now
        self.tables: dict[str, dict[str | int, Any]] = {}
        self.state = actor.load(key, {})
        self.sent: list[OutboxEntry] = []
        self.answers: list[tuple[str, Any]] = []
        """Who was answered what later than at once."""

    def send(self, message: Any) -> Any:
        """Apply ``message`` now and commit; messages and rows pass through the codec."""
        turn = Turn(self.state, self.now, lambda namespace, queue: False)
        reply = self.actor.receive(self.state, decode(encode(message)), turn)
        for name, key, row in turn.changes.values():
            table = self.tables.setdefault(name, {})
            if row is None:
                table.pop(key, None)
            else:
                table[key] = decode(encode(row))
        self.sent.extend(turn.sends)
        for entry in turn.sends:  # delivered and acknowledged at once
            self.state.table(OUTBOX).pop(entry.number, None)
            self.tables.get(OUTBOX, {}).pop(entry.number, None)
        self.answers.extend((token, decode(encode(answer))) for token, answer, _ in turn.resolutions)
        if type(reply) is Deferred:
            return reply
        if type(reply) is AfterDelivery:
            reply = reply.reply
        return decode(encode(reply))

    def reload(self) -> None:
        """Drop the memory; what is in the rows is all there is."""
        outbox_number = self.state.next_outbox_number
        self.state = self.actor.load(self.key, self.tables)
        self.state.next_outbox_number = outbox_number

    @property
    def alarm_ns(self) -> int | None:
        """When the object wants to be woken."""
        return self.actor.next_alarm(self.state)

    def wake(self) -> None:
        """Go to the alarm's time and deliver it."""
        alarm_ns = self.alarm_ns
        assert alarm_ns is not None, "there is no alarm"
        self.now = max(self.now, alarm_ns)
        self.send(Alarm(scheduled_ns=alarm_ns))

    def take(self, kind: type[Any]) -> list[Any]:
        """The bodies of one kind sent so far, and forget them."""
        found = [entry.body for entry in self.sent if type(entry.body) is kind]
        self.sent = [entry for entry in self.sent if type(entry.body) is not kind]
        return found
