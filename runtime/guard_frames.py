"""Whose code a frame is: the user's, the standard library's, a dependency's or this package's.

Owns: the classification of files and `user_frame`, which finds the line to blame.
Invariant: a file's class is decided once, by its path; `trust_as_user` may only add
to the user's code.
Must not import: anything of this package.
"""

from __future__ import annotations

import os
import sys
from types import FrameType, TracebackType
from typing import NamedTuple


class Where(NamedTuple):
    """A place in the user's code. `file` is relative to the working directory when it lies below it."""

    file: str
    line: int
    function: str


USER, LIBRARY, ENGINE, STDLIB = "user", "library", "engine", "stdlib"

_ROOMS = ("runtime", "sim", "edge_adapter", "scenarios", "cli")
_HERE = os.path.dirname(os.path.abspath(__file__))
_ENGINE_FOLDERS = tuple(os.path.join(os.path.dirname(_HERE), room) + os.sep for room in _ROOMS)
_STDLIB_FOLDERS = (
    os.path.dirname(os.__file__) + os.sep,
    os.path.dirname(os.path.realpath(os.__file__)) + os.sep,
)
_LIBRARY_MARKS = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_INTERACTIVE = ("<stdin>", "<ipython", "<string>", "<doctest", "<console>", "<python-input")

_kinds: dict[str, str] = {}
_user_folders: list[str] = []


def kind_of(filename: str) -> str:
    """USER, LIBRARY, ENGINE or STDLIB, for the `co_filename` of a code object."""
    kind = _kinds.get(filename)
    if kind is None:
        kind = _kinds[filename] = _classify(filename)
    return kind


def _classify(filename: str) -> str:
    if filename.startswith("<"):
        if filename.startswith("<frozen"):
            return STDLIB
        return USER if filename.startswith(_INTERACTIVE) else LIBRARY
    if filename.startswith(tuple(_user_folders)):
        return USER
    if filename.startswith(_ENGINE_FOLDERS):
        return ENGINE
    if any(mark in filename for mark in _LIBRARY_MARKS):
        return LIBRARY
    if filename.startswith(_STDLIB_FOLDERS) or ".zip" + os.sep in filename and "python" in filename:
        return STDLIB
    return USER


def trust_as_user(module_name: str) -> bool:
    """Treat the top-level package of a workflow as the user's code, wherever it is installed.

    Returns whether that is news.
    """
    top = sys.modules.get(module_name.partition(".")[0])
    if top is None or not module_name or module_name.startswith("temporal_do."):
        return False
    file = getattr(top, "__file__", None)
    paths = list(getattr(top, "__path__", ())) or ([file] if file else [])
    prefixes = [path if path == file else path + os.sep for path in paths]
    news = [prefix for prefix in prefixes if prefix not in _user_folders]
    if news:
        _user_folders.extend(news)
        _kinds.clear()
    return bool(news)


def is_user_frame(frame: FrameType) -> bool:
    """Whether a frame runs the user's code."""
    return kind_of(frame.f_code.co_filename) is USER


def user_frame(start: FrameType | TracebackType | None) -> Where:
    """The nearest frame of user code: outwards from a frame, or the innermost of a traceback.

    Without any, `Where("", 0, "")`.
    """
    if isinstance(start, TracebackType):
        found = Where("", 0, "")
        traceback: TracebackType | None = start
        while traceback is not None:
            if is_user_frame(traceback.tb_frame):
                found = _where(traceback.tb_frame, traceback.tb_lineno)
            traceback = traceback.tb_next
        return found
    frame = start
    unnamed: FrameType | None = None
    while frame is not None:
        if is_user_frame(frame):
            if not frame.f_code.co_filename.startswith("<"):
                return _where(frame, frame.f_lineno)
            unnamed = unnamed or frame  # generated code: blame who called it, if that is a file
        frame = frame.f_back
    return Where("", 0, "") if unnamed is None else _where(unnamed, unnamed.f_lineno)


def _where(frame: FrameType, line: int) -> Where:
    return Where(display_path(frame.f_code.co_filename), line, frame.f_code.co_qualname)


def display_path(filename: str) -> str:
    """A path as reports show it: relative to the working directory when it lies below, `/`-separated."""
    if filename.startswith("<"):
        return filename
    base = os.getcwd() + os.sep
    shown = filename[len(base) :] if filename.startswith(base) else filename
    return shown.replace(os.sep, "/")
