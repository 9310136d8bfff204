"""How the demo puts things on the screen: headings, colours and a bar of progress.

Owns what it may do to a terminal. Nothing but plain lines goes to a file or a pipe.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping

WIDTH_MAX = 112


class Screen:
    """Standard output. `colour`: "auto" (only on a terminal, and not with NO_COLOR), "always" or "never"."""

    def __init__(self, colour: str = "auto") -> None:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a terminal that knows no box characters shows ? instead of failing
            reconfigure(errors="replace")
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        plain = not self.live or bool(os.environ.get("NO_COLOR"))
        self.colour = colour == "always" or (colour == "auto" and not plain)
        self.width = min(shutil.get_terminal_size((WIDTH_MAX, 24)).columns, WIDTH_MAX)
        self._drawn_at = 0.0

    def paint(self, text: str, code: str) -> str:
        """`text` in an ANSI colour, where there is colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        print(f"\n{self.paint(text, '1;36')}\n")

    def line(self, text: str = "", code: str = "") -> None:
        """One line of text."""
        print(f"  {self.paint(text, code) if code else text}" if text else "")

    def fact(self, name: str, text: str, code: str = "") -> None:
        """A name and what it stands for."""
        self.line(f"{self.paint(f'{name:<18}', '2')}{self.paint(text, code) if code else text}")

    def block(self, text: str, colours: Mapping[str, str] | None = None) -> None:
        """Several lines, as they are; those that begin like a key of `colours` in its colour."""
        for line in text.splitlines():
            code = next((code for key, code in (colours or {}).items() if line.lstrip().startswith(key)), "")
            print(f"  {self.paint(line, code) if code else line}".rstrip())

    def progress(self, done: int, of: int, text: str, *, milestone: bool = False) -> None:
        """Redraw the bar on a terminal, at most thirty times a second; elsewhere print the milestones."""
        if not self.live:
            if milestone:
                self.line(text)
            return
        if done < of and time.monotonic() - self._drawn_at < 0.03:
            return
        self._drawn_at = time.monotonic()
        filled = 30 * done // of
        bar = self.paint("█" * filled, "36") + self.paint("░" * (30 - filled), "2")
        sys.stdout.write(f"\r\x1b[K  {bar} {text}"[: self.width + 60])
        if done >= of:
            sys.stdout.write("\n")
        sys.stdout.flush()
