"""What ``edge`` says: files written, the table of sizes, the findings. Owns the words and the JSON form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..edge_adapter.tooling.check import RULES, Report
from ..edge_adapter.tooling.findings import Finding, Severity
from ..edge_adapter.tooling.init import InitializedFile, Outcome
from ..edge_adapter.tooling.project import ConfigView
from ..edge_adapter.tooling.sizes import Size, Sizes
from ..edge_adapter.tooling.worker_shape import (
    GZIP_FREE_BYTES,
    GZIP_GOAL_BYTES,
    GZIP_MAX_BYTES,
    MIB,
    RAW_MAX_BYTES,
    SECRETS_FILE,
    TOKEN,
)
from .terminal import Paint

_KIB = 1024


def initialized_lines(done: Iterable[InitializedFile], paint: Paint) -> Iterator[str]:
    """What became of the files of ``edge init``, and what comes next."""
    files = list(done)
    for each in files:
        mark = paint.notice if each.outcome is Outcome.KEPT else paint.good
        yield f"{mark(f'{each.outcome.value:<9}')}  {each.path:<16}  {each.purpose}"
    kept = [each.path for each in files if each.outcome is Outcome.KEPT]
    if kept:
        many = len(kept) > 1
        verbs = f"{'differ' if many else 'differs'} from what init would write and {'are' if many else 'is'}"
        yield (
            f"{' and '.join(kept)} {verbs} yours: 'temporal-do edge check' says whether anything is missing, "
            "--force replaces"
        )
    yield "next: temporal-do edge check, temporal-do edge dev"


def built_lines(sizes: Sizes, out: Path, paint: Paint) -> Iterator[str]:
    """The table of sizes."""
    width = max(len(each.name) for each in (*sizes.parts, sizes.total))
    yield f"{'part':<{width}}  {'files':>5}  {'size':>11}  {'gzip':>11}"
    for each in (*sizes.parts, sizes.total):
        row = _row(each, width)
        yield paint.good(row) if each is sizes.total and _fits(each) else row
    yield (
        f"the platform takes {RAW_MAX_BYTES // MIB} MiB, {GZIP_MAX_BYTES // MIB} MiB gzip "
        f"({GZIP_FREE_BYTES // MIB} MiB on the free plan); the goal is {GZIP_GOAL_BYTES // MIB} MiB gzip"
    )
    yield f"the bundle is in {_shown(out)}"


def _row(size: Size, width: int) -> str:
    return f"{size.name:<{width}}  {size.files:>5}  {_kib(size.raw_bytes):>11}  {_kib(size.gzip_bytes):>11}"


def _kib(size: int) -> str:
    return f"{size / _KIB:,.1f} KiB"


def _fits(size: Size) -> bool:
    return size.gzip_bytes <= GZIP_GOAL_BYTES and size.raw_bytes <= RAW_MAX_BYTES


def sizes_as_dict(sizes: Sizes) -> dict[str, Any]:
    """The sizes for scripts."""
    return {"parts": [_size_as_dict(each) for each in sizes.parts], "total": _size_as_dict(sizes.total)}


def _size_as_dict(size: Size) -> dict[str, Any]:
    return {
        "name": size.name,
        "files": size.files,
        "raw_bytes": size.raw_bytes,
        "gzip_bytes": size.gzip_bytes,
    }


def report_lines(report: Report, paint: Paint) -> Iterator[str]:
    """The findings, and how many."""
    for each in report.findings:
        word = paint.bad("error") if each.severity is Severity.ERROR else paint.notice("warning")
        yield f"{word}  {_shown(each.path)}:{each.line}  {each.what}  [{each.rule}]"
        for line in each.remedy.splitlines():
            yield f"    {line}"
    errors, warnings = len(report.errors), len(report.findings) - len(report.errors)
    if not report.findings:
        yield paint.good(f"all good: {len(RULES)} rules, nothing found")
        return
    told = ", ".join(
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    )
    yield (paint.bad if errors else paint.notice)(told)


def report_as_dict(report: Report, code: int) -> dict[str, Any]:
    """The findings for scripts."""
    return {"findings": [_finding_as_dict(each) for each in report.findings], "exit_code": int(code)}


def _finding_as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "path": _shown(finding.path),
        "line": finding.line,
        "what": finding.what,
        "remedy": finding.remedy,
    }


def setup_hint(view: ConfigView) -> Iterator[str]:
    """What has to exist before the first deploy, as commands."""
    yield "A first deploy needs what the configuration names; if it is not there yet:"
    yield "  npx wrangler login"
    queues: dict[str, None] = {}
    for kind in ("producers", "consumers"):
        node = view.get("queues", kind)
        for each in [] if node is None else node.items():
            name = each.get("queue")
            if name is not None and name.text():
                queues[str(name.text())] = None
    for queue in queues:
        yield f"  npx wrangler queues create {queue}"
    buckets = view.get("r2_buckets")
    for each in [] if buckets is None else buckets.items():
        name = each.get("bucket_name")
        if name is not None and name.text():
            yield f"  npx wrangler r2 bucket create {name.text()}"
    worker = view.get("name")
    yield f"  npx wrangler secret put {TOKEN} --name {worker.text() if worker is not None else 'NAME'}"
    yield f"({SECRETS_FILE} is for this machine only)"


def _shown(path: Path) -> str:
    """Relative to the current folder, if it is below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
