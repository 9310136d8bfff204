"""A corpus of histories: where they come from, and what replaying each of them said.

Owns the verdicts, the report over all histories, and finding the files. Invariants: a directory means every
``*.json`` below it, in the order of the paths; a file that cannot be read is a verdict and never stops the
others; a corpus in which nothing was replayed is an error, because a check that checks nothing must not pass.

Must not import: the command line, a simulation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from ..runtime.errors import HistoryReadError, NondeterminismError, TemporalError


class Verdict(str, Enum):
    """What became of one history. The value is stable and for machines."""

    OK = "ok"
    """The code issues what the history records."""
    NONDETERMINISM = "nondeterminism"
    """The code issues something else."""
    FAILED = "failed"
    """The code did what no workflow may do (a forbidden call, an endless loop), or the engine failed."""
    UNREADABLE = "unreadable"
    """Not a history that can be replayed."""
    UNREGISTERED = "unregistered"
    """No workflow of this type was given."""
    SKIPPED = "skipped"
    """No workflow of this type was given, and that was allowed."""

    @property
    def is_good(self) -> bool:
        """Does it leave the corpus all good?"""
        return self is Verdict.OK or self is Verdict.SKIPPED


class EmptyCorpusError(TemporalError):
    """There is no history to replay, or none for a workflow that must be covered."""

    fault = "user"


class ReplayFailedError(TemporalError):
    """More than one history did not replay; ``report`` has them all."""

    fault = "user"

    def __init__(self, message: str, *, report: ReplayReport) -> None:
        super().__init__(message, report=report)
        self.report = report


@attrs.frozen(kw_only=True)
class ReplayedHistory:
    """One history and its verdict.

    ``source`` is the file, or the workflow's id; ``events`` how many events it has; ``error`` what was
    raised, None for a good verdict; ``warnings`` differences that are allowed by the strictness;
    ``elapsed_ns`` the time it took, 0 where no clock was given.
    """

    source: str
    verdict: Verdict
    workflow_type: str = ""
    workflow_id: str = ""
    run_id: str = ""
    events: int = 0
    error: BaseException | None = None
    warnings: tuple[str, ...] = ()
    elapsed_ns: int = 0

    @property
    def ok(self) -> bool:
        """Is there nothing to complain about?"""
        return self.verdict.is_good

    def text(self, *, colour: bool = False) -> str:
        """What went wrong, for people; "" if nothing did."""
        if self.error is None:
            return ""
        if isinstance(self.error, NondeterminismError):
            from ..runtime.workflow.report import render_error

            return render_error(self.error, colour=colour)
        return str(self.error)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines: JSON types only."""
        found: dict[str, Any] = {
            "source": self.source,
            "verdict": self.verdict.value,
            "workflow_type": self.workflow_type,
            "workflow_id": self.workflow_id,
            "run_id": self.run_id,
            "events": self.events,
            "warnings": list(self.warnings),
            "elapsed_ms": round(self.elapsed_ns / 1e6, 3),
        }
        if self.error is not None:
            found["error"] = error_as_dict(self.error)
        return found


@attrs.frozen(kw_only=True)
class ReplayReport:
    """What a replay said: every history in order, and the workflows that had to be covered and were not."""

    histories: tuple[ReplayedHistory, ...]
    uncovered: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Was something replayed, and is all of it good?"""
        return not self.is_empty and not self.uncovered and all(each.ok for each in self.histories)

    @property
    def is_empty(self) -> bool:
        """Was nothing found, or everything skipped?"""
        return all(each.verdict is Verdict.SKIPPED for each in self.histories)

    @property
    def failures(self) -> tuple[ReplayedHistory, ...]:
        """The histories that are not good."""
        return tuple(each for each in self.histories if not each.ok)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many histories have each verdict; verdicts that none has are left out."""
        found = {verdict.value: 0 for verdict in Verdict}
        for each in self.histories:
            found[each.verdict.value] += 1
        return {name: count for name, count in found.items() if count}

    @property
    def events(self) -> int:
        """How many events there are in all of them."""
        return sum(each.events for each in self.histories)

    def summary(self) -> str:
        """One line: how many of what."""
        if not self.histories:
            return "no histories"
        count = len(self.histories)
        noun = "history" if count == 1 else "histories"
        parts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        line = f"{count} {noun}, {self.events:,} events: {parts}"
        if self.uncovered:
            line += f"; not covered: {', '.join(self.uncovered)}"
        return line

    def as_dict(self) -> dict[str, Any]:
        """The same for machines: JSON types only."""
        return {
            "ok": self.ok,
            "counts": dict(self.counts),
            "events": self.events,
            "uncovered": list(self.uncovered),
            "histories": [each.as_dict() for each in self.histories],
        }

    def raise_on_failure(self) -> None:
        """Raise what is wrong, if anything is.

        One bad history raises its own error (NondeterminismError, HistoryReadError,
        WorkflowNotRegisteredError ...), several raise ReplayFailedError; an empty corpus or a workflow not
        covered raises EmptyCorpusError.
        """
        failures = self.failures
        if len(failures) == 1 and failures[0].error is not None:
            raise failures[0].error
        if failures:
            lines = [f"{len(failures)} of {len(self.histories)} histories do not replay"]
            lines += [f"\n{each.source} ({each.verdict.value})\n{each.text()}" for each in failures]
            raise ReplayFailedError("\n".join(lines), report=self)
        if self.is_empty:
            what = "every history was skipped" if self.histories else "there are no histories"
            raise EmptyCorpusError(f"nothing was replayed: {what}")
        if self.uncovered:
            raise EmptyCorpusError(f"no history of: {', '.join(self.uncovered)}", uncovered=self.uncovered)


def error_as_dict(error: BaseException) -> dict[str, Any]:
    """An error for machines: type and message; of a nondeterminism also what its report is made of."""
    found: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, NondeterminismError):
        found["report"] = dict(error.fields)
    return found


def find_histories(path: str | os.PathLike[str]) -> Iterator[Path | HistoryReadError]:
    """The history files that ``path`` means: the file itself, or every ``*.json`` below the directory.

    Folders whose name begins with a dot are left out. What cannot be looked into comes as a HistoryReadError.
    """
    root = Path(path)
    if not root.is_dir():
        yield root
        return
    problems: list[HistoryReadError] = []

    def note(error: OSError) -> None:
        reason = f"cannot be looked into: {error.strerror or error}"
        problems.append(HistoryReadError(reason, file=str(error.filename or root)))

    found: list[Path] = []
    for folder, folders, files in os.walk(root, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in files if name.endswith(".json")]
    yield from sorted(found)
    yield from problems
