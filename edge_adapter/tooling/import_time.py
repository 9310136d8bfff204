"""What a module may not do while it is imported in a Worker.

Owns the table of calls that fail or lie there, and the search for them in code that runs at import:
statements at the top level, in class bodies, defaults of arguments and decorators, but not the bodies of
functions. Names are resolved through the file's own imports. Reads trees; executes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import attrs


@attrs.frozen
class _Ban:
    names: tuple[str, ...]
    why: str
    remedy: str


_LATER = "call it in an activity or in a function that one calls"

BANS: Final = (
    _Ban(
        ("random", "secrets", "os.urandom", "uuid.uuid1", "uuid.uuid4"),
        "the platform refuses chance while a Worker starts",
        _LATER,
    ),
    _Ban(
        ("threading.Thread", "threading.Timer", "_thread.start_new_thread"),
        "there are no threads in a Worker",
        "use async code, or an activity in an external worker",
    ),
    _Ban(
        ("multiprocessing", "concurrent.futures.ProcessPoolExecutor", "subprocess", "os.system", "os.fork"),
        "there are no processes in a Worker",
        "use an activity in an external worker",
    ),
    _Ban(
        ("socket.create_connection", "urllib.request.urlopen", "http.client.HTTPConnection"),
        "the platform refuses connections while a Worker starts",
        _LATER,
    ),
    _Ban(
        ("time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "datetime.datetime.now")
        + ("datetime.datetime.utcnow", "datetime.date.today"),
        "the clock does not tell the time while a Worker starts",
        _LATER,
    ),
)
"""Each was tried on the platform's binary."""
_EXCUSED: Final = ("random.Random", "random.SystemRandom")
"""Making one with a seed draws nothing from the platform."""


@attrs.frozen(kw_only=True)
class BannedCall:
    """A call at import that fails or lies in the Worker."""

    line: int
    name: str
    why: str
    remedy: str


def calls_at_import(tree: ast.Module) -> Iterator[BannedCall]:
    """The banned calls that run when the module is imported, in the order of the text."""
    aliases = _aliases(tree)
    for node in _run_at_import(tree.body):
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func, aliases)
        if name is None or (name in _EXCUSED and node.args):
            continue
        for ban in BANS:
            if any(name == banned or name.startswith(banned + ".") for banned in ban.names):
                yield BannedCall(line=node.lineno, name=name, why=ban.why, remedy=ban.remedy)
                break


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    todo: list[ast.AST] = list(reversed(body))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and _is_main(node.test):
            todo += reversed(node.orelse)
            continue
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [default for default in node.args.kw_defaults if default is not None]
            todo += reversed([*node.decorator_list, *node.args.defaults, *defaults])
        elif isinstance(node, ast.Lambda):
            continue
        else:
            todo += reversed(list(ast.iter_child_nodes(node)))


def _is_main(test: ast.expr) -> bool:
    return "__name__" in (text := ast.unparse(test)) and "__main__" in text


def _aliases(tree: ast.Module) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                aliases[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return aliases


def _dotted(node: ast.expr, aliases: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join([aliases[node.id], *reversed(parts)])
