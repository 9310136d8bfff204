"""The code of one page of documentation, as a project that can be run.

A fence's info string says what a block is for: ``python file=NAME`` is a file, ``python test`` is part of the
page's test module, ``console test`` is a session. In a session, a line ``$ command`` is run (``# exits with
N``: its exit code if not 0, ``-N`` for a signal), and the lines after it are the output to expect: lines in
order, ``...`` for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import attrs

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\s+# exits with (?P<code>-?\d+)$")


@attrs.frozen
class Command:
    """One command of a session, and what it must say."""

    words: str
    code: int
    output: tuple[str, ...]


@attrs.define
class Page:
    """What a page holds."""

    files: dict[str, str] = attrs.Factory(dict)
    tests: list[str] = attrs.Factory(list)
    commands: list[Command] = attrs.Factory(list)

    @classmethod
    def read(cls, text: str) -> Page:
        """The page with this text."""
        page = cls()
        for match in _FENCE.finditer(text):
            words = match["info"].split()
            if words[:1] == ["python"] and "test" in words:
                page.tests.append(match["body"])
            elif words == ["console", "test"]:
                page.commands += _session(match["body"])
            for word in words:
                if word.startswith("file="):
                    page.files[word.removeprefix("file=")] = match["body"]
        return page

    @property
    def is_empty(self) -> bool:
        """Is there nothing to run?"""
        return not (self.tests or self.commands)

    def write(self, folder: Path) -> None:
        """Make the project in ``folder``; the tests are in ``test_page.py``."""
        for name, body in self.files.items():
            (folder / name).write_text(body)
        (folder / "test_page.py").write_text("\n\n".join(self.tests))


def _session(text: str) -> list[Command]:
    found: list[Command] = []
    output: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            words = line.removeprefix("$ ")
            match = _EXIT.search(words)
            output = []
            found.append(Command(_EXIT.sub("", words), int(match["code"]) if match else 0, ()))
        else:
            output.append(line)
            found[-1] = attrs.evolve(found[-1], output=tuple(output))
    return found


def run(command: Command, folder: Path) -> None:
    """Run one command in ``folder``; raises AssertionError if it does not do what the page says."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        command.words,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    accepted = (command.code, 128 - command.code) if command.code < 0 else (command.code,)
    assert done.returncode in accepted, f"$ {command.words} exited with {done.returncode}\n{said}"
    if command.output:
        assert matches(command.output, done.stdout.rstrip().splitlines()), f"$ {command.words} said\n{said}"


def matches(expected: tuple[str, ...], actual: list[str]) -> bool:
    """Do the lines fit? A line ``...`` stands for any lines, ``...`` within a line for any text."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += ".*".join(re.escape(part.rstrip()) for part in line.split("...")) + r"[ ]*\n"
    text = "".join(f"{line.rstrip()}\n" for line in actual)
    return re.fullmatch(pattern, text) is not None
