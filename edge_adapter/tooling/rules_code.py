"""The rules about code, size and secrets: what would keep the Worker from starting, or leave it open.

Owns the searches; their table is in ``check``. Code is read, never run. Must not import: the user's code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .bundle import lost_text
from .errors import EdgeProjectError
from .findings import Said, Severity, Subject
from .import_time import calls_at_import
from .modules import UnreadableModuleError, parse_module
from .secrets_file import read_secret_lines
from .worker_shape import (
    EXPORTS,
    GZIP_FREE_BYTES,
    GZIP_GOAL_BYTES,
    GZIP_MAX_BYTES,
    MIB,
    RAW_MAX_BYTES,
    SECRETS_FILE,
    TOKEN,
    TOKEN_LENGTH_MIN,
)


def entry_file(subject: Subject) -> Iterator[Said]:
    """``main`` names a Python file that is there."""
    text = subject.view.text("main")
    line = subject.view.line("main")
    if not text:
        yield Said(line, "there is no main, the file of the entry", "run 'temporal-do edge init MODULE'")
        return
    path = subject.project.root / text
    if path.suffix != ".py":
        yield Said(line, f"main: {text!r} is not a Python file", "name the entry that init wrote")
    elif not path.is_file():
        yield Said(line, f"main: there is no file {text}", "run 'temporal-do edge init MODULE'")
    if subject.view.inner is not None and subject.view.inner.get("main") is not None:
        yield Said(
            subject.view.inner.get("main").line,  # type: ignore[union-attr]
            "main is given in an environment; the bundle is made from the one at the top level",
            "remove it here",
        )


def entry_exports(subject: Subject) -> Iterator[Said]:
    """The platform finds the classes of the Worker in the entry, by their names."""
    path = subject.project.entry
    if path is None or not path.is_file():
        return
    try:
        tree = parse_module(path)
    except UnreadableModuleError as error:
        yield Said(error.line, str(error), "mend it, or write it anew with init --force", path=path)
        return
    there = _top_level_names(tree)
    if "*" in there:
        return
    missing = [each for each in EXPORTS if each not in there]
    if missing:
        yield Said(
            1,
            f"defines no {', '.join(missing)} at its top level",
            "import the classes and derive Default from Edge, as the entry of init does",
            path=path,
        )


def calls_while_importing(subject: Subject) -> Iterator[Said]:
    """What a module does when it is imported must be possible while a Worker starts."""
    for module in () if subject.code is None else subject.code.modules:
        for call in calls_at_import(module.tree):
            yield Said(
                call.line, f"calls {call.name} when it is imported: {call.why}", call.remedy, path=module.path
            )


def imports_found(subject: Subject) -> Iterator[Said]:
    """Whatever the entry imports, step by step, comes with the Worker."""
    for lost in () if subject.code is None else subject.code.lost:
        yield Said(lost.line, lost_text(lost), lost.remedy, path=lost.path)


def no_hidden_module(subject: Subject) -> Iterator[Said]:
    """A module of the user's has a name that nothing else in the Worker has."""
    for module, instead in () if subject.code is None else subject.code.hidden():
        what = f"{module.place} would never be imported in the Worker, which finds {instead} first"
        yield Said(1, what, "give the module another name", path=module.path)


def no_native_code(subject: Subject) -> Iterator[Said]:
    """Python in the Worker is compiled to WebAssembly; a compiled extension of another kind cannot be
    loaded."""
    for place in () if subject.bundle is None else subject.bundle.native:
        yield Said(
            1,
            f"{place} is native code, which cannot run in a Worker",
            "take its distribution out of the requirements, and run the activities that need it in an "
            "external worker",
        )


def size(subject: Subject) -> Iterator[Said]:
    """The bundle fits, and is small enough to start fast."""
    if subject.sizes is None:
        return
    total = subject.sizes.total
    raw, packed = total.raw_bytes / MIB, total.gzip_bytes / MIB
    biggest = ", ".join(part.name for part in subject.sizes.parts[:3])
    remedy = f"the biggest parts are {biggest}; import less, or run what is big in an external worker"
    if total.raw_bytes > RAW_MAX_BYTES:
        yield Said(1, f"the Worker has {raw:.1f} MiB; the platform takes {RAW_MAX_BYTES // MIB} MiB", remedy)
    if total.gzip_bytes > GZIP_MAX_BYTES:
        yield Said(
            1, f"the Worker has {packed:.1f} MiB gzip; the platform takes {GZIP_MAX_BYTES // MIB} MiB", remedy
        )
    elif total.gzip_bytes > GZIP_FREE_BYTES:
        what = f"the Worker has {packed:.1f} MiB gzip; the free plan takes {GZIP_FREE_BYTES // MIB} MiB"
        yield Said(1, what, remedy, severity=Severity.WARNING)
    elif total.gzip_bytes > GZIP_GOAL_BYTES:
        goal = GZIP_GOAL_BYTES // MIB
        what = f"the Worker has {packed:.2f} MiB gzip; above {goal} MiB it starts noticeably later"
        yield Said(1, what, remedy, severity=Severity.WARNING)


def token(subject: Subject) -> Iterator[Said]:
    """Without a token every request is refused; with one in plain sight, anybody's is accepted."""
    in_vars = subject.view.get("vars", TOKEN)
    if in_vars is not None:
        yield Said(
            in_vars.line,
            f"vars: {TOKEN} stands here in plain text, and would be shown on the dashboard",
            f"remove it; set it with: npx wrangler secret put {TOKEN}",
        )
    if TOKEN not in [each.text() for each in subject.view.items("secrets", "required")]:
        yield Said(
            subject.view.line("secrets", "required"),
            f"secrets: {TOKEN} is not required: a deploy without it goes through, and refuses every request",
            f'add "secrets": {{"required": ["{TOKEN}"]}}',
        )
    path = subject.project.root / SECRETS_FILE
    try:
        here = read_secret_lines(path).get(TOKEN)
    except EdgeProjectError as error:
        yield Said(1, str(error), "mend it", path=path)
        return
    if here is None:
        yield Said(
            1,
            f"{SECRETS_FILE} sets no {TOKEN}: 'edge dev' would refuse every request",
            f"write a line {TOKEN}=... of at least {TOKEN_LENGTH_MIN} characters, or run init",
            path=path,
            severity=Severity.WARNING,
        )
    elif len(here[0]) < TOKEN_LENGTH_MIN:
        yield Said(
            here[1],
            f"{TOKEN} has {len(here[0])} characters and can be guessed",
            f"use at least {TOKEN_LENGTH_MIN} random ones",
            path=path,
            severity=Severity.WARNING,
        )


def secrets_stay_here(subject: Subject) -> Iterator[Said]:
    """The file with the secrets must not be committed."""
    root = subject.project.root
    if not (root / SECRETS_FILE).is_file() or not (root / ".git").exists():
        return
    try:
        lines = (root / ".gitignore").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    if not any(line.strip().strip("/").startswith(SECRETS_FILE) for line in lines):
        yield Said(
            1,
            f"git does not ignore {SECRETS_FILE}, which holds secrets",
            f"add a line {SECRETS_FILE} to .gitignore",
            path=root / ".gitignore",
            severity=Severity.WARNING,
        )


def _top_level_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        else:
            names.update(
                each.id
                for each in ast.walk(node)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            )
    return names
