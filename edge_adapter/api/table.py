"""What an operation of the API is: the shape of the one table that server, client and description share.

Owns `Operation`, `Field` and `Receiver`; the rows are in `operations`. Invariants: an operation stands for
one message to one kind of object, and says both ways how a request becomes that message and that message a
request, so a client's host and the server cannot drift apart.

Must not import: a host, a server, a client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import attrs

from ...runtime.keys import decode_part, kind_of, object_key, parse_key
from .kinds import TEXT, Kind
from .shapes import json_name

if TYPE_CHECKING:
    from ...runtime.host import Host

PREFIX: Final = "/api/v1"
"""Before the paths of operations; these two stand alone."""
OPENAPI_PATH: Final = "/openapi.json"
HEALTH_PATH: Final = "/health"
Parameters = Mapping[str, Any]


class Place(Enum):
    """Where a request carries a field."""

    PATH = "path"
    QUERY = "query"
    BODY = "body"
    NOWHERE = "nowhere"
    """The server makes it."""


class Fresh:
    """The default of a field that the server fills with a new id."""


FRESH: Final = Fresh()


class Required:
    """The default of a field that has none: it must be given."""


REQUIRED: Final = Required()


@attrs.frozen(kw_only=True)
class Field:
    """One value of a request. ``attribute`` is its name in the message, from which the JSON name follows.

    ``default``: what an absent one means; `REQUIRED`: it must be given.
    """

    attribute: str
    kind: Kind
    place: Place
    default: Any = REQUIRED
    says: str = ""
    null_counts: bool = False
    """null is a value of its own here, and not the same as absent."""
    name: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", json_name(self.attribute, self.kind))


def path_field(attribute: str, kind: Kind = TEXT, says: str = "") -> Field:
    """A field in the path, always given."""
    return Field(attribute=attribute, kind=kind, place=Place.PATH, says=says)


def query_field(attribute: str, kind: Kind = TEXT, default: Any = REQUIRED, says: str = "") -> Field:
    """A field in the query string."""
    return Field(attribute=attribute, kind=kind, place=Place.QUERY, default=default, says=says)


def body_field(attribute: str, kind: Kind = TEXT, default: Any = REQUIRED, says: str = "") -> Field:
    """A member of the request's JSON object."""
    return Field(attribute=attribute, kind=kind, place=Place.BODY, default=default, says=says)


def made_field(attribute: str) -> Field:
    """A field that the server fills with a new id."""
    return Field(attribute=attribute, kind=TEXT, place=Place.NOWHERE, default=FRESH)


NAMESPACE: Final = path_field("namespace")


@attrs.frozen(kw_only=True)
class Receiver:
    """One kind of object and the parameters that its key is made of, the namespace first.

    ``whole_key``: the one parameter is the object's key itself, as a task carries it.
    """

    kind: str
    parameters: tuple[str, ...]
    whole_key: bool = False

    def key(self, parameters: Parameters) -> str | None:
        """The object's key; None if the parameter that is a key names no such object of the namespace."""
        namespace = parameters["namespace"]
        names = [str(parameters[name]) for name in self.parameters]
        if not self.whole_key:
            return object_key(self.kind, namespace, *names)
        key = names[0]
        own = object_key(self.kind, namespace, "")
        return key if key.startswith(own) and len(key) > len(own) else None

    def read_key(self, key: str) -> dict[str, str] | None:
        """The parameters that a key was made of, or None if it is of another kind.

        A hashed part comes back as ``#`` and the hash, of which the same key can be made again.
        """
        if key.count("/") < 2 or kind_of(key) != self.kind:
            return None
        _, namespace, name = parse_key(key)
        found = {"namespace": decode_part(namespace)}
        if self.whole_key:
            found[self.parameters[0]] = key
        else:
            names = name.split("|")
            found.update(zip(self.parameters, map(decode_part, names), strict=True))
        return found


Perform = Callable[["Host", Parameters], Awaitable[Any]]


@attrs.frozen(kw_only=True)
class Operation:
    """One row of the table.

    ``path`` is what follows the prefix, with ``{jsonName}`` for path fields. ``message`` is the class that
    the client's handles send, ``reply`` the kind of what comes back. ``take`` turns a message into parameters
    (by default its attributes), ``build`` parameters into a message. ``perform`` does the work where it takes
    more than passing the message on. ``long_poll``: the answer may take for ever; the server answers 202
    after a while, and the client asks again. ``waits_ns``: the attribute that says how long the object itself
    waits. ``farewell`` makes what the object is told when the client has gone before it was answered.
    """

    name: str
    method: str
    path: str
    summary: str
    receiver: Receiver
    message: type[Any]
    fields: tuple[Field, ...]
    reply: Kind
    refusals: tuple[str, ...] = ()
    build: Callable[[dict[str, Any]], Any] | None = None
    take: Callable[[Any], Parameters] | None = None
    perform: Perform | None = None
    long_poll: bool = False
    waits_ns: str = ""
    farewell: Callable[[Parameters], Any] | None = None
    tag: str = "workflows"

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments, ``{name}`` for a parameter."""
        return tuple(self.path.strip("/").split("/"))

    @property
    def has_body(self) -> bool:
        """Does a request carry a JSON object?"""
        return any(field.place is Place.BODY for field in self.fields)

    def make_message(self, parameters: dict[str, Any]) -> Any:
        """The engine's message."""
        if self.build is not None:
            return self.build(parameters)
        known = {field.name for field in self.message.__attrs_attrs__}
        return self.message(**{name: value for name, value in parameters.items() if name in known})

    def take_parameters(self, message: Any) -> dict[str, Any]:
        """The values of a message, by the fields' attributes; those of its key are not among them."""
        if self.take is not None:
            return dict(self.take(message))
        known = {field.name for field in self.message.__attrs_attrs__}
        return {
            field.attribute: getattr(message, field.attribute)
            for field in self.fields
            if field.attribute in known and field.place is not Place.NOWHERE
        }


# --- one segment of a path --------------------------------------------------------------------------------


def write_segment(value: str) -> str:
    """A parameter as a path's segment. ``.`` and ``..`` would be taken for steps in a tree, and are written
    with a ``~`` before them, as is whatever begins with one."""
    if value in (".", "..") or value.startswith("~"):
        value = "~" + value
    return quote(value, safe="")


def read_segment(segment: str) -> str:
    """The inverse of `write_segment`. Raises UnicodeDecodeError."""
    return unquote(segment, errors="strict").removeprefix("~")
