"""What the verbs of ``edge`` share: fetching packages, making the bundle, applying the rules.

Owns the order of these, and what a failure of one means to the next. Invariant: whatever can be looked at
is looked at, so that one mistake does not hide another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import attrs

from ..edge_adapter.tooling.bundle import Bundle, collect_bundle, collect_code
from ..edge_adapter.tooling.check import Report, check_project
from ..edge_adapter.tooling.errors import EdgeProjectError
from ..edge_adapter.tooling.findings import Finding, Severity
from ..edge_adapter.tooling.modules import UserCode
from ..edge_adapter.tooling.platform.errors import EdgePlatformError, EdgeUnavailableError
from ..edge_adapter.tooling.platform.install import PYTHON_LOCK, install_python_modules
from ..edge_adapter.tooling.project import Project
from ..edge_adapter.tooling.requirements import install_requirements
from .terminal import Progress

CACHE = ".temporal-do"
PINNED = ("attr", "attrs", "croniter", "dateutil", "tzdata")
"""What every Worker has, for when it cannot be fetched."""


@attrs.frozen
class Packages:
    """The folder of the packages that every Worker has, or why there is none."""

    folder: Path | None
    missing: str = ""

    def required(self) -> Path:
        """The folder. Raises EdgeUnavailableError."""
        if self.folder is None:
            raise EdgeUnavailableError(self.missing)
        return self.folder


def fetch_packages(line: Progress) -> Packages:
    """Fetch them, once per machine."""
    try:
        return Packages(asyncio.run(install_python_modules(progress=line.show)))
    except EdgePlatformError as error:
        return Packages(None, str(error))
    finally:
        line.clear()


def make_bundle(project: Project, packages: Path, line: Progress) -> Bundle:
    """Fetch the user's packages and collect the bundle. Raises EdgeProjectError."""
    try:
        return collect_bundle(project, packages, _requirements(project, line))
    finally:
        line.clear()


def examine(
    project: Project, environments: Sequence[str | None], packages: Packages, line: Progress
) -> tuple[Report, Bundle | None]:
    """Apply all rules. Returns the report, and the bundle if there can be one."""
    bundle: Bundle | None = None
    code: UserCode | None = None
    found: list[Finding] = []
    try:
        if project.entry is None or not project.entry.is_file():
            code = None  # a rule says so
        elif packages.folder is None:
            code = collect_code(project, PINNED)
        else:
            bundle = make_bundle(project, packages.folder, line)
            code = bundle.code
    except EdgeProjectError as error:
        found.append(_as_finding(project, error))
    report = check_project(project, code=code, bundle=bundle, environments=environments)
    return attrs.evolve(report, findings=(*found, *report.findings)), bundle


def _requirements(project: Project, line: Progress) -> Path | None:
    name = project.settings.requirements
    if name is None:
        return None
    return install_requirements(project.root / name, project.root / CACHE, PYTHON_LOCK, line.show)


def _as_finding(project: Project, error: EdgeProjectError) -> Finding:
    what, _, remedy = str(error).partition("\n")
    return Finding(
        rule="bundle",
        severity=Severity.ERROR,
        path=error.path or project.config_path,
        line=error.line,
        what=what,
        remedy=remedy.strip() or "without this there is no bundle to look at",
    )
