"""Temporal's JSON form of a history: what `temporal workflow show --output json` prints, read and written.

Owns: reading (with the variants old tools wrote: `TimerStarted` for the event type, int64 as a number, a
bare list of events, fields in snake case, shorthand payloads) and writing (canonical protobuf JSON).
Invariants: writing what was read loses nothing, unknown fields and events included; what cannot be read
raises HistoryReadError with the place and the reason, and nothing else. Must not import: anything but
the records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import HistoryReadError
from .events import ATTRIBUTES, History, HistoryEvent, attributes_key
from .fields import frozen, reader_of, thawed, writer_of
from .scalars import (
    Bad,
    enum_reader,
    read_flag,
    read_int64,
    read_timestamp,
    shape,
    write_enum,
    write_timestamp,
)

if TYPE_CHECKING:
    from os import PathLike

_GZIP_MAGIC: Final = b"\x1f\x8b"
_SUFFIX: Final = "EventAttributes"
_SNAKE_SUFFIX: Final = "_event_attributes"

_read_type = enum_reader("EventTypeName")
_attribute_types: dict[str, str] = {str(attributes_key(name)): name for name in ATTRIBUTES}
_attribute_types.update(
    {name.removeprefix("EVENT_TYPE_").lower() + _SNAKE_SUFFIX: name for name in ATTRIBUTES}
)
_attribute_keys: dict[str, str] = {name: str(attributes_key(kind)) for kind, (_, name) in ATTRIBUTES.items()}


# --- reading ----------------------------------------------------------------------------------------------


def read_history(source: str | bytes | Mapping[str, Any] | list[Any], *, file: str = "") -> History:
    """Return the history in `source`: JSON text, or what `json.loads` made of it.

    Accepts `{"events": [...]}`, the bare list of events, and the answer of Temporal's history call
    (`{"history": {"events": [...]}}`). `file` is the name errors show. The history need not hang together
    (see `check_history`). Raises HistoryReadError.
    """
    try:
        found = _parse(source) if isinstance(source, (str, bytes, bytearray)) else source
        return _history(found)
    except Bad as bad:
        raise HistoryReadError(bad.reason, file=file, position=bad.position()) from None
    except RecursionError:
        raise HistoryReadError("values are nested too deeply", file=file) from None


def read_history_file(path: str | PathLike[str]) -> History:
    """Return the history in the JSON file at `path`. Raises HistoryReadError, for a missing file too."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        reason = f"cannot be opened: {error.strerror or error}"
        raise HistoryReadError(reason, file=str(path)) from error
    return read_history(data, file=str(path))


def read_event(found: Mapping[str, Any]) -> HistoryEvent:
    """Return the event in `found`, one member of a history's `events`. Raises HistoryReadError."""
    try:
        return _event(found)
    except Bad as bad:
        raise HistoryReadError(bad.reason, position=bad.position()) from None
    except RecursionError:
        raise HistoryReadError("values are nested too deeply") from None


def _parse(source: str | bytes | bytearray) -> Any:
    if isinstance(source, str):
        text = source
    else:
        data = bytes(source)
        if data.startswith(_GZIP_MAGIC):
            raise Bad("is compressed with gzip; decompress it first")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Bad(f"is not text in UTF-8 (byte {error.start}), so not a JSON history") from None
    if not text.strip():
        raise Bad("is empty")
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise Bad(f"is cut off: the JSON ends in the middle (line {error.lineno})") from None
        where = f"line {error.lineno}, column {error.colno}"
        raise Bad(f"is not JSON: {error.msg} ({where})") from None
    except ValueError as error:
        raise Bad(f"is not JSON: {error}") from None


def _history(found: Any) -> History:
    unknown: dict[str, Any] = {}
    if isinstance(found, Mapping):
        outer = dict(found)
        if "events" not in outer and isinstance(outer.get("history"), Mapping):
            outer.update(outer.pop("history"))
        if outer.get("nextPageToken"):
            raise Bad("is only one page of a history: nextPageToken is set")
        if "events" not in outer:
            raise Bad("has no 'events': not a workflow history")
        events = outer.pop("events")
        unknown = {key: frozen(value) for key, value in outer.items()}
    else:
        events = found
    if type(events) is not list and type(events) is not tuple:
        raise Bad(f"expected a list of events, found {shape(events)}")
    made = []
    for index, item in enumerate(events):
        try:
            made.append(_event(item))
        except Bad as bad:
            bad.path.append(_name_event(index, item))
            raise
    workflow_id = unknown.get("workflowId", "")
    if made and not workflow_id:
        workflow_id = getattr(made[0].attributes, "workflow_id", "")
    return History(
        events=tuple(made), workflow_id=workflow_id if isinstance(workflow_id, str) else "", unknown=unknown
    )


def _name_event(index: int, item: Any) -> str:
    if not isinstance(item, Mapping):
        return f"events[{index}]"
    facts = [str(item[key]) for key in ("eventId", "eventType") if isinstance(item.get(key), (str, int))]
    return f"events[{index}] (event {' '.join(facts)})" if facts else f"events[{index}]"


def _event(found: Any) -> HistoryEvent:
    if not isinstance(found, Mapping):
        raise Bad(f"expected an event, found {shape(found)}")
    fields: dict[str, Any] = {}
    unknown: dict[str, Any] | None = None
    attributes_at = ""
    for key, value in found.items():
        known = _event_fields.get(key)
        if known is not None:
            if value is not None:
                try:
                    fields[known[0]] = known[1](value)
                except Bad as bad:
                    bad.path.append(key)
                    raise
        elif key in _attribute_types:
            if value is None:
                continue
            if attributes_at:
                raise Bad(f"has two sets of attributes: {attributes_at} and {key}")
            attributes_at = key
            try:
                fields["attributes"] = reader_of(ATTRIBUTES[_attribute_types[key]][1])(value)
            except Bad as bad:
                bad.path.append(key)
                raise
        else:
            if unknown is None:
                unknown = {}
            unknown[key] = frozen(value)
    if "event_time" not in fields:
        # Absent is not the epoch; the null is remembered, and left out again on writing.
        unknown = unknown or {}
        unknown["eventTime"] = None
    if unknown:
        fields["unknown"] = unknown
    return HistoryEvent(**fields)


def _read_links(value: Any) -> tuple[Any, ...]:
    if type(value) is not list and type(value) is not tuple:
        raise Bad(f"expected a list, found {shape(value)}")
    return tuple([frozen(item) for item in value])


def _read_user_metadata(value: Any) -> Any:
    return reader_of("UserMetadata")(value)


_event_fields: dict[str, tuple[str, Any]] = {
    "eventId": ("event_id", read_int64),
    "eventTime": ("event_time", read_timestamp),
    "eventType": ("event_type", _read_type),
    "version": ("version", read_int64),
    "taskId": ("task_id", read_int64),
    "workerMayIgnore": ("worker_may_ignore", read_flag),
    "userMetadata": ("user_metadata", _read_user_metadata),
    "links": ("links", _read_links),
}
_event_fields.update({name: (name, reader) for name, reader in list(_event_fields.values())})


# --- writing ----------------------------------------------------------------------------------------------


def write_history(history: History, *, indent: int | None = None) -> str:
    """Return `history` as Temporal's JSON; `indent` as for `json.dumps` (None: one line)."""
    out: dict[str, Any] = {"events": [write_event(event) for event in history.events]}
    if history.unknown:
        out.update({key: thawed(value) for key, value in history.unknown.items()})
    separators = (",", ":") if indent is None else None
    text = json.dumps(out, indent=indent, separators=separators, ensure_ascii=False)
    try:
        if not text.isascii():
            text.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, which JSON can spell and UTF-8 cannot.
        text = json.dumps(out, indent=indent, separators=separators)
    return text


def write_event(event: HistoryEvent) -> dict[str, Any]:
    """Return `event` as a dict that `json.dumps` turns into Temporal's JSON."""
    unknown = event.unknown
    out: dict[str, Any] = {}
    if event.event_id:
        out["eventId"] = str(event.event_id)
    if event.event_time or "eventTime" not in unknown:
        out["eventTime"] = write_timestamp(event.event_time)
    if event.event_type:
        out["eventType"] = write_enum(event.event_type)
    if event.version:
        out["version"] = str(event.version)
    if event.task_id:
        out["taskId"] = str(event.task_id)
    if event.worker_may_ignore:
        out["workerMayIgnore"] = True
    attributes = event.attributes
    if attributes is not None:
        name = type(attributes).__name__
        out[_attribute_keys[name]] = writer_of(name)(attributes)
    if event.user_metadata is not None:
        out["userMetadata"] = writer_of("UserMetadata")(event.user_metadata)
    if event.links:
        out["links"] = [thawed(item) for item in event.links]
    if unknown:
        out.update({key: thawed(item) for key, item in unknown.items() if key != "eventTime"})
    return out
