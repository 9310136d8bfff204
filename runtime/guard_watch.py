"""Sees the calls that cannot be patched away: `datetime.now()`, aliases in containers, files, raw sockets.

Owns: three watchers of the strict guard.
- `sys.monitoring` (3.12+): CALL events on the code objects of the user, switched on as each is first
  entered, under a tool id of our own; other tools (coverage, a debugger) keep theirs.
- `sys.setprofile` (3.11): only while workflow code runs, only for workflows whose modules could read the
  clock through `datetime` or hold a refused builtin where `guard_patches` cannot replace it, and never in
  the place of another profiler.
- an audit hook, for files, sockets, threads and processes, whoever calls. It cannot be removed; once no
  strict guard is left it does nothing.

Invariant: an engine that uses no strict guard never arrives here.
Must not import: anything of this package but `guard_*` files.
"""

from __future__ import annotations

import datetime
import sys
from _thread import get_ident
from functools import partial
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from .guard_frames import USER, kind_of
from .guard_patches import REPLACED
from .guard_refusals import REFUSALS, Refusal
from .guard_state import ACTIVE, check

# (whether of datetime or of date, name of the method) -> refusal. `today` is one method of both.
_CLOCK_METHODS: dict[tuple[bool, str], Refusal] = {
    (":datetime." in refusal.target, refusal.target.rpartition(".")[2]): refusal
    for refusal in REFUSALS
    if refusal.target.startswith("datetime:")
}
_CLOCK_METHOD_NAMES = frozenset(name for _, name in _CLOCK_METHODS)
_AUDITED: dict[str, Refusal] = {event: refusal for refusal in REFUSALS for event in refusal.audit}
_TOOL_NAME = "temporal-do guard"

# A place in the code that called so many harmless functions while it was watched is trusted (3.12+).
HARMLESS_CALLS_MAX = 8

_harmless_calls: dict[int, int] = {}
_audit_installed = False
_tool: int | None = None


def refusal_of(called: Any) -> Refusal | None:
    """The refusal that a called object means, if any."""
    entry = REPLACED.get(id(called))
    if entry is not None:
        return entry[1]
    kind = type(called)
    if kind is BuiltinFunctionType:
        if called.__name__ in _CLOCK_METHOD_NAMES:
            owner = called.__self__
            if isinstance(owner, type) and issubclass(owner, datetime.date):
                return _CLOCK_METHODS[issubclass(owner, datetime.datetime), called.__name__]
    elif kind is partial:
        return refusal_of(called.func)
    return None


# --- 3.12 and later ---


def start_monitoring() -> bool:
    """Switch CALL events on for user code. False when every tool id is taken."""
    global _tool
    if _tool is not None:
        return True
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    for candidate in (4, 3):
        if monitoring.get_tool(candidate) is None:
            _tool = candidate
            break
    else:
        return False
    monitoring.use_tool_id(_tool, _TOOL_NAME)
    events = monitoring.events
    monitoring.register_callback(_tool, events.PY_START, _on_start)
    monitoring.register_callback(_tool, events.CALL, _on_call)
    monitoring.set_events(_tool, events.PY_START)
    monitoring.restart_events()
    return True


def stop_monitoring() -> None:
    """Give the tool id back."""
    global _tool
    if _tool is None:
        return
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    for code in _instrumented:
        monitoring.set_local_events(_tool, code, 0)
    _instrumented.clear()
    _harmless_calls.clear()
    monitoring.set_events(_tool, 0)
    monitoring.register_callback(_tool, monitoring.events.PY_START, None)
    monitoring.register_callback(_tool, monitoring.events.CALL, None)
    monitoring.free_tool_id(_tool)
    _tool = None


def look_again() -> None:
    """Files changed their class: code already seen may be the user's now."""
    if _tool is not None:
        _harmless_calls.clear()
        sys.monitoring.restart_events()  # type: ignore[attr-defined]


_instrumented: list[CodeType] = []


def _on_start(code: CodeType, offset: int) -> Any:
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:  # the interpreter is on its way out and has emptied its modules
        return None
    if _tool is not None and kind_of(code.co_filename) is USER:
        if not monitoring.get_local_events(_tool, code):
            monitoring.set_local_events(_tool, code, monitoring.events.CALL)
            _instrumented.append(code)
    return monitoring.DISABLE  # each code object is looked at once


def _on_call(code: CodeType, offset: int, called: Any, argument: Any) -> Any:
    if not ACTIVE:
        return None
    guard = ACTIVE.get(get_ident())
    if guard is None or not guard.strict:
        return None
    refusal = refusal_of(called)
    if refusal is None:
        # A place that has called harmless things so often is not looked at again; hence it is cheap.
        place = id(code) << 20 | offset
        seen = _harmless_calls[place] = _harmless_calls.get(place, 0) + 1
        return sys.monitoring.DISABLE if seen >= HARMLESS_CALLS_MAX else None  # type: ignore[attr-defined]
    if not (refusal.without_arguments and argument is not sys.monitoring.MISSING):  # type: ignore[attr-defined]
        check(guard, refusal, sys._getframe(1))
    return None


# --- 3.11 ---


def on_profile(frame: FrameType, event: str, called: Any) -> None:
    """The profile function: looks at the calls of builtins."""
    if event == "c_call":
        refusal = refusal_of(called)
        if refusal is not None and not refusal.without_arguments:
            guard = ACTIVE.get(get_ident())
            if guard is not None:
                check(guard, refusal, frame)


def needs_profiling(modules: list[ModuleType], function: Any) -> bool:
    """Whether code of these modules could call a refused builtin in a way that no patch catches."""
    for module in modules:
        scope = vars(module)
        if any(_holds_refused(value) for value in list(scope.values())):
            return True
        if any(_could_read_clock(code, scope) for code in _codes_of(module)):
            return True
    for cell in getattr(function, "__closure__", None) or ():
        try:
            if _holds_refused(cell.cell_contents) or _is_clock(cell.cell_contents):
                return True
        except ValueError:  # an empty cell
            continue
    scope = getattr(function, "__globals__", {})
    return any(_could_read_clock(code, scope) for code in _nested(getattr(function, "__code__", None)))


def _is_clock(value: Any) -> bool:
    return value is datetime or (isinstance(value, type) and issubclass(value, datetime.date))


def _could_read_clock(code: CodeType, scope: dict[str, Any]) -> bool:
    """Whether the code may call `now`, `utcnow` or `today` of something that is or may be a datetime class.

    `ctx.now()` is not: an argument of the function, what a closure holds and what the module knows to be
    something else are trusted.
    """
    names = code.co_names
    if "__import__" in names or "import_module" in names:
        return True
    if "getattr" in names and any(
        const in _CLOCK_METHOD_NAMES for const in code.co_consts if type(const) is str
    ):
        return True
    if _CLOCK_METHOD_NAMES.isdisjoint(names):
        return False
    import dis

    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    local_import = "datetime" in names and "datetime" not in scope
    trusted = False
    for instruction in dis.get_instructions(code):
        name, loaded = instruction.opname, instruction.argval
        if name in ("LOAD_ATTR", "LOAD_METHOD"):
            if loaded in _CLOCK_METHOD_NAMES and not trusted:
                return True
        elif name == "LOAD_FAST":
            trusted = loaded in arguments and not local_import
        elif name in ("LOAD_DEREF", "LOAD_CLASSDEREF"):
            trusted = loaded not in ("datetime", "date") and not local_import
        elif name in ("LOAD_GLOBAL", "LOAD_NAME"):
            trusted = loaded in scope and not _is_clock(scope[loaded])
        else:
            trusted = False
    return False


def _holds_refused(value: Any) -> bool:
    """Whether a container, an object or a partial of the user's holds a refused builtin, one level deep."""
    if type(value) in (dict, list, tuple, set):
        return any(
            refusal_of(each) is not None for each in (value.values() if type(value) is dict else value)
        )
    if refusal_of(value) is not None:
        return True
    if isinstance(value, FunctionType):
        return any(refusal_of(each) is not None for each in value.__defaults__ or ())
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and kind_of(_file_of(type(value))) is USER:
        return any(refusal_of(each) is not None for each in attributes.values())
    return False


def _file_of(cls: type) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or "<unknown>"


def _codes_of(module: ModuleType) -> list[CodeType]:
    found: list[CodeType] = []
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = list(vars(value).values()) if isinstance(value, type) else [value]
        for member in members:
            inner = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            found.extend(_nested(getattr(inner, "__code__", None)))
    return found


def _nested(code: Any) -> list[CodeType]:
    if not isinstance(code, CodeType):
        return []
    found = [code]
    for const in code.co_consts:
        found.extend(_nested(const))
    return found


# --- every version ---


def install_audit_hook() -> None:
    """Add the audit hook, once per process."""
    global _audit_installed
    if not _audit_installed:
        _audit_installed = True
        sys.addaudithook(_on_audit)


def _on_audit(event: str, args: tuple[Any, ...]) -> None:
    if ACTIVE and event in _AUDITED:
        guard = ACTIVE.get(get_ident())
        if guard is not None and guard.strict:
            check(guard, _AUDITED[event], sys._getframe(1))
