"""Where in the user's code something happened, remembered cheaply.

Owns :class:`Location`: a code object and the offset of an instruction in it. Taking one costs a look at a
frame; file, line and source are found out only when a report asks for them. Invariant: whoever steps the loop
(a test, a host) is never taken for the user's workflow. Must not import: anything heavy.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any

from ..guard_frames import ENGINE, STDLIB, display_path, kind_of
from ..loop import RUN_CODE

Location = tuple[CodeType, int] | None


def is_user_file(path: str) -> bool:
    """Is ``path`` neither of this package nor of the standard library?"""
    kind = kind_of(path)
    return kind is not ENGINE and kind is not STDLIB


def caller() -> Location:
    """The place that called the function that calls this; None when it is not the user's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code is RUN_CODE:
            return None
        if is_user_file(code.co_filename):
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def awaiting(coro: Any) -> Location:
    """The innermost place of the user's code where a suspended coroutine waits."""
    found: Location = None
    while coro is not None:
        frame = (
            getattr(coro, "cr_frame", None)
            or getattr(coro, "ag_frame", None)
            or getattr(coro, "gi_frame", None)
        )
        if frame is not None and is_user_file(frame.f_code.co_filename):
            found = (frame.f_code, frame.f_lasti)
        coro = (
            getattr(coro, "cr_await", None)
            or getattr(coro, "ag_await", None)
            or getattr(coro, "gi_yieldfrom", None)
        )
    return found


def of_traceback(error: BaseException) -> Location:
    """The innermost place of the user's code that an exception passed through."""
    found: Location = None
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if is_user_file(code.co_filename):
            found = (code, traceback.tb_lasti)
        traceback = traceback.tb_next
    return found


def line_of(location: Location) -> tuple[str, int]:
    """(file, line) of a location; ("", 0) for None. The file is relative to the current directory if below
    it.
    """
    if location is None:
        return "", 0
    code, offset = location
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
            break
    return display_path(code.co_filename), line


def text_of(location: Location) -> str:
    """``file:line``, or "" for None."""
    file, line = line_of(location)
    return f"{file}:{line}" if file else ""
