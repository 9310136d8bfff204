"""Records of the engine as JSON objects.

Owns the rule from an attribute to its JSON name, and the kinds made of whole records. Invariants: a name is
the attribute's in camel case without its unit (`run_timeout_ns` is `runTimeout`, the instant `close_ns` is
`closeTime`); null and an absent member mean the attribute's default; a request with a member that is not
known is refused, a reply with one is read without it, so that a server may be newer than its clients.

Must not import: a host, the operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ...runtime.history.scalars import Bad, shape
from ...runtime.texts import camel_case
from .kinds import TIME, Kind


def json_name(attribute: str, kind: Kind) -> str:
    """The member's name: `run_timeout_ns` is `runTimeout`, the time `close_ns` is `closeTime`."""
    base = attribute.removesuffix("_ns")
    if kind is TIME and base != attribute and not base.endswith("time"):
        base += "_time"
    return camel_case(base)


def attribute_defaults(cls: type[Any]) -> dict[str, Any]:
    """The defaults of a record's attributes; `attrs.NOTHING` for one that must be given."""
    found: dict[str, Any] = {}
    for field in cls.__attrs_attrs__:
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        if default is attrs.NOTHING and str(field.type).endswith("| None"):
            default = None  # absent in JSON, which is how null is written
        found[field.name] = default
    return found


def object_kind(
    cls: type[Any],
    *,
    reply: bool = False,
    defaults: Mapping[str, Any] | None = None,
    component: str = "",
    **kinds: Kind,
) -> Kind:
    """A record of class ``cls`` as an object with the members named; other attributes keep their defaults.

    ``reply``: unknown members are skipped. ``defaults`` stand for absent members, before the class's own.
    """
    known = {**attribute_defaults(cls), **(defaults or {})}
    by_name = {json_name(attribute, kind): (attribute, kind) for attribute, kind in kinds.items()}
    optional = {attribute: None for attribute in kinds if known[attribute] is None}
    required = [name for name, (attribute, _) in by_name.items() if known[attribute] is attrs.NOTHING]

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Bad(f"expected an object, found {shape(value)}")
        found = {**optional, **(defaults or {})}
        for name, item in value.items():
            member = by_name.get(name)
            if member is None:
                if reply:
                    continue
                raise unknown_member(name, list(by_name))
            if item is None:
                continue
            attribute, kind = member
            try:
                found[attribute] = kind.read(item)
            except Bad as bad:
                bad.path.append(name)
                raise
        for name in required:
            if by_name[name][0] not in found:
                missing = Bad("is missing")
                missing.path.append(name)
                raise missing
        return cls(**found)

    def write(record: Any) -> dict[str, Any]:
        out = {}
        for name, (attribute, kind) in by_name.items():
            value = getattr(record, attribute)
            if value is not None:
                out[name] = kind.write(value)
        return out

    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: kind.reference if known[attribute] is attrs.NOTHING or reply else nullable(kind)
            for name, (attribute, kind) in by_name.items()
        },
    }
    if required:
        schema["required"] = required
    if not reply:
        schema["additionalProperties"] = False
    return Kind(
        schema=schema,
        read=read,
        write=write,
        component=component or cls.__name__,
        parts=tuple(kinds.values()),
    )


def nullable(kind: Kind) -> Mapping[str, Any]:
    """The schema of a member that may be null, which means that it is absent."""
    return {"anyOf": [kind.reference, {"type": "null"}]}


def unknown_member(name: str, accepted: list[str]) -> Bad:
    """The error for a member that is not known, with the nearest one that is."""
    from difflib import get_close_matches

    name = name[:100]
    near = get_close_matches(name, accepted, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    bad = Bad(f"is not known{hint} (accepted: {', '.join(accepted) or 'nothing'})")
    bad.path.append(name)
    return bad
