"""``edge dev``: the bundle on the platform's own binary, on this machine.

Owns how the configuration of a deploy becomes one of the local platform, and what is watched for changes.
Invariant: what runs here is the bundle folder that would be deployed, byte for byte; only bindings are
translated. Must not import: the user's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .bundle import SOURCE, VENDORED, Bundle
from .jsonc import Node
from .platform import QueueConsumer, WorkerConfig
from .project import ConfigView, Project
from .worker_shape import COMPATIBILITY_DATE, LOCAL_ONLY_FLAG

Stamps = Mapping[Path, tuple[int, int]]
"""File -> time of its last change in ns, and size."""


def local_config(project: Project, out: Path, secrets: Mapping[str, str]) -> WorkerConfig:
    """The bundle folder ``out`` as a Worker of the local platform; ``secrets`` become variables."""
    view = project.view()
    entry = project.entry
    variables = view.get("vars")
    plain: dict[str, Any] = {} if variables is None else variables.plain()
    flags = [text for each in view.items("compatibility_flags") if (text := each.text())]
    return WorkerConfig(
        name=project.config.text("name") or "worker",
        main=out / SOURCE / (entry.name if entry is not None else ""),
        folders={"": out / SOURCE, VENDORED: out / VENDORED},
        vendored=False,
        durable_objects=_pairs(view, ("durable_objects", "bindings"), "name", "class_name"),
        queue_producers=_pairs(view, ("queues", "producers"), "binding", "queue"),
        queue_consumers=[_consumer(each) for each in view.items("queues", "consumers")],
        r2_buckets=_pairs(view, ("r2_buckets",), "binding", "bucket_name"),
        vars={**plain, **secrets},
        compatibility_date=view.text("compatibility_date") or COMPATIBILITY_DATE,
        compatibility_flags=[*flags, LOCAL_ONLY_FLAG],
    )


def crons_of(project: Project) -> list[str]:
    """The cron expressions of the configuration, which nothing fires on a laptop."""
    return [text for each in project.view().items("triggers", "crons") if (text := each.text())]


def stamps_of(project: Project, bundle: Bundle, secrets: Path) -> Stamps:
    """What to watch: the user's files in the bundle, the configuration and the secrets, as they are now."""
    files = [module.path for module in bundle.code.modules]
    files += [project.config_path, project.root / "pyproject.toml", secrets]
    stamps: dict[Path, tuple[int, int]] = {}
    for path in files:
        try:
            found = path.stat()
        except OSError:
            stamps[path] = (0, -1)
        else:
            stamps[path] = (found.st_mtime_ns, found.st_size)
    return stamps


def new_lines(log: Path, position: int) -> tuple[list[str], int]:
    """The complete lines of ``log`` from ``position`` (bytes) on, and the position after them."""
    try:
        with log.open("rb") as file:
            file.seek(position)
            content = file.read()
    except OSError:
        return [], position
    complete, newline, _ = content.rpartition(b"\n")
    if not newline:
        return [], position
    return complete.decode(errors="replace").split("\n"), position + len(complete) + 1


def _number(node: Node, key: str) -> int | None:
    found = node.get(key)
    value = None if found is None else found.value
    return int(value) if isinstance(value, int | float) else None


def _pairs(view: ConfigView, path: tuple[str, ...], key: str, value: str) -> dict[str, str]:
    return dict(_each_pair(view, path, key, value))


def _each_pair(view: ConfigView, path: tuple[str, ...], key: str, value: str) -> Iterator[tuple[str, str]]:
    for node in view.items(*path):
        name, target = node.text(key), node.text(value)
        if name and target:
            yield name, target


def _consumer(node: Node) -> QueueConsumer:
    return QueueConsumer(
        queue=node.text("queue") or "",
        max_batch_size=_number(node, "max_batch_size"),
        max_batch_timeout_s=_number(node, "max_batch_timeout"),
        max_retries=_number(node, "max_retries"),
        retry_delay_s=_number(node, "retry_delay"),
        dead_letter_queue=node.text("dead_letter_queue"),
    )
