"""Records: frozen data classes, and the codec that turns them into the bytes of rows and messages.

Owns: the `record` decorator with its registry, `encode` and `decode`, the schema numbers and their
upgrades. This is the storage format of this package, not Temporal's JSON (see `history.protojson`).

Invariants:
- `decode(encode(value)) == value` for every value made of records, str-keyed dicts, tuples, str, bytes,
  int, float, bool and None; the bytes depend on nothing but the value and the order of its dicts. Lists
  come back as tuples; enumerations of strings are found again through the field's annotation.
- A record is written as its name and the fields that differ from their defaults, so a new field with a
  default needs no new schema number; a changed meaning does.
- What a newer version wrote (an unknown class, field or schema number) raises NewerSchemaError, which
  a host treats as "try again later, elsewhere"; it never decodes to something else.

Must not import: anything that knows what the records mean.
"""

from __future__ import annotations

import json
import re
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeVar, dataclass_transform

import attrs

from .errors import InvariantViolation, NewerSchemaError

T = TypeVar("T")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

EMPTY: Final[Mapping[str, Any]] = {}
"""The shared default of mapping fields; never to be changed."""

TAG: Final = "~"
_BYTES: Final = "b"
_DICT: Final = "d"

_CLASSES: Final[dict[str, type[Any]]] = {}
_LAZY: Final[dict[str, str]] = {}
_UPGRADES: Final[dict[tuple[str, int], Upgrade]] = {}
_PACKERS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {}
_UNPACKERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
def record(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, slotted, keyword-only attrs class that `encode` and `decode` know by its name.

    The name must be unique in the process. A class variable `schema` (default 1) numbers its meaning; a
    change that older readers would misread raises it and registers an `upgrade`.
    """
    made = attrs.frozen(kw_only=True, weakref_slot=False, repr=False)(cls)
    if made.__repr__ is object.__repr__:
        setattr(made, "__repr__", _repr)  # noqa: B010 - mypy refuses the plain assignment
    name = made.__name__
    known = _CLASSES.get(name)
    if known is not None and (known.__module__, known.__qualname__) != (made.__module__, made.__qualname__):
        raise InvariantViolation(f"two records are named {name}: in {known.__module__} and {made.__module__}")
    _CLASSES[name] = made
    _UNPACKERS.pop(name, None)
    return made


def _repr(self: Any) -> str:
    """Show what differs from the defaults: history records have twenty fields, few of them set."""
    shown = []
    for field in type(self).__attrs_attrs__:
        value = getattr(self, field.name)
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = None if default.takes_self else default.factory()
        if default is attrs.NOTHING or value != default:
            shown.append(f"{field.name}={value!r}")
    return f"{type(self).__name__}({', '.join(shown)})"


def register_lazy(module: str, names: tuple[str, ...]) -> None:
    """Announce records that importing `module` will define, so that `decode` can import it when needed."""
    for name in names:
        _LAZY[name] = module


def upgrade(name: str, old_schema: int) -> Callable[[Upgrade], Upgrade]:
    """Decorator: the function turns fields of `name` written under `old_schema` into the next schema's.

    Fields that had their default then are absent from the dict it gets.
    """

    def register(function: Upgrade) -> Upgrade:
        if (name, old_schema) in _UPGRADES:
            raise InvariantViolation(f"two upgrades for {name} schema {old_schema}")
        _UPGRADES[name, old_schema] = function
        return function

    return register


def evolve(value: T, **changes: Any) -> T:
    """Return a copy of the record `value` with `changes` applied."""
    cls: Any = type(value)
    fields = {a.alias: getattr(value, a.name) for a in cls.__attrs_attrs__}
    fields.update(changes)
    made: T = cls(**fields)
    return made


def encode(value: Any) -> bytes:
    """Return the bytes of `value`: a record, or a container or scalar that records may hold.

    Raises InvariantViolation for what could not be read back (sets, dict keys that are no strings,
    objects of unregistered classes).
    """
    kind = type(value)
    if kind is dict or kind is tuple or kind is list:
        value = _safe(value)
    return _dumps(value).encode("ascii")


def decode(data: bytes | bytearray | memoryview | str) -> Any:
    """Return the value that `encode` turned into `data`.

    Raises NewerSchemaError for a class, field or schema number that only a newer version knows.
    """
    text = data if type(data) is str else str(data, "utf-8")  # type: ignore[arg-type]
    value = _loads(text)
    return _tuples(value) if type(value) is list else value


# --- writing ----------------------------------------------------------------------------------------------


def _default(value: Any) -> Any:
    kind = type(value)
    packer = _PACKERS.get(kind)
    if packer is not None:
        return packer(value)
    if kind is bytes:
        return {TAG: _BYTES, "v": str(b2a_base64(value, newline=False), "ascii")}
    if _CLASSES.get(kind.__name__) is kind:
        packer = _PACKERS[kind] = _compile_packer(kind)
        return packer(value)
    raise InvariantViolation(
        f"{kind.__module__}.{kind.__qualname__} cannot be stored; a record holds records, tuples, "
        "dicts with str keys, str, bytes, int, float, bool and None"
    )


_dumps = json.JSONEncoder(separators=(",", ":"), default=_default).encode


def _safe(value: Any) -> Any:
    """Check and escape a container: keys must be strings, and a key equal to the tag is not a tag."""
    if type(value) is dict:
        changed = None
        for key, item in value.items():
            if type(key) is not str:
                raise InvariantViolation(f"dict key {key!r} cannot be stored: keys must be plain strings")
            kind = type(item)
            if kind is dict or kind is tuple or kind is list:
                safe = _safe(item)
                if safe is not item:
                    changed = changed or dict(value)
                    changed[key] = safe
        result = changed or value
        return {TAG: _DICT, "v": [[key, item] for key, item in result.items()]} if TAG in value else result
    items = None
    for index, item in enumerate(value):
        kind = type(item)
        if kind is dict or kind is tuple or kind is list:
            safe = _safe(item)
            if safe is not item:
                items = items or list(value)
                items[index] = safe
    return items or value


_SCALARS: Final = frozenset({"int", "str", "bool", "float", "bytes", "None", "Optional", "Final"})
_NAMES: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def _annotation_names(field: Any) -> list[str]:
    """Return the names in a field's annotation, which is text where annotations are not evaluated."""
    found = field.type
    if isinstance(found, type) and not getattr(found, "__args__", None):
        return [found.__name__]
    return _NAMES.findall(found if isinstance(found, str) else str(found)) or ["Any"]


def _tag(cls: type[Any]) -> str:
    schema: int = getattr(cls, "schema", 1)
    return cls.__name__ if schema == 1 else f"{cls.__name__}@{schema}"


def _compile_packer(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Write the function that lists one class's fields: straight code, about as fast as Python can."""
    scope: dict[str, Any] = {"safe": _safe, "tag": _tag(cls)}
    lines = ["def pack(record):", "    out = {'~': tag}"]
    for field in cls.__attrs_attrs__:
        name = field.name
        lines.append(f"    value = record.{name}")
        indent = "    "
        default = field.default
        if default is not attrs.NOTHING:
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
                default = None if default.takes_self else default.factory()
            if default is None or default is True or default is False:
                lines.append(f"    if value is not {default}:")
            else:
                scope[f"default_{name}"] = default
                known = f"default_{name}"
                lines.append(f"    if value != {known} or value.__class__ is not {known}.__class__:")
            indent = "        "
        if _SCALARS.issuperset(_annotation_names(field)):
            lines.append(f"{indent}out[{name!r}] = value")
        else:
            lines += [
                f"{indent}kind = value.__class__",
                f"{indent}nested = kind is dict or kind is tuple or kind is list",
                f"{indent}out[{name!r}] = safe(value) if nested else value",
            ]
    lines.append("    return out")
    exec("\n".join(lines), scope)
    packer: Callable[[Any], dict[str, Any]] = scope["pack"]
    return packer


# --- reading ----------------------------------------------------------------------------------------------


def _hook(found: dict[str, Any]) -> Any:
    tag = found.get(TAG)
    if tag is None:
        for key, item in found.items():
            if type(item) is list:
                found[key] = _tuples(item)
        return found
    unpacker = _UNPACKERS.get(tag)
    if unpacker is None:
        unpacker = _UNPACKERS[tag] = _compile_unpacker(tag)
    return unpacker(found)


_loads = json.JSONDecoder(object_hook=_hook).decode


def _tuples(items: list[Any]) -> tuple[Any, ...]:
    for item in items:
        if type(item) is list:
            return tuple([_tuples(item) if type(item) is list else item for item in items])
    return tuple(items)


def _unpack_bytes(found: dict[str, Any]) -> bytes:
    return a2b_base64(found["v"])


def _unpack_dict(found: dict[str, Any]) -> dict[str, Any]:
    return {key: _tuples(item) if type(item) is list else item for key, item in found["v"]}


_UNPACKERS[_BYTES] = _unpack_bytes
_UNPACKERS[_DICT] = _unpack_dict


def find_record(name: str) -> type[Any]:
    """Return the record class of this name, importing its module if it was announced.

    Raises NewerSchemaError when there is none.
    """
    cls = _CLASSES.get(name)
    if cls is None and name in _LAZY:
        from importlib import import_module

        import_module(_LAZY[name])
        cls = _CLASSES.get(name)
    if cls is None:
        raise NewerSchemaError(
            f"a newer version of temporal-do wrote a record named {name!r}, which this one does not know",
            record=name,
        )
    return cls


def _enum_of(cls: type[Any], field: Any) -> type[Enum] | None:
    scope = vars(sys.modules[cls.__module__])
    for word in _annotation_names(field):
        found = scope.get(word)
        if isinstance(found, type) and issubclass(found, Enum):
            return found
    return None


def _restore_enum(enum: type[Enum], value: Any) -> Any:
    if type(value) is tuple:
        return tuple([_restore_enum(enum, item) for item in value])
    if type(value) is dict:
        return {key: _restore_enum(enum, item) for key, item in value.items()}
    try:
        return enum(value)
    except ValueError:
        return value


def _compile_unpacker(tag: str) -> Callable[[dict[str, Any]], Any]:
    name, _, number = tag.partition("@")
    written = int(number or 1)
    cls = find_record(name)
    schema: int = getattr(cls, "schema", 1)
    if written > schema:
        raise NewerSchemaError(
            f"a newer version of temporal-do wrote {name} under schema {written}, this one knows {schema}",
            record=name,
            written=written,
            known=schema,
        )
    upgrades = [_UPGRADES.get((name, number)) for number in range(written, schema)]
    if None in upgrades:
        raise InvariantViolation(f"no upgrade of {name} from schema {written + upgrades.index(None)}")
    fields = {field.name: field.alias for field in cls.__attrs_attrs__}
    renamed = [(name, alias) for name, alias in fields.items() if name != alias]
    enums = [
        (field.alias, enum) for field in cls.__attrs_attrs__ if (enum := _enum_of(cls, field)) is not None
    ]
    known = frozenset(fields)
    plain = not (upgrades or renamed or enums)

    def unpack(found: dict[str, Any]) -> Any:
        del found[TAG]
        for key, item in found.items():
            if type(item) is list:
                found[key] = _tuples(item)
        if not plain:
            for step in upgrades:
                if step is not None:
                    found = step(found)
            for field, alias in renamed:
                if field in found:
                    found[alias] = found.pop(field)
            for alias, enum in enums:
                value = found.get(alias)
                if value is not None:
                    found[alias] = _restore_enum(enum, value)
        try:
            return cls(**found)
        except TypeError as error:
            extra = sorted(set(found) - known - set(fields.values()))
            if not extra:
                raise InvariantViolation(f"{tag} cannot be rebuilt from {sorted(found)}: {error}") from error
        raise NewerSchemaError(
            f"a newer version of temporal-do wrote {name} with the unknown fields {', '.join(extra)}",
            record=name,
            extra=tuple(extra),
        )

    return unpack
