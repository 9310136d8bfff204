"""What a failing test says: the seed, the virtual time, the last steps, and the command that repeats it.

Owns that section of pytest's report, and the shortening of tracebacks to the user's own frames. Invariant:
the command is the last line. Must not import: anything that runs a simulation.
"""

from __future__ import annotations

import os
import re
import shlex
from types import TracebackType

import pytest

from ..runtime.durations import format_duration
from ..runtime.errors import TemporalError
from ..runtime.guard_frames import ENGINE, STDLIB, kind_of
from .freezing import as_datetime
from .simulation import Simulation
from .trace import describe_step

TITLE = "temporal-do simulation"
STEPS_SHOWN = 12
STEP_LENGTH_MAX = 160
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def add_section(report: pytest.TestReport, item: pytest.Item, simulation: Simulation) -> None:
    """Put the section at the end of the report."""
    text = section(item, simulation)
    add_to_text = getattr(report.longrepr, "addsection", None)
    if item.config.getoption("showcapture") == "all" or add_to_text is None:
        report.sections.append((TITLE, text))
    else:
        add_to_text(TITLE, text)


def section(item: pytest.Item, simulation: Simulation) -> str:
    """The text of the section."""
    now_ns = simulation.platform.now()
    passed = format_duration(now_ns - simulation.start_ns)
    lines = [
        f"seed {simulation.seed!r}, virtual time {as_datetime(now_ns).isoformat()} "
        f"({passed} after the start), {len(simulation.trace)} steps"
    ]
    steps = simulation.trace.tail(STEPS_SHOWN)
    if steps:
        lines.append("the last steps:")
        for step in steps:
            after = format_duration(step[1] - simulation.start_ns)
            lines.append(_cut(f"  +{after}  {_UUID.sub(_shorter, describe_step(step))}"))
    lines.append(f"repeat with: {command(item, simulation)}")
    return "\n".join(lines)


def _shorter(uuid: re.Match[str]) -> str:
    return uuid[0][:8]


def _cut(line: str) -> str:
    return line if len(line) <= STEP_LENGTH_MAX else line[: STEP_LENGTH_MAX - 3] + "..."


def command(item: pytest.Item, simulation: Simulation) -> str:
    """The command that runs this test again in the same way."""
    config = item.config
    words = ["pytest", _test_of(item, simulation), "--sim-seed", str(simulation.seed)]
    if config.getoption("--sim-strict"):
        words.append("--sim-strict")
    if config.getoption("--no-sim-replay"):
        words.append("--no-sim-replay")
    return shlex.join(words)


def _test_of(item: pytest.Item, simulation: Simulation) -> str:
    """The test's id as seen from where pytest was called, without the part that --sim-seeds added."""
    config = item.config
    file, colons, name = item.nodeid.partition("::")
    if config.invocation_params.dir != config.rootpath:
        file = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
    if config.getoption("--sim-seeds") is not None and name.endswith("]"):
        base, _, ids = name[:-1].rpartition("[")
        parts = ids.split("-")
        if f"seed{simulation.seed}" in parts:
            parts.remove(f"seed{simulation.seed}")
        name = f"{base}[{'-'.join(parts)}]" if parts else base
    return f"{file}{colons}{name}"


def shorten_traceback(excinfo: pytest.ExceptionInfo[BaseException], config: pytest.Config) -> None:
    """Leave out this package's frames, unless they are where a bug of this package shows.

    --full-trace leaves everything in.
    """
    without_any = isinstance(excinfo.value, pytest.fail.Exception) and not excinfo.value.pytrace
    if config.getoption("fulltrace") or without_any:
        return
    error: BaseException | None = excinfo.value
    seen: list[BaseException] = []
    while error is not None and not any(error is each for each in seen):
        seen.append(error)
        if not _is_ours(error):
            shortened = without_engine(error.__traceback__, thrown_in=isinstance(error, TemporalError))
            # Of a cause that was raised in here for a mistake of the user, the words are enough.
            if shortened is not None or error is not excinfo.value:
                error.__traceback__ = shortened
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    traceback = excinfo.value.__traceback__
    if traceback is not None:
        excinfo._excinfo = (excinfo.type, excinfo.value, traceback)  # where a debugger looks
        excinfo.traceback = type(excinfo.traceback)(traceback)


def _is_ours(error: BaseException) -> bool:
    """Does the error look like a bug in the engine?"""
    if isinstance(error, TemporalError):
        return error.fault == "engine"
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and kind_of(last.tb_frame.f_code.co_filename) == ENGINE


def without_engine(traceback: TracebackType | None, *, thrown_in: bool) -> TracebackType | None:
    """The frames that are not this package's.

    ``thrown_in``: the error was made here and raised where the user's code waits, so that frames of the
    standard library at the end say nothing either.
    """
    kept: list[TracebackType] = []
    while traceback is not None:
        if kind_of(traceback.tb_frame.f_code.co_filename) != ENGINE:
            kept.append(traceback)
        traceback = traceback.tb_next
    while thrown_in and kept and kind_of(kept[-1].tb_frame.f_code.co_filename) == STDLIB:
        kept.pop()
    found: TracebackType | None = None
    for each in reversed(kept):
        found = TracebackType(found, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return found
