"""``edge check``: one table of rules, applied to a project and to the bundle made of it.

Owns the table and its order. Invariants: a rule is a name, what it demands, and a search; every rule has a
planted violation in the tests; a project as ``edge init`` writes it has no findings. Must not import: the
user's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from . import rules_code, rules_config
from .bundle import Bundle
from .findings import Finding, Rule, Severity, Subject
from .modules import UserCode
from .project import Project
from .sizes import measure

RULES: Final = (
    Rule("one-configuration", "one configuration file for the deploy tool", rules_config.one_configuration),
    Rule("duplicate-key", "every key once", rules_config.keys_once),
    Rule("name", "a name the platform takes", rules_config.name),
    Rule("compatibility-date", "a date from which Python is new enough", rules_config.compatibility_date),
    Rule(
        "compatibility-flags",
        "Python switched on, and nothing that spoils it",
        rules_config.compatibility_flags,
    ),
    Rule("object-bindings", "a binding for every Durable Object class", rules_config.object_bindings),
    Rule("migrations", "every class created with SQLite storage", rules_config.migrations),
    Rule("queue-producer", "a binding that sends activity tasks", rules_config.queue_producer),
    Rule("queue-consumer", "the same queue consumed here", rules_config.queue_consumer),
    Rule("dead-letter-queue", "undeliverable tasks kept, and taken up again", rules_config.dead_letters),
    Rule("queue-limits", "settings of queues inside the platform's limits", rules_config.queue_limits),
    Rule("bucket", "an object store for closed histories", rules_config.bucket),
    Rule("cron", "a cron trigger for the recovery sweep", rules_config.cron),
    Rule("limits", "a CPU limit inside the platform's", rules_config.limits),
    Rule("all-modules", "nothing of the bundle left out of the upload", rules_config.all_modules_go_along),
    Rule("entry-file", "main names a Python file that is there", rules_code.entry_file),
    Rule("entry-exports", "the entry defines every class of the Worker", rules_code.entry_exports),
    Rule(
        "import-time",
        "no chance, threads, sockets or clock while modules are imported",
        rules_code.calls_while_importing,
    ),
    Rule("imports", "every import found in the Worker", rules_code.imports_found),
    Rule("hidden-module", "module names of the user's own", rules_code.no_hidden_module),
    Rule("native-code", "nothing compiled for another machine", rules_code.no_native_code),
    Rule("size", "a Worker within the platform's size", rules_code.size),
    Rule("token", "a bearer token, kept as a secret", rules_code.token),
    Rule("secrets-ignored", "the file of secrets not committed", rules_code.secrets_stay_here),
)

_OF_BUNDLE: Final = ("entry-exports", "import-time", "imports", "hidden-module", "native-code", "size")
RULES_OF_BUNDLE: Final = tuple(rule for rule in RULES if rule.name in _OF_BUNDLE)
"""Those about what is in the bundle, whatever the configuration says."""


@attrs.frozen(kw_only=True)
class Report:
    """What ``edge check`` found, errors first, each finding once."""

    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that keep the Worker from working."""
        return tuple(each for each in self.findings if each.severity is Severity.ERROR)

    @property
    def ok(self) -> bool:
        """Nothing stands in the way of a deploy."""
        return not self.errors


def check_project(
    project: Project,
    *,
    code: UserCode | None,
    bundle: Bundle | None,
    environments: Sequence[str | None] = (None,),
    rules: Iterable[Rule] = RULES,
) -> Report:
    """Apply every rule to each of ``environments`` (None: the top level)."""
    sizes = None if bundle is None else measure(bundle)
    found: dict[Finding, None] = {}
    for rule in rules:
        for environment in environments:
            view = project.view(environment)
            subject = Subject(project=project, view=view, code=code, bundle=bundle, sizes=sizes)
            found.update(dict.fromkeys(rule.apply(subject)))
    ordered = sorted(found, key=lambda each: each.severity is not Severity.ERROR)
    return Report(findings=tuple(ordered))
