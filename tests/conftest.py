"""What holds for every test: the two hypothesis profiles, the `--soak` switch, that no test leaves its world
behind, that a pytest run inside this process leaves the modules of this process alone, and what the planted
bugs say at the end. Nothing else belongs here; the `sim` fixture comes from the product's own pytest plugin.

`default` draws the same examples in every run, so that a red build means the change, not the dice.
`soak` draws fresh ones, many more of them, and runs the tests marked `soak`. A test that wants more examples
than its profile gives does not pin `max_examples`; it is marked `soak` instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest import pytester as pytesting
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, derandomize=True, max_examples=30, print_blob=True)
settings.register_profile(
    "soak",
    deadline=None,
    derandomize=False,
    max_examples=500,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long forms: fresh seeds, more examples")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile", default=None):
        settings.load_profile("soak" if config.getoption("--soak") else "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="a long form: make soak"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A host that stays in the context would serve the calls of every later test."""
    from temporal_do.runtime.connection import host_context

    left = host_context.get()
    if left is not None:
        host_context.set(None)
        raise AssertionError(f"{item.nodeid} left {left!r} in the context")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.quality.detection import told

    if line := told(terminalreporter.stats.get("passed", ())):
        terminalreporter.ensure_newline()
        terminalreporter.write_line(line)


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest's own, which forgets what a run inside this process has imported: here only the modules of that
    run's project. A module of ours that is loaded twice has every class twice, and whichever test comes next
    in this process may get some of either."""
    forgets = pytesting.SysModulesSnapshot

    def is_not_of_the_project(name: str) -> bool:
        file = getattr(sys.modules[name], "__file__", None)
        return file is None or pytester.path not in Path(file).parents

    def snapshot(preserve: Callable[[str], bool] | None = None) -> pytesting.SysModulesSnapshot:
        return forgets(preserve=is_not_of_the_project)

    monkeypatch.setattr(pytesting, "SysModulesSnapshot", snapshot)
    monkeypatch.setattr(pytester, "_sys_modules_snapshot", snapshot())
    return pytester
