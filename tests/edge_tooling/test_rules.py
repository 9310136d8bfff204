"""Every rule of ``edge check`` finds the violation planted for it, says where, and has nothing against what
``edge init`` writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from temporal_do.cli.edge_making import PINNED
from temporal_do.edge_adapter.tooling.bundle import collect_bundle, collect_code
from temporal_do.edge_adapter.tooling.check import RULES, Report, check_project
from temporal_do.edge_adapter.tooling.errors import EdgeProjectError
from temporal_do.edge_adapter.tooling.findings import Severity
from temporal_do.edge_adapter.tooling.project import Project, open_project

CONFIG = "wrangler.jsonc"
APP = "app.py"
ENTRY = "edge_entry.py"
SECRETS = ".dev.vars"


@attrs.frozen
class Planted:
    """A change of one file (old text -> new text; old None: the whole file), the rule that must find it,
    what it must say, and text of the line it must point to."""

    rule: str
    file: str
    old: str | None
    new: str
    says: str
    points_to: str | None = None
    severity: Severity = Severity.ERROR


_QUEUE = '"queue": "my-shop-activities",'
_WARNING = Severity.WARNING

PLANTED = (
    Planted("one-configuration", "wrangler.toml", None, 'name = "x"', "wrangler.toml is there as well"),
    Planted(
        "duplicate-key", CONFIG, '"main":', '"name": "again",\n"main":', "'name' is given twice", '"again"'
    ),
    Planted("name", CONFIG, '"name": "my-shop"', '"name": "My Shop"', "lower-case letters", '"My Shop"'),
    Planted("name", CONFIG, '  "name": "my-shop",', "", "no name"),
    Planted("name", CONFIG, '"name": "my-shop"', f'"name": "{"x" * 64}"', "has 64 characters", "xxx"),
    Planted("compatibility-date", CONFIG, "2026-09-08", "2026-09-07", "older Python", "2026-09-07"),
    Planted("compatibility-date", CONFIG, "2026-09-08", "soon", "no date", "soon"),
    Planted(
        "compatibility-date", CONFIG, '  "compatibility_date": "2026-09-08",', "", "no compatibility_date"
    ),
    Planted("compatibility-flags", CONFIG, '"python_workers", ', "", "lacks 'python_workers'", "_flags"),
    Planted(
        "compatibility-flags",
        CONFIG,
        ', "queue_consumer_no_wait_for_wait_until"',
        "",
        "hold up the queue",
        "_flags",
    ),
    Planted("compatibility-flags", CONFIG, ', "enable_request_signal"', "", "that has just gone", "_flags"),
    Planted(
        "compatibility-flags",
        CONFIG,
        '["python_workers"',
        '["python_workers",\n"python_workers_development"',
        "on a laptop only",
        "python_workers_development",
    ),
    Planted(
        "compatibility-flags",
        CONFIG,
        '["python_workers"',
        '["python_workers",\n"python_workers_20250116"',
        "older Python",
        "python_workers_20250116",
    ),
    Planted(
        "object-bindings",
        CONFIG,
        '{"name": "TIMER_DO", "class_name": "TimerDO"},',
        "",
        "no binding TIMER_DO",
        '"bindings": [',
    ),
    Planted(
        "object-bindings",
        CONFIG,
        '"class_name": "TimerDO"',
        '"class_name": "HistoryDO"',
        "bound to HistoryDO, not to TimerDO",
        "TIMER_DO",
    ),
    Planted(
        "object-bindings",
        CONFIG,
        '"class_name": "TimerDO"',
        '"class_name": "TimerDO", "script_name": "other"',
        "another Worker",
        "TIMER_DO",
    ),
    Planted("migrations", CONFIG, '"TimerDO",\n', "\n", "no step creates TimerDO", '"migrations": ['),
    Planted(
        "migrations", CONFIG, '"new_sqlite_classes"', '"new_classes"', "created without SQLite", "WorkflowDO"
    ),
    Planted(
        "migrations",
        CONFIG,
        '"new_sqlite_classes"',
        '"deleted_classes": ["TimerDO"], "new_sqlite_classes"',
        "TimerDO is deleted",
        "deleted_classes",
    ),
    Planted("migrations", CONFIG, '"tag": "v1",', "", "has no tag"),
    Planted(
        "migrations",
        CONFIG,
        '"migrations": [',
        '"migrations": [{"tag": "v1"},',
        "'v1' is there twice",
    ),
    Planted(
        "queue-producer", CONFIG, '"ACTIVITY_QUEUE"', '"TASKS"', "no producer ACTIVITY_QUEUE", "producers"
    ),
    Planted(
        "queue-producer",
        CONFIG,
        '"binding": "ACTIVITY_QUEUE", "queue": "my-shop-activities"',
        '"binding": "ACTIVITY_QUEUE", "queue": "Tasks!"',
        "name of a queue",
        "Tasks!",
    ),
    Planted(
        "queue-producer",
        CONFIG,
        '"binding": "ACTIVITY_QUEUE",',
        '"binding": "ACTIVITY_QUEUE", "delivery_delay": 50000,',
        "at most 43200",
        "50000",
    ),
    Planted("queue-consumer", CONFIG, _QUEUE, '"queue": "other",', "nothing consumes", "consumers"),
    Planted(
        "dead-letter-queue",
        CONFIG,
        ',\n        "dead_letter_queue": "my-shop-activities-dead"',
        "",
        "no dead",
    ),
    Planted(
        "dead-letter-queue",
        CONFIG,
        '"dead_letter_queue": "my-shop-activities-dead"',
        '"dead_letter_queue": "my-shop-activities"',
        "its own dead_letter_queue",
        "dead_letter_queue",
    ),
    Planted(
        "dead-letter-queue",
        CONFIG,
        '{"queue": "my-shop-activities-dead", "max_batch_timeout": 0}',
        "",
        "nothing consumes the dead_letter_queue",
        "dead_letter_queue",
    ),
    Planted(
        "dead-letter-queue", CONFIG, "activities-dead", "activities-lost", "does not end with '-dead'", "lost"
    ),
    Planted("queue-limits", CONFIG, '"max_batch_size": 10', '"max_batch_size": 101', "takes 1 to 100", "101"),
    Planted("queue-limits", CONFIG, '"max_retries": 10', '"max_retries": 2.5', "max_retries is 2.5", "2.5"),
    Planted("queue-limits", CONFIG, '"retry_delay": 2', '"retry_delay": 43201', "43200", "43201"),
    Planted("queue-limits", CONFIG, '"max_retries": 10', '"max_batch_timeout": "5"', "'5'", '"5"'),
    Planted("queue-limits", CONFIG, _QUEUE, _QUEUE + '"max_concurrency": 0,', "1 to 250", "max_concurrency"),
    Planted("queue-limits", CONFIG, _QUEUE, _QUEUE + '"type": "http_pull",', "runs no code", "http_pull"),
    Planted("bucket", CONFIG, '"binding": "BLOBS"', '"binding": "FILES"', "no binding BLOBS", "r2_buckets"),
    Planted("bucket", CONFIG, '"my-shop-blobs"', '"b"', "3 to 63", '"b"'),
    Planted("cron", CONFIG, '["*/5 * * * *"]', "[]", "the recovery sweep never runs", "crons"),
    Planted("cron", CONFIG, "*/5 * * * *", "*/5 * * *", "has not five fields", "crons"),
    Planted("cron", CONFIG, "*/5 * * * *", "61 * * * *", "no cron expression", "crons"),
    Planted("cron", CONFIG, '["*/5 * * * *"]', '[5, "* * * * *"]', "is no text", "crons"),
    Planted(
        "cron",
        CONFIG,
        '["*/5 * * * *"]',
        '["* * * * *","1 * * * *","2 * * * *","3 * * * *","4 * * * *","5 * * * *"]',
        "6 crons",
        "crons",
        _WARNING,
    ),
    Planted("limits", CONFIG, '"main":', '"limits": {"cpu_ms": 300001},\n"main":', "up to 300000", "cpu_ms"),
    Planted(
        "all-modules",
        CONFIG,
        '"main":',
        '"find_additional_modules": false,\n"main":',
        "only the entry",
        "find_",
    ),
    Planted("all-modules", CONFIG, '"main":', '"base_dir": "..",\n"main":', "out of the bundle", "base_dir"),
    Planted(
        "all-modules",
        CONFIG,
        '"main":',
        '"python_modules": {"exclude": ["temporal_do/**"]},\n"main":',
        "leaves out what the runtime needs",
        "exclude",
    ),
    Planted("entry-file", CONFIG, '  "main": "edge_entry.py",', "", "there is no main"),
    Planted("entry-file", CONFIG, "edge_entry.py", "index.js", "not a Python file", "index.js"),
    Planted("entry-file", CONFIG, "edge_entry.py", "gone.py", "there is no file gone.py", "gone.py"),
    Planted("entry-exports", ENTRY, "class Default(Edge):", "class Worker(Edge):", "defines no Default"),
    Planted("entry-exports", ENTRY, "    TimerDO,\n", "", "defines no TimerDO"),
    Planted("entry-exports", ENTRY, "class Default", "class 1", "is not Python"),
    Planted(
        "import-time",
        APP,
        "temporal = ",
        "import random\nSALT = random.random()\ntemporal = ",
        "refuses chance",
        "SALT",
    ),
    Planted("imports", APP, "temporal = ", "import numpy\ntemporal = ", "imports numpy", "numpy"),
    Planted("hidden-module", "queue.py", None, "", "finds the standard library's queue first"),
    Planted("native-code", "../packages/attr/_fast.so", None, "", "attr/_fast.so is native"),
    Planted("size", "../packages/attr/zeros.bin", None, "0" * 68_000_000, "the platform takes 64 MiB"),
    Planted(
        "token",
        CONFIG,
        '"main":',
        '"vars": {"TEMPORAL_DO_TOKEN": "x"},\n"main":',
        "in plain text",
        "TEMPORAL_DO_TOKEN",
    ),
    Planted("token", CONFIG, '["TEMPORAL_DO_TOKEN"]', "[]", "is not required", "required"),
    Planted("token", SECRETS, None, "OTHER=1", "sets no TEMPORAL_DO_TOKEN", None, _WARNING),
    Planted("token", SECRETS, None, "# secrets\nTEMPORAL_DO_TOKEN=abc", "can be guessed", "abc", _WARNING),
    Planted("secrets-ignored", ".gitignore", None, "build", "git does not ignore", None, _WARNING),
)


def _report(project: Project, packages: Path | None = None, *environments: str | None) -> Report:
    """With ``packages``, of the bundle too (which takes longer)."""
    bundle = None if packages is None else collect_bundle(project, packages)
    code = None
    if bundle is None:
        with suppress(EdgeProjectError):  # a rule finds what keeps it from being read
            code = collect_code(project, PINNED)
    else:
        code = bundle.code
    return check_project(project, code=code, bundle=bundle, environments=environments or (None,))


def test_what_init_writes_has_no_findings(
    project: Callable[[], Project], folder: Path, packages: Path
) -> None:
    (folder / ".git").mkdir()
    assert _report(project(), packages).findings == ()


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.rule}: {planted.says}")
def test_a_planted_violation_is_found_where_it_is(
    planted: Planted, project: Callable[[], Project], folder: Path, packages: Path
) -> None:
    (folder / ".git").mkdir()
    (folder / "app.py").write_text("import queue\n" + (folder / "app.py").read_text())
    path = folder / planted.file
    if planted.old is None:
        path.write_text(planted.new)
    else:
        before = path.read_text()
        assert planted.old in before, "the planted violation does not fit what init writes"
        path.write_text(before.replace(planted.old, planted.new))
    of_bundle = planted.rule in ("native-code", "size")
    found = _report(project(), packages if of_bundle else None).findings
    mine = [each for each in found if each.rule == planted.rule and planted.says in each.what]
    assert mine, [f"{each.rule}: {each.what}" for each in found]
    finding = mine[0]
    assert finding.severity is planted.severity
    assert finding.remedy
    if planted.points_to is not None:
        lines = finding.path.read_text().splitlines()
        assert planted.points_to in lines[finding.line - 1]


def test_every_rule_has_a_planted_violation() -> None:
    assert {each.rule for each in PLANTED} == {rule.name for rule in RULES}


def test_the_names_of_rules_are_different_and_each_says_what_it_demands() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.demands for rule in RULES)


@pytest.mark.parametrize(
    ("size", "says"),
    [(1_300_000, "starts noticeably later"), (4_000_000, "the free plan"), (11_000_000, "takes 10")],
)
def test_what_compresses_badly_is_too_big_sooner(
    size: int, says: str, project: Callable[[], Project], packages: Path
) -> None:
    import hashlib

    noise = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size // 32))
    (packages / "attr" / "noise.bin").write_bytes(noise)
    found = [each for each in _report(project(), packages).findings if each.rule == "size"]
    assert len(found) == 1
    assert says in found[0].what
    assert found[0].severity is (Severity.ERROR if size > 10_485_760 else Severity.WARNING)


def test_an_environment_does_not_inherit_bindings(project: Callable[[], Project], folder: Path) -> None:
    config = folder / CONFIG
    config.write_text(
        config.read_text().replace('"main":', '"env": {"test": {"name": "my-shop-test"}},\n"main":')
    )
    report = _report(project(), None, "test")
    assert {each.rule for each in report.errors} == {"object-bindings", "queue-producer", "bucket", "token"}
    assert _report(project()).ok


def test_a_configuration_of_odd_shapes_is_judged_without_a_crash(folder: Path) -> None:
    for text in (
        "{}",
        '{"queues": 1, "durable_objects": [], "migrations": {}, "triggers": null, "r2_buckets": "x"}',
        '{"queues": {"producers": [1], "consumers": [[]]}, "migrations": [1], "triggers": {"crons": [null]}}',
        '{"name": 1, "main": 2, "compatibility_date": 3, "compatibility_flags": "x", "vars": [], "env": []}',
        '{"limits": 5, "durable_objects": {"bindings": [{"name": 5}]}, "secrets": {"required": "x"}}',
    ):
        (folder / CONFIG).write_text(text)
        report = _report(open_project(folder / CONFIG))
        assert {"object-bindings", "migrations", "queue-producer"} <= {each.rule for each in report.errors}
