"""Which guard is active in this thread, and the decision whether a call is refused.

Owns: `ACTIVE` (thread -> guard, while workflow code runs in it) and `check`, where the patches, the watchers
and the audit hook all end.
Must not import: anything of this package but `errors`, `guard_frames` and `guard_refusals`.
"""

from __future__ import annotations

from types import FrameType
from typing import Any, Protocol

from .errors import NonDeterministicCallError
from .guard_frames import ENGINE, is_user_frame, kind_of, user_frame
from .guard_refusals import Refusal


class Guarded(Protocol):
    """A guard as the mechanisms see it."""

    strict: bool

    def remember(self, error: NonDeterministicCallError) -> None: ...


# Whoever asks looks here first: empty nearly always, so a patched function costs little elsewhere.
ACTIVE: dict[int, Guarded] = {}

# Below these, code runs on behalf of the interpreter, a debugger or a log, not of the workflow: a module that
# is imported for the first time, what is typed at a breakpoint, a handler that opens its file.
_EXEMPT = frozenset(
    {
        "importlib",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "bdb",
        "pdb",
        "ipdb",
        "IPython",
        "pydevd",
        "_pydevd_bundle",
        "debugpy",
        "logging",
        "warnings",
        "traceback",
        "linecache",
        "coverage",
    }
)


def check(guard: Guarded, refusal: Refusal, frame: FrameType | None) -> None:
    """Raise NonDeterministicCallError unless the call made by `frame` is allowed; the guard remembers it."""
    if refusal.caller == "user":
        while frame is not None and _top(frame) in refusal.through:
            frame = frame.f_back
        if frame is None or not is_user_frame(frame):
            return
    probe = frame
    while probe is not None and kind_of(probe.f_code.co_filename) is not ENGINE:
        if _top(probe) in _EXEMPT:
            return
        probe = probe.f_back
    where = user_frame(frame)
    error = NonDeterministicCallError(
        call=refusal.shown, replacement=refusal.replacement, file=where.file, line=where.line
    )
    guard.remember(error)
    raise error


def _top(frame: FrameType) -> str:
    name: Any = frame.f_globals.get("__name__", "")
    return str(name).partition(".")[0]
