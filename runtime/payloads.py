"""Payloads: a user's values as bytes, in the encodings Temporal's SDKs share.

Owns: `DataConverter`, what may be a workflow's or activity's argument, result, signal or memo value, and the
JSON form of each type. How JSON becomes a typed value again is in `type_hints`.
Invariants: equal values built in the same order give equal bytes (a dict keeps its order, nothing is sorted;
sets have no order and are refused); what cannot be encoded is named by its path (`args[0].items[2].price`).
Must not import: codecs, the engine.

| value | encoding | form |
|---|---|---|
| None | binary/null | |
| bytes, bytearray, memoryview | binary/plain | as they are; inside other values base64 text |
| str, int, float, bool, list, tuple, dict | json/plain | compact UTF-8; keys are text, numbers, bool, None |
| attrs class, dataclass, TypedDict, NamedTuple | json/plain | object by field name; a NamedTuple is a list |
| Enum, UUID, Decimal | json/plain | the member's value; text |
| datetime, date, time | json/plain | ISO 8601 |
| timedelta | json/plain | seconds |
| a pydantic model | json/plain | what its `model_dump(mode="json")` gives |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .errors import InvalidArgumentError, PayloadTooLargeError
from .history.messages import Payload
from .type_hints import hints_of, shaped

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ACCEPTED",
    "DEFAULT_CONVERTER",
    "PAYLOAD_BYTES_MAX",
    "DataConverter",
    "hints_of",
    "text_payload",
]

PAYLOAD_BYTES_MAX: Final = 2 * 1024 * 1024
"""The default size limit of one payload: 2 MiB, as Temporal's service has it."""

ACCEPTED: Final = (
    "None, str, int, float, bool, bytes, list, tuple, dict, attrs classes, dataclasses, NamedTuple, "
    "TypedDict, Enum, datetime, date, time, timedelta, UUID and Decimal"
)

_NULL: Final[Mapping[str, bytes]] = {"encoding": b"binary/null"}
_PLAIN: Final[Mapping[str, bytes]] = {"encoding": b"binary/plain"}
_JSON: Final[Mapping[str, bytes]] = {"encoding": b"json/plain"}


class DataConverter:
    """Turns values into payloads and back.

    `payload_bytes_max`: what is larger (data and metadata) is refused with PayloadTooLargeError.
    """

    __slots__ = ("payload_bytes_max",)

    def __init__(self, *, payload_bytes_max: int = PAYLOAD_BYTES_MAX) -> None:
        self.payload_bytes_max = payload_bytes_max

    def to_payload(self, value: Any, *, where: str = "value") -> Payload:
        """Return `value` as a payload; `where` is what errors call it ("args[0]").

        Raises InvalidArgumentError for what has no encoding, PayloadTooLargeError for what is too large.
        """
        kind = type(value)
        if value is None:
            return Payload(metadata=_NULL)
        if kind is bytes or kind is bytearray or kind is memoryview:
            payload = Payload(metadata=_PLAIN, data=bytes(value))
        else:
            payload = Payload(metadata=_JSON, data=_encode_json(value, where))
        size = len(payload.data) + 24
        if size > self.payload_bytes_max:
            raise PayloadTooLargeError(
                f"{where} is {size:,} bytes as a payload, more than the limit of {self.payload_bytes_max:,}; "
                "store it elsewhere and pass a reference",
                size_bytes=size,
                limit_bytes=self.payload_bytes_max,
                where=where,
            )
        return payload

    def from_payload(self, payload: Payload, type_hint: Any = Any, *, where: str = "value") -> Any:
        """Return the value in `payload`, shaped as `type_hint` says.

        A hint that says nothing about data (Any, object, a class without fields) takes what JSON gives.
        Raises InvalidArgumentError when the encoding is unknown or the value does not fit the hint.
        """
        encoding = payload.metadata.get("encoding")
        if encoding == b"json/plain" or encoding == b"json/protobuf":
            try:
                value = _loads(payload.data)
            except (ValueError, RecursionError) as error:
                message = f"{where} is a payload encoded as {encoding.decode()} but not JSON: {error}"
                raise InvalidArgumentError(message, where=where) from None
        elif encoding == b"binary/null":
            value = None
        elif encoding == b"binary/plain":
            return payload.data
        else:
            name = "nothing" if encoding is None else repr(encoding.decode("utf-8", "replace"))
            raise InvalidArgumentError(
                f"{where} is a payload encoded as {name}; known encodings are 'json/plain', 'json/protobuf', "
                "'binary/plain' and 'binary/null' (an encrypted one needs its codec)",
                where=where,
            )
        if type_hint is Any:
            return value
        return shaped(value, type_hint, where)

    def to_payloads(self, values: Iterable[Any], *, where: str = "args") -> tuple[Payload, ...]:
        """Return one payload per value; errors name them `args[0]`, `args[1]`, ..."""
        return tuple([self.to_payload(value, where=f"{where}[{i}]") for i, value in enumerate(values)])

    def from_payloads(
        self, payloads: Sequence[Payload] | None, hints: Sequence[Any] = (), *, where: str = "args"
    ) -> tuple[Any, ...]:
        """Return the values in `payloads`; the i-th is shaped by the i-th hint, those beyond are untyped."""
        if not payloads:
            return ()
        known = len(hints)
        return tuple(
            [
                self.from_payload(payload, hints[i] if i < known else Any, where=f"{where}[{i}]")
                for i, payload in enumerate(payloads)
            ]
        )


DEFAULT_CONVERTER: Final = DataConverter()
"""The converter used where none was configured."""


def text_payload(text: str) -> Payload:
    """Return `text` as a json/plain payload: summaries, marker details and the like."""
    return Payload(metadata=_JSON, data=_encode_json(text, "text"))


# --- encoding ---------------------------------------------------------------------------------------------


def _encode_json(value: Any, where: str) -> bytes:
    try:
        # What most arguments and results are takes no encoder.
        kind = type(value)
        if kind is bool:
            return b"true" if value else b"false"
        if kind is int or (kind is float and value - value == 0.0):  # neither infinite nor not a number
            return repr(value).encode()
        text = _dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        problem = _locate(value, where, [])
        if problem is None:
            reason = (
                "is nested too deeply" if isinstance(error, RecursionError) else f"has no JSON form: {error}"
            )
            problem = InvalidArgumentError(f"{where} {reason}", where=where)
        raise problem from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8 form, but JSON can spell it.
        return _dumps_ascii(value).encode()


def _plain(value: Any) -> Any:
    """Return one level of `value` in JSON types; the encoder calls it for each object it does not know."""
    fields = getattr(type(value), "__attrs_attrs__", None)
    if fields is not None:
        return {field.name: getattr(value, field.name) for field in fields}
    if hasattr(type(value), "__dataclass_fields__"):
        import dataclasses

        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for kind, function in _plainers():
        if isinstance(value, kind):
            return function(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__qualname__)


_dumps = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=True, default=_plain
).encode
_dumps_ascii = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode

_PLAINERS: list[tuple[type[Any], Any]] = []


def _plainers() -> list[tuple[type[Any], Any]]:
    if not _PLAINERS:
        from binascii import b2a_base64
        from datetime import date, datetime, time, timedelta
        from decimal import Decimal
        from enum import Enum
        from uuid import UUID

        def seconds(value: timedelta) -> int | float:
            whole = value.total_seconds()
            return int(whole) if whole.is_integer() else whole

        def base64(data: bytes | bytearray | memoryview) -> str:
            return b2a_base64(data, newline=False).decode()

        _PLAINERS.extend(
            [
                (Enum, lambda member: member.value),
                (datetime, datetime.isoformat),
                (date, date.isoformat),
                (time, time.isoformat),
                (timedelta, seconds),
                (UUID, str),
                (Decimal, str),
                (bytes, base64),
                (bytearray, base64),
                (memoryview, base64),
            ]
        )
    return _PLAINERS


# --- decoding ---------------------------------------------------------------------------------------------

_decoder: Any = json.JSONDecoder()
_scan = _decoder.scan_once


def _loads(data: bytes) -> Any:
    """What ``json.loads`` gives, without a look at the encoding where it is UTF-8 and nothing but JSON."""
    try:
        text = data.decode()
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except (StopIteration, ValueError):
        pass
    return json.loads(data)


# --- naming the culprit -----------------------------------------------------------------------------------


def _locate(value: Any, path: str, above: list[Any]) -> InvalidArgumentError | None:
    """Find the first thing in `value` that cannot be encoded, after the encoder has failed on the whole."""
    if value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return InvalidArgumentError(
                f"{path} is {value!r}, which JSON cannot hold", where=path, value=value
            )
        return None
    if any(value is item for item in above):
        return InvalidArgumentError(f"{path} contains itself", where=path)
    if isinstance(value, (set, frozenset)):
        return InvalidArgumentError(
            f"{path} is a {type(value).__name__}, whose order differs between processes; pass sorted(...)",
            where=path,
        )
    below = [*above, value]
    if len(below) > 200:
        return InvalidArgumentError(f"{path} is nested too deeply", where=path)
    if isinstance(value, (list, tuple)):
        pairs = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, Mapping):
        pairs = []
        for key, item in value.items():
            if key is not None and not isinstance(key, (str, int, float, bool)):
                return InvalidArgumentError(
                    f"{path} has a key of type {_name(type(key))}; keys may be str or numbers",
                    where=path,
                )
            named = isinstance(key, str) and key.isidentifier()
            pairs.append((f"{path}.{key}" if named else f"{path}[{key!r}]", item))
    else:
        try:
            plain = _plain(value)
        except (TypeError, AttributeError, ValueError):
            return InvalidArgumentError(
                f"{path} is of type {_name(type(value))}, which has no encoding; accepted: {ACCEPTED}",
                where=path,
                type=_name(type(value)),
            )
        if isinstance(plain, dict):
            pairs = [(f"{path}.{key}", item) for key, item in plain.items()]
        else:
            pairs = [(path, plain)]
    for place, item in pairs:
        problem = _locate(item, place, below)
        if problem is not None:
            return problem
    return None


def _name(kind: type[Any]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
