"""The trace of a run: every step of the simulated platform, and the digest over them.

Owns the published form of a step. Version 1; a step is a tuple ``(kind, at_ns, ...)`` with these fields:

    call       sender receiver call message          a request leaves its sender
    deliver    receiver incarnation call message     ... and arrives
    load       key incarnation version rows          an incarnation reads its committed rows; how many
    commit     key incarnation version changes alarm_ns   rows are durable; changes: (table, row key, row)
    reply      key incarnation call reply            the answer leaves the object
    lost       call reason                           the sender learns that the outcome is unknown
    alarm      key incarnation scheduled_ns attempt  the object's alarm goes off
    alarm_done key scheduled_ns                      ... and was handled
    alarm_lost key scheduled_ns reason               ... and will not, unless the object sets it anew
    dead       key incarnation reason                an incarnation lost its memory (evicted, killed, reset)
    enqueue    sender queue message body due_ns      a message is put on a queue
    consume    queue message attempt body            ... is given to a consumer
    ack        queue message                         ... is done
    redeliver  queue message due_ns reason           ... comes again
    drop       queue message reason                  ... is given up
    put_blob   sender key size                       the object store
    get_blob   sender key size                       size -1: there is none
    fault      name key                              a fault was injected
    worker     action namespace task_queue           started or stopped
    phase      name                                  of a chaos run: "liveness" from here on nothing fails
    storm      action faults                         a storm of these faults (one text) begins or ends
    cron       name scheduled_ns action              a cron trigger: missed, begins, ends

``at_ns`` is virtual time, ns since the Unix epoch. ``call``, ``message`` and ``incarnation`` are numbers that
count up. Records (messages, replies, rows) appear in a step as the objects they are; the digest and the JSON
form see the name of their class, so that fast and strict mode, which differ in nothing else, agree.

Invariants: the digest is blake2b over the JSON form of all steps since the start; it depends neither on the
process, on PYTHONHASHSEED nor on the Python, nor on when or how often it is asked for.

Must not import: the platform.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from hashlib import blake2b
from operator import attrgetter
from typing import Any

SCHEMA_VERSION = 1

FIELDS: dict[str, tuple[str, ...]] = {
    "call": ("sender", "receiver", "call", "message"),
    "deliver": ("receiver", "incarnation", "call", "message"),
    "load": ("key", "incarnation", "version", "rows"),
    "commit": ("key", "incarnation", "version", "changes", "alarm_ns"),
    "reply": ("key", "incarnation", "call", "reply"),
    "lost": ("call", "reason"),
    "alarm": ("key", "incarnation", "scheduled_ns", "attempt"),
    "alarm_done": ("key", "scheduled_ns"),
    "alarm_lost": ("key", "scheduled_ns", "reason"),
    "dead": ("key", "incarnation", "reason"),
    "enqueue": ("sender", "queue", "message", "body", "due_ns"),
    "consume": ("queue", "message", "attempt", "body"),
    "ack": ("queue", "message"),
    "redeliver": ("queue", "message", "due_ns", "reason"),
    "drop": ("queue", "message", "reason"),
    "put_blob": ("sender", "key", "size"),
    "get_blob": ("sender", "key", "size"),
    "fault": ("name", "key"),
    "worker": ("action", "namespace", "task_queue"),
    "phase": ("name",),
    "storm": ("action", "faults"),
    "cron": ("name", "scheduled_ns", "action"),
}

Step = tuple[Any, ...]

_CHUNK = 256


_name = attrgetter("__class__.__name__")  # in C: it is called for every record of every step
_encode = json.JSONEncoder(separators=(",", ":"), default=_name, check_circular=False).encode


class Trace:
    """The steps of one run. Keeps the last ``limit`` steps or a little more (None: all of them)."""

    __slots__ = ("_chunk", "_chunks", "_hash", "_limit", "count")

    def __init__(self, limit: int | None = 100_000) -> None:
        self._limit = limit
        self._chunk: list[Step] = []
        self._chunks: deque[list[Step]] = deque()
        self._hash = blake2b(digest_size=16)
        self.count = 0
        """Steps in finished chunks; ``len(trace)`` is the number of all steps."""

    def add(self, step: Step) -> None:
        """Append one step."""
        chunk = self._chunk
        chunk.append(step)
        if len(chunk) == _CHUNK:
            self._hash.update(_encode(chunk).encode("ascii"))
            self.count += _CHUNK
            self._chunks.append(chunk)
            self._chunk = []
            if self._limit is not None and (len(self._chunks) - 1) * _CHUNK > self._limit:
                self._chunks.popleft()

    def __len__(self) -> int:
        return self.count + len(self._chunk)

    @property
    def digest(self) -> str:
        """The digest of the run so far, 32 hex digits."""
        whole = self._hash.copy()
        whole.update(_encode(self._chunk).encode("ascii"))
        return whole.hexdigest()

    @property
    def first_kept(self) -> int:
        """The number of the oldest step that is still kept; the first step of a run is 0."""
        return self.count - _CHUNK * len(self._chunks)

    def tuples(self) -> Iterator[Step]:
        """The kept steps, oldest first, as they are."""
        for chunk in self._chunks:
            yield from chunk
        yield from self._chunk

    def steps(self) -> Iterator[dict[str, Any]]:
        """The kept steps, oldest first, as dicts: ``step`` (number), ``kind``, ``at_ns`` and the kind's
        fields."""
        for number, step in enumerate(self.tuples(), self.first_kept):
            kind = step[0]
            found = {"step": number, "kind": kind, "at_ns": step[1]}
            found.update(zip(FIELDS[kind], step[2:], strict=True))
            yield found

    def tail(self, count: int) -> list[Step]:
        """The last ``count`` steps."""
        kept = list(self._chunk)
        for chunk in reversed(self._chunks):
            if len(kept) >= count:
                break
            kept = chunk + kept
        return kept[-count:]

    def json_lines(self) -> Iterator[str]:
        """The kept steps as JSON, one line each, after a line that names the schema."""
        yield _encode({"schema": "temporal-do trace", "version": SCHEMA_VERSION})
        for step in self.steps():
            yield _encode(step)


def describe_step(step: Step) -> str:
    """One step on one line, for people."""
    kind = step[0]
    facts = []
    for name, value in zip(FIELDS[kind], step[2:], strict=True):
        if name == "changes":
            value = (
                "[" + ", ".join(f"{c[0]}/{c[1]}{'' if c[2] is not None else ' deleted'}" for c in value) + "]"
            )
        elif not isinstance(value, str | int | None):
            value = type(value).__name__
        facts.append(f"{name}={value}")
    return f"{kind} {' '.join(facts)}"
