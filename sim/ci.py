"""What a CI system is told beside the report, and how this process knows that it runs in one.

Owns the reading of CI's own environment variables, and the form of GitHub's annotations: a line
``::error file=...,line=...,title=...::text`` that the runner takes from a step's output and shows at that
line of the change. Invariant: whatever the texts hold, one annotation is one line, and none of its fields can
end it or begin another.

Must not import: a terminal, pytest, the simulation.
"""

from __future__ import annotations

import os

from .timeline_text import plain

_TEXT_LINES_MAX = 12
_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_PROPERTY = (*_DATA, (":", "%3A"), (",", "%2C"))


def on_ci() -> bool:
    """Does nobody watch? The variables are those that pytest itself asks for."""
    return any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))


def on_github() -> bool:
    """Does GitHub's runner read what this process writes?"""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github_error(*, title: str, text: str, location: str = "", last: str = "") -> str:
    """The annotation. ``location``: ``file:line`` or ""; ``last``: a line that is never left out."""
    lines = [line for line in map(plain, text.splitlines()) if line]
    if len(lines) > _TEXT_LINES_MAX:
        lines = [*lines[:_TEXT_LINES_MAX], f"... {len(lines) - _TEXT_LINES_MAX} more lines"]
    if last:
        lines += ["", plain(last)]
    file, _, line = location.rpartition(":")
    fields = {"file": _as_github_names(file), "line": line} if file and line.isdecimal() else {}
    fields["title"] = plain(title)
    shown = ",".join(f"{name}={_escaped(value, _PROPERTY)}" for name, value in fields.items())
    return f"::error {shown}::{_escaped(chr(10).join(lines), _DATA)}"


def _as_github_names(file: str) -> str:
    """The path of ``file`` as seen from the checkout, which is how GitHub finds it in the change."""
    root = os.environ.get("GITHUB_WORKSPACE") or os.getcwd()
    path = os.path.relpath(os.path.abspath(file), root)
    return file if path.startswith("..") else path.replace(os.sep, "/")


def _escaped(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for char, stands_for in table:
        text = text.replace(char, stands_for)
    return text
