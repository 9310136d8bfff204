"""The command line: finds the subcommand, runs it, and turns what went wrong into a message and an exit code.

Owns the table of subcommands. Invariants: a user's mistake shows no traceback and exits with 2; a bug of ours
says so, and shows its traceback under ``--debug``. Subcommands are imported when they are asked for.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata

from .errors import UsageError
from .exit_codes import ExitCode, table
from .terminal import drop_output

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("replay", ".replay", "replay recorded histories against workflow code"),
    ("history", ".history", "look at a recorded history"),
    ("chaos", ".chaos", "run scenarios under faults and tell what broke"),
    ("edge", ".edge", "deploy workers to Cloudflare, or run them on its binary here"),
    ("worker", ".worker", "run activities in this process, for workflows that run elsewhere"),
)
"""Name, module with ``add_arguments(parser)`` and ``run(arguments) -> int``, one line of help."""

PROGRAM = "temporal-do"
_DEBUG = "show tracebacks of this program's own errors"


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"{PROGRAM} {_distribution('Version')}")
        parser.exit(0)


class _Parser(argparse.ArgumentParser):
    """Fills its arguments in when it is used: a subcommand's module is imported only if it is the one."""

    module = ""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse does, with the subcommand's own arguments."""
        if self.module:
            command = import_module(self.module, __package__)
            self.module = ""
            command.add_arguments(self)
            self.set_defaults(run=command.run)
        return super().parse_known_args(args, namespace)


def _distribution(field: str) -> str:
    try:
        found = metadata(PROGRAM)
        return found[field] if field in found else ""
    except PackageNotFoundError:
        return "(not installed)"


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = _Parser(
        prog=PROGRAM,
        description="Durable workflows: replay and inspect what they recorded, run them under faults.",
        epilog=f"exit codes:\n{table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("--debug", action="store_true", help=_DEBUG)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, module, text in COMMANDS:
        found = subparsers.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"exit codes:\n{table()}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        found.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=_DEBUG)
        found.module = module
    subparsers.add_parser("help", help="show this help, or that of a command").add_argument(
        "topic", nargs="*"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit code."""
    parser = make_parser()
    arguments: argparse.Namespace | None = None
    code = int(ExitCode.OK)
    _open_closed_streams()
    try:
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help(sys.stderr)
            return ExitCode.USAGE
        if arguments.command == "help":
            parser.parse_args([*arguments.topic, "--help"])
        code = int(arguments.run(arguments))
        sys.stdout.flush()  # here a reader that went away can still be told apart from a bug
        return code
    except SystemExit as stop:  # argparse has said it all
        return stop.code if isinstance(stop.code, int) else ExitCode.USAGE
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        drop_output()
        return code
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            drop_output()
            print(f"{PROGRAM}: the output cannot be written: {error.strerror}", file=sys.stderr)
            return code or ExitCode.USAGE
        if arguments is not None and arguments.debug:
            raise
        print(_bug(error), file=sys.stderr)
        return ExitCode.INTERNAL


def _open_closed_streams() -> None:
    """A caller may have closed them (`>&-`)."""
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")


def _bug(error: Exception) -> str:
    where = _distribution("Project-URL").partition(", ")[2] or "the maintainers of the package"
    return (
        f"{PROGRAM}: this is a bug in {PROGRAM}: {type(error).__name__}: {error}\n"
        f"Run '{PROGRAM} --debug ...' and report what it prints to {where}."
    )
