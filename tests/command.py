"""The command line, run in this process, and a project of a user's for it to work in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from temporal_do.cli.main import main


@attrs.frozen
class Outcome:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line of the report."""
        return self.out.rstrip().splitlines()[-1]


Command = Callable[..., Outcome]


def command_line(capsys: pytest.CaptureFixture[str], *first: str) -> Command:
    """Runs ``temporal-do`` in this process: the words ``first``, and then those of each call."""

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = main([*first, *words])
        said = capsys.readouterr()
        return Outcome(int(code), said.out, said.err)

    return run


@contextmanager
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make ``folder`` the current one; the modules that are imported from it are forgotten at the end."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in sorted(set(sys.modules) - before):
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(folder)):
            del sys.modules[name]
