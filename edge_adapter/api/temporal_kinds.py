"""The kinds of values for which Temporal has a form: payloads and what is made of them, failures, events.

Owns how they look in JSON, which is how Temporal's own tools write them, and where a plain value may stand
for a payload. Must not import: a host, the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...runtime.errors import InvalidArgumentError
from ...runtime.history import Header, HistoryEvent, Memo, Payload, SearchAttributes
from ...runtime.history.fields import reader_of, writer_of
from ...runtime.history.scalars import Bad, shape
from ...runtime.policies import RetryPolicy
from .kinds import DURATION, TEXT, TEXT_LENGTH_MAX, Kind, integer, many, mapping

_PAYLOAD_KEYS: Final = frozenset({"metadata", "data", "externalPayloads"})


def is_payload(value: Any) -> bool:
    """Is this JSON value a payload spelled out, and not a plain value?"""
    if type(value) is not dict or "metadata" not in value or not value.keys() <= _PAYLOAD_KEYS:
        return False
    metadata = value["metadata"]
    return (
        type(metadata) is dict
        and (not metadata or type(metadata.get("encoding")) is str)
        and all(type(item) is str for item in metadata.values())
        and type(value.get("data", "")) is str
    )


def _read_payload(value: Any) -> Payload:
    if is_payload(value):
        found: Payload = reader_of("Payload")(value)
        return found
    from ...runtime.payloads import DEFAULT_CONVERTER

    try:
        return DEFAULT_CONVERTER.to_payload(value, where="it")
    except InvalidArgumentError as error:
        raise Bad(str(error)) from None


def _write_payload(payload: Payload) -> Any:
    return {"metadata": {}, **writer_of("Payload")(payload)}


def _read_any_payload(value: Any) -> Payload:
    """In a reply every payload is spelled out, one without an encoding too."""
    if type(value) is dict and value.keys() <= _PAYLOAD_KEYS:
        found: Payload = reader_of("Payload")(value)
        return found
    return _read_payload(value)


_PAYLOAD_SAYS: Final = (
    "Any JSON value. A payload as Temporal writes it, an object with `metadata` (`encoding` among it) and "
    "`data` in base64, is taken as that payload; every other value is encoded as json/plain."
)
PAYLOAD: Final = Kind(
    schema={"description": _PAYLOAD_SAYS}, read=_read_payload, write=_write_payload, component="Payload"
)
PAYLOADS: Final = many(PAYLOAD, most=10_000)
PAYLOAD_OUT: Final = Kind(
    schema={"description": "A payload as Temporal writes it; with `payloads=plain` what it holds, if JSON."},
    read=_read_any_payload,
    write=_write_payload,
    component="PayloadInReply",
)
PAYLOADS_OUT: Final = many(PAYLOAD_OUT)


def wrapped(cls: type[Any], attribute: str, kind: Kind) -> Kind:
    """A record that only wraps a mapping: the mapping itself, in JSON."""
    return Kind(
        schema=kind.schema,
        read=lambda value: cls(**{attribute: kind.read(value)}),
        write=lambda record: kind.write(getattr(record, attribute)),
        parts=kind.parts,
    )


MEMO: Final = wrapped(Memo, "fields", mapping(PAYLOAD))
MEMO_OUT: Final = wrapped(Memo, "fields", mapping(PAYLOAD_OUT))
HEADER_OUT: Final = wrapped(Header, "fields", mapping(PAYLOAD_OUT))
SEARCH_ATTRIBUTES_OUT: Final = wrapped(SearchAttributes, "indexed_fields", mapping(PAYLOAD_OUT))


def _read_search_attribute(value: Any) -> Any:
    """The value, from its payload too: the index must never meet one that it cannot compare."""
    if not is_payload(value):
        return value
    from ...runtime.search_attributes import decode_search_attribute

    try:
        return decode_search_attribute(_read_payload(value))
    except (ValueError, RecursionError) as error:
        raise Bad(f"is not the payload of a search attribute: {error}") from None


def _read_search_attributes(value: Any) -> SearchAttributes | None:
    from ...runtime.search_attributes import encode_search_attributes

    values = mapping(Kind(schema={}, read=_read_search_attribute)).read(value)
    try:
        return encode_search_attributes(values)
    except InvalidArgumentError as error:
        raise Bad(str(error)) from None


SEARCH_ATTRIBUTES: Final = Kind(
    schema={
        "type": "object",
        "description": "Names and values: text, number, boolean or a list of texts; or such a payload.",
        "additionalProperties": {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": "string"}},
                {
                    "type": "object",
                    "required": ["metadata"],
                    "properties": {
                        "metadata": {
                            "type": "object",
                            "required": ["encoding"],
                            "additionalProperties": {"type": "string"},
                        },
                        "data": {"type": "string"},
                    },
                    "additionalProperties": False,
                },
            ]
        },
        "propertyNames": {"minLength": 1, "maxLength": TEXT_LENGTH_MAX},
    },
    read=_read_search_attributes,
    write=SEARCH_ATTRIBUTES_OUT.write,
)


# --- records that Temporal's JSON knows -------------------------------------------------------------------


def _temporal(name: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return reader_of(name)(value)
        except RecursionError:
            raise Bad("is nested too deeply") from None

    return read


FAILURE: Final = Kind(
    schema={
        "type": "object",
        "description": "Temporal's `Failure` message in its JSON form.",
        "properties": {"message": {"type": "string"}, "cause": {"$ref": "#/components/schemas/Failure"}},
    },
    read=_temporal("Failure"),
    write=lambda failure: writer_of("Failure")(failure),
    component="Failure",
)


def _read_event(value: Any) -> HistoryEvent:
    from ...runtime.errors import HistoryReadError
    from ...runtime.history import read_event

    try:
        return read_event(value)
    except HistoryReadError as error:
        raise Bad(str(error)) from None


def _write_event(event: HistoryEvent) -> Any:
    from ...runtime.history import write_event

    return write_event(event)


EVENT: Final = Kind(
    schema={
        "type": "object",
        "description": "Temporal's `HistoryEvent` message in its JSON form.",
        "required": ["eventId", "eventType"],
        "properties": {"eventId": {"type": "string"}, "eventType": {"type": "string"}},
    },
    read=_read_event,
    write=_write_event,
    component="HistoryEvent",
)

_RETRY_FIELDS: Final[Mapping[str, tuple[str, Kind]]] = {
    "initialInterval": ("initial_interval", DURATION),
    "backoffCoefficient": (
        "backoff_coefficient",
        Kind(schema={"type": "number", "minimum": 1}, read=lambda value: value),
    ),
    "maximumInterval": ("maximum_interval", DURATION),
    "maximumAttempts": ("maximum_attempts", integer(0, 2**31 - 1)),
    "nonRetryableErrorTypes": ("non_retryable_errors", many(TEXT, most=1_000)),
}


def _read_retry_policy(value: Any) -> Any:
    if type(value) is not dict:
        raise Bad(f"expected a retry policy, found {shape(value)}")
    found: dict[str, Any] = {}
    for name, item in value.items():
        known = _RETRY_FIELDS.get(name)
        try:
            if known is None:
                raise Bad(f"is not known; accepted: {', '.join(_RETRY_FIELDS)}")
            if item is not None:
                argument, kind = known
                read = kind.read(item)
                found[argument] = f"{read // 1_000_000}ms" if kind is DURATION else read
        except Bad as bad:
            bad.path.append(name)
            raise
    try:
        return RetryPolicy(**found).to_record()
    except (InvalidArgumentError, TypeError, OverflowError) as error:
        raise Bad(str(error)) from None


RETRY_POLICY: Final = Kind(
    schema={
        "type": "object",
        "properties": {name: dict(kind.schema) for name, (_, kind) in _RETRY_FIELDS.items()},
        "additionalProperties": False,
    },
    read=_read_retry_policy,
    write=lambda policy: writer_of("RetryPolicyRecord")(policy),
    component="RetryPolicy",
)
RETRY_POLICY_OUT: Final = Kind(
    schema={"type": "object", "description": "Temporal's `RetryPolicy` message in its JSON form."},
    read=_temporal("RetryPolicyRecord"),
    write=RETRY_POLICY.write,
    component="RetryPolicyInReply",
)
