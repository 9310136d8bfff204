"""What a durable object is: a state machine over rows.

Owns the shape shared by all actors::

    handler(state, message, turn) -> reply            # no await, no I/O, no clock, no entropy

``state`` is the object's rows in memory (tables of immutable records) plus whatever the actor derives
from them; ``turn`` collects what the message changes. Invariants: state changes only through
``turn.put`` and ``turn.delete``; what must leave the object goes through ``turn.send`` or
``turn.enqueue``, which write to the outbox in the same commit; a handler that raises loses the
incarnation, so refusals are returned, never raised.

Imports no host and no shell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from .host import Change, Row, RowKey, Tables
from .records import record

OUTBOX = "outbox"


@record
class Alarm:
    """The object's alarm went off. ``scheduled_ns`` is the time it was set for."""

    scheduled_ns: int


@record
class Poke:
    """Do what is due, deliver what waits and set the alarm anew: from the recovery sweep, in case the
    platform has lost something. Answered by :class:`Poked`.

    A handler answers with the keys (a tuple) of those whom its object waits for; ``thorough``, or
    ``closed_run_id`` for a closed run: and of all whom the run has ever addressed.
    """

    thorough: bool = False
    closed_run_id: str = ""


@record
class Poked:
    """``pending`` messages are still in the outbox. ``others`` may have lost an alarm as well."""

    pending: int = 0
    others: tuple[str, ...] = ()


@record
class BlobTask:
    """What a turn may ask of the object store, to be done once the turn is durable: get ``key`` (``data`` is
    None) or put ``data`` there, ``once``: only if nothing is there. Its outcome comes back as
    :class:`BlobDone`; it is lost with the incarnation, so whoever asked for it asks again."""

    key: str
    data: bytes | None = None
    once: bool = False
    token: str = ""
    """What the object knows the task by."""


@record
class BlobDone:
    """The outcome of a BlobTask. ``found``: what was got, or what was there already instead of what was to be
    put once; ``error``: why nobody knows the outcome, "" if somebody does."""

    task: BlobTask
    found: bytes | None = None
    error: str = ""


@record
class Ok:
    """Accepted; nothing more to say."""


@record
class Refusal:
    """A request was understood and turned down; nothing changed.

    ``code`` is stable and for machines; ``retryable`` says that the same request may succeed later.
    """

    code: str
    message: str
    retryable: bool = False
    fields: Mapping[str, Any] = {}


@record
class OutboxEntry:
    """A message that must leave: to an object (``receiver`` is a key) or to a queue."""

    number: int
    receiver: str
    body: Any
    queue: bool = False


class Deferred:
    """A reply that comes later: the caller waits until a turn resolves ``token``.

    Waiters live in memory only. When the incarnation dies the caller's outcome is unknown, and it asks
    again with the same request id.
    """

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token


class AfterDelivery:
    """``reply``, as soon as the outbox entry ``number`` has been acknowledged by its receiver."""

    __slots__ = ("number", "reply")

    def __init__(self, number: int, reply: Any) -> None:
        self.number = number
        self.reply = reply


class State:
    """An object's rows in memory. Actors derive a subclass that indexes them."""

    __slots__ = ("key", "next_outbox_number", "rows")

    def __init__(self, key: str, tables: Tables) -> None:
        self.key = key
        self.rows: dict[str, dict[RowKey, Row]] = {name: dict(table) for name, table in tables.items()}
        pending = self.rows.get(OUTBOX)
        self.next_outbox_number = (max(pending) + 1) if pending else 1  # type: ignore[operator]

    def table(self, name: str) -> dict[RowKey, Row]:
        """The rows of one table, oldest first; never change it but through a turn."""
        found = self.rows.get(name)
        if found is None:
            found = self.rows[name] = {}
        return found

    def get(self, table: str, key: RowKey) -> Row | None:
        """One row, or None."""
        found = self.rows.get(table)
        return None if found is None else found.get(key)


class Turn:
    """One message's worth of changes, collected while a handler runs."""

    __slots__ = (
        "_state",
        "alarm_scheduled_ns",
        "changes",
        "evicts",
        "now",
        "resolutions",
        "sends",
        "tasks",
        "worker_polls",
    )

    def __init__(
        self,
        state: State,
        now: int,
        worker_polls: Callable[[str, str], bool],
        alarm_scheduled_ns: int | None = None,
    ) -> None:
        self._state = state
        self.now = now
        self.worker_polls = worker_polls
        """(namespace, task queue) -> does a worker run here that takes this queue's workflow tasks?"""
        self.alarm_scheduled_ns = alarm_scheduled_ns
        self.changes: dict[tuple[str, RowKey], Change] = {}
        """Everything this turn wrote or deleted, each row once, in first-written order."""
        self.evicts = False
        """Set when the executor can forget what it has cached for this object."""
        self.sends: list[OutboxEntry] = []
        self.tasks: list[Any] = []
        self.resolutions: list[tuple[str, Any, int]] = []

    def put(self, table: str, key: RowKey, row: Row) -> None:
        """Write one row."""
        rows = self._state.rows.get(table)
        if rows is None:
            rows = self._state.rows[table] = {}
        rows[key] = row
        self.changes[table, key] = (table, key, row)

    def delete(self, table: str, key: RowKey) -> None:
        """Delete one row; deleting what is not there is nothing."""
        rows = self._state.rows.get(table)
        if rows is not None and rows.pop(key, None) is not None:
            self.changes[table, key] = (table, key, None)

    def drop_table(self, table: str) -> None:
        """Delete every row of one table."""
        for key in list(self._state.table(table)):
            self.delete(table, key)

    def send(self, receiver: str, body: Any) -> int:
        """Send ``body`` to another object once this turn is durable; returns its outbox number."""
        return self._post(receiver, body, queue=False)

    def enqueue(self, queue: str, body: Any) -> int:
        """Put ``body`` on a queue once this turn is durable; returns its outbox number."""
        return self._post(queue, body, queue=True)

    def _post(self, receiver: str, body: Any, *, queue: bool) -> int:
        number = self._state.next_outbox_number
        self._state.next_outbox_number = number + 1
        entry = OutboxEntry(number=number, receiver=receiver, body=body, queue=queue)
        self.put(OUTBOX, number, entry)
        self.sends.append(entry)
        return number

    def resolve(self, token: str, reply: Any, *, after: int = 0) -> None:
        """Answer everyone who waits for ``token``, once outbox entry ``after`` (if any) is acknowledged."""
        self.resolutions.append((token, reply, after))

    def execute(self, task: Any) -> None:
        """Hand a workflow task (or query task) to the executor, or a BlobTask to the object store, once this
        turn is durable."""
        self.tasks.append(task)


S = TypeVar("S", bound=State)
Handler = Callable[[S, Any, Turn], Any]


class Actor(Generic[S]):
    """The behaviour of one class of objects: a table of handlers. Holds no state of its own."""

    kind: ClassVar[str]
    handlers: Mapping[type, Handler[S]]

    def load(self, key: str, tables: Tables) -> S:
        """Build the state of the object ``key`` from its committed rows."""
        raise NotImplementedError

    def next_alarm(self, state: S) -> int | None:
        """When the object next has something to do by itself: a query on its state."""
        raise NotImplementedError

    def receive(self, state: S, message: Any, turn: Turn) -> Any:
        """Apply ``message`` to ``state``; the reply, a :class:`Refusal`, or a deferred reply."""
        handler = self.handlers.get(type(message))
        if handler is None:
            return Refusal(
                code="unknown_message", message=f"{self.kind} does not take {type(message).__name__}"
            )
        return handler(state, message, turn)
