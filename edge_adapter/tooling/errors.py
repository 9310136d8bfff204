"""What can be wrong with a project that is to become a Worker. Owns the error of this part; knows no
command line."""

from __future__ import annotations

from pathlib import Path


class EdgeProjectError(Exception):
    """The user has to change something; the message names the place and says what.

    ``path`` and ``line`` say where, if it is one place; the message does not repeat them.
    """

    def __init__(self, message: str, *, path: Path | None = None, line: int = 1) -> None:
        super().__init__(message)
        self.path = path
        self.line = line

    @property
    def located(self) -> str:
        """The message after its place."""
        return str(self) if self.path is None else f"{self.path}:{self.line}: {self}"
