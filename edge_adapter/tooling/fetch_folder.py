"""The folder that fetched histories lie in: its files, and the manifest that says what each of them is.

Owns the files' names, the manifest, and when a run has to be fetched again. Invariants: a history appears
whole or not at all (written beside, then renamed), and its line in the manifest comes after it, so a fetch
that was ended at any moment goes on where it was; a name fits every file system, no two runs share one, and
a run always has the same; a folder holds one namespace, and redacted histories or original ones, never
both.

Must not import: the network, another adapter.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import attrs

MANIFEST: Final = "manifest.jsonl"
"""Not ``.json``: whoever reads a folder of histories takes every file that is named so."""
FORMAT: Final = 1
PARTIAL: Final = ".partial"
RUNNING: Final = "running"


class FetchError(Exception):
    """What was asked for cannot be done as asked; the message says what to change."""


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_ID_LENGTH_MAX: Final = 80
_RUN_ID_LENGTH_MAX: Final = 40


@attrs.frozen(kw_only=True)
class Entry:
    """What the manifest says of one run.

    ``status`` is a word such as "completed", as of the history that lies here; ``settings`` names the
    redaction it was written with, "" for none.
    """

    workflow_id: str
    run_id: str
    workflow_type: str
    status: str
    events: int
    bytes: int
    file: str
    settings: str = ""

    @property
    def is_open(self) -> bool:
        """Was the run open when its history was fetched?"""
        return self.status == RUNNING


_TEXTS: Final = ("workflow_id", "run_id", "workflow_type", "status", "file", "settings")
_NUMBERS: Final = ("events", "bytes")


def file_name(workflow_id: str, run_id: str) -> str:
    """The name of a run's file; a digest is part of it wherever the ids themselves cannot be."""
    shown, run = _safe(workflow_id, _ID_LENGTH_MAX), _safe(run_id, _RUN_ID_LENGTH_MAX)
    name = f"{shown}_{run}"
    if (shown, run) != (workflow_id, run_id) or name != name.lower() or _RESERVED.fullmatch(shown):
        digest = sha256(f"{len(workflow_id)}:{workflow_id}{run_id}".encode("utf-8", "surrogatepass"))
        name += f"_{digest.hexdigest()[:16]}"
    return f"{name}.json"


def _safe(text: str, length_max: int) -> str:
    return _UNSAFE.sub("-", text)[:length_max].strip(".-") or "x"


class Folder:
    """The folder at ``path``, made when it is not there, for histories of ``namespace``.

    ``redaction`` names the key that redacts them, "" for originals. Raises FetchError for a folder that holds
    something else, OSError.
    """

    def __init__(self, path: Path, *, namespace: str, redaction: str = "") -> None:
        self.path = path
        self._manifest = path / MANIFEST
        self.entries: dict[tuple[str, str], Entry] = {}
        header = {"format": FORMAT, "namespace": namespace, "redaction": redaction}
        if path.exists() and not path.is_dir():
            raise FetchError(f"{path} is a file; histories go into a folder")
        path.mkdir(parents=True, exist_ok=True)
        lines = self._lines()
        if lines:
            self._check(lines[0], header)
        for line in lines[1:]:
            entry = _read_entry(line)
            if entry is not None:
                self.entries[entry.workflow_id, entry.run_id] = entry
        self._begin(header, lines)

    def _lines(self) -> list[Any]:
        """The manifest's lines; the last one may be torn."""
        try:
            text = self._manifest.read_text("utf-8")
        except FileNotFoundError:
            return []
        except UnicodeDecodeError:
            raise self._not_ours() from None
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append(None)
        return found

    def _check(self, there: Any, header: Mapping[str, Any]) -> None:
        if not isinstance(there, dict) or not isinstance(there.get("format"), int):
            raise self._not_ours()
        if there["format"] != FORMAT:
            raise FetchError(
                f"{self._manifest} has format {there['format']}, this version knows {FORMAT}; "
                "take another folder"
            )
        if there.get("namespace") != header["namespace"]:
            raise FetchError(
                f"{self.path} holds histories of namespace {there.get('namespace')!r}, "
                f"not of {header['namespace']!r}; take another folder"
            )
        known, wanted = there.get("redaction", ""), header["redaction"]
        if known == wanted:
            return
        if not known:
            raise FetchError(f"{self.path} holds histories that are not redacted; take another folder")
        if not wanted:
            raise FetchError(f"{self.path} holds redacted histories; give --redact, or take another folder")
        raise FetchError(
            f"{self.path} holds histories that were redacted with another key; give that key, "
            "or take another folder"
        )

    def _not_ours(self) -> FetchError:
        return FetchError(f"{self._manifest} is not a manifest of fetched histories; take another folder")

    def _begin(self, header: Mapping[str, Any], lines: list[Any]) -> None:
        """Leave a manifest of one good line a run, and nothing that an ended fetch has left half written."""
        for left in self.path.glob(f".*{PARTIAL}"):
            with contextlib.suppress(OSError):
                left.unlink()
        if len(lines) != len(self.entries) + 1:
            rows = [header, *(attrs.asdict(entry) for entry in self.entries.values())]
            self._replace(self._manifest, "".join(map(_line, rows)).encode())

    def is_current(self, workflow_id: str, run_id: str, settings: str) -> bool:
        """Does the history of this run lie here, closed, and with these settings?"""
        entry = self.entries.get((workflow_id, run_id))
        if entry is None or entry.is_open or entry.settings != settings:
            return False
        try:
            return (self.path / entry.file).stat().st_size == entry.bytes
        except OSError:
            return False

    def put(self, entry: Entry, data: bytes) -> None:
        """Write one history, then its line. Raises OSError."""
        self._replace(self.path / entry.file, data)
        self.entries[entry.workflow_id, entry.run_id] = entry
        with self._manifest.open("ab") as file:
            file.write(_line(attrs.asdict(entry)).encode())

    def drop_others(self, workflow_id: str, run_id: str, settings: str) -> None:
        """Take a run's file away if it was written with other settings. Raises OSError."""
        entry = self.entries.get((workflow_id, run_id))
        if entry is not None and entry.settings != settings:
            (self.path / entry.file).unlink(missing_ok=True)

    def others(self, settings: str) -> tuple[Entry, ...]:
        """The histories that lie here and were written with other settings."""
        found = (entry for entry in self.entries.values() if entry.settings != settings)
        return tuple(entry for entry in found if (self.path / entry.file).exists())

    def _replace(self, path: Path, data: bytes) -> None:
        partial = path.with_name(f".{path.name}{PARTIAL}")
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"


def _read_entry(line: Any) -> Entry | None:
    """An entry; None for a line that a fetch could not finish."""
    if not isinstance(line, dict):
        return None
    if not all(isinstance(line.get(name), str) for name in _TEXTS):
        return None
    if not all(isinstance(line.get(name), int) for name in _NUMBERS):
        return None
    entry = Entry(**{name: line[name] for name in (*_TEXTS, *_NUMBERS)})
    return entry if entry.file == file_name(entry.workflow_id, entry.run_id) else None
