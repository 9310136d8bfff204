"""Type hints: what a function's annotations say about its arguments, and JSON values shaped accordingly.

Owns: `hints_of` (the hints of a function, cached, tolerant of annotations that cannot be resolved) and
`shaped` (from JSON types to attrs classes, dataclasses, enumerations, dates, ... by hint, recursively).
Invariants: a hint that says nothing about data leaves the value alone; a value that does not fit raises
InvalidArgumentError with its path. Unknown keys of an object are ignored, so that a field can be added
at the sender first. Must not import: payload encodings; `inspect` and `typing`'s slow parts only inside
functions.
"""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from .errors import InvalidArgumentError

Shaper = Callable[[Any, str], Any]

_NONE: Final = type(None)
_cache: dict[Any, Shaper | None] = {}
_hints: WeakKeyDictionary[Any, tuple[tuple[Any, ...], Any]] = WeakKeyDictionary()


# --- the hints of a function ------------------------------------------------------------------------------


def hints_of(function: Callable[..., Any]) -> tuple[tuple[Any, ...], Any]:
    """Return (hints of the positional parameters, hint of the result) of `function`.

    `self` is left out; a workflow's context is not. What is not annotated, or cannot be resolved, is Any.
    """
    key = getattr(function, "__func__", function)
    try:
        known = _hints.get(key)
    except TypeError:
        return _compute_hints(function)
    if known is None:
        known = _hints[key] = _compute_hints(function)
    return known


def _compute_hints(function: Callable[..., Any]) -> tuple[tuple[Any, ...], Any]:
    import inspect

    target = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isroutine(target) and not isinstance(target, type):  # an object with a __call__
        target = type(target).__call__
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return (), Any
    resolved = resolve_annotations(target)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if positional and positional[0].name in ("self", "cls"):
        positional = positional[1:]
    result = resolved.get("return", Any)
    return tuple([resolved.get(p.name, Any) for p in positional]), result


def resolve_annotations(owner: Any) -> dict[str, Any]:
    """Return the annotations of a function or class with names resolved; Any for those that cannot be."""
    try:
        return typing.get_type_hints(owner)
    except Exception:  # any annotation may run any code
        pass
    found: dict[str, Any] = {}
    bases = reversed(owner.__mro__) if isinstance(owner, type) else (owner,)
    for base in bases:
        scope = getattr(base, "__globals__", None) or _module_scope(base)
        try:
            annotations = dict(base.__dict__.get("__annotations__") or getattr(base, "__annotations__", {}))
        except Exception:
            continue
        for name, annotation in annotations.items():
            found[name] = _resolve_one(name, annotation, scope)
    return found


def _module_scope(owner: Any) -> dict[str, Any]:
    import sys

    return vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}


def _resolve_one(name: str, annotation: Any, scope: dict[str, Any]) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {name: annotation}
    try:
        return typing.get_type_hints(holder, globalns=scope)[name]
    except Exception:
        return Any


# --- shaping ----------------------------------------------------------------------------------------------


def shaped(value: Any, hint: Any, where: str = "value") -> Any:
    """Return `value`, made of JSON types, as `hint` says. `where` is what errors call it.

    Raises InvalidArgumentError when it does not fit.
    """
    try:
        shaper = _cache[hint]
    except (KeyError, TypeError):
        shaper = shaper_of(hint)
    return value if shaper is None else shaper(value, where)


def shaper_of(hint: Any) -> Shaper | None:
    """Return the function that shapes values for `hint`, None when every value will do."""
    try:
        if hint in _cache:
            return _cache[hint]
    except TypeError:
        return _make_shaper(hint)
    made = _cache[hint] = _make_shaper(hint)
    return made


def misfit(value: Any, wanted: str, where: str) -> InvalidArgumentError:
    """Return the error for a value that does not fit."""
    text = repr(value)
    shown = text if len(text) <= 80 else text[:77] + "..."
    return InvalidArgumentError(
        f"{where} is {shown}, expected {wanted}", where=where, value=value, wanted=wanted
    )


def hint_name(hint: Any) -> str:
    """Return a hint as a user writes it."""
    if hint is None or hint is _NONE:
        return "None"
    return hint.__qualname__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _make_shaper(hint: Any) -> Shaper | None:
    if hint is Any or hint is object or isinstance(hint, (str, typing.TypeVar)):
        return None
    if hint is None or hint is _NONE:
        return _shape_none
    if isinstance(hint, typing.NewType):
        return shaper_of(hint.__supertype__)
    if type(hint).__name__ == "TypeAliasType":
        return shaper_of(hint.__value__)
    origin = typing.get_origin(hint)
    args = typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union(args)
    if origin is typing.Literal:
        return _literal(args)
    if origin in (typing.Annotated, typing.Final, typing.ClassVar, typing.Required, typing.NotRequired):
        return shaper_of(args[0])
    if type(origin).__name__ == "TypeAliasType":
        return shaper_of(substitute(origin.__value__, dict(zip(origin.__type_params__, args, strict=False))))
    kind = origin if origin is not None else hint
    if not isinstance(kind, type):
        return None
    container = _container(kind, args)
    if container is not None:
        return container
    scalar = _scalars().get(kind)
    if scalar is not None:
        return scalar
    from .type_shapes import class_shaper

    return class_shaper(kind, args)


def substitute(hint: Any, bindings: dict[Any, Any]) -> Any:
    """Replace type variables: `Box[T]` with T bound to int is `Box[int]`."""
    if not bindings:
        return hint
    if isinstance(hint, typing.TypeVar):
        return bindings.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    if parameters and not isinstance(hint, type):
        return hint[tuple(bindings.get(parameter, Any) for parameter in parameters)]
    return hint


def _shape_none(value: Any, where: str) -> Any:
    if value is not None:
        raise misfit(value, "None", where)
    return None


def _union(args: tuple[Any, ...]) -> Shaper | None:
    members = [arg for arg in args if arg is not _NONE]
    optional = len(members) < len(args)
    shapers = [(member, shaper_of(member)) for member in members]
    wanted = " or ".join(hint_name(arg) for arg in args)
    exact = {member: shaper for member, shaper in shapers if member in (str, int, float, bool)}

    def shape(value: Any, where: str) -> Any:
        if value is None and optional:
            return None
        if type(value) in exact:
            return value
        from .type_shapes import fits_closely

        # First the members whose fields are all there and no others, then whichever takes the value.
        for closely in (True, False):
            for member, shaper in shapers:
                if closely and not fits_closely(value, member):
                    continue
                if shaper is None:
                    return value
                try:
                    return shaper(value, where)
                except InvalidArgumentError:
                    continue
        raise misfit(value, wanted, where)

    return shape


def _literal(args: tuple[Any, ...]) -> Shaper:
    import enum

    spellings = [(arg.value if isinstance(arg, enum.Enum) else arg, arg) for arg in args]

    def shape(value: Any, where: str) -> Any:
        for spelling, member in spellings:
            if spelling == value and type(spelling) is type(value):
                return member
        raise misfit(value, "one of " + ", ".join(repr(arg) for arg in args), where)

    return shape


_LISTS: Final = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)
_MAPPINGS: Final = (dict, abc.Mapping, abc.MutableMapping)


def _container(kind: type[Any], args: tuple[Any, ...]) -> Shaper | None:
    from . import type_shapes

    if kind in _LISTS:
        return type_shapes.list_shaper(args[0] if args else Any)
    if kind is tuple:
        return type_shapes.tuple_shaper(args)
    if kind in (set, frozenset, abc.Set, abc.MutableSet):
        return type_shapes.set_shaper(frozenset if kind is frozenset else set, args[0] if args else Any)
    if kind in _MAPPINGS:
        return type_shapes.mapping_shaper(*(args or (Any, Any)))
    return None


def _scalars() -> dict[Any, Shaper]:
    from .type_shapes import SCALARS

    return SCALARS
