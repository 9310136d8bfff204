"""What the command may do to a terminal: colour, and a line of progress that overwrites itself.

Owns the decision; the environment's NO_COLOR and TERM are read here and nowhere else. Invariants: nothing but
plain text goes to a file or a pipe; progress goes to stderr and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_RED, _GREEN, _YELLOW, _RESET = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


def may_colour(stream: TextIO) -> bool:
    """May text for ``stream`` be coloured?"""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def width(default: int = 100) -> int:
    """How many characters fit on a line."""
    return shutil.get_terminal_size((default, 24)).columns


@contextmanager
def users_output_aside() -> Iterator[None]:
    """What code of the user's prints meanwhile goes to stderr: it must not end up in the report."""
    with redirect_stdout(sys.stderr):
        yield


def drop_output() -> None:
    """The reader went away (`| head`): keep the interpreter from complaining when it flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


class Paint:
    """Colours words, or leaves them as they are."""

    __slots__ = ("on",)

    def __init__(self, on: bool) -> None:
        self.on = on

    def good(self, text: str) -> str:
        """As it should be."""
        return self._in(_GREEN, text)

    def bad(self, text: str) -> str:
        """Wrong."""
        return self._in(_RED, text)

    def notice(self, text: str) -> str:
        """Worth a look."""
        return self._in(_YELLOW, text)

    def _in(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self.on else text


class Progress:
    """One line on a terminal that tells how far it is; silent everywhere else."""

    __slots__ = ("_on", "_stream")

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._on = self._stream.isatty()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._on:
            self._stream.write("\r\x1b[K" + text[: width() - 1])
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._on:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
