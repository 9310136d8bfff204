"""``temporal-do edge``: from a module with workers to a Worker on Cloudflare, or on this machine.

Owns the verbs, their arguments and their exit codes; the work is the edge adapter's. Invariants: reports go
to stdout, progress and the words of tools to stderr; a project that is not fit is told with file and line,
and never deployed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from ..edge_adapter.tooling.bundle import write_bundle
from ..edge_adapter.tooling.check import RULES_OF_BUNDLE, check_project
from ..edge_adapter.tooling.deploy import DeployToolError, deploy_arguments, find_deploy_tool
from ..edge_adapter.tooling.errors import EdgeProjectError
from ..edge_adapter.tooling.init import check_reachable, initialize
from ..edge_adapter.tooling.platform.errors import EdgePlatformError
from ..edge_adapter.tooling.project import open_project
from ..edge_adapter.tooling.sizes import measure
from ..edge_adapter.tooling.worker_shape import CONFIG, ENTRY
from .edge_making import examine, fetch_packages, make_bundle
from .edge_report import (
    built_lines,
    initialized_lines,
    report_as_dict,
    report_lines,
    setup_hint,
    sizes_as_dict,
)
from .edge_workers import find_workers
from .errors import UsageError
from .exit_codes import ExitCode
from .terminal import Paint, Progress, may_colour

OUT = ".temporal-do/edge"
PERSIST = ".temporal-do/state"
PORT_DEFAULT = 8787
"""What the platform's own tools listen on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the subcommand and of its verbs."""
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    init = verbs.add_parser("init", help="write wrangler.jsonc and the entry for a module with workers")
    init.add_argument("module", metavar="MODULE[:NAME]", help="where the Worker is, or a list of them")
    init.add_argument("--name", help="the Worker's name on the platform (default: the folder's)")
    init.add_argument("--entry", default=ENTRY, metavar="FILE", help=f"default: {ENTRY}")
    init.add_argument("--force", action="store_true", help="replace files that differ")
    init.set_defaults(verb_run=_init)

    build = verbs.add_parser("build", help="make the bundle folder and say how big it is")
    _project_arguments(build)
    build.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    build.set_defaults(verb_run=_build)

    checking = verbs.add_parser("check", help="find what would go wrong, before a deploy and not after")
    _project_arguments(checking, out=False)
    checking.add_argument("--env", metavar="NAME", help="only this environment (default: all)")
    checking.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    checking.set_defaults(verb_run=_check)

    deploy = verbs.add_parser("deploy", help="build, check, and call the platform's tool")
    _project_arguments(deploy)
    deploy.add_argument("--dry-run", action="store_true", help="everything but the upload")
    deploy.add_argument("--env", metavar="NAME", help="deploy this environment")
    deploy.add_argument("more", nargs="*", metavar="-- ARGUMENT", help="handed on to the tool")
    deploy.set_defaults(verb_run=_deploy)

    dev = verbs.add_parser("dev", help="run it on this machine, on the platform's own binary")
    _project_arguments(dev)
    dev.add_argument("--port", type=_port, default=PORT_DEFAULT, help=f"default: {PORT_DEFAULT}; 0: any")
    dev.add_argument(
        "--persist", metavar="FOLDER", default=PERSIST, help=f"where the state is kept (default: {PERSIST})"
    )
    dev.add_argument("--no-reload", action="store_true", help="do not start again when a file changes")
    dev.set_defaults(verb_run=_dev)


def _project_arguments(parser: argparse.ArgumentParser, *, out: bool = True) -> None:
    parser.add_argument("--config", metavar="FILE", default=CONFIG, help=f"default: {CONFIG}")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="more files that go in, such as 'templates/*.json'; may be given several times",
    )
    if out:
        parser.add_argument("--out", metavar="FOLDER", default=OUT, help=f"the bundle (default: {OUT})")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port from 0 to 65535, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb. Raises UsageError."""
    try:
        return int(arguments.verb_run(arguments))
    except EdgeProjectError as error:
        raise UsageError(error.located) from None
    except (EdgePlatformError, DeployToolError) as error:
        print(f"temporal-do: {error}", file=sys.stderr)
        return ExitCode.UNAVAILABLE


def _init(arguments: argparse.Namespace) -> ExitCode:
    module, workers = find_workers(arguments.module)
    root = Path.cwd()
    check_reachable(root, module)
    done = initialize(
        root,
        module=module,
        workers=workers,
        name=arguments.name,
        entry=arguments.entry,
        force=arguments.force,
    )
    _print(initialized_lines(done, _paint()))
    return ExitCode.OK


def _build(arguments: argparse.Namespace) -> ExitCode:
    project = open_project(Path(arguments.config), include=tuple(arguments.include))
    line = Progress()
    bundle = make_bundle(project, fetch_packages(line).required(), line)
    out = Path(arguments.out)
    write_bundle(bundle, out)
    sizes = measure(bundle)
    report = check_project(project, code=bundle.code, bundle=bundle, rules=RULES_OF_BUNDLE)
    code = ExitCode.OK if report.ok else ExitCode.UNFIT
    if arguments.output == "json":
        told = {"folder": str(out), **sizes_as_dict(sizes), **report_as_dict(report, code)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return code
    _print(built_lines(sizes, out, _paint()))
    if report.findings:
        _print(report_lines(report, _paint()))
    return code


def _check(arguments: argparse.Namespace) -> ExitCode:
    project = open_project(Path(arguments.config), include=tuple(arguments.include))
    environments = [arguments.env] if arguments.env else [None, *project.environments]
    line = Progress()
    packages = fetch_packages(line)
    if packages.folder is None:
        print(f"temporal-do: packages and size are not looked at: {packages.missing}", file=sys.stderr)
    report, _ = examine(project, environments, packages, line)
    code = ExitCode.OK if report.ok else ExitCode.UNFIT
    if arguments.output == "json":
        print(json.dumps(report_as_dict(report, code), indent=2, ensure_ascii=False))
    else:
        _print(report_lines(report, _paint()))
    return code


def _deploy(arguments: argparse.Namespace) -> ExitCode:
    words = deploy_arguments(dry_run=arguments.dry_run, environment=arguments.env, more=arguments.more)
    project = open_project(Path(arguments.config), include=tuple(arguments.include))
    line = Progress()
    packages = fetch_packages(line)
    packages.required()
    report, bundle = examine(project, [arguments.env], packages, line)
    if report.findings:
        _print(report_lines(report, _paint()))
    if bundle is None or not report.ok:
        print("nothing was deployed")
        return ExitCode.UNFIT
    tool = find_deploy_tool(project.root)
    out = Path(arguments.out)
    write_bundle(bundle, out)
    _print(built_lines(measure(bundle), out, _paint()))
    sys.stdout.flush()  # before the tool writes
    code = tool.run(out, words)
    if code == 0:
        return ExitCode.OK
    print(f"temporal-do: the deploy tool ended with {code}", file=sys.stderr)
    if not arguments.dry_run:
        _print(setup_hint(project.view(arguments.env)))
    return ExitCode.UNAVAILABLE


def _dev(arguments: argparse.Namespace) -> ExitCode:
    return ExitCode(import_module(".edge_dev", __package__).run(arguments))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _paint() -> Paint:
    return Paint(may_colour(sys.stdout))
