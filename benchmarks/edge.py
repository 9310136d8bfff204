"""The Worker on workerd, the platform's own binary: starts, latencies, workflows per second, bytes written,
size of the bundle; beside it Cloudflare's own Workflows engine on the same binary, in turns.

Owns what is measured and how a number is made of it. A workflow's time is the platform's: from the moment
before it is started to the one that its last event, or its peer's return, tells.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from temporal_do.edge_adapter.tooling.bundle import collect_bundle
from temporal_do.edge_adapter.tooling.init import initialize
from temporal_do.edge_adapter.tooling.platform import (
    EdgePlatformError,
    EdgeUnavailableError,
    LocalEdge,
    Platform,
    install_platform,
)
from temporal_do.edge_adapter.tooling.project import open_project
from temporal_do.edge_adapter.tooling.sizes import measure as measure_sizes

from .edge_worlds import ENTRY, Run, World, Worlds, worker_config
from .measuring import Effort
from .results import Goal, Result, format_number

STEPS = 10
SLEEP_MS = 100
FEW = 5
PEER = "Workflows"
BUNDLE_KIB_MAX = 1024
ALARMS_WITHIN_S = 14
"""After so long every object has had the alarm that follows its last commit."""
_EARLY, _QUEUE, _LOCAL = "early start", "queue only", "local"


def why_none() -> str:
    """Why nothing can be measured here; "" when it can."""
    try:
        asyncio.run(install_platform())
    except EdgePlatformError as error:
        return str(error).splitlines()[0]
    return ""


def run(effort: Effort) -> list[Result]:
    """Measure all of it; without the platform only what needs none."""
    try:
        platform = asyncio.run(install_platform())
    except EdgeUnavailableError as error:
        effort.note(f"left out: {error}")
        return []
    with TemporaryDirectory(prefix="edge-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        results = [_sync(folder), *_cold_starts(effort, platform, folder)]
        with Worlds(platform, folder) as worlds:
            early = worlds.ours("early", eager=True)
            queue = worlds.ours("queue", eager=False)
            peer = worlds.peer()
            ways = {_EARLY: (early, "activities"), _QUEUE: (queue, "activities")}
            ways |= {_LOCAL: (early, "local_activities"), PEER: (peer, "")}
            for world, workflow in ways.values():
                world.run(2, workflow, 2, 1)  # what is loaded late is loaded
            results += _activity_latency(effort, early, queue)
            results += _signal_latency(effort, early)
            results += _side_by_side(effort, ways)
            results += _throughput(effort, ways)
            counted = early if effort.quick else worlds.ours("counted", eager=True)
            results += _written(effort, counted, peer)
        results.append(_bundle_size(platform, folder / "bundle"))
    return results


def _sync(folder: Path) -> Result:
    """What one durable write costs on this disk: most of an activity's latency on a real one."""
    flush = getattr(os, "fdatasync", os.fsync)
    times = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(20):
            file.write(bytes(4096))
            began = time.perf_counter()
            flush(file.fileno())
            times.append(time.perf_counter() - began)
    note = f"in {folder.parent}; TMPDIR names another folder"
    return Result(name="a flush of the disk with the state", value=median(times) * 1e6, unit="us", note=note)


# --- cold starts ------------------------------------------------------------------------------------------


def _cold_starts(effort: Effort, platform: Platform, folder: Path) -> list[Result]:
    modes = {
        "without a snapshot": (False, False),
        "with a snapshot of packages": (True, False),
        "with the engine in the snapshot": (True, True),
    }
    if effort.quick:
        modes = dict(list(modes.items())[1:2])  # each start of the others needs seconds
    rounds = effort.rounds(3)
    found: dict[str, list[tuple[float, float | None, float]]] = {mode: [] for mode in modes}
    for turn in range(-1, rounds):
        for mode, (snapshot, warm) in modes.items():
            if turn < 0 and (effort.quick or not snapshot):
                continue  # the round before the first only takes the snapshots
            effort.note(f"cold start {mode}, run {turn + 1} of {rounds}")
            place = folder / mode.replace(" ", "-")
            each = asyncio.run(_cold_start(platform, place, snapshot=snapshot, warm=warm))
            if turn >= 0:
                found[mode].append(each)
    results = []
    for mode, times in found.items():
        cpus = [cpu for _, cpu, _ in times if cpu is not None]
        results.append(
            Result(
                name=f"cold start {mode}",
                value=median(wall for wall, _, _ in times) * 1e3,
                on_cpu=median(cpus) * 1e3 if cpus else None,
                unit="ms",
                note="from the launch of workerd to its first answer; then a first workflow of one activity: "
                f"{median(first for _, _, first in times) * 1e3:.0f} ms",
            )
        )
    return results


async def _cold_start(
    platform: Platform, folder: Path, *, snapshot: bool, warm: bool
) -> tuple[float, float | None, float]:
    """Seconds until the first answer, the processor's, seconds of a first workflow."""
    edge = LocalEdge(worker_config(warm=warm), persist=folder, platform=platform, snapshot=snapshot)
    await edge.start()
    try:
        world = World(edge.url, edge.workerd_pid, folder)
        world.ask("/health")
        wall_s = time.time() - (folder / "workerd.pid").stat().st_mtime
        cpu_s = world.cpu_s()
        first = world.run(1, "activities", 1)
        world.close()
    finally:
        await edge.stop()
    return wall_s, cpu_s, first.wall_s


# --- latencies --------------------------------------------------------------------------------------------


def _activity_latency(effort: Effort, early: World, queue: World) -> list[Result]:
    count = effort.size(50, 3)
    rounds = effort.rounds(3)
    times: dict[str, list[float]] = {_EARLY: [], _QUEUE: []}
    for turn in range(rounds):
        for way, world in ((_EARLY, early), (_QUEUE, queue)):
            effort.note(f"activities one after another, {way}, run {turn + 1} of {rounds}")
            (workflow_id,) = ids = world.new_ids(1)
            world.start(ids, "activities", count)
            world.ends(ids)
            events = _history(world, workflow_id)
            attributes = "activityTaskCompletedEventAttributes"
            moments = {event["eventId"]: _ms(event["eventTime"]) for event in events}
            times[way] += [
                _ms(event["eventTime"]) - moments[event[attributes]["scheduledEventId"]]
                for event in events
                if attributes in event
            ]
    return [
        Result(
            name=f"one activity from scheduled to recorded, {way}",
            value=median(some),
            unit="ms",
            note=f"event times, {len(some)} activities; nine of ten within {_ninth(some):.0f} ms",
        )
        for way, some in times.items()
    ]


def _signal_latency(effort: Effort, world: World) -> list[Result]:
    count = effort.size(100, 3)
    (workflow_id,) = ids = world.new_ids(1)
    world.start(ids, "signals", count)
    path = f"/api/v1/namespaces/benchmarks/workflows/{workflow_id}/signal"
    signals, others = [], []
    for number in range(count):
        effort.note(f"signal {number + 1} of {count}")
        others.append(_timed(lambda: world.ask("/health")))
        signals.append(_timed(lambda n=number: world.ask(path, {"signalName": "go", "input": [n]})))  # type: ignore[misc]
        time.sleep(0.02)  # the workflow has taken note of it
    world.ends(ids)
    events = _history(world, workflow_id)
    kinds = [event["eventType"].removeprefix("EVENT_TYPE_") for event in events]
    reacted = [
        _ms(events[at + 3]["eventTime"]) - _ms(events[at]["eventTime"])
        for at, kind in enumerate(kinds)
        if kind == "WORKFLOW_EXECUTION_SIGNALED" and kinds[at + 3 : at + 4] == ["WORKFLOW_TASK_COMPLETED"]
    ]
    return [
        Result(
            name="one signal, from the request to the answer",
            value=median(signals),
            unit="ms",
            note="over HTTP, answered when it is durable; a request that does nothing takes "
            f"{median(others):.1f} ms",
        ),
        Result(
            name="one signal, from recorded to the workflow's reaction",
            value=max(sum(reacted) / len(reacted), 0.01),
            unit="ms",
            note=f"event times, mean of {len(reacted)}: until the workflow task has completed",
        ),
    ]


def _history(world: World, workflow_id: str) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/benchmarks/workflows/{workflow_id}/history"
    events: list[dict[str, Any]] = []
    while page := world.ask(f"{path}?afterEventId={len(events)}")["events"]:
        events += page
    return events


def _ms(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e3


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _ninth(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 9 // 10]


# --- side by side -----------------------------------------------------------------------------------------

Ways = Mapping[str, tuple[World, str]]


def _in_turns(
    effort: Effort, label: str, ways: Ways, number: int, steps: int, sleep_ms: int, rounds: int
) -> dict[str, Run]:
    """Run the same in every way, one after another, several times; the medians."""
    found: dict[str, list[Run]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way, (world, workflow) in ways.items():
            effort.note(f"{label}, {way}, run {turn + 1} of {rounds}")
            found[way].append(world.run(number, workflow, steps, sleep_ms))
    return {way: _median(some) for way, some in found.items()}


def _median(runs: Sequence[Run]) -> Run:
    cpus = [each.cpu_s for each in runs if each.cpu_s is not None]
    return Run(wall_s=median(each.wall_s for each in runs), cpu_s=median(cpus) if cpus else None)


def _named(way: str) -> str:
    return "local activities" if way == _LOCAL else f"activities, {way}"


def _counted(steps: int) -> str:
    return "a step" if steps == 1 else f"{steps} steps"


def _side_by_side(effort: Effort, ways: Ways) -> list[Result]:
    """One workflow alone: how long it takes beyond its sleep."""
    found = _in_turns(effort, "one workflow alone", ways, 1, STEPS, SLEEP_MS, effort.rounds(9))
    added = {way: max(each.wall_s * 1e3 - SLEEP_MS, 0.1) for way, each in found.items()}
    return [
        Result(
            name=f"{_counted(STEPS)} and a sleep, beyond the sleep: {_named(way)}",
            value=value,
            unit="ms",
            peer=PEER,
            peer_value=added[PEER],
            ratio=added[PEER] / value,
        )
        for way, value in added.items()
        if way != PEER
    ]


def _throughput(effort: Effort, ways: Ways) -> list[Result]:
    """Many at once."""
    results = []
    for steps, full in ((STEPS, 40), (1, 100)):
        number = effort.size(full, 2)
        found = _in_turns(effort, f"{number} at once", ways, number, steps, SLEEP_MS, effort.rounds(3))
        peer = found[PEER]
        for way, each in found.items():
            if way == PEER:
                continue
            results.append(
                Result(
                    name=f"{number} at once, {_counted(steps)} and a sleep: {_named(way)}",
                    value=number / each.wall_s,
                    on_cpu=number / each.cpu_s if each.cpu_s else None,
                    unit="workflow/s",
                    peer=PEER,
                    peer_value=number / peer.wall_s,
                    ratio=peer.wall_s / each.wall_s,
                    note="" if not peer.cpu_s else f"{PEER} by processor time: {number / peer.cpu_s:.0f}",
                )
            )
    return results


# --- bytes ------------------------------------------------------------------------------------------------


def _written(effort: Effort, ours: World, peer: World) -> list[Result]:
    """What one activity more writes: of SQLite's log, whole pages; and of our rows, as encoded. The logs are
    looked at when the workflow ends, what is counted inside also after the alarms that follow."""
    many = FEW + effort.size(20, 10)  # more than the late alarms of what ran before can hide
    per = many - FEW
    ours.ask("/bench/count", {})
    logs, counts = _difference(effort, ours, "activities", many)
    theirs, _ = _difference(effort, peer, "", many)
    total = sum(logs.values()) / per

    def some(word: str) -> dict[str, float]:
        return {
            name.removeprefix(f"{word} "): n / per
            for name, n in sorted(counts.items())
            if name.startswith(f"{word} ") and n
        }

    def split(word: str) -> str:
        return ", ".join(f"{kind} {format_number(n)}" for kind, n in some(word).items())

    return [
        Result(
            name="SQLite's log per activity",
            value=total / 1024,
            unit="KiB",
            peer=f"{PEER}, a step",
            peer_value=sum(theirs.values()) / per / 1024,
            ratio=sum(theirs.values()) / per / total,
            note="whole pages; KiB of "
            + ", ".join(f"{kind} {size / per / 1024:.1f}" for kind, size in sorted(logs.items())),
        ),
        Result(
            name="rows as encoded, per activity",
            value=sum(some("bytes").values()) / 1024,
            unit="KiB",
            note=f"bytes of {split('bytes')}",
        ),
        Result(
            name="rows written per activity",
            value=sum(some("rows").values()),
            unit="rows",
            note=split("rows"),
        ),
        Result(
            name="commits per activity",
            value=sum(some("commits").values()),
            unit="commits",
            note=split("commits"),
        ),
        Result(
            name="requests per activity",
            value=sum(sum(some(word).values()) for word in ("calls", "alarms", "messages")),
            unit="requests",
            note=f"calls of {split('calls')}; alarms of {split('alarms')}; messages of {split('messages')}",
        ),
    ]


def _difference(
    effort: Effort, world: World, workflow: str, many: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What a long workflow has more than a short one: bytes of the logs by class of object; counts."""
    logs: list[dict[str, int]] = []
    counts: list[dict[str, int]] = []
    for steps in (FEW, many):
        effort.note(f"bytes written by {steps} steps")
        before = world.databases()
        world.run(1, workflow, steps)
        time.sleep(0.5)  # the archive is written after the end
        logs.append(world.written(before))
        if workflow:
            time.sleep(effort.size(ALARMS_WITHIN_S, 0))
            counts.append(world.ask("/bench/count", {}))
    return _subtracted(*logs), _subtracted(*counts) if counts else {}


def _subtracted(few: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: more.get(name, 0) - few.get(name, 0) for name in {**more, **few}}


def _bundle_size(platform: Platform, folder: Path) -> Result:
    """The bundle that a deploy uploads, for a project of one module."""
    folder.mkdir()
    text = ENTRY.read_text("utf-8")
    start, end = text.index("temporal = Temporal("), text.index("class Default(")
    (folder / "app.py").write_text(
        f"from temporal_do.runtime import Temporal, Worker, WorkflowContext\n\n{text[start:end]}", "utf-8"
    )
    initialize(folder, module="app", workers=["worker"], name="benchmark")
    bundle = collect_bundle(open_project(folder / "wrangler.jsonc"), platform.python_modules)
    total = measure_sizes(bundle).total
    return Result(
        name="the bundle after gzip",
        value=total.gzip_bytes / 1024,
        unit="KiB",
        goal=Goal(BUNDLE_KIB_MAX),
        note=f"{total.files} files of {total.raw_bytes / 1024:,.0f} KiB",
    )
