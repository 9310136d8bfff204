"""What a JSON value of the API may be: how it is read, written and described.

Owns one `Kind` per sort of value. Reading takes what `json.loads` made and returns what the engine's
messages hold, or raises `Bad` with the reason; writing is the inverse; the schema is what the OpenAPI
description says. Invariants: `read(write(value)) == value` for everything the engine's own client sends, so
that a remote call means what a local one does; whatever is read is safe to hand to an object (no half
surrogates, no number or time that a row cannot hold).

Must not import: a host, the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

import attrs

from ...runtime.durations import DAY, SECOND, format_duration, parse_duration
from ...runtime.errors import InvalidArgumentError
from ...runtime.history.scalars import Bad, read_timestamp, shape, write_timestamp
from ...runtime.policies import choose

Schema = Mapping[str, Any]

TEXT_LENGTH_MAX: Final = 1_000
NOTE_LENGTH_MAX: Final = 10_000
DURATION_MAX_NS: Final = 100 * 365 * DAY
"""What an alarm can still be set for; nobody waits longer."""
INT_MAX: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""


def _same(value: Any) -> Any:
    return value


@attrs.frozen(kw_only=True)
class Kind:
    """One sort of value. ``component`` names its schema in the OpenAPI description; ``parts`` are the kinds
    that it is made of. ``from_text`` turns a query parameter's text into the JSON value that ``read`` takes.
    """

    schema: Schema
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = _same
    from_text: Callable[[str], Any] = _same
    component: str = ""
    parts: tuple[Kind, ...] = ()

    @property
    def reference(self) -> Schema:
        """How another schema mentions this kind."""
        return {"$ref": f"#/components/schemas/{self.component}"} if self.component else self.schema


def every_part(kind: Kind) -> Iterator[Kind]:
    """The kind itself and all that it is made of."""
    yield kind
    for part in kind.parts:
        yield from every_part(part)


# --- single values ----------------------------------------------------------------------------------------


def check_text(value: Any, least: int, most: int) -> str:
    """``value`` if it is a text of that many characters that UTF-8 can hold. Raises Bad."""
    if type(value) is not str:
        raise Bad(f"expected text, found {shape(value)}")
    if not least <= len(value) <= most:
        if not value:
            raise Bad("must not be empty")
        raise Bad(f"has {len(value)} characters; at most {most} are accepted")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Bad("holds half a surrogate pair, which is not text") from None
    return value


def text(*, least: int = 1, most: int = TEXT_LENGTH_MAX, says: str = "") -> Kind:
    """A text of ``least`` to ``most`` characters."""
    schema: dict[str, Any] = {"type": "string", "maxLength": most}
    if least:
        schema["minLength"] = least
    if says:
        schema["description"] = says
    return Kind(schema=schema, read=lambda value: check_text(value, least, most))


def _whole_number(digits: str) -> Any:
    if digits.isascii() and digits.removeprefix("-").isdecimal() and len(digits) <= 20:
        return int(digits)
    return digits


def integer(least: int = 0, most: int = INT_MAX) -> Kind:
    """A whole number from ``least`` to ``most``."""

    def read(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)  # JSON knows one sort of number
        if type(value) is not int:
            raise Bad(f"expected a whole number, found {shape(value)}")
        if not least <= value <= most:
            raise Bad(f"is not from {least} to {most}")
        return value

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Kind(schema=schema, read=read, from_text=_whole_number)


def _read_flag(value: Any) -> bool:
    if type(value) is not bool:
        raise Bad(f"expected true or false, found {shape(value)}")
    return value


def _read_duration(value: Any) -> int:
    if type(value) is bool or not isinstance(value, (str, int, float)):
        raise Bad(f"expected a duration such as '1h30m', or seconds; found {shape(value)}")
    try:
        duration_ns = parse_duration(value, name="it")
    except InvalidArgumentError as error:
        raise Bad(str(error)) from None
    if duration_ns > DURATION_MAX_NS:
        raise Bad("is longer than a hundred years")
    return duration_ns


def _read_time(value: Any) -> int:
    """An instant in years that every date library knows, ns since the Unix epoch."""
    instant_ns = read_timestamp(value)
    if not -(2**63) <= instant_ns < 2**63:
        raise Bad("is before the year 1678 or after 2261")
    return instant_ns


def _read_word(value: Any) -> str:
    return check_text(value, 0, NOTE_LENGTH_MAX)


_DURATION_PATTERN: Final = (
    r"^(?=\d)(?:\d{1,3}(?:\.\d{1,9})?w)?(?:\d{1,4}(?:\.\d{1,9})?d)?(?:\d{1,5}(?:\.\d{1,9})?h)?"
    r"(?:\d{1,6}(?:\.\d{1,9})?m)?(?:\d{1,8}(?:\.\d{1,9})?s)?(?:\d{1,11}(?:\.\d{1,9})?ms)?$"
)
TEXT: Final = text()
ANY_TEXT: Final = text(least=0)
NOTE: Final = text(least=0, most=NOTE_LENGTH_MAX)
COUNT: Final = integer()
FLAG: Final = Kind(
    schema={"type": "boolean"},
    read=_read_flag,
    from_text=lambda given: {"true": True, "false": False}.get(given, given),
)
DURATION: Final = Kind(
    schema={
        "type": ["string", "number"],
        "description": "Such as 250ms, 30s, 5m, 24h, 7d, 1h30m; a number counts seconds. At most 100 years.",
        "examples": ["1h30m"],
        "pattern": _DURATION_PATTERN,
        "minimum": 0,
        "maximum": DURATION_MAX_NS // SECOND,
    },
    read=_read_duration,
    write=format_duration,
)
TIME: Final = Kind(
    schema={"type": "string", "format": "date-time", "description": "RFC 3339"},
    read=_read_time,
    write=write_timestamp,
)
WORD: Final = Kind(schema={"type": "string"}, read=_read_word)
"""A text of a reply: whatever the engine says."""


def choice(kind: type[Enum]) -> Kind:
    """A member of an enumeration, kept as its value."""
    names = [member.name.lower() for member in kind]
    values = [str(member.value) for member in kind]

    def read(value: Any) -> Any:
        try:
            return choose(kind, check_text(value, 1, TEXT_LENGTH_MAX), "it").value
        except InvalidArgumentError as error:
            raise Bad(str(error)) from None

    return Kind(schema={"type": "string", "enum": list(dict.fromkeys((*names, *values)))}, read=read)


def one_of(*words: str) -> Kind:
    """One of these words."""

    def read(value: Any) -> str:
        if type(value) is not str or value not in words:
            raise Bad(f"must be one of {', '.join(map(repr, words))}, not {shape(value)}")
        return value

    return Kind(schema={"type": "string", "enum": list(words)}, read=read)


def many(kind: Kind, *, least: int = 0, most: int | None = None) -> Kind:
    """A list; a tuple for the engine."""

    def read(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Bad(f"expected a list, found {shape(value)}")
        if len(value) < least or (most is not None and len(value) > most):
            raise Bad(f"has {len(value)} entries; accepted are {least} to {most}")
        found = []
        for index, item in enumerate(value):
            try:
                found.append(kind.read(item))
            except Bad as bad:
                bad.path.append(f"[{index}]")
                raise
        return tuple(found)

    schema: dict[str, Any] = {"type": "array", "items": kind.reference}
    if most is not None:
        schema["maxItems"] = most
    return Kind(
        schema=schema, read=read, write=lambda items: [kind.write(item) for item in items], parts=(kind,)
    )


def mapping(kind: Kind) -> Kind:
    """An object whose members are all of one kind."""

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Bad(f"expected an object, found {shape(value)}")
        found = {}
        for name, item in value.items():
            try:
                found[check_text(name, 1, TEXT_LENGTH_MAX)] = kind.read(item)
            except Bad as bad:
                bad.path.append(name[:100])
                raise
        return found

    def write(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: kind.write(item) for name, item in values.items()}

    schema = {
        "type": "object",
        "additionalProperties": kind.reference,
        "propertyNames": {"minLength": 1, "maxLength": TEXT_LENGTH_MAX},
    }
    return Kind(schema=schema, read=read, write=write, parts=(kind,))
