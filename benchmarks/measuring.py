"""How things are measured here: medians of several runs, wall clock and processor time side by side.

Owns the treatment of the garbage collector: everything is collected before a run, the collector stays on
during it, as it does for users. The wall clock is what counts; processor time tells whether the machine was
busy with something else, since everything of ours runs on one thread and never waits.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TextIO

import attrs

ROOT = Path(__file__).resolve().parent.parent


@attrs.frozen(kw_only=True)
class Timing:
    """Several runs of one thing, in seconds. ``outcome`` is what the last run returned."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    outcome: Any = None

    @property
    def wall_s(self) -> float:
        """The median on the wall clock."""
        return median(self.wall)

    @property
    def cpu_s(self) -> float:
        """The median of the processor time."""
        return median(self.cpu)


class Progress:
    """One line on a terminal that tells what is being measured; silent everywhere else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on = stream.isatty()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._on:
            self._stream.write(f"\r\x1b[K{text[:100]}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        self.show("")


class Effort:
    """How thoroughly to measure. ``quick``: small sizes and one run, to see that everything works.

    ``simloop``: the folder of a checkout of simloop's repository, "" for none.
    """

    def __init__(
        self,
        *,
        quick: bool = False,
        runs: int | None = None,
        progress: Progress | None = None,
        simloop: str = "",
    ) -> None:
        self.quick = quick
        self.simloop = simloop
        self._runs = runs
        self._progress = progress

    def size(self, full: int, quick: int) -> int:
        """The size to measure at."""
        return quick if self.quick else full

    def rounds(self, full: int) -> int:
        """How many runs a median is to be taken of."""
        return 1 if self.quick else self._runs or full

    def measure(self, label: str, work: Callable[[], Any], *, runs: int = 5) -> Timing:
        """Run ``work`` several times."""
        (timing,) = self.measure_in_turns((label, work), runs=runs)
        return timing

    def measure_in_turns(self, *works: tuple[str, Callable[[], Any]], runs: int = 5) -> tuple[Timing, ...]:
        """Run each of ``works`` several times, one after another, so that a busy moment hits all of them."""
        runs = self.rounds(runs)
        walls: list[list[float]] = [[] for _ in works]
        cpus: list[list[float]] = [[] for _ in works]
        outcomes: list[Any] = [None for _ in works]
        for turn in range(runs):
            for index, (label, work) in enumerate(works):
                self.note(f"{label}, run {turn + 1} of {runs}")
                outcomes[index] = None
                gc.collect()
                cpu = time.process_time()
                wall = time.perf_counter()
                outcomes[index] = work()
                walls[index].append(time.perf_counter() - wall)
                cpus[index].append(time.process_time() - cpu)
        return tuple(
            Timing(wall=tuple(wall), cpu=tuple(cpu), outcome=outcome)
            for wall, cpu, outcome in zip(walls, cpus, outcomes, strict=True)
        )

    def ask_children(self, label: str, code: str, *arguments: object, runs: int = 5) -> list[dict[str, Any]]:
        """What fresh interpreters print as JSON when they run ``code``."""
        answers = []
        runs = self.rounds(runs)
        for turn in range(runs):
            self.note(f"{label}, process {turn + 1} of {runs}")
            answers.append(ask_child(code, *arguments))
        return answers

    def note(self, text: str) -> None:
        """Show what is being done."""
        if self._progress is not None:
            self._progress.show(text)


def ask_child(code: str, *arguments: object) -> dict[str, Any]:
    """Run ``code`` in a fresh interpreter that can import this package; it prints one line of JSON."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *_inherited_path()])}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"a child process failed:\n{run.stderr}")
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def _inherited_path() -> Sequence[str]:
    given = os.environ.get("PYTHONPATH", "")
    return given.split(os.pathsep) if given else ()


def resident_bytes() -> int:
    """The memory of this process that is in use now (on systems without /proc: the most there ever was)."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
