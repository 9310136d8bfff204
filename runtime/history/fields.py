"""From a record's annotations to the functions that read and write it as protobuf JSON.

Owns: the table from an annotation's text to a pair (reader, writer), and the compiled pairs per class,
made when a class is first met. Invariants: a field that JSON omits gets its default and a default is
omitted again; unknown fields go to `unknown` and come back. Must not import: event families (they are
found through the registry).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from ..errors import invariant
from ..records import find_record
from ..texts import camel_case
from .enums import ENUMS
from .scalars import (
    Bad,
    enum_reader,
    enum_writer,
    read_bytes,
    read_duration,
    read_flag,
    read_float,
    read_int32,
    read_int64,
    read_text,
    read_timestamp,
    shape,
    write_bytes,
    write_duration,
    write_float,
    write_timestamp,
)

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

_readers: dict[str, Reader] = {}
_writers: dict[str, Writer] = {}


def frozen(value: Any) -> Any:
    """Return a JSON value with its lists as tuples, so that records hold nothing that changes."""
    if type(value) is dict:
        return {key: frozen(item) for key, item in value.items()}
    if type(value) is list or type(value) is tuple:
        return tuple([frozen(item) for item in value])
    return value


def thawed(value: Any) -> Any:
    """Return what `frozen` was given: tuples become lists again."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items()}
    if type(value) is tuple:
        return [thawed(item) for item in value]
    return value


def reader_of(name: str) -> Reader:
    """Return the function that reads the message `name` (a record's name) from a JSON object."""
    reader = _readers.get(name)
    if reader is None:
        reader = _readers[name] = _payload if name == "Payload" else _compile_reader(find_record(name))
    return reader


def writer_of(name: str) -> Writer:
    """Return the function that writes the message `name` as a JSON object."""
    writer = _writers.get(name)
    if writer is None:
        writer = _writers[name] = _compile_writer(find_record(name))
    return writer


# --- messages ---------------------------------------------------------------------------------------------


def _fields(cls: type[Any]) -> list[tuple[str, str, tuple[Reader, Writer | None], Any]]:
    """List (field, JSON key, its codec, its default) of a record's own fields, `unknown` left out."""
    found = []
    for field in cls.__attrs_attrs__:
        if field.name != "unknown":
            found.append((field.name, camel_case(field.name), _codec(field.type), field.default))
    return found


def _compile_reader(cls: type[Any]) -> Reader:
    table: dict[str, tuple[str, Reader]] = {}
    for name, key, (reader, _), _ in _fields(cls):
        table[key] = table[name] = (name, reader)

    def read(found: Any) -> Any:
        if type(found) is not dict:
            if not isinstance(found, Mapping):
                raise Bad(f"expected an object, found {shape(found)}")
            found = dict(found)
        fields: dict[str, Any] = {}
        unknown: dict[str, Any] | None = None
        for key, value in found.items():
            known = table.get(key)
            if known is None:
                if unknown is None:
                    unknown = fields["unknown"] = {}
                unknown[key] = frozen(value)
            elif value is not None:
                name, reader = known
                try:
                    fields[name] = reader(value)
                except Bad as bad:
                    bad.path.append(key)
                    raise
        return cls(**fields)

    return read


def _compile_writer(cls: type[Any]) -> Writer:
    plan = [(name, key, writer, default) for name, key, (_, writer), default in _fields(cls)]
    invariant(all(row[3] is not attrs.NOTHING for row in plan), "a message field lacks a default", cls=cls)

    def write(message: Any) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, key, writer, default in plan:
            value = getattr(message, name)
            if value is not default and value != default:
                out[key] = value if writer is None else writer(value)
        if message.unknown:
            out.update({key: thawed(item) for key, item in message.unknown.items()})
        return out

    return write


# --- payloads ---------------------------------------------------------------------------------------------


_MESSAGE_KEYS: Final = frozenset({"metadata", "data", "externalPayloads", "external_payloads"})


def _payload(found: Any) -> Any:
    """Read a payload; a value that is none is a shorthand payload, as newer command line tools print them."""
    if type(found) is dict and (not found or not _MESSAGE_KEYS.isdisjoint(found)):
        return _full_payload(found)
    return _shorthand(found)


def _full_payload(found: Any) -> Any:
    reader = _readers.get("full payload")
    if reader is None:
        reader = _readers["full payload"] = _compile_reader(find_record("Payload"))
    return reader(found)


def _shorthand(value: Any) -> Any:
    import json

    made: Any = find_record("Payload")
    if value is None:
        return made(metadata={"encoding": b"binary/null"})
    if type(value) is dict and type(value.get("_protoMessageType")) is str:
        rest = {key: item for key, item in value.items() if key != "_protoMessageType"}
        metadata = {"encoding": b"json/protobuf", "messageType": value["_protoMessageType"].encode()}
        return made(metadata=metadata, data=json.dumps(rest, separators=(",", ":")).encode())
    return made(metadata={"encoding": b"json/plain"}, data=json.dumps(value, separators=(",", ":")).encode())


def _read_payloads(found: Any) -> Any:
    if type(found) is dict:
        for key in found:
            if key != "payloads":
                raise Bad(f"expected payloads, found the unknown field {key!r}")
        items = found.get("payloads")
        if items is None:
            return ()
        read = _full_payload
    else:
        items, read = found, _payload
    if type(items) is not list and type(items) is not tuple:
        raise Bad(f"expected a list of payloads, found {shape(items)}")
    made = []
    for index, item in enumerate(items):
        try:
            made.append(read(item))
        except Bad as bad:
            bad.path.append(f"payloads[{index}]")
            raise
    return tuple(made)


def _write_payloads(value: Any) -> dict[str, Any]:
    write = writer_of("Payload")
    return {"payloads": [write(item) for item in value]} if value else {}


# --- annotations ------------------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


_SCALARS: Final[dict[str, tuple[Reader, Writer | None]]] = {
    "str": (read_text, None),
    "bool": (read_flag, None),
    "int": (read_int32, None),
    "Int64": (read_int64, str),
    "float": (read_float, write_float),
    "bytes": (read_bytes, write_bytes),
    "Duration | None": (read_duration, write_duration),
    "Timestamp | None": (read_timestamp, write_timestamp),
    "Payloads": (_read_payloads, _write_payloads),
    "tuple[Payload, ...]": (_read_payloads, _write_payloads),
    "Json": (frozen, thawed),
}
_SEQUENCE: Final = re.compile(r"tuple\[(\w+), \.\.\.\]")
_MAPPING: Final = re.compile(r"Mapping\[str, (.+)\]")


def _codec(annotation: str) -> tuple[Reader, Writer | None]:
    scalar = _SCALARS.get(annotation)
    if scalar is not None:
        return scalar
    if annotation in ENUMS:
        return enum_reader(annotation), enum_writer(annotation)
    sequence = _SEQUENCE.fullmatch(annotation)
    if sequence is not None:
        return _sequence(*_codec(sequence[1]))
    mapping = _MAPPING.fullmatch(annotation)
    if mapping is not None:
        return _mapping(*_codec(mapping[1]))
    name = annotation.removesuffix(" | None")
    invariant(name.isidentifier(), "no JSON form for a field of this type", annotation=annotation)
    return _message(name)


def _message(name: str) -> tuple[Reader, Writer]:
    """Return the codec of a message field; compiled at its first use, since messages contain each other."""

    def read(value: Any) -> Any:
        return (_readers.get(name) or reader_of(name))(value)

    def write(value: Any) -> Any:
        return (_writers.get(name) or writer_of(name))(value)

    return read, write


def _sequence(read_item: Reader, write_item: Writer | None) -> tuple[Reader, Writer]:
    def read(found: Any) -> Any:
        if type(found) is not list and type(found) is not tuple:
            raise Bad(f"expected a list, found {shape(found)}")
        made = []
        for index, item in enumerate(found):
            try:
                made.append(read_item(item))
            except Bad as bad:
                bad.path.append(f"[{index}]")
                raise
        return tuple(made)

    put = write_item or _same

    def write(value: Any) -> Any:
        return [put(item) for item in value]

    return read, write


def _mapping(read_item: Reader, write_item: Writer | None) -> tuple[Reader, Writer]:
    def read(found: Any) -> Any:
        if not isinstance(found, Mapping):
            raise Bad(f"expected an object, found {shape(found)}")
        made = {}
        for key, item in found.items():
            try:
                made[key] = read_item(item)
            except Bad as bad:
                bad.path.append(key)
                raise
        return made

    put = write_item or _same

    def write(value: Any) -> Any:
        return {key: put(item) for key, item in value.items()}

    return read, write
