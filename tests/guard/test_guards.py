"""The life of the guards: installing, removing, what production sees, and what 3.11 needs to profile."""

from __future__ import annotations

import datetime
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
import types
import uuid
from pathlib import Path
from typing import Any

import pytest

from temporal_do.runtime import guard_watch, loop
from temporal_do.runtime.errors import InvariantViolation, NonDeterministicCallError
from temporal_do.runtime.guard import no_guard, production_guard, strict_guard, uninstall_guards
from temporal_do.runtime.guard_frames import ENGINE, LIBRARY, STDLIB, USER, kind_of, trust_as_user, user_frame
from temporal_do.runtime.guard_patches import GuardedBuiltin
from temporal_do.runtime.guard_refusals import REFUSALS
from tests.guard import helpers

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _nothing_stays() -> Any:
    uninstall_guards()
    yield
    uninstall_guards()


def test_closing_the_last_guard_puts_everything_back() -> None:
    before = (time.time, random.random, helpers.now, uuid.uuid4.__code__, os.environ.__class__.__getitem__)
    first, second = production_guard(), strict_guard()
    first.for_workflow(helpers.aliased)
    assert isinstance(time.time, GuardedBuiltin) and isinstance(helpers.now, GuardedBuiltin)
    first.close()
    first.close()
    assert isinstance(time.time, GuardedBuiltin)
    second.close()
    after = (time.time, random.random, helpers.now, uuid.uuid4.__code__, os.environ.__class__.__getitem__)
    assert after == before
    assert not hasattr(uuid.uuid4, "__wrapped__")


def test_guards_cannot_be_removed_under_running_workflow_code() -> None:
    guard = production_guard()
    with guard, pytest.raises(InvariantViolation):
        uninstall_guards()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_the_tool_id_is_given_back_and_others_are_respected() -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    monitoring.use_tool_id(4, "somebody else")
    try:
        guard = strict_guard()
        assert monitoring.get_tool(3) == "temporal-do guard"
        guard.close()
        assert monitoring.get_tool(3) is None
        assert monitoring.get_tool(4) == "somebody else"
    finally:
        monitoring.free_tool_id(4)


PRODUCTION_SEES = {
    "a clock": lambda: time.time(),
    "an alias": helpers.aliased,
    "a prebound partial": lambda: helpers.stamp(),
    "a random number": lambda: random.random(),
    "a uuid": lambda: uuid.uuid4(),
    "the environment": lambda: os.environ["PATH"],
    "a sleep": lambda: time.sleep(0),
    "a thread": lambda: threading.Thread(target=print).start(),
    "a process": lambda: subprocess.Popen(["true"]),
}


@pytest.mark.parametrize("name", sorted(PRODUCTION_SEES))
def test_production_refuses_what_a_patch_can_see(name: str) -> None:
    guard = production_guard().for_workflow(PRODUCTION_SEES[name])
    with guard, pytest.raises(NonDeterministicCallError):
        PRODUCTION_SEES[name]()
    assert guard.take_violation() is not None


def test_production_does_not_see_datetime_now() -> None:
    guard = production_guard().for_workflow(test_production_does_not_see_datetime_now)
    with guard:
        datetime.datetime.now()
    assert guard.take_violation() is None


def test_no_guard_refuses_nothing() -> None:
    guard = no_guard().for_workflow(print)
    with guard:
        time.time()
    assert guard.take_violation() is None
    guard.close()


def test_an_alias_in_a_class_body_stays_a_function_and_no_method() -> None:
    production_guard()

    class Late:
        clock = time.monotonic

    assert Late().clock() > 0


def test_a_patch_made_by_somebody_else_meanwhile_is_left_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = production_guard()
    patched = time.time
    try:
        time.time = lambda: 5.0
        guard.close()
        assert time.time() == 5.0
    finally:
        time.time = patched.__wrapped__  # type: ignore[attr-defined]


def test_every_refusal_names_something_that_exists_somewhere() -> None:
    import concurrent.futures.process
    import concurrent.futures.thread
    import multiprocessing.process
    import platform

    import freezegun.api

    assert all((concurrent.futures.process, concurrent.futures.thread, multiprocessing.process, platform))
    only_newer = {"uuid:uuid6", "uuid:uuid7"}
    for refusal in REFUSALS:
        module, _, path = refusal.target.partition(":")
        if path in ("", "*") or refusal.target in only_newer:
            continue
        owner: Any = {**sys.modules, "freezegun.api": freezegun.api}[module]
        for part in path.split("."):
            owner = getattr(owner, part)
        assert callable(owner)


# --- whose code it is ---


def test_files_are_told_apart() -> None:
    assert kind_of(__file__) == USER
    assert kind_of(os.__file__) == STDLIB
    assert kind_of(pytest.__file__) == LIBRARY
    assert kind_of("<frozen importlib._bootstrap>") == STDLIB
    assert kind_of("<attrs generated init x.Y>") == LIBRARY
    assert kind_of("<stdin>") == USER
    assert kind_of(loop.__file__) == ENGINE


def test_the_package_of_a_workflow_is_the_users_wherever_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "shipped_workflows"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text("import time\ndef flow():\n    return time.time()\n")
    monkeypatch.syspath_prepend(str(package.parent))
    flows = __import__("shipped_workflows.flows", fromlist=["flow"])
    assert kind_of(flows.__file__) == LIBRARY
    guard = strict_guard().for_workflow(flows.flow)
    assert kind_of(flows.__file__) == USER
    with guard, pytest.raises(NonDeterministicCallError) as caught:
        flows.flow()
    assert caught.value.line == 3
    assert not trust_as_user("shipped_workflows")


def test_the_innermost_user_frame_of_a_traceback_is_found() -> None:
    try:
        uuid.UUID("not a uuid")
    except ValueError as error:
        where = user_frame(error.__traceback__)
    assert where.file == "tests/guard/test_guards.py"
    assert where.function == "test_the_innermost_user_frame_of_a_traceback_is_found"
    assert user_frame(None) == ("", 0, "")


# --- which workflows 3.11 profiles ---


def module_of(source: str) -> types.ModuleType:
    module = types.ModuleType("made_for_the_test")
    exec(compile(textwrap.dedent(source), __file__, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from datetime import timedelta\nasync def flow(ctx): return ctx.now() + timedelta(1)", False),
        ("import time\ndef flow(): return time.time()", False),  # the patch sees it
        ("from datetime import datetime\ndef flow(): return datetime.now()", True),
        ("import datetime\ndef flow(): return [datetime.date.today() for _ in 'x']", True),
        ("import datetime\ndef flow(): return getattr(datetime.datetime, 'now')()", True),
        ("def flow():\n    import datetime\n    return datetime.datetime.now()", True),
        ("from datetime import datetime\nclass Flow:\n    def run(self): return datetime.utcnow()", True),
        ("def flow(): return __import__('datetime')", True),
        ("from datetime import datetime\ndef flow(): return datetime(2020, 1, 1)", False),
        ("from datetime import datetime\nasync def flow(ctx) -> datetime: return ctx.now()", False),
        ("from datetime import datetime\nclass Flow:\n    def run(self): return self.ctx.now()", False),
        (
            "from datetime import datetime\nasync def flow(ctx):\n"
            "    def inner(): return ctx.now()\n    return inner()",
            False,
        ),
        ("from datetime import datetime\ndef flow():\n    d = datetime\n    return d.now()", True),
        ("import datetime as dt\ndef flow(): return (lambda: dt.datetime.now())()", True),
        ("from datetime import date\nREAD = [date.today]", True),
    ],
)
def test_only_workflows_that_could_read_the_clock_unseen_are_profiled(source: str, expected: bool) -> None:
    module = module_of(source)
    sys.modules[module.__name__] = module
    try:
        function = getattr(module, "flow", None) or next(iter(vars(module).values()))
        assert guard_watch.needs_profiling([module], function) is expected
    finally:
        del sys.modules[module.__name__]


# --- beside other tools ---

MEASURED = """
import coverage, sys
sys.path.insert(0, sys.argv[1])
measuring = coverage.Coverage(data_file=None, include=["*flow_under_coverage.py"])
measuring.start()
from temporal_do.runtime.guard import strict_guard
import flow_under_coverage as flow
guard = strict_guard().for_workflow(flow.flow)
with guard:
    try:
        flow.flow(True)
    except Exception as error:
        print(type(error).__name__)
measuring.stop()
print(sorted(measuring.analysis2(flow.__file__)[3]))
"""


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_coverage_measures_guarded_code(tmp_path: Path, core: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring came with 3.12")
    (tmp_path / "flow_under_coverage.py").write_text(
        "import datetime\ndef flow(go):\n    x = 1\n    if go:\n"
        "        x = datetime.datetime.now()\n    else:\n        x = 2\n    return x\n"
    )
    paths = [*sys.path, str(REPOSITORY)]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COVERAGE_CORE": core, "PYTHONPATH": os.pathsep.join(p for p in paths if p)},
        cwd=tmp_path,
    )
    assert ran.stdout.split("\n")[:2] == ["NonDeterministicCallError", "[7, 8]"], ran.stdout + ran.stderr
