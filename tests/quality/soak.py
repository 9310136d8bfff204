"""The long form of everything, stage by stage: what ``make soak`` runs.

    python -m tests.quality.soak [--jobs K] [--scale 0.1] [--only STAGE,...] [--list] [--again]

Each stage is a command of its own and shows its own progress. What a stage has found is kept under
``build/soak``, in a folder that is named after the sources: stopped at any moment, the same call goes on from
there, and changed sources begin anew. ``--scale`` makes the campaigns so much shorter or longer. The exit
code is 0 if every stage passed, 1 if one did not, 130 if it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import attrs

from temporal_do.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("runtime", "sim", "scenarios", "edge_adapter", "cli", "tests")
CLI = ("-m", "temporal_do.cli", "chaos", "all", "--failures", "0")
STATE = "stages.jsonl"


@attrs.frozen
class Stage:
    """One command. ``minutes``: about how long it takes with two processes, at scale 1."""

    name: str
    proves: str
    minutes: float
    words: tuple[str, ...]


def stages(folder: Path, *, jobs: int = 2, scale: float = 1.0) -> list[Stage]:
    """Everything, the quick and telling first."""

    def chaos(name: str, proves: str, minutes: float, *words: str) -> Stage:
        """Every state must be reached where the runs are many, and meant to come to all of them."""
        if name != "seeds" or scale < 1:
            words = (*words, "--allow-unreached")
        kept = ("--jobs", str(jobs), "--resume", str(folder / f"{name}.jsonl"))
        tapes = ("--tapes", str(folder / "tapes"))
        return Stage(name, proves, minutes * scale, (*CLI, *words, *kept, *tapes))

    def scaled(count: int) -> str:
        return str(max(1, round(count * scale)))

    def pytest(name: str, proves: str, minutes: float, *words: str) -> Stage:
        return Stage(name, proves, minutes, ("-m", "pytest", "-q", "--soak", "-n", str(jobs), *words))

    hashes = folder / "hash-seeds.txt"
    return [
        pytest("mutants", "every planted bug is found, and no run without one fails", 25, "tests/quality"),
        chaos("seeds", "the scenarios under their own faults", 25, "--seeds", scaled(1000)),
        chaos("swarm", "each seed draws its faults", 8, "--strategy", "swarm", "--seeds", scaled(300)),
        chaos("pct", "priorities decide who is next", 5, "--strategy", "pct", "--seeds", scaled(200)),
        chaos(
            "every-place",
            "one fault at every write, answer, request, message and call",
            50,
            *("--strategy", "exhaustive", "--seeds", scaled(5000)),
        ),
        chaos("pairs", "two faults, neighbours first", 20, "--strategy", "pairs", "--seeds", scaled(1000)),
        chaos(
            "twice", "each seed twice, step by step", 6, "--strategy", "double_run", "--seeds", scaled(100)
        ),
        Stage(
            "hash-seeds",
            "each seed twice in each of two processes with different hash seeds",
            25 * scale,
            (
                *("-m", "tests.determinism.campaign", "--seeds", scaled(10_000)),
                *("--jobs", str(jobs), "--resume", str(hashes)),
            ),
        ),
        pytest("scenarios", "hundreds of seeds in the test's own harness", 20, "tests/scenarios"),
        pytest(
            "tests",
            "all other tests, with fresh and many more examples",
            40,
            *("tests", "--ignore=tests/quality", "--ignore=tests/scenarios"),
        ),
    ]


def digest_of_sources(root: Path = ROOT) -> str:
    """The name of the sources as they are: results of others say nothing about them."""
    found = blake2b(digest_size=6)
    for room in SOURCES:
        for file in sorted((root / room).rglob("*.py")):
            found.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return found.hexdigest()


class Journal:
    """Which stages are through, with what exit code, and how long they took in all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.codes: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            try:
                found = json.loads(line)
            except ValueError:
                continue  # cut short
            self._take(found["stage"], found["code"], found["seconds"])

    def _take(self, stage: str, code: int | None, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        if code is not None:
            self.codes[stage] = code

    def add(self, stage: str, code: int | None, seconds: float) -> None:
        """``code`` None: it was stopped."""
        self._take(stage, code, seconds)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": stage, "code": code, "seconds": round(seconds, 1)}) + "\n")

    def verdict(self, stage: str) -> str:
        """One word."""
        code = self.codes.get(stage)
        return "to do" if code is None else "passed" if code == 0 else f"failed with {code}"


def duration(minutes: float) -> str:
    """To the minute, or in hours."""
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{max(minutes, 1):.0f} min"


def run(wanted: list[Stage], journal: Journal) -> int:
    """Run what is not through yet; the exit code."""
    due = [stage for stage in wanted if journal.codes.get(stage.name) != 0]
    print(
        f"{len(due)} of {len(wanted)} stages, about {duration(sum(each.minutes for each in due))}", flush=True
    )
    for number, stage in enumerate(due, start=1):
        text = f"{stage.name}: {stage.proves} (about {duration(stage.minutes)})"
        print(f"\n[{number}/{len(due)}] {text}\n$ python {shlex.join(stage.words)}", flush=True)
        began = time.monotonic()
        code: int | None = None
        try:
            code = _run_to_its_end([sys.executable, *stage.words])
            if code == 130:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            journal.add(stage.name, None, time.monotonic() - began)
            print("\n".join(["", *summary(wanted, journal), "stopped; the same call goes on from here"]))
            return 130
        journal.add(stage.name, code, time.monotonic() - began)
    print("\n".join(["", *summary(wanted, journal)]))
    return int(any(journal.codes.get(stage.name) != 0 for stage in wanted))


def _run_to_its_end(command: list[str]) -> int:
    """Ctrl-C reaches the command as well: it is given the time to end its own processes."""
    child = subprocess.Popen(command, cwd=ROOT)
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.wait()
        raise


def summary(wanted: list[Stage], journal: Journal) -> Iterator[str]:
    """A line for each stage."""
    longest = max(len(stage.name) for stage in wanted)
    for stage in wanted:
        took = journal.seconds.get(stage.name)
        time_text = f"{took / 60:6.1f} min" if took is not None else " " * 10
        yield f"  {stage.name:<{longest}}  {time_text}  {journal.verdict(stage.name):<15}  {stage.proves}"


def main(words: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.quality.soak", description=f"All stages, for {len(SCENARIOS)} scenarios."
    )
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 8), metavar="K", help="processes"
    )
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="campaigns so much longer")
    parser.add_argument("--only", default="", metavar="STAGE,...", help="only these stages")
    parser.add_argument("--list", action="store_true", help="what there is, and how far it is")
    parser.add_argument("--again", action="store_true", help="forget what is through")
    arguments = parser.parse_args(words)
    jobs = max(arguments.jobs, 1)
    if arguments.scale <= 0:
        parser.error("--scale takes a number above 0")
    folder = ROOT / "build" / "soak" / f"{digest_of_sources()}-{arguments.scale:g}"
    every = stages(folder, jobs=jobs, scale=arguments.scale)
    names = [stage.name for stage in every]
    only = arguments.only.split(",") if arguments.only else names
    for name in only:
        if name not in names:
            parser.error(f"no stage is called {name!r}; there are: {', '.join(names)}")
    wanted = [stage for stage in every if stage.name in only]
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.again:
        for file in folder.glob("*.*"):
            if file.stem in only or file.name == STATE:
                file.unlink()
    journal = Journal(folder / STATE)
    if arguments.list:
        print("\n".join(summary(wanted, journal)))
        return 0
    return run(wanted, journal)


if __name__ == "__main__":
    sys.exit(main())
