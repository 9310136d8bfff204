"""Which jumps in workflow code a run made, and which nobody made.

Owns the use of the coverage package. What counts as workflow code are the functions of the workflows that
were deployed, and everything written inside them; activities, clients and the engine do not count.

Must not import: the simulation.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from linecache import getline
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..timeline_text import plain
from .case import Arc, Area

if TYPE_CHECKING:
    from coverage import Coverage

    from ...runtime.deployment import Deployment

_PACKAGE = Path(__file__).resolve().parents[2]


def _coverage() -> Coverage:
    from coverage import Coverage

    made = Coverage(
        data_file=None,
        branch=True,
        config_file=False,
        omit=[f"{_PACKAGE / room}/*" for room in ("runtime", "sim", "edge_adapter", "cli")],
        messages=False,
    )
    made.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
    return made


@contextmanager
def recorded() -> Iterator[dict[str, list[tuple[int, int]]]]:
    """Record what runs inside; afterwards the dict holds file -> (line, next line) of every jump."""
    found: dict[str, list[tuple[int, int]]] = {}
    recorder = _coverage()
    recorder.start()
    try:
        yield found
    finally:
        recorder.stop()
        data = recorder.get_data()
        for file in sorted(data.measured_files()):
            found[file] = sorted(data.arcs(file) or ())
        data.close(force=True)


def areas_of(deployment: Deployment) -> tuple[Area, ...]:
    """Where the code of the deployed workflows stands."""
    found: dict[Area, None] = {}
    for worker in deployment.workers:
        for definition in worker.workflows.values():
            code = getattr(definition.fn, "__code__", None)
            if code is not None:
                found[code.co_filename, code.co_firstlineno, _last_line(code)] = None
    return tuple(sorted(found))


def _last_line(code: CodeType) -> int:
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    inner = [_last_line(each) for each in code.co_consts if isinstance(each, CodeType)]
    return max([last, *inner])


def arcs_within(jumps: Mapping[str, Iterable[tuple[int, int]]], areas: Iterable[Area]) -> tuple[Arc, ...]:
    """Those of the recorded jumps that lie in workflow code."""
    found: dict[Arc, None] = {}
    for file, first, last in areas:
        for line, then in jumps.get(file, ()):
            if first <= abs(line) <= last:
                found[file, line, then] = None
    return tuple(sorted(found))


def untaken_branches(arcs: Iterable[Arc], areas: Iterable[Area]) -> tuple[str, ...]:
    """The branches in workflow code that none of ``arcs`` took: ``file:line->line``, or ``->exit``.

    Files that are not there any more are left out.
    """
    taken: dict[str, list[tuple[int, int]]] = {}
    for file, line, then in arcs:
        taken.setdefault(file, []).append((line, then))
    within: dict[str, list[tuple[int, int]]] = {}
    for file, first, last in areas:
        within.setdefault(file, []).append((first, last))
    found = []
    for file in sorted(within):
        if not Path(file).exists():
            continue
        for line, then in _missing(file, taken.get(file, [])):
            # A jump that leaves for a line outside is that of the module, which passes the definition.
            if any(first <= line <= last and (then < 0 or then <= last) for first, last in within[file]):
                found.append(f"{file}:{line}->{then if then > 0 else 'exit'}")
    return tuple(found)


def branch_text(branch: str) -> str:
    """A branch for people: ``shop.py:24->25 (if cancelled:)``, the file as seen from here."""
    from ...runtime.guard_frames import display_path

    place, _, target = branch.rpartition("->")
    file, _, line = place.rpartition(":")
    code = getline(file, int(line)).strip() if line.isdecimal() else ""
    return f"{display_path(file)}:{line}->{target}" + (f" ({plain(code)})" if code else "")


def _missing(file: str, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What coverage's own report calls the missing branches of ``file``."""
    from coverage.exceptions import CoverageException

    reader = _coverage()
    reader.get_data().add_arcs({file: taken})
    text = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(text):
            warnings.simplefilter("ignore")
            reader.json_report(morfs=[file], outfile="-", omit=[])
    except CoverageException:
        return []
    finally:
        reader.get_data().close(force=True)
    files: dict[str, Any] = json.loads(text.getvalue())["files"]
    missing: list[tuple[int, int]] = []
    for each in files.values():
        missing += [(line, then) for line, then in each.get("missing_branches", ())]
    return sorted(missing)
