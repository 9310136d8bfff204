"""``temporal-do history``: look at one recorded history, at the difference between two, or fetch some.

Owns the arguments and the printing; the timeline is the simulator's. A history is read and checked first, so
that what is shown hangs together.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from ..runtime.errors import HistoryReadError
from ..runtime.history import History, check_history, read_history_file
from . import history_fetch
from .errors import UsageError
from .event_list import diff_lines, event_lines
from .exit_codes import ExitCode
from .terminal import Paint, may_colour, width


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the subcommand and of its verbs."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    show = verbs.add_parser("show", help="one execution on a screen")
    show.add_argument("file", metavar="FILE", help="a history in Temporal's JSON")
    show.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    show.add_argument("--events", action="store_true", help="list the events instead of the timeline")
    show.set_defaults(verb_run=_show)
    diff = verbs.add_parser("diff", help="where two executions part")
    diff.add_argument("first", metavar="A", help="a history in Temporal's JSON")
    diff.add_argument("second", metavar="B", help="another one")
    diff.set_defaults(verb_run=_diff)
    fetch = verbs.add_parser("fetch", help="bring the histories of an application here, to replay them")
    history_fetch.add_arguments(fetch)
    fetch.set_defaults(verb_run=history_fetch.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb. Raises UsageError."""
    return int(arguments.verb_run(arguments))


def _read(path: str) -> History:
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; give the file of one history")
    try:
        history = read_history_file(path)
        check_history(history, file=path)
    except HistoryReadError as error:
        raise UsageError(str(error)) from None
    return history


def _show(arguments: argparse.Namespace) -> ExitCode:
    history = _read(arguments.file)
    colour = may_colour(sys.stdout)
    if arguments.output == "json":
        timeline = import_module("..sim.timeline", __package__)
        print(json.dumps(timeline.timeline_as_dict(history), indent=2, ensure_ascii=False))
    elif arguments.events:
        for line in event_lines(history):
            print(line)
    else:
        timeline = import_module("..sim.timeline", __package__)
        print(timeline.render_timeline(history, width=width(), colour=colour))
    return ExitCode.OK


def _diff(arguments: argparse.Namespace) -> ExitCode:
    first, second = _read(arguments.first), _read(arguments.second)
    paint = Paint(may_colour(sys.stdout))
    same = True
    for mark, line in diff_lines(first, second):
        if mark == " ":
            print(f"  {line}")
            continue
        same = False
        print(paint.bad(f"- {line}") if mark == "-" else paint.good(f"+ {line}"))
    print("the same steps" if same else f"- {arguments.first}  + {arguments.second}")
    return ExitCode.OK
