"""``temporal-do history fetch``: histories of an application that runs elsewhere, as files to replay.

Owns the arguments, the token's way in, what is printed, and which exit code an end makes. Invariants: the
report goes to stdout, progress to stderr; the token is never shown; whatever ends a fetch, what is in the
folder is whole and the same command goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runtime.application import Temporal
from ..runtime.durations import parse_duration
from ..runtime.errors import HostError, InvalidArgumentError, NoHostError
from ..runtime.instants import from_datetime
from ..runtime.policies import WorkflowStatus
from .api_token import add_token_arguments, read_token
from .errors import UsageError
from .exit_codes import ExitCode
from .terminal import Paint, Progress, may_colour

if TYPE_CHECKING:
    from ..edge_adapter.tooling.fetch_folder import Folder
    from ..edge_adapter.tooling.fetching import FetchReport, Selection
    from .history_redaction import Redaction

STATUSES = tuple(status.name.lower() for status in WorkflowStatus)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument("--url", required=True, help="where the application's HTTP API is")
    add_token_arguments(parser)
    parser.add_argument("--namespace", default="default", help="default: default")
    parser.add_argument(
        "--status",
        action="append",
        choices=STATUSES,
        help="only runs in this state; may be given several times",
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="only runs that were open then or later: a duration back from now (7d, 12h), or a date or time "
        "(2026-01-31, 2026-01-31T08:00:00Z; UTC unless it says otherwise)",
    )
    parser.add_argument(
        "--type", action="append", metavar="NAME", help="only this workflow; may be given several times"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the N runs that were started last")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder the files go into")
    _add_redaction(parser)
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")


def _add_redaction(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("redaction")
    group.add_argument(
        "--redact",
        action="store_true",
        help="replace what the histories hold of your users' data by pseudonyms",
    )
    group.add_argument(
        "--keep",
        action="append",
        metavar="PATH",
        help="do not replace this, such as order.input[0].amount; may be given several times",
    )
    group.add_argument(
        "--data-keys",
        action="append",
        metavar="PATH",
        help="the keys of the JSON objects here are data and no names of fields; may be given several times",
    )
    group.add_argument(
        *("--workflows", "-w"),
        action="append",
        metavar="MODULE[:NAME]",
        help="the code: replay each redacted history with it, and say which values have to be kept; "
        "may be given several times",
    )
    group.add_argument(
        "--redaction-key",
        metavar="FILE",
        help="the file of the key that makes the pseudonyms (default: beside DIR, DIR.redaction-key)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch, report, and return the exit code. Raises UsageError."""
    token = read_token(arguments)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from ..edge_adapter.remote import ApiError, RemoteHost, UnauthorizedError
    from ..edge_adapter.tooling.fetch_folder import FetchError, Folder
    from ..edge_adapter.tooling.fetching import FetchReport

    how = (arguments.keep, arguments.data_keys, arguments.workflows, arguments.redaction_key)
    if not arguments.redact and any(how):
        raise UsageError(
            "--keep, --data-keys, --workflows and --redaction-key say how to --redact; give that too"
        )
    report = FetchReport()
    redaction: Redaction | None = None
    problem = ""
    progress = Progress()
    try:
        host = RemoteHost(arguments.url, token=token)
        selection = _selection(arguments, host.now())
        temporal = Temporal(namespace=arguments.namespace).connect(host)
        if arguments.redact:
            from .history_redaction import Redaction

            redaction = Redaction(arguments, host.entropy)
        key_name = "" if redaction is None else redaction.key_name
        folder = Folder(Path(arguments.out), namespace=temporal.namespace, redaction=key_name)
        asyncio.run(_fetch(host, temporal, folder, selection, report, redaction, progress))
    except UnauthorizedError as error:
        raise UsageError(f"{error} (the token is that in {arguments.token_env})") from None
    except (ApiError, FetchError, InvalidArgumentError, NoHostError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or arguments.out}: {error.strerror or error}") from None
    except HostError as error:
        problem = str(error)
    finally:
        progress.clear()
    return _tell(arguments, report, folder, redaction, problem)


async def _fetch(
    host: Any,
    temporal: Temporal,
    folder: Folder,
    selection: Selection,
    report: FetchReport,
    redaction: Redaction | None,
    progress: Progress,
) -> None:
    from ..edge_adapter.tooling.fetching import as_they_are, fetch_histories

    progress.show(f"asking {temporal.namespace} for its runs")

    def show(report: FetchReport) -> None:
        progress.show(f"{report.done} of {report.selected} histories, {report.events:,} events")

    try:
        await fetch_histories(
            temporal,
            folder,
            selection,
            report,
            settings="" if redaction is None else redaction.settings,
            make=as_they_are if redaction is None else redaction.make,
            on_progress=show,
        )
    finally:
        await host.close()


def _selection(arguments: argparse.Namespace, now_ns: int) -> Selection:
    from ..edge_adapter.tooling.fetching import Selection

    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit takes a whole number >= 1, not {arguments.limit}")
    return Selection(
        statuses=tuple(WorkflowStatus[word.upper()] for word in arguments.status or ()),
        workflow_types=tuple(arguments.type or ()),
        since_ns=None if arguments.since is None else _instant(arguments.since, now_ns),
        limit=arguments.limit,
    )


def _instant(text: str, now_ns: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now_ns - parse_duration(text, name="--since")
        except InvalidArgumentError:
            raise UsageError(
                f"--since takes a duration such as 7d or 12h, or a date or time such as 2026-01-31 or "
                f"2026-01-31T08:00:00Z, not {text!r}"
            ) from None
    return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _tell(
    arguments: argparse.Namespace,
    report: FetchReport,
    folder: Folder,
    redaction: Redaction | None,
    problem: str,
) -> ExitCode:
    code = ExitCode.OK
    if problem:
        code = ExitCode.UNAVAILABLE
    elif report.refused:
        code = ExitCode.NONDETERMINISM
    elif not report.selected:
        code = ExitCode.EMPTY_CORPUS
    if arguments.output == "json":
        found = _as_dict(arguments, report, problem, code)
        if redaction is not None:
            found["redaction"] = redaction.as_dict(report)
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return code
    paint = Paint(may_colour(sys.stdout))
    for line in _lines(arguments, report, paint):
        print(line)
    for line in () if redaction is None else _redaction_lines(redaction, report, folder):
        print(line)
    if problem:
        print(f"temporal-do: {problem}", file=sys.stderr)
        if report.done:
            print("temporal-do: the same command goes on from here", file=sys.stderr)
    return code


def _lines(arguments: argparse.Namespace, report: FetchReport, paint: Paint) -> Iterator[str]:
    if not report.selected:
        narrowed = " ".join(_narrowed(arguments))
        yield f"there are no runs in namespace {arguments.namespace!r}" + (narrowed and f" with {narrowed}")
        return
    parts = [f"{len(report.fetched)} fetched ({report.events:,} events)"]
    if report.unchanged:
        parts.append(f"{report.unchanged} were here")
    if report.refused:
        parts.append(f"{len(report.refused)} not written")
    if report.gone:
        parts.append(f"{len(report.gone)} gone since the list")
    noun = "run" if report.selected == 1 else "runs"
    line = f"{arguments.out}: {report.selected} {noun}: {', '.join(parts)}"
    yield paint.good(line) if report.done == report.selected else paint.bad(line)


def _redaction_lines(redaction: Redaction, report: FetchReport, folder: Folder) -> Iterator[str]:
    yield from redaction.lines(report)
    others = folder.others(redaction.settings)
    if others:
        noun = "history lies" if len(others) == 1 else "histories lie"
        yield f"{len(others)} older {noun} here with other values kept than asked for now, or unchecked"


def _narrowed(arguments: argparse.Namespace) -> Iterator[str]:
    for name in ("status", "type"):
        for value in getattr(arguments, name) or ():
            yield f"--{name} {value}"
    if arguments.since is not None:
        yield f"--since {arguments.since}"


def _as_dict(
    arguments: argparse.Namespace, report: FetchReport, problem: str, code: ExitCode
) -> dict[str, Any]:
    import attrs

    found: dict[str, Any] = {
        "namespace": arguments.namespace,
        "out": arguments.out,
        "selected": report.selected,
        "unchanged": report.unchanged,
        "gone": report.gone,
        "events": report.events,
        "fetched": [attrs.asdict(entry) for entry in report.fetched],
        "exit_code": int(code),
    }
    if problem:
        found["problem"] = problem
    return found
