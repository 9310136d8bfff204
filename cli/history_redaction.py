"""What ``temporal-do history fetch --redact`` writes of each history.

Owns the key's file, the check by replay, and what the user is told about values that would have to be kept.
Invariants: the key lies beside the folder of the histories and never in it, readable by its owner only; a
history whose verdict would change is not written.

Must not import: the network.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..edge_adapter.tooling.fetch_keeps import redact_checked
from ..edge_adapter.tooling.fetch_paths import Pattern, parse_pattern, render
from ..edge_adapter.tooling.fetch_pseudonyms import VERSION, Pseudonyms
from ..edge_adapter.tooling.fetch_redaction import redact
from ..edge_adapter.tooling.fetching import FetchReport, Made
from ..runtime.errors import NondeterminismError
from ..runtime.history import History
from .errors import UsageError
from .terminal import users_output_aside

KEY_BYTES = 32


class Redaction:
    """The redaction that the arguments ask for. ``entropy(size)`` gives unpredictable bytes for a new key.

    Raises UsageError, OSError.
    """

    def __init__(self, arguments: argparse.Namespace, entropy: Callable[[int], bytes]) -> None:
        self._keeps = tuple(parse_pattern(text) for text in arguments.keep or ())
        self._data_keys = tuple(parse_pattern(text) for text in arguments.data_keys or ())
        self.unknown: dict[str, None] = {}
        """Types of workflows that there is no code of, so that their histories are not checked."""
        self._verdict = _verdict(arguments.workflows, self.unknown) if arguments.workflows else None
        self.key_file = _key_file(arguments)
        self._pseudonyms = Pseudonyms(_read_key(self.key_file, entropy))
        self.key_name = self._pseudonyms.name()
        spelled = "\n".join(
            (*sorted(map(render, self._keeps)), "data keys", *sorted(map(render, self._data_keys)))
        )
        checked = "checked" if self._verdict else "unchecked"
        self.settings = f"{VERSION} {sha256(spelled.encode()).hexdigest()[:16]} {checked}"
        self.needed: dict[Pattern, None] = {}
        """What histories would need to have kept, in the order of its finding."""

    def make(self, history: History) -> Made:
        """What is written of a history."""
        if self._verdict is None:
            made, _ = redact(history, self._pseudonyms, self._keeps, self._data_keys)
            return Made(history=made)
        found = redact_checked(
            history, self._pseudonyms, self._keeps, self._verdict, tuple(self.needed), self._data_keys
        )
        if found.history is not None:
            return Made(history=found.history)
        if found.keeps is None:
            return Made(history=None, problem="it does not replay redacted, whatever is kept", facts=[])
        self.needed.update(dict.fromkeys(found.keeps))
        return Made(
            history=None,
            problem="it replays only with values that were not to be kept",
            facts=[render(each) for each in found.keeps],
        )

    def lines(self, report: FetchReport) -> Iterator[str]:
        """What to tell of histories that were not checked, or not written."""
        if self.unknown:
            names = ", ".join(map(repr, self.unknown))
            yield f"not checked, because --workflows has no code for them: histories of {names}"
        if not report.refused:
            return
        count = len(report.refused)
        noun = "history is" if count == 1 else "histories are"
        yield f"{count} {noun} not written: redacted, the code does something else with them"
        hopeless = [entry for entry, made in report.refused if not made.facts]
        for entry in hopeless:
            yield f"  {entry.workflow_id} (run {entry.run_id}): whatever is kept"
        if self.needed:
            yield "they would need these values as they are; repeat with those that you want to keep:"
            for each in self.needed:
                yield f"  --keep {shlex.quote(render(each))}"

    def as_dict(self, report: FetchReport) -> dict[str, Any]:
        """The same for machines."""
        return {
            "keep": [render(each) for each in self._keeps],
            "data_keys": [render(each) for each in self._data_keys],
            "key_file": str(self.key_file),
            "checked": self._verdict is not None,
            "without_code": list(self.unknown),
            "needed": [render(each) for each in self.needed],
            "not_written": [
                {
                    "workflow_id": entry.workflow_id,
                    "run_id": entry.run_id,
                    "workflow_type": entry.workflow_type,
                    "problem": made.problem,
                    "needed": made.facts,
                }
                for entry, made in report.refused
            ],
        }


def _verdict(specs: list[str], unknown: dict[str, None]) -> Callable[[History], Any]:
    from ..sim.corpus import Verdict
    from ..sim.replayer import Replayer
    from .loading import load_workflows

    with users_output_aside():
        replayer = Replayer([found for spec in specs for found in load_workflows(spec)])

    def verdict(history: History) -> Any:
        with users_output_aside():
            found = replayer.replay_corpus([history]).histories[0]
        if found.verdict is Verdict.UNREGISTERED:
            unknown[found.workflow_type] = None
        error = found.error
        where = error.fields.get("event_id") if isinstance(error, NondeterminismError) else None
        return found.verdict, type(error), where

    return verdict


def _key_file(arguments: argparse.Namespace) -> Path:
    if arguments.redaction_key is not None:
        return Path(arguments.redaction_key)
    folder = Path(arguments.out).resolve()
    if not folder.name:
        raise UsageError(
            "--out is the root of a file system, beside which no key can lie; give --redaction-key"
        )
    return folder.with_name(f"{folder.name}.redaction-key")


def _read_key(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """The key in the file, which is made when it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w") as file:
            file.write(entropy(KEY_BYTES).hex() + "\n")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError(f"{path} holds no key: {KEY_BYTES * 2} hexadecimal digits")
    return key
