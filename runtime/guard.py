"""Refuses what would make a replay differ: clock, entropy, threads, sockets, files, environment.

Owns: the guards that the engine enters around every synchronous run of workflow code, and how long
their mechanisms stay installed. `strict_guard()` is for tests and replay, `production_guard()` costs next to
nothing and sees less, `no_guard()` sees nothing; docs/determinism.md says what each catches and cannot.

Invariants: outside of `with guard:` everything behaves as if there were no guard; the first violation is
remembered (`take_violation`), because a user's `except Exception` may have swallowed the error; guards of
several threads do not see each other.
Must not import: anything of this package but `errors` and `guard_*` files; the watchers only when strict.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from types import ModuleType
from typing import Any, Protocol

from . import guard_patches
from .errors import NonDeterministicCallError, invariant
from .guard_frames import USER, Where, kind_of, trust_as_user, user_frame
from .guard_refusals import REFUSALS, Refusal
from .guard_state import ACTIVE

__all__ = [
    "REFUSALS",
    "Guard",
    "Refusal",
    "Where",
    "no_guard",
    "production_guard",
    "strict_guard",
    "uninstall_guards",
    "user_frame",
]

_WATCHES_BY_PROFILE = sys.version_info < (3, 12)
_users = {"patches": 0, "watchers": 0}


class Guard(Protocol):
    """What the engine enters around workflow code."""

    strict: bool

    def __enter__(self) -> Guard: ...

    def __exit__(self, *exc: object) -> None: ...

    def for_workflow(self, function: Any) -> Guard:
        """The guard to enter for one workflow; also prepares the modules it lives in."""
        ...

    def take_violation(self) -> NonDeterministicCallError | None:
        """The first refused call since the last time this was asked."""
        ...

    def close(self) -> None:
        """No longer needed; the last guard to be closed takes the mechanisms with it."""
        ...


class _NoGuard:
    __slots__ = ()
    strict = False

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def for_workflow(self, function: Any) -> Guard:
        return self

    def take_violation(self) -> None:
        return None

    def close(self) -> None:
        pass


class _Guard:
    __slots__ = (
        "_closes",
        "_depth",
        "_of_workflow",
        "_outer",
        "_profiles",
        "_profiling",
        "_violation",
        "strict",
    )

    def __init__(self, *, strict: bool, profiles: bool, closes: bool) -> None:
        self.strict = strict
        self._profiles = profiles
        self._profiling = False
        self._closes = closes
        self._depth = 0
        self._of_workflow: dict[Any, _Guard] = {}
        self._outer: Any = None
        self._violation: NonDeterministicCallError | None = None

    def __enter__(self) -> Guard:
        thread = get_ident()
        outer = ACTIVE.get(thread)
        if outer is self:
            self._depth += 1
            return self
        self._outer = outer
        ACTIVE[thread] = self
        if self._profiles and sys.getprofile() is None:
            from .guard_watch import on_profile

            self._profiling = True
            sys.setprofile(on_profile)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._depth:
            self._depth -= 1
            return
        if self._profiling:
            self._profiling = False
            sys.setprofile(None)
        thread = get_ident()
        if self._outer is None:
            del ACTIVE[thread]
        else:
            ACTIVE[thread] = self._outer
            self._outer = None

    def remember(self, error: NonDeterministicCallError) -> None:
        if self._violation is None:
            self._violation = error

    def take_violation(self) -> NonDeterministicCallError | None:
        violation, self._violation = self._violation, None
        return violation

    def for_workflow(self, function: Any) -> Guard:
        known = self._of_workflow.get(function)
        if known is not None:
            return known
        news = trust_as_user(getattr(function, "__module__", "") or "")
        guard_patches.install()  # what has been imported since
        modules = _user_modules(function)
        for module in modules:
            guard_patches.adopt(module)
        profiles = False
        if self.strict:
            from . import guard_watch

            if news:
                guard_watch.look_again()
            profiles = _WATCHES_BY_PROFILE and guard_watch.needs_profiling(modules, function)
        prepared = _Guard(strict=self.strict, profiles=profiles, closes=False)
        self._of_workflow[function] = prepared
        return prepared

    def close(self) -> None:
        if self._closes:
            self._closes = False
            _users["patches"] -= 1
            _users["watchers"] -= self.strict
            _remove_unused()


def _user_modules(function: Any) -> list[ModuleType]:
    """The module of a workflow and the user's modules it refers to, directly or not."""
    home = sys.modules.get(getattr(function, "__module__", "") or "")
    found: dict[str, ModuleType] = {}
    todo = [home] if home is not None else []
    while todo:
        module = todo.pop()
        if module.__name__ in found or kind_of(getattr(module, "__file__", None) or "<none>") is not USER:
            continue
        found[module.__name__] = module
        for value in list(vars(module).values()):
            if isinstance(value, ModuleType):
                todo.append(value)
            else:
                owner = sys.modules.get(getattr(value, "__module__", None) or "")
                if isinstance(owner, ModuleType):
                    todo.append(owner)
    return list(found.values())


def no_guard() -> Guard:
    """Refuses nothing."""
    return _NoGuard()


def production_guard() -> Guard:
    """Refuses what a replaced function can see. Close it, or keep it for the life of the process."""
    guard_patches.install()
    _users["patches"] += 1
    return _Guard(strict=False, profiles=False, closes=True)


def strict_guard() -> Guard:
    """Refuses all that this Python can see, for tests and replay.

    Enter what `for_workflow(function)` returns: on 3.11 the guard itself profiles every call, which is slow.
    Installing takes a millisecond and slows newly run code down once; keep one guard for a session.
    """
    from . import guard_watch

    guard_patches.install()
    guard_watch.install_audit_hook()
    if not _WATCHES_BY_PROFILE:
        guard_watch.start_monitoring()
    _users["patches"] += 1
    _users["watchers"] += 1
    return _Guard(strict=True, profiles=_WATCHES_BY_PROFILE, closes=True)


def uninstall_guards() -> None:
    """Remove every mechanism now, whoever still holds a guard (theirs refuses nothing from here on)."""
    invariant(not ACTIVE, "guards cannot be uninstalled while workflow code runs")
    _users.update(patches=0, watchers=0)
    _remove_unused()


def _remove_unused() -> None:
    if (
        _users["watchers"] <= 0
        and not _WATCHES_BY_PROFILE
        and "temporal_do.runtime.guard_watch" in sys.modules
    ):
        from . import guard_watch

        guard_watch.stop_monitoring()
    if _users["patches"] <= 0:
        guard_patches.uninstall()
