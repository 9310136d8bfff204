"""Proves that a seed is one run: N seeds, each run twice in each of two processes with different hash seeds.

    python -m tests.determinism.campaign --seeds 10000 --jobs 2 [--resume FILE]

What is run is in ``lane``. Exit codes: 0, all fingerprints of a seed are equal; 12, they are not, and the
first step that differs is shown with both sides and the last line of the user's code before it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, zip_longest
from pathlib import Path
from typing import Any

from temporal_do.cli.terminal import Progress

from .lane import RUNS

ROOT = Path(__file__).resolve().parents[2]
HASH_SEEDS = ("1", "4711")
BLOCK_MAX = 100
"""So many seeds are run by one process."""
NONDETERMINISM = 12


def _environment(hash_seed: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}


def _lane(hash_seed: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.determinism.lane", *filter(None, words)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(hash_seed),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Campaign:
    """One campaign; ``found`` maps the seeds that are through to their different fingerprints."""

    def __init__(
        self, seeds: int, *, first: int = 0, jobs: int = 1, what: str = "", resume: str = ""
    ) -> None:
        self.first, self.seeds, self.jobs, self.what = first, seeds, jobs, what
        self.resume = Path(resume) if resume else None
        self.found: dict[int, dict[str, None]] = {}
        self.done = 0
        self.resumed = 0
        self.began = time.monotonic()
        self._progress = Progress()
        self._lock = threading.Lock()
        self._head = f"determinism {what or 'everything'}"

    @property
    def different(self) -> list[int]:
        """The seeds whose runs are not all the same."""
        return sorted(seed for seed, prints in self.found.items() if len(prints) > 1)

    @property
    def total(self) -> int:
        return self.seeds * len(HASH_SEEDS)

    def run(self) -> list[int]:
        """Run every block under every hash seed; the seeds that differ."""
        work = []
        size = min(BLOCK_MAX, max(1, -(-self.seeds * len(HASH_SEEDS) // max(self.jobs, 1) // 2)))
        known = self._read()
        for start in range(self.first, self.first + self.seeds, size):
            count = min(size, self.first + self.seeds - start)
            for hash_seed in HASH_SEEDS:
                if all((hash_seed, seed) in known for seed in range(start, start + count)):
                    self._resume_with(known, hash_seed, range(start, start + count))
                else:
                    work.append((hash_seed, start, count))
        try:
            with ThreadPoolExecutor(self.jobs) as pool:
                for future in [pool.submit(self._block, *each) for each in work]:
                    future.result()
        finally:
            self._progress.clear()
        return self.different

    def _block(self, hash_seed: str, first: int, count: int) -> None:
        if self.different:
            return
        with _lane(hash_seed, str(first), str(count), self.what) as child:
            assert child.stdout is not None and child.stderr is not None
            seen = 0
            for line in child.stdout:
                self._take(hash_seed, line.split())
                seen += 1
            errors = child.stderr.read()
        if child.returncode or seen != count:
            raise SystemExit(
                f"a process ended with {child.returncode} after {seen} of {count} seeds:\n{errors}"
            )

    def _take(self, hash_seed: str, words: list[str]) -> None:
        with self._lock:
            self.found.setdefault(int(words[0]), {}).update(dict.fromkeys(words[1:]))
            self.done += 1
            if self.resume is not None:
                with self.resume.open("a", encoding="utf-8") as file:
                    file.write(" ".join([hash_seed, *words]) + "\n")
            elapsed = time.monotonic() - self.began
            rate = (self.done - self.resumed) / elapsed if elapsed else 0
            left = (self.total - self.done) / rate / 60 if rate else 0
            self._progress.show(
                f"{self.done}/{self.total} seeds under a hash seed, {RUNS * rate:.0f} runs/s, "
                f"{left:.0f} min left, {len(self.different)} differ"
            )

    def _read(self) -> dict[tuple[str, int], list[str]]:
        """What an earlier campaign has written down; a line that was cut short is dropped."""
        if self.resume is None:
            return {}
        if not self.resume.exists():
            self.resume.parent.mkdir(parents=True, exist_ok=True)
            self.resume.write_text(self._head + "\n", "utf-8")
            return {}
        text = self.resume.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]
        head, *lines = whole.splitlines() or [""]
        if head != self._head:
            raise SystemExit(f"{self.resume} is of another campaign: {head!r}, not {self._head!r}")
        if whole != text:
            self.resume.write_text(whole, "utf-8")
        words = [line.split() for line in lines]
        return {(each[0], int(each[1])): each[2:] for each in words if len(each) == 2 + RUNS}

    def _resume_with(self, known: dict[tuple[str, int], list[str]], hash_seed: str, seeds: range) -> None:
        for seed in seeds:
            self.found.setdefault(seed, {}).update(dict.fromkeys(known[hash_seed, seed]))
        self.done += len(seeds)
        self.resumed += len(seeds)


def explain(seed: int, what: str = "") -> str:
    """The first step at which two runs of ``seed`` differ, with both sides."""
    runs: list[tuple[str, list[dict[str, Any]]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for hash_seed in HASH_SEEDS:
            file = Path(folder) / hash_seed
            with _lane(hash_seed, "--traces", str(file), str(seed), what) as child:
                _, errors = child.communicate()
            if child.returncode:
                return f"seed {seed}: it cannot be run again:\n{errors}"
            for number, steps in enumerate(json.loads(file.read_text("utf-8")), start=1):
                runs.append((f"hash seed {hash_seed}, run {number}", steps))
    for (left, one), (right, other) in combinations(runs, 2):
        for number, (a, b) in enumerate(zip_longest(one, other)):
            if (a and a["exact"]) != (b and b["exact"]):
                return "\n".join(
                    [
                        f"seed {seed}: two runs differ at step {number}:",
                        *_side(left, a, one),
                        *_side(right, b, other),
                    ]
                )
    return f"seed {seed}: its runs differ in their digests, and not in their steps, when run once more"


def _side(name: str, step: dict[str, Any] | None, steps: list[dict[str, Any]]) -> list[str]:
    text = "(the run is over)" if step is None else step["text"]
    after = (step or steps[-1])["after"] if steps else ""
    return [f"  {name}: {text}", f"    the user's line before it: {after or 'none'}"]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.determinism.campaign", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="where seeds begin")
    parser.add_argument("--jobs", type=int, default=1, metavar="K", help="processes at a time (default: 1)")
    parser.add_argument("--resume", default="", metavar="FILE", help="keep results, and go on from them")
    parser.add_argument("--what", default="", metavar="MODULE:NAME", help="runs of this scenario only")
    arguments = parser.parse_args(words)
    if arguments.seeds < 1 or arguments.jobs < 1:
        parser.error("--seeds and --jobs take a number from 1 on")
    campaign = Campaign(
        arguments.seeds,
        first=arguments.first,
        jobs=arguments.jobs,
        what=arguments.what,
        resume=arguments.resume,
    )
    different = campaign.run()
    seconds = time.monotonic() - campaign.began
    head = f"{len(campaign.found)} seeds x {RUNS} runs x {len(HASH_SEEDS)} hash seeds, {seconds:.0f} s: "
    if not different:
        print(f"{head}equal digests")
        return 0
    print(f"{head}{len(different)} seeds differ: {', '.join(map(str, different[:10]))}")
    print(explain(different[0], arguments.what))
    again = ["python", "-m", "tests.determinism.campaign", "--first", str(different[0]), "--seeds", "1"]
    print("repeat with:", *again, *(("--what", arguments.what) if arguments.what else ()))
    return NONDETERMINISM


if __name__ == "__main__":
    sys.exit(main())
