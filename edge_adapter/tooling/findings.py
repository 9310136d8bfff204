"""A finding of ``edge check``: where, what, and what to do. Owns the record, and the table of rules' form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

import attrs

from .bundle import Bundle
from .modules import UserCode
from .project import ConfigView, Project
from .sizes import Sizes


class Severity(StrEnum):
    """An error keeps the Worker from working; a warning is worth a look."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen(kw_only=True)
class Finding:
    """``what`` is wrong, ``remedy`` is what to do; ``line`` counts from 1."""

    rule: str
    severity: Severity
    path: Path
    line: int
    what: str
    remedy: str


@attrs.frozen(kw_only=True)
class Subject:
    """What the rules look at. What could not be made (no entry, no packages at hand) is None, and the rules
    that need it find nothing."""

    project: Project
    view: ConfigView
    code: UserCode | None = None
    bundle: Bundle | None = None
    sizes: Sizes | None = None

    @property
    def config(self) -> Path:
        """The file of the configuration."""
        return self.project.config_path


@attrs.frozen
class Said:
    """What a rule found: the place is the configuration unless ``path`` says otherwise."""

    line: int
    what: str
    remedy: str
    path: Path | None = None
    severity: Severity = Severity.ERROR


Search = Callable[[Subject], Iterable[Said]]


@attrs.frozen
class Rule:
    """One rule: its name, what it demands, and the search for what does not meet it."""

    name: str
    demands: str
    search: Search

    def apply(self, subject: Subject) -> list[Finding]:
        """What this rule finds."""
        return [
            Finding(
                rule=self.name,
                severity=said.severity,
                path=said.path or subject.config,
                line=said.line,
                what=said.what,
                remedy=said.remedy,
            )
            for said in self.search(subject)
        ]
