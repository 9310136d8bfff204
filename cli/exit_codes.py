"""What the command's exit code says.

Owns the one table. Scripts rely on it, so a code never changes its meaning.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every subcommand."""

    OK = 0
    FAILED = 1
    """Workflow code did what no workflow may do."""
    USAGE = 2
    """Wrong arguments, a module that does not import, a file that is no history, an unknown workflow."""
    EMPTY_CORPUS = 5
    """There was nothing to check, or nothing for a workflow that must be covered."""
    SAFETY = 10
    """Chaos: something happened that must never happen."""
    LIVENESS = 11
    """Chaos: something that must happen did not, or a state was never reached."""
    NONDETERMINISM = 12
    """Workflow code no longer does what a history records, or two runs of one seed differ."""
    HARNESS = 13
    """Chaos: a run itself went wrong, so that it says nothing."""
    UNFIT = 20
    """Edge: what is there would not work on the platform."""
    UNAVAILABLE = 21
    """Edge: a tool, or a package that has to be fetched, is missing or failed. History: no answer."""
    INTERNAL = 70
    """A bug in this program."""
    INTERRUPTED = 130
    """Ended from the keyboard."""


MEANINGS: tuple[tuple[ExitCode, str], ...] = (
    (ExitCode.OK, "all good"),
    (ExitCode.FAILED, "workflow code failed for another reason than nondeterminism"),
    (ExitCode.USAGE, "usage, an unreadable file, a module or workflow that is not there"),
    (ExitCode.EMPTY_CORPUS, "nothing to check: an empty corpus, or a workflow without a history"),
    (ExitCode.SAFETY, "chaos: a promise was broken"),
    (ExitCode.LIVENESS, "chaos: what had to happen did not"),
    (ExitCode.NONDETERMINISM, "nondeterminism"),
    (ExitCode.HARNESS, "chaos: a run itself went wrong"),
    (ExitCode.UNFIT, "edge: the project would not work on the platform"),
    (ExitCode.UNAVAILABLE, "edge: a tool or a package is missing or failed; history: no answer"),
    (ExitCode.INTERNAL, "a bug in this program"),
    (ExitCode.INTERRUPTED, "interrupted"),
)


def table() -> str:
    """The codes for a help page."""
    return "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS)
