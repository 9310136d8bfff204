"""How JSON values take the shape of one kind of type: scalars, containers, classes with fields, enumerations.

Owns: one shaper per kind. A shaper is called with the value and its path, and returns the shaped value
or raises InvalidArgumentError. Invariants: classes are shaped by their fields' hints, resolved when a
class is first met; unknown keys are ignored, missing required ones are named. Must not import: payload
encodings.
"""

from __future__ import annotations

import enum
import typing
from base64 import b64decode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from .errors import InvalidArgumentError
from .type_hints import Shaper, hint_name, misfit, resolve_annotations, shaper_of, substitute

_MISSING: Final = object()


# --- scalars ----------------------------------------------------------------------------------------------


def _exactly(kind: type[Any]) -> Shaper:
    def shape(value: Any, where: str) -> Any:
        if type(value) is not kind:
            raise misfit(value, hint_name(kind), where)
        return value

    return shape


def _integer(value: Any, where: str) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():  # other languages write 1.0
        return int(value)
    raise misfit(value, "int", where)


def _float(value: Any, where: str) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    raise misfit(value, "float", where)


def _bytes(value: Any, where: str) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is str:
        try:
            return b64decode(value, validate=True)
        except ValueError:
            pass
    raise misfit(value, "bytes as base64 text", where)


def _parsed(wanted: str, parse: Callable[[str], Any]) -> Shaper:
    def shape(value: Any, where: str) -> Any:
        if type(value) is str:
            try:
                return parse(value)
            except (ValueError, InvalidOperation):
                pass
        raise misfit(value, wanted, where)

    return shape


def _decimal(value: Any, where: str) -> Decimal:
    if type(value) is int:
        return Decimal(value)
    made: Decimal = _parsed("Decimal as text", Decimal)(value, where)
    return made


def _timedelta(value: Any, where: str) -> timedelta:
    if type(value) is int or type(value) is float:
        return timedelta(seconds=value)
    if type(value) is str:
        from .durations import parse_duration

        return timedelta(microseconds=parse_duration(value, name=where) // 1000)
    raise misfit(value, "timedelta as a number of seconds", where)


SCALARS: Final[dict[Any, Shaper]] = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: _integer,
    float: _float,
    bytes: _bytes,
    bytearray: lambda value, where: bytearray(_bytes(value, where)),
    datetime: _parsed("datetime in ISO 8601", datetime.fromisoformat),
    date: _parsed("date in ISO 8601", date.fromisoformat),
    time: _parsed("time in ISO 8601", time.fromisoformat),
    timedelta: _timedelta,
    UUID: _parsed("UUID", UUID),
    Decimal: _decimal,
}


# --- containers -------------------------------------------------------------------------------------------


def _items(value: Any, where: str, wanted: str) -> list[Any]:
    if type(value) is not list:
        raise misfit(value, wanted, where)
    return value


def list_shaper(hint: Any) -> Shaper:
    """Shape lists whose members are of `hint`."""
    member = shaper_of(hint)

    def shape(value: Any, where: str) -> list[Any]:
        items = _items(value, where, "a list")
        if member is None:
            return items
        return [member(item, f"{where}[{index}]") for index, item in enumerate(items)]

    return shape


def tuple_shaper(args: tuple[Any, ...]) -> Shaper:
    """Shape tuples: `tuple[int, ...]` of any length, `tuple[int, str]` of exactly two."""
    if not args or (len(args) == 2 and args[1] is Ellipsis):
        inner = list_shaper(args[0] if args else Any)
        return lambda value, where: tuple(inner(value, where))
    members = [shaper_of(arg) for arg in args if arg != ()]

    def shape(value: Any, where: str) -> tuple[Any, ...]:
        items = _items(value, where, f"a list of {len(members)}")
        if len(items) != len(members):
            raise misfit(value, f"a list of {len(members)}", where)
        return tuple(
            [
                item if member is None else member(item, f"{where}[{index}]")
                for index, (member, item) in enumerate(zip(members, items, strict=True))
            ]
        )

    return shape


def set_shaper(kind: type[Any], hint: Any) -> Shaper:
    """Shape sets out of lists."""
    inner = list_shaper(hint)
    return lambda value, where: kind(inner(value, where))


def mapping_shaper(key_hint: Any, value_hint: Any) -> Shaper:
    """Shape dicts; JSON's keys are text, and are read again for keys of other types."""
    member = shaper_of(value_hint)
    key_shaper = None if key_hint in (Any, str) else _key_shaper(key_hint)

    def shape(value: Any, where: str) -> dict[Any, Any]:
        if type(value) is not dict:
            raise misfit(value, "an object", where)
        if member is None and key_shaper is None:
            return value
        made = {}
        for key, item in value.items():
            place = f"{where}[{key!r}]"
            made[key if key_shaper is None else key_shaper(key, place)] = (
                item if member is None else member(item, place)
            )
        return made

    return shape


def _key_shaper(hint: Any) -> Shaper | None:
    shaper = shaper_of(hint)
    if shaper is None:
        return None

    def shape(key: str, where: str) -> Any:
        for spelling in _key_spellings(key):
            try:
                return shaper(spelling, where)
            except InvalidArgumentError:
                continue
        raise misfit(key, f"a key of type {hint_name(hint)}", where)

    return shape


def _key_spellings(key: str) -> list[Any]:
    spellings: list[Any] = [key]
    if key in ("true", "false", "null"):
        spellings.append({"true": True, "false": False, "null": None}[key])
    for kind in (int, float):
        try:
            spellings.append(kind(key))
        except ValueError:
            pass
    return spellings


# --- classes ----------------------------------------------------------------------------------------------


def class_shaper(kind: type[Any], args: tuple[Any, ...] = ()) -> Shaper | None:
    """Return the shaper of a class with fields or members, None for a class that says nothing about data."""
    if issubclass(kind, enum.Enum):
        return _enum_shaper(kind)
    if typing.is_typeddict(kind):
        return _typed_dict_shaper(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple_shaper(kind)
    if hasattr(kind, "__attrs_attrs__") or hasattr(kind, "__dataclass_fields__"):
        return _fields_shaper(kind, args)
    if hasattr(kind, "model_validate"):
        return _model_shaper(kind)
    for base, shaper in SCALARS.items():  # a subclass of str, int, ... is built from what its base takes
        if issubclass(kind, base):
            return _subclass_shaper(kind, shaper)
    return None


def fits_closely(value: Any, hint: Any) -> bool:
    """Tell whether an object has all fields `hint` requires and no unknown ones (for unions of classes)."""
    kind = typing.get_origin(hint) or hint
    if type(value) is not dict or not isinstance(kind, type):
        return type(value) is not dict
    fields = _init_fields(kind)
    if fields is None:
        if not typing.is_typeddict(kind):
            return False
        typed: Any = kind
        known = typed.__required_keys__ | typed.__optional_keys__
        return bool(required_keys(kind) <= value.keys() <= known)
    required = {name for name, (_, needed) in fields.items() if needed}
    return required <= value.keys() <= fields.keys()


def _init_fields(kind: type[Any]) -> dict[str, tuple[str, bool]] | None:
    """Map field name -> (argument of __init__, is it required), None for a class without fields."""
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        import attrs

        return {a.name: (a.alias, a.default is attrs.NOTHING) for a in attributes if a.init}
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        missing = dataclasses.MISSING
        return {
            f.name: (f.name, f.default is missing and f.default_factory is missing)
            for f in dataclasses.fields(kind)
            if f.init
        }
    return None


def _fields_shaper(kind: type[Any], args: tuple[Any, ...]) -> Shaper:
    plan: dict[str, tuple[str, bool, Shaper | None]] = {}

    def prepare() -> None:
        # At first use, not before: a class may contain itself.
        hints = resolve_annotations(kind)
        bindings = dict(zip(getattr(kind, "__parameters__", ()), args, strict=False))
        for name, (argument, required) in (_init_fields(kind) or {}).items():
            shaper = shaper_of(substitute(hints.get(name, Any), bindings))
            plan[name] = (argument, required, shaper)

    def shape(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise misfit(value, f"an object with the fields of {kind.__qualname__}", where)
        if not plan:
            prepare()
        fields: dict[str, Any] = {}
        for name, (argument, required, shaper) in plan.items():
            item = value.get(name, _MISSING)
            if item is not _MISSING:
                fields[argument] = item if shaper is None else shaper(item, f"{where}.{name}")
            elif required:
                raise InvalidArgumentError(
                    f"{where} lacks {name!r}, a field of {kind.__qualname__}", where=where
                )
        return _build(kind, where, **fields)

    return shape


def _build(kind: Any, where: str, /, *args: Any, **fields: Any) -> Any:
    try:
        return kind(*args, **fields)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"{where} is refused by {kind.__qualname__}: {error}", where=where
        ) from error


def required_keys(kind: Any) -> set[str]:
    """Return the keys a TypedDict requires, also where its annotations are text (which hides NotRequired)."""
    required = set(kind.__required_keys__)
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # an annotation may name what does not exist
        return required
    for name, hint in hints.items():
        if typing.get_origin(hint) is typing.NotRequired:
            required.discard(name)
        elif typing.get_origin(hint) is typing.Required:
            required.add(name)
    return required


def _typed_dict_shaper(kind: Any) -> Shaper:
    plan: dict[str, Shaper | None] = {}
    required: list[str] = []

    def shape(value: Any, where: str) -> dict[str, Any]:
        if type(value) is not dict:
            raise misfit(value, f"an object like {kind.__qualname__}", where)
        if not plan:
            plan.update({name: shaper_of(hint) for name, hint in resolve_annotations(kind).items()})
            required.extend(sorted(required_keys(kind)))
        for name in required:
            if name not in value:
                raise InvalidArgumentError(
                    f"{where} lacks {name!r}, a key of {kind.__qualname__}", where=where
                )
        made = {}
        for name, item in value.items():
            shaper = plan.get(name)
            made[name] = item if shaper is None else shaper(item, f"{where}.{name}")
        return made

    return shape


def _named_tuple_shaper(kind: Any) -> Shaper:
    def shape(value: Any, where: str) -> Any:
        hints = resolve_annotations(kind)
        names = kind._fields
        if type(value) is dict:
            value = [value[name] for name in names if name in value]
        items = _items(value, where, f"a list of the fields of {kind.__qualname__}")
        if len(items) > len(names):
            raise misfit(value, f"a list of {len(names)}", where)
        made = []
        for name, item in zip(names, items, strict=False):
            shaper = shaper_of(hints.get(name, Any))
            made.append(item if shaper is None else shaper(item, f"{where}.{name}"))
        return _build(kind, where, *made)

    return shape


def _enum_shaper(kind: type[enum.Enum]) -> Shaper:
    def shape(value: Any, where: str) -> Any:
        spelling = tuple(value) if type(value) is list else value
        try:
            return kind(spelling)
        except ValueError:
            pass
        for member in kind:  # members whose value is a date, a UUID, ...
            shaper = shaper_of(type(member.value))
            try:
                if shaper is not None and shaper(value, where) == member.value:
                    return member
            except InvalidArgumentError:
                continue
        known = ", ".join(repr(member.value) for member in kind)
        raise misfit(value, f"a {kind.__qualname__}: one of {known}", where)

    return shape


def _model_shaper(kind: Any) -> Shaper:
    def shape(value: Any, where: str) -> Any:
        try:
            return kind.model_validate(value)
        except ValueError as error:
            message = f"{where} is refused by {kind.__qualname__}: {error}"
            raise InvalidArgumentError(message, where=where) from error

    return shape


def _subclass_shaper(kind: type[Any], base: Shaper) -> Shaper | None:
    if issubclass(kind, (str, int, float, bytes)):
        return lambda value, where: _build(kind, where, base(value, where))
    return None
