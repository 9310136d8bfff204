"""Runs the benchmarks and prints what they say.

    python benchmarks/run.py                      all of them
    python benchmarks/run.py --only replay        one; may be repeated
    python benchmarks/run.py --quick              tiny sizes, one run: does everything work?
    python benchmarks/run.py --output json        for machines

Exit code 1 when a goal is missed (never with --quick). docs/benchmarks.md says what each number means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run as a script: the checkout, not this folder, is where imports start
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.measuring import Effort, Progress
from benchmarks.results import Result, format_number

BENCHMARKS: dict[str, str] = {
    "year": "a year of business in one simulation",
    "turns": "commits, requests and time of one activity",
    "imports": "time to import",
    "memory": "memory of sleeping workflows",
    "timers": "timers set and fired",
    "replay": "replay of a long history, beside Temporal's replayer",
    "throughput": "workflows from start to completion",
    "events": "the bare simulator, beside SimPy",
    "hops": "one hop of the scheduler, beside a task switch of stock asyncio",
    "campaign": "seeds of a chaos campaign, beside simloop's job queue",
    "crashes": "a crash at every boundary of a workflow, and pairs of crashes",
    "edge": "the Worker on workerd, beside Cloudflare's own Workflows engine",
}


def machine() -> dict[str, Any]:
    """Where this runs; numbers of two machines do not compare."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": [round(each, 1) for each in load],
    }


def measure(names: Sequence[str], effort: Effort) -> dict[str, list[Result]]:
    """Run the named benchmarks one after another."""
    found: dict[str, list[Result]] = {}
    for name in names:
        found[name] = import_module(f"benchmarks.{name}").run(effort)
    return found


def text_lines(name: str, results: Sequence[Result]) -> list[str]:
    """One benchmark for people."""
    lines = [f"{name}: {BENCHMARKS[name]}"]
    for result in results:
        line = f"  {result.name:<62} {format_number(result.value):>11} {result.unit}"
        facts = []
        if result.on_cpu is not None:
            facts.append(f"cpu {format_number(result.on_cpu)}")
        if result.goal is not None:
            facts.append(f"goal {result.goal.text(result.unit)}")
        if result.peer and result.peer_value is not None:
            facts.append(f"{result.peer} {format_number(result.peer_value)}")
        if result.ratio is not None:
            facts.append(f"{format_number(result.ratio)} times as good")
        if result.ratio_goal is not None:
            facts.append(f"goal {result.ratio_goal.text('times')}")
        if result.verdict:
            facts.append(result.verdict.upper() if result.verdict == "missed" else result.verdict)
        lines.append(line + (f"  [{', '.join(facts)}]" if facts else ""))
        if result.note:
            lines.append(f"      {result.note}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description="Measure speed and memory, side by side with the peers.",
        epilog="\n".join(f"  {name:<11} {what}" for name, what in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), metavar="NAME", help="just this one"
    )
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run: only shows that it works")
    parser.add_argument("--runs", type=int, help="how many runs a median is taken of")
    parser.add_argument(
        "--simloop",
        default="",
        metavar="FOLDER",
        help="a checkout of simloop, for 'campaign' to measure it too",
    )
    options = parser.parse_args(arguments)
    progress = Progress(sys.stderr)
    effort = Effort(quick=options.quick, runs=options.runs, progress=progress, simloop=options.simloop)
    names = options.only or list(BENCHMARKS)
    here = machine()
    found: dict[str, list[Result]] = {}
    if options.output == "text":
        print(
            f"Python {here['python']}, {here['system']}, {here['cores']} cores, load {here['load']}\n"
            "medians; garbage is collected before each run, the collector stays on"
        )
    for name in names:
        found |= measure([name], effort)
        progress.clear()
        if options.output == "text":
            print("\n".join(text_lines(name, found[name])), flush=True)
    if options.output == "json":
        shown = {name: [result.to_json() for result in results] for name, results in found.items()}
        print(json.dumps({"machine": here, "quick": options.quick, "benchmarks": shown}, indent=2))
    missed = any(result.verdict == "missed" for results in found.values() for result in results)
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
