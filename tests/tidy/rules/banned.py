"""Calls that would make two runs of one seed differ, or that bypass the host port: clock, entropy, threads,
sockets, files, environment, address order; and `assert`, which `-O` strips.

A ban names a dotted path and what to write instead. References count, not only calls: `clock = time.time` is
a use. A file that owns such a thing is listed in OWNERS with its reason; an entry that nothing needs any more
is a finding too, so the table only ever holds what is true."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

import attrs

from .source import ROOM_MAP, Source

EVERY_ROOM = frozenset(ROOM_MAP)
# Rooms whose code runs inside a simulation, where nothing may come from outside.
SIMULATED = frozenset({"runtime", "sim", "scenarios"})
ENGINE = frozenset({"runtime"})

_CLOCK = "time is an argument; ask the host's now(), in ns"
_ENTROPY = "draw from the host's entropy or the run's choice sequence"
_THREADS = "the engine is one thread; concurrency is actors and the host"
_SOCKETS = "I/O goes through the host port"
_FILES = "I/O goes through the host port, or take the text as an argument"
_ENVIRONMENT = "take it as an argument; only the composition root reads the environment"
_LOOP = "the host owns the event loop"


@attrs.frozen
class Ban:
    """A dotted name (everything under it included), why and what instead, and the rooms it holds for."""

    name: str
    instead: str
    rooms: frozenset[str] = EVERY_ROOM


BANS: tuple[Ban, ...] = (
    *(Ban(f"time.{name}", _CLOCK) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "sleep")),
    *(Ban(f"time.{name}", _CLOCK) for name in ("perf_counter", "perf_counter_ns")),
    *(Ban(f"time.{name}", _CLOCK) for name in ("localtime", "gmtime", "ctime")),
    *(Ban(f"datetime.datetime.{name}", _CLOCK) for name in ("now", "utcnow", "today")),
    Ban("datetime.date.today", _CLOCK),
    Ban("asyncio.sleep", _CLOCK),
    Ban("random", _ENTROPY),
    Ban("secrets", _ENTROPY),
    *(Ban(f"uuid.{name}", _ENTROPY) for name in ("uuid1", "uuid4", "getnode")),
    Ban("os.urandom", _ENTROPY),
    *(Ban(name, _THREADS) for name in ("threading", "_thread", "multiprocessing", "concurrent.futures")),
    Ban("signal", _THREADS),
    *(Ban(f"asyncio.{name}", _THREADS) for name in ("to_thread", "run_coroutine_threadsafe")),
    *(Ban(name, _SOCKETS) for name in ("socket", "ssl", "select", "selectors", "socketserver", "sqlite3")),
    *(Ban(name, _SOCKETS) for name in ("http.client", "http.server", "urllib.request", "subprocess")),
    *(Ban(f"os.{name}", _SOCKETS) for name in ("system", "popen", "fork")),
    *(Ban(f"asyncio.{name}", _LOOP) for name in ("run", "Runner", "get_event_loop", "new_event_loop")),
    *(Ban(f"os.{name}", _ENVIRONMENT) for name in ("environ", "getenv", "getpid", "cpu_count")),
    *(Ban(name, _ENVIRONMENT) for name in ("locale", "platform.node", "getpass")),
    Ban("os", "the engine knows no operating system", ENGINE),
    *(Ban(name, _FILES, SIMULATED) for name in ("open", "io.open", "tempfile", "shutil", "input")),
    *(Ban(name, _FILES, ENGINE) for name in ("pathlib", "glob")),
    Ban("print", "log through the host, or return it; only the command line prints", EVERY_ROOM - {"cli"}),
    Ban("id", "addresses differ between runs; number objects at creation", SIMULATED),
    Ban("hash", "hash of text differs between processes; use the engine's stable hash", SIMULATED),
    Ban("eval", "parse it"),
    Ban("exec", "parse it"),
)


@attrs.frozen
class Owner:
    """A file that may use banned names, and why."""

    path: str
    names: tuple[str, ...]
    reason: str


# Every entry is a place where the outside world, or an address, is let in on purpose.
OWNERS: tuple[Owner, ...] = (
    Owner("cli/api_token.py", ("os.environ",), "the token's way in"),
    Owner("cli/edge_making.py", ("asyncio.run",), "fetching packages is asynchronous, the command is not"),
    Owner(
        "cli/edge_dev.py",
        ("asyncio.run", "asyncio.sleep", "signal"),
        "a session on this machine, in real time, until Ctrl-C",
    ),
    Owner(
        "cli/history_fetch.py",
        ("asyncio.run",),
        "fetching is asynchronous, the command is not",
    ),
    Owner("cli/replay.py", ("time.perf_counter_ns",), "says how long a replay took"),
    Owner(
        "cli/worker.py",
        ("os.getpid", "platform.node", "signal", "asyncio.run"),
        "a process of its own: its name, its signals, its loop",
    ),
    Owner("cli/terminal.py", ("os.environ",), "NO_COLOR and TERM decide about colour"),
    Owner(
        "edge_adapter/cloudflare/hops.py",
        ("threading",),
        "a thread state per suspended callback, not a thread",
    ),
    Owner("edge_adapter/cloudflare/host.py", ("os.urandom",), "where the entropy of the platform comes in"),
    Owner("edge_adapter/local/database.py", ("sqlite3",), "the database of the SQLite host"),
    Owner(
        "edge_adapter/local/host.py",
        ("concurrent.futures",),
        "the SQLite host is where the threads of one machine come in",
    ),
    Owner(
        "edge_adapter/machine.py",
        ("time.time_ns", "os.urandom"),
        "where the clock and the entropy of one machine come in",
    ),
    Owner("edge_adapter/local/lock.py", ("os.getpid",), "the next process is told who has the database"),
    Owner(
        "edge_adapter/tooling/platform/cache.py",
        ("asyncio.sleep", "os.environ"),
        "where the user's cache is, and the wait for another process that fills it",
    ),
    Owner(
        "edge_adapter/tooling/platform/local_edge.py",
        ("asyncio.sleep",),
        "the wait for a port that the process before has not let go",
    ),
    Owner(
        "edge_adapter/tooling/platform/runner.py",
        ("asyncio.sleep", "signal"),
        "kills the platform's processes and waits until they are gone",
    ),
    Owner(
        "edge_adapter/tooling/deploy.py",
        ("subprocess", "os.environ"),
        "calls the platform's own deploy tool, in this process's environment",
    ),
    Owner(
        "edge_adapter/tooling/testing.py",
        (
            "asyncio.run",
            "asyncio.Runner",
            "asyncio.new_event_loop",
            "asyncio.run_coroutine_threadsafe",
            "asyncio.sleep",
            "threading",
            "secrets",
        ),
        "tests in real time: their loop, a thread for the platform's processes, a token for each world",
    ),
    Owner("edge_adapter/tooling/requirements.py", ("subprocess",), "calls pip for the user's packages"),
    Owner("edge_adapter/tooling/secrets_file.py", ("secrets",), "draws the token of a new project"),
    Owner(
        "edge_adapter/remote/host.py",
        ("asyncio.sleep",),
        "a client's pause before it asks again",
    ),
    Owner(
        "edge_adapter/remote/worker.py",
        ("asyncio.sleep", "concurrent.futures"),
        "an ordinary process: its sync activities run in threads, its pauses on its loop",
    ),
    Owner("scenarios/world.py", ("asyncio.sleep",), "activities of the scenarios take virtual time"),
    Owner("sim/ci.py", ("os.environ",), "CI systems say by their variables that they are there"),
    Owner(
        "sim/explore/machine.py",
        ("time.perf_counter_ns", "concurrent.futures", "multiprocessing", "signal"),
        "ends campaigns by the machine's clock and runs cases in processes, which leave Ctrl-C to the first",
    ),
    Owner("sim/patience.py", ("signal",), "interrupts code that never gives control back, and nothing else"),
    Owner("runtime/activity_watch.py", ("asyncio.sleep",), "heartbeats and leases run on the host's loop"),
    Owner(
        "runtime/connection.py",
        ("asyncio.sleep",),
        "the pause before a request is made again, on the host's loop",
    ),
    Owner(
        "runtime/guard.py",
        ("_thread",),
        "a guard refuses calls of the thread it was entered in, and no others",
    ),
    Owner(
        "runtime/guard_patches.py",
        ("_thread", "id"),
        "patches look up what they replaced by identity, and act in the guarded thread only",
    ),
    Owner(
        "runtime/guard_watch.py",
        ("_thread", "id"),
        "watched code objects are looked up by identity, in the guarded thread only",
    ),
    Owner("runtime/guard_frames.py", ("os",), "tells the user's files from the engine's by their paths"),
    Owner("runtime/history/protojson.py", ("open", "os.PathLike"), "reads a history file for the replayer"),
    Owner("runtime/loop_waiting.py", ("id",), "gather finds an awaitable again; looked up, never ordered"),
    Owner("runtime/records.py", ("exec",), "writes one packer per record class, as attrs writes __init__"),
    Owner("runtime/workflow_random.py", ("random",), "ctx.random is a random.Random over the own stream"),
)


@attrs.frozen
class _Use:
    line: int
    name: str


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local name -> dotted path, for every absolute import in the file."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    aliases[alias.asname] = alias.name
                else:
                    aliases[alias.name.split(".")[0]] = alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return aliases


def _bound_names(tree: ast.Module) -> frozenset[str]:
    """Names the file binds itself, hence not the builtins of that name; methods do not count."""
    bound: set[str] = set()
    methods = {child for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node not in methods:
                bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return frozenset(bound)


def _dotted(node: ast.expr) -> list[str] | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return [node.id, *reversed(parts)]


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    """The attribute and what it is an attribute of, down to the name, so that a.b.c is seen once."""
    while isinstance(node, ast.Attribute):
        yield node
        node = node.value
    if isinstance(node, ast.Name):
        yield node


def _uses(source: Source) -> Iterator[_Use]:
    """Every dotted name the file refers to, aliases resolved; imports included."""
    aliases = _aliases(source.tree)
    bound = _bound_names(source.tree) | aliases.keys()
    inner: set[ast.AST] = set()
    in_hash: set[ast.AST] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Use(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield _Use(node.lineno, f"{node.module}.{alias.name}")
        elif isinstance(node, ast.FunctionDef) and node.name == "__hash__":
            in_hash.update(ast.walk(node))
        elif isinstance(node, ast.Attribute) and node not in inner:
            parts = _dotted(node)
            inner.update(_chain(node))
            if parts and parts[0] in aliases:
                yield _Use(node.lineno, ".".join([aliases[parts[0]], *parts[1:]]))
        elif isinstance(node, ast.Name) and node not in inner and isinstance(node.ctx, ast.Load):
            if node.id in aliases:
                yield _Use(node.lineno, aliases[node.id])
            elif node.id not in bound and not (node.id == "hash" and node in in_hash):
                yield _Use(node.lineno, node.id)


def _covers(ban: str, name: str) -> bool:
    return name == ban or name.startswith(ban + ".")


def _iterates_a_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"set", "frozenset"}
    )


def _shape_findings(source: Source) -> Iterator[tuple[int, str]]:
    """Bans that are a shape and not a name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert is stripped by -O; use invariant()"
        iterated: list[ast.expr] = []
        if isinstance(node, ast.For | ast.comprehension):
            iterated.append(node.iter)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in {"list", "tuple", "enumerate", "iter"}:
                iterated.append(node.args[0])
        for expression in iterated:
            if source.folder in SIMULATED and _iterates_a_set(expression):
                yield expression.lineno, "iterates a set; its order differs between processes: sort it"


def check(sources: Iterable[Source], *, owners: Sequence[Owner] = OWNERS) -> list[str]:
    """Findings: banned names outside their owners, and owners that own nothing any more."""
    findings: dict[str, None] = {}
    allowed = {(owner.path, name): False for owner in owners for name in owner.names}
    for source in sources:
        if not source.in_room:
            continue
        for use in _uses(source):
            ban = next((b for b in BANS if source.folder in b.rooms and _covers(b.name, use.name)), None)
            if ban is None:
                continue
            keys = [key for key in allowed if key[0] == source.path and _covers(key[1], use.name)]
            if keys:
                allowed.update((key, True) for key in keys)
            else:
                findings[f"{source.line(use.line)}: uses {use.name}; {ban.instead}"] = None
        for line, text in _shape_findings(source):
            findings[f"{source.line(line)}: {text}"] = None
    for (path, name), used in allowed.items():
        if not used:
            findings[f"{path}:1: owns {name} and does not use it; remove it from OWNERS"] = None
    return list(findings)
