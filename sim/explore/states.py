"""Which states of the engine a run came to, as short texts: what steers beside the coverage of user code.

A state is what happened next to what: the kind of message that met a fault, two kinds of events that follow
each other in a history, a refusal as the answer to a request. Read from the published trace only.

Must not import: the simulation, the engine.
"""

from __future__ import annotations

from typing import Any

from ..trace import Trace


def states_of(trace: Trace) -> tuple[str, ...]:
    """The states in the kept steps, sorted."""
    found: dict[str, None] = {}
    last_message: dict[str, str] = {}
    last_event: dict[str, str] = {}
    messages: dict[int, str] = {}
    for step in trace.tuples():
        kind = step[0]
        if kind == "call":
            messages[step[4]] = type(step[5]).__name__
        elif kind == "deliver":
            last_message[step[2]] = type(step[5]).__name__
        elif kind == "reply":
            message = messages.pop(step[4], "")
            found[f"reply {_kind(step[2])} {message} {_outcome(step[5])}"] = None
        elif kind == "lost":
            found[f"lost {messages.pop(step[2], '')}"] = None
        elif kind == "fault":
            found[f"fault {step[2]} {_kind(step[3])} {last_message.get(step[3], '')}"] = None
        elif kind == "dead":
            found[f"dead {_kind(step[2])} {last_message.get(step[2], '')}"] = None
        elif kind == "commit":
            for table, _, row in step[5]:
                if row is None or not table.startswith("events:"):
                    continue
                event = _event(row)
                found[f"history {last_event.get(table, '')} {event}"] = None
                last_event[table] = event
    return tuple(sorted(found))


def _kind(key: str) -> str:
    return key.partition("/")[0]


def _outcome(reply: Any) -> str:
    """The class of a reply, and the code of a refusal."""
    code = getattr(reply, "code", None)
    name = type(reply).__name__
    return f"{name}:{code}" if isinstance(code, str) else name


def _event(row: Any) -> str:
    """The type of the event in a row, or the class of what the row holds."""
    event = getattr(row, "event", row)
    kind = getattr(event, "event_type", None)
    return str(getattr(kind, "name", kind)) if kind is not None else type(event).__name__
