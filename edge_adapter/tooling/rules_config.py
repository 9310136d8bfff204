"""The rules about wrangler.jsonc: what a Worker of this project needs of it, and what the platform refuses.

Owns the searches; their table is in ``check``. Every search looks at one environment's view of the
configuration and says the line to change. Must not import: the user's code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...runtime.errors import InvalidArgumentError
from .findings import Said, Severity, Subject
from .jsonc import Node
from .names import problem_with_name
from .worker_shape import (
    BUCKET_BINDING,
    COMPATIBILITY_DATE,
    COMPATIBILITY_FLAGS,
    CPU_MILLISECONDS_MAX,
    CRONS_FREE_MAX,
    DEAD_LETTER_SUFFIX,
    DELIVERY_DELAY_SECONDS_MAX,
    LOCAL_ONLY_FLAG,
    OBJECT_CLASSES,
    OLDER_PYTHON_FLAGS,
    OTHER_CONFIGS,
    QUEUE_BINDING,
    QUEUE_LIMITS,
    SWEEP_CRON,
    bucket_name,
    dead_letter_queue_name,
    queue_name,
)

_EXTENSIONS = re.compile(r"[LW#]")
"""What the platform's cron knows beyond the five classical fields; not looked into here."""
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


def one_configuration(subject: Subject) -> Iterator[Said]:
    """A second configuration file beside this one may be the one the deploy tool reads."""
    for name in OTHER_CONFIGS:
        other = subject.project.root / name
        if other != subject.config and other.is_file():
            yield Said(1, f"{name} is there as well, and the deploy tool may read that", f"delete {name}")


def keys_once(subject: Subject) -> Iterator[Said]:
    """Of two values of one key the first is lost without a word."""
    for node in subject.project.config.walk():
        for key, line in node.repeated:
            yield Said(line, f"{key!r} is given twice; only this one counts", "merge the two")


def name(subject: Subject) -> Iterator[Said]:
    """The Worker's name."""
    text = subject.view.text("name")
    if text is None:
        yield Said(subject.view.line("name"), "the Worker has no name", 'add "name": "my-worker"')
    elif problem := problem_with_name(text):
        yield Said(subject.view.line("name"), f"name: {text!r} {problem}", "choose another name")


def compatibility_date(subject: Subject) -> Iterator[Said]:
    """The date decides which Python runs."""
    text = subject.view.text("compatibility_date")
    line = subject.view.line("compatibility_date")
    fix = f'write "compatibility_date": "{COMPATIBILITY_DATE}"'
    if text is None:
        yield Said(line, "there is no compatibility_date", fix)
    elif not _DATE.fullmatch(text):
        yield Said(line, f"compatibility_date: {text!r} is no date like 2026-09-08", fix)
    elif text < COMPATIBILITY_DATE:
        yield Said(
            line,
            f"compatibility_date: {text} gives an older Python than the engine's event loop runs on",
            fix,
        )


def compatibility_flags(subject: Subject) -> Iterator[Said]:
    """The flags that switch Python on, and those that spoil it."""
    line = subject.view.line("compatibility_flags")
    flags = [(each.text(), each.line) for each in subject.view.items("compatibility_flags")]
    there = [flag for flag, _ in flags]
    for wanted, without in COMPATIBILITY_FLAGS:
        if wanted not in there:
            yield Said(line, f"compatibility_flags lacks {wanted!r}: {without}", f'add "{wanted}" to it')
    for flag, at in flags:
        if flag == LOCAL_ONLY_FLAG:
            yield Said(at, f"{flag!r} exists on a laptop only", "remove it; 'edge dev' sets it by itself")
        elif flag in OLDER_PYTHON_FLAGS:
            yield Said(at, f"{flag!r} chooses an older Python", "remove it")


def object_bindings(subject: Subject) -> Iterator[Said]:
    """Every class has its binding, under the name the host knows."""
    line = subject.view.line("durable_objects", "bindings")
    bindings = _by(subject.view.items("durable_objects", "bindings"), "name")
    for wanted in OBJECT_CLASSES:
        node = bindings.get(wanted.binding)
        member = f'{{"name": "{wanted.binding}", "class_name": "{wanted.name}"}}'
        if node is None:
            yield Said(
                line,
                f"durable_objects: there is no binding {wanted.binding}",
                f"add {member} to its bindings",
            )
            continue
        found = node.text("class_name")
        if found != wanted.name:
            yield Said(
                _line(node, "class_name"),
                f"durable_objects: {wanted.binding} is bound to {found or 'no class'}, not to {wanted.name}",
                f"write {member}",
            )
        if node.get("script_name") is not None:
            yield Said(
                _line(node, "script_name"),
                f"durable_objects: {wanted.binding} is bound to a class of another Worker",
                "remove script_name: the objects call each other inside one Worker",
            )


def migrations(subject: Subject) -> Iterator[Said]:
    """Every class is created with SQLite storage, and stays."""
    line = subject.view.line("migrations")
    steps = subject.view.items("migrations")
    tags: set[str] = set()
    with_sqlite: set[str] = set()
    wanted = [each.name for each in OBJECT_CLASSES]
    for step in steps:
        tag = step.text("tag")
        if not tag:
            yield Said(step.line, "migrations: a step has no tag", 'give it a "tag" of its own')
        elif tag in tags:
            yield Said(
                step.line, f"migrations: the tag {tag!r} is there twice", "give every step its own tag"
            )
        tags.add(tag or "")
        with_sqlite.update(text for each in step.items("new_sqlite_classes") if (text := each.text()))
        for each in step.items("new_classes"):
            if each.text() in wanted:
                yield Said(
                    each.line,
                    f"migrations: {each.text()} is created without SQLite, and that can't be changed later",
                    "move it to new_sqlite_classes before the first deploy",
                )
                with_sqlite.add(str(each.text()))
        for each in step.items("deleted_classes"):
            if each.text() in wanted:
                yield Said(
                    each.line,
                    f"migrations: {each.text()} is deleted, with every workflow in it",
                    "remove it from deleted_classes",
                )
    missing = [each for each in wanted if each not in with_sqlite]
    if missing:
        yield Said(
            line,
            f"migrations: no step creates {', '.join(missing)}",
            f'add a step {{"tag": "v{len(steps) + 1}", "new_sqlite_classes": {_quoted(missing)}}}',
        )


def queue_producer(subject: Subject) -> Iterator[Said]:
    """The binding through which activity tasks are sent."""
    node = _by(subject.view.items("queues", "producers"), "binding").get(QUEUE_BINDING)
    line = subject.view.line("queues", "producers")
    if node is None:
        member = f'{{"binding": "{QUEUE_BINDING}", "queue": "{queue_name(_worker(subject))}"}}'
        yield Said(line, f"queues: there is no producer {QUEUE_BINDING}", f"add {member} to producers")
        return
    if problem := problem_with_name(node.text("queue") or ""):
        yield Said(_line(node, "queue"), f"queues: the name of a queue {problem}", "choose another name")
    delay = _number(node, "delivery_delay")
    if delay is not None and not 0 <= delay <= DELIVERY_DELAY_SECONDS_MAX:
        yield Said(
            _line(node, "delivery_delay"),
            f"queues: delivery_delay is {delay}; at most {DELIVERY_DELAY_SECONDS_MAX} seconds are taken",
            "remove it: a delay is added to every activity",
        )


def queue_consumer(subject: Subject) -> Iterator[Said]:
    """What is sent must be consumed here."""
    queue = _activities_queue(subject)
    consumers = subject.view.items("queues", "consumers")
    if queue is not None and queue not in [each.text("queue") for each in consumers]:
        yield Said(
            subject.view.line("queues", "consumers"),
            f"queues: nothing consumes {queue!r}, so no activity would ever run",
            f'add {{"queue": "{queue}", "dead_letter_queue": "{queue}-dead"}} to consumers',
        )


def dead_letters(subject: Subject) -> Iterator[Said]:
    """A message that could not be delivered is kept, and taken up again."""
    queue = _activities_queue(subject)
    consumers = subject.view.items("queues", "consumers")
    for node in consumers:
        if queue is None or node.text("queue") != queue:
            continue
        dead = node.text("dead_letter_queue")
        proposal = dead_letter_queue_name(_worker(subject))
        if dead is None:
            yield Said(
                node.line,
                f"queues: {queue!r} has no dead_letter_queue: an activity task that fails to be delivered "
                "is deleted, and waits for the sweep",
                f'add "dead_letter_queue": "{proposal}" to its consumer',
            )
        elif dead == queue:
            yield Said(
                _line(node, "dead_letter_queue"),
                f"queues: {queue!r} is its own dead_letter_queue",
                f'name another, such as "{proposal}"',
            )
        elif not dead.endswith(DEAD_LETTER_SUFFIX):
            yield Said(
                _line(node, "dead_letter_queue"),
                f"queues: the dead_letter_queue {dead!r} does not end with {DEAD_LETTER_SUFFIX!r}, by which "
                "the Worker knows it",
                f'name it "{proposal}"',
            )
        elif dead not in [each.text("queue") for each in consumers]:
            yield Said(
                _line(node, "dead_letter_queue"),
                f"queues: nothing consumes the dead_letter_queue {dead!r}; it is emptied after 4 days",
                f'add {{"queue": "{dead}"}} to consumers',
            )


def queue_limits(subject: Subject) -> Iterator[Said]:
    """Settings of consumers stay inside the platform's limits."""
    for node in subject.view.items("queues", "consumers"):
        for setting, least, most in QUEUE_LIMITS:
            member = node.get(setting)
            if member is None or member.value is None:
                continue
            value = _number(node, setting)
            if value is None or not least <= value <= most or value != int(value):
                yield Said(
                    member.line,
                    f"queues: {setting} is {member.plain()!r}; the platform takes {least} to {most}",
                    f"write a whole number from {least} to {most}",
                )
        if node.text("type") == "http_pull":
            yield Said(_line(node, "type"), "queues: a pull consumer runs no code here", "remove type")


def bucket(subject: Subject) -> Iterator[Said]:
    """Closed histories that are large or kept for ever go to the object store."""
    node = _by(subject.view.items("r2_buckets"), "binding").get(BUCKET_BINDING)
    proposal = f'{{"binding": "{BUCKET_BINDING}", "bucket_name": "{bucket_name(_worker(subject))}"}}'
    if node is None:
        line = subject.view.line("r2_buckets")
        yield Said(line, f"r2_buckets: there is no binding {BUCKET_BINDING}", f"add {proposal}")
    elif problem := problem_with_name(node.text("bucket_name") or "", least=3):
        yield Said(
            _line(node, "bucket_name"), f"r2_buckets: the name of a bucket {problem}", f"write {proposal}"
        )


def cron(subject: Subject) -> Iterator[Said]:
    """The sweep that wakes what the platform has forgotten needs a cron trigger."""
    from ...runtime.schedules.cron import parse_cron

    line = subject.view.line("triggers", "crons")
    crons = subject.view.items("triggers", "crons")
    if not crons:
        yield Said(
            line,
            "triggers: there is no cron, so the recovery sweep never runs",
            f'add "triggers": {{"crons": ["{SWEEP_CRON}"]}}',
        )
    for each in crons:
        text = each.text()
        problem = "is no text" if text is None else None
        if text is not None and len(text.split()) != 5:
            problem = "has not five fields"
        elif text is not None and not _EXTENSIONS.search(text):
            try:
                parse_cron(text)
            except InvalidArgumentError:
                problem = "is no cron expression"
        if problem:
            yield Said(each.line, f"triggers: {each.plain()!r} {problem}", f'write one like "{SWEEP_CRON}"')
    if len(crons) > CRONS_FREE_MAX:
        yield Said(
            line,
            f"triggers: {len(crons)} crons; the free plan takes {CRONS_FREE_MAX} per account",
            "keep one: every trigger runs the same sweep",
            severity=Severity.WARNING,
        )


def limits(subject: Subject) -> Iterator[Said]:
    """A CPU limit inside what the platform takes."""
    node = subject.view.get("limits", "cpu_ms")
    if node is None:
        return
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= CPU_MILLISECONDS_MAX:
        yield Said(
            node.line,
            f"limits: cpu_ms is {node.plain()!r}; the platform takes up to {CPU_MILLISECONDS_MAX}",
            f"write a number up to {CPU_MILLISECONDS_MAX}",
        )


def all_modules_go_along(subject: Subject) -> Iterator[Said]:
    """Settings under which the deploy tool leaves the bundle's files behind."""
    node = subject.view.get("find_additional_modules")
    if node is not None and node.value is False:
        yield Said(
            node.line,
            "find_additional_modules is false: only the entry would be uploaded",
            "remove find_additional_modules",
        )
    for key in ("base_dir", "build"):
        node = subject.view.get(key)
        if node is not None:
            yield Said(
                node.line,
                f"{key} points out of the bundle folder, where the deploy runs",
                f"remove {key}; [tool.temporal-do.edge] in pyproject.toml says what goes in",
            )
    for each in subject.view.items("python_modules", "exclude"):
        text = each.text() or ""
        if any(part in text for part in ("temporal_do", "attr", "croniter", "dateutil", "workers")):
            yield Said(each.line, f"python_modules: {text!r} leaves out what the runtime needs", "remove it")


def _by(nodes: list[Node], key: str) -> dict[str, Node]:
    """The objects by the text of their ``key``."""
    return {text: each for each in nodes if (text := each.text(key))}


def _number(node: Node, key: str) -> float | None:
    found = node.get(key)
    value: Any = None if found is None else found.value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _line(node: Node, key: str) -> int:
    found = node.get(key)
    return node.line if found is None else found.line


def _quoted(names: list[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in names) + "]"


def _worker(subject: Subject) -> str:
    return subject.view.text("name") or "my-worker"


def _activities_queue(subject: Subject) -> str | None:
    node = _by(subject.view.items("queues", "producers"), "binding").get(QUEUE_BINDING)
    return None if node is None else node.text("queue")
