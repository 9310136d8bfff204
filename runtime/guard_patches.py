"""Replaces refused functions by ones that look whether workflow code is running in this thread.

Owns: the installation and removal of those replacements. Two kinds:
- a function written in Python keeps its identity and gets other *code* (so aliases are covered);
- a builtin function of a module is replaced in that module, and, for the modules of a workflow, wherever
  `from time import time as now` has put it (module globals, class attributes, `functools.partial`).

Invariants: outside of workflow code everything behaves as before; `uninstall` puts everything back; nothing
is imported in order to be patched (what is imported later is patched at the next `install` or `adopt`).
Must not import: anything of this package but `guard_*` files.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from .guard_refusals import REFUSALS, Refusal
from .guard_state import ACTIVE, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# id of the original builtin -> (the original, held so that the id stays its; its refusal; its replacement).
REPLACED: dict[int, tuple[Any, Refusal, Any]] = {}
_swapped: dict[str, tuple[Refusal, Any, FunctionType, CodeType]] = {}
_undo: list[Callable[[], None]] = []
_adopted: set[int] = set()
_KEY = "the key of the refused function"


class GuardedBuiltin:
    """Stands for a builtin function; no function itself, since that would become a method in a class body."""

    def __init__(self, original: Any, refusal: Refusal) -> None:
        self.__wrapped__ = original
        self.__name__ = original.__name__
        self.__qualname__ = original.__name__
        self.__module__ = refusal.target.partition(":")[0]
        self.__doc__ = original.__doc__
        self._refusal = refusal

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE:
            guard = ACTIVE.get(get_ident())
            if guard is not None and not (self._refusal.without_arguments and args and args[0] is not None):
                check(guard, self._refusal, sys._getframe(1))
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<guarded {self.__wrapped__!r}>"

    def __reduce__(self) -> str:
        return str(self.__name__)


def _temporal_do_guarded(key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    refusal, stock, _, _ = _swapped[key]
    if ACTIVE:
        guard = ACTIVE.get(get_ident())
        if guard is not None and not (refusal.without_arguments and _given(args, kwargs)):
            check(guard, refusal, sys._getframe(2))
    return stock(*args, **kwargs)


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a method got an argument that is not None."""
    return any(each is not None for each in (*args[1:], *kwargs.values()))


def _template(*args: Any, **kwargs: Any) -> Any:
    return _temporal_do_guarded("the key of the refused function", args, kwargs)


def resolve(refusal: Refusal) -> Iterable[tuple[Any, str, Any]]:
    """(owner, name, function) of every loaded function a refusal means."""
    module_name, _, path = refusal.target.partition(":")
    owner: Any = sys.modules.get(module_name)
    if owner is None or not path:
        return
    if path == "*":
        generator = owner._inst
        for name, value in sorted(vars(owner).items()):
            if getattr(value, "__self__", None) is generator and name not in ("getstate", "setstate"):
                yield owner, name, value
        return
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent, None)
    found = getattr(owner, name, None)
    if found is not None:
        yield owner, name, found


def install() -> None:
    """Patch what is loaded and not patched yet."""
    for refusal in REFUSALS:
        if refusal.patched:
            for owner, name, found in resolve(refusal):
                _patch(refusal, owner, name, found)


def _patch(refusal: Refusal, owner: Any, name: str, found: Any) -> None:
    shown = refusal._replace(call=refusal.call or f"{refusal.target.partition(':')[0]}.{name}()")
    if refusal.target.partition(":")[2] != "*":
        shown = refusal
    function = found.__func__ if isinstance(found, MethodType) and isinstance(owner, type) else found
    if isinstance(function, FunctionType):
        _swap_code(shown, function)
    elif isinstance(owner, ModuleType) and isinstance(found, BuiltinFunctionType | MethodType):
        replacement = GuardedBuiltin(found, shown)
        REPLACED[id(found)] = (found, shown, replacement)
        setattr(owner, name, replacement)
        _undo.append(lambda: _restore(owner, name, replacement, found))


def _restore(owner: Any, name: str, replacement: Any, original: Any) -> None:
    if getattr(owner, name, None) is replacement:  # else somebody patched it after us: theirs to undo
        setattr(owner, name, original)


def _swap_code(refusal: Refusal, function: FunctionType) -> None:
    key = f"{function.__module__}:{function.__qualname__}"
    code = function.__code__
    if key in _swapped or code.co_freevars:
        return
    stock = FunctionType(code, function.__globals__, function.__name__, function.__defaults__)
    stock.__kwdefaults__ = function.__kwdefaults__
    stock.__qualname__ = function.__qualname__
    _swapped[key] = (refusal, stock, function, code)
    function.__globals__["_temporal_do_guarded"] = _temporal_do_guarded
    function.__code__ = _template.__code__.replace(
        co_consts=tuple(key if const == _KEY else const for const in _template.__code__.co_consts),
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )
    function.__wrapped__ = stock  # type: ignore[attr-defined]  # keeps inspect.signature() right


def adopt(module: ModuleType) -> None:
    """Replace the aliases of refused builtins in a user's module: its globals and its classes' attributes."""
    if id(module) in _adopted:
        return
    _adopted.add(id(module))
    _undo.append(lambda: _adopted.discard(id(module)))
    for owner in (module, *(value for value in list(vars(module).values()) if _is_class_of(value, module))):
        for name, value in list(vars(owner).items()):
            replacement = _replacement_for(value.__func__ if isinstance(value, staticmethod) else value)
            if replacement is None:
                continue
            if isinstance(value, staticmethod):
                replacement = staticmethod(replacement)
            setattr(owner, name, replacement)
            _undo.append(partial(_restore, owner, name, replacement, value))


def _is_class_of(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _replacement_for(value: Any) -> Any:
    if type(value) is partial:
        inner = _replacement_for(value.func)
        return None if inner is None else partial(inner, *value.args, **value.keywords)
    entry = REPLACED.get(id(value))
    if entry is not None:
        return entry[2]
    if isinstance(value, MethodType):  # bound methods are made anew at each access
        for original, _, replacement in REPLACED.values():
            if isinstance(original, MethodType) and original == value:
                return replacement
    return None


def uninstall() -> None:
    """Put everything back."""
    for undo in reversed(_undo):
        undo()
    _undo.clear()
    for _, _, function, code in _swapped.values():
        function.__code__ = code
        del function.__wrapped__  # type: ignore[attr-defined]
    _swapped.clear()
    REPLACED.clear()
