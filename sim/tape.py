"""Tapes: a run as a file. A header and the sparse map of its choices that were not benign.

Owns: the JSON form (format version below) and its reading with errors that name what is wrong. Replaying a
tape needs no seed to be drawn from: every choice that the tape does not name is 0. The seed is kept because
entropy (identifiers) is a function of it.

    {"format": 1, "engine": "0.1.0", "python": "3.12.1", "profile": "local", "seed": 7,
     "start_ns": 1767225600000000000, "faults": {...}, "deviations": {"schedule": {"12": 3}}}

Must not import: the simulation.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from .choices import Deviations
from .errors import TapeError

FORMAT = 1


@cache
def engine_version() -> str:
    """The version of the installed package, or "unknown"."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("temporal-do")
    except PackageNotFoundError:
        return "unknown"


def python_version() -> str:
    """The running Python, such as 3.12.1."""
    import sys

    return "{}.{}.{}".format(*sys.version_info[:3])


@attrs.frozen(kw_only=True)
class Tape:
    """One recorded run. ``faults`` is a fault plan's JSON form, empty without one; ``start_ns`` the first
    instant."""

    seed: int | str
    deviations: Deviations
    start_ns: int = 0
    faults: dict[str, Any] = {}
    profile: str = "local"
    engine: str = attrs.field(factory=engine_version)
    python: str = attrs.field(factory=python_version)

    def to_json(self) -> str:
        """The tape as text, keys in a fixed order, one line per label."""
        head = {
            "format": FORMAT,
            "engine": self.engine,
            "python": self.python,
            "profile": self.profile,
            "seed": self.seed,
            "start_ns": self.start_ns,
            "faults": self.faults,
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        labels = [
            f"    {json.dumps(label)}: {json.dumps({str(n): value for n, value in sorted(values.items())})}"
            for label, values in sorted(self.deviations.items())
        ]
        body = "{\n" + ",\n".join(labels) + "\n  }" if labels else "{}"
        return "{\n" + "\n".join(lines) + f'\n  "deviations": {body}\n}}\n'

    def write(self, path: str | Path) -> None:
        """Write the tape to a file."""
        Path(path).write_text(self.to_json(), "utf-8")

    @classmethod
    def from_json(cls, text: str, *, source: str = "tape") -> Tape:
        """Read what ``to_json`` wrote. ``source`` names it in errors. Raises TapeError."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise TapeError(f"{source} is no JSON: {error}", source=source) from None
        if not isinstance(found, dict) or "format" not in found:
            raise TapeError(f"{source} is no tape: it has no field 'format'", source=source)
        if found["format"] != FORMAT:
            raise TapeError(
                f"{source} has format {found['format']!r}; this version reads format {FORMAT}", source=source
            )
        seed = found.get("seed")
        if not isinstance(seed, int | str) or isinstance(seed, bool):
            raise TapeError(
                f"{source}: the seed must be a whole number or a text, not {seed!r}", source=source
            )
        deviations: dict[str, dict[int, int]] = {}
        given = found.get("deviations", {})
        try:
            for label, values in given.items():
                deviations[label] = {int(n): _natural(value) for n, value in values.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise TapeError(
                f"{source}: deviations must map labels to {{n: value}}, all whole numbers: {error}",
                source=source,
            ) from None
        return cls(
            seed=seed,
            deviations=deviations,
            start_ns=int(found.get("start_ns", 0)),
            faults=dict(found.get("faults") or {}),
            profile=str(found.get("profile", "local")),
            engine=str(found.get("engine", "unknown")),
            python=str(found.get("python", "unknown")),
        )

    @classmethod
    def read(cls, path: str | Path) -> Tape:
        """Read a tape file. Raises TapeError, which names the file and the reason."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TapeError(f"{path} cannot be read: {error}", source=str(path)) from None
        return cls.from_json(text, source=str(path))


def _natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no natural number")
    return value
