"""What the strict guard refuses, whose line it blames, and what it leaves alone."""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures.thread
import datetime
import inspect
import logging
import os
import pathlib
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from freezegun import freeze_time

from temporal_do.runtime.errors import NonDeterministicCallError
from temporal_do.runtime.guard import Guard, no_guard, strict_guard
from temporal_do.runtime.prng import Stream, workflow_random
from tests.guard import helpers
from tests.loop.harness import Rig


@pytest.fixture(scope="module")
def installed() -> Iterator[Guard]:
    guard = strict_guard()
    yield guard
    guard.close()


def inside(installed: Guard, function: Callable[[], Any]) -> Any:
    """Run a function as workflow code."""
    with installed.for_workflow(function):
        return function()


def refused(installed: Guard, function: Callable[[], Any]) -> NonDeterministicCallError:
    with pytest.raises(NonDeterministicCallError) as caught:
        inside(installed, function)
    taken = installed.for_workflow(function).take_violation()
    assert taken is caught.value
    return caught.value


async def _now_in_a_coroutine() -> Any:
    return datetime.datetime.now()


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "time.time": (lambda: time.time(), "time.time()", "ctx.now().timestamp()"),
    "time.monotonic": (lambda: time.monotonic(), "time.monotonic()", "ctx.now().timestamp()"),
    "time.gmtime": (lambda: time.gmtime(), "time.gmtime()", "ctx.now()"),
    "time.sleep": (lambda: time.sleep(0), "time.sleep()", "await ctx.sleep(...)"),
    "datetime.now": (lambda: datetime.datetime.now(), "datetime.datetime.now()", "ctx.now()"),
    "datetime.now(tz)": (
        lambda: datetime.datetime.now(datetime.UTC),
        "datetime.datetime.now()",
        "ctx.now()",
    ),
    "datetime.today": (lambda: datetime.datetime.today(), "datetime.datetime.today()", "ctx.now()"),
    "date.today": (lambda: datetime.date.today(), "datetime.date.today()", "ctx.now().date()"),
    "a subclass of datetime": (lambda: helpers.LocalTime.now(), "datetime.datetime.now()", "ctx.now()"),
    "an alias": (helpers.aliased, "time.time()", "ctx.now().timestamp()"),
    "a prebound partial": (lambda: helpers.stamp(), "time.time()", "ctx.now().timestamp()"),
    "a class attribute": (lambda: helpers.Clock.tick(), "time.monotonic()", "ctx.now().timestamp()"),
    "a table": (helpers.hidden_in_a_dict, "time.time()", "ctx.now().timestamp()"),
    "getattr": (lambda: getattr(time, "ti" + "me")(), "time.time()", "ctx.now().timestamp()"),
    "a lambda in a comprehension": (
        lambda: [(lambda: time.time())() for _ in range(2)],
        "time.time()",
        "ctx.now().timestamp()",
    ),
    "map": (lambda: sum(map(helpers.Clock.read, [helpers.Clock()])), "time.time()", "ctx.now().timestamp()"),
    "a method in another module": (lambda: helpers.Clock().read(), "time.time()", "ctx.now().timestamp()"),
    "a method reading the date": (
        lambda: helpers.Clock().today(),
        "datetime.date.today()",
        "ctx.now().date()",
    ),
    "random.random": (lambda: random.random(), "random.random()", "ctx.random"),
    "random.choice": (lambda: random.choice([1]), "random.choice()", "ctx.random"),
    "random in another module": (helpers.roll, "random.randint()", "ctx.random"),
    "an unseeded Random": (lambda: random.Random(), "random.Random() without a seed", "ctx.random"),
    "SystemRandom": (
        lambda: random.SystemRandom(1).random(),
        "random.SystemRandom.random()",
        "ctx.random",
    ),
    "secrets": (lambda: secrets.token_hex(), "secrets.token_hex()", "ctx.random"),
    "uuid4": (lambda: uuid.uuid4(), "uuid.uuid4()", "ctx.uuid4()"),
    "os.urandom": (lambda: os.urandom(4), "os.urandom()", "ctx.random"),
    "os.environ[]": (
        lambda: os.environ["PATH"],
        "os.environ",
        "an argument of the workflow, or an activity",
    ),
    "os.environ.get": (
        lambda: os.environ.get("X"),
        "os.environ",
        "an argument of the workflow, or an activity",
    ),
    "os.getenv": (lambda: os.getenv("X"), "os.environ", "an argument of the workflow, or an activity"),
    "os.getpid": (lambda: os.getpid(), "os.getpid()", "an argument of the workflow, or an activity"),
    "open": (lambda: open(os.devnull), "open()", "an activity (await ctx.activity(...))"),
    "Path.read_text": (
        lambda: pathlib.Path("/dev/null").read_text(),
        "open()",
        "an activity (await ctx.activity(...))",
    ),
    "listdir": (lambda: os.listdir("/"), "os.listdir()", "an activity (await ctx.activity(...))"),
    "a thread": (
        lambda: threading.Thread(target=print).start(),
        "threading.Thread.start()",
        "an activity (await ctx.activity(...))",
    ),
    "an executor": (
        lambda: concurrent.futures.thread.ThreadPoolExecutor(1).submit(print),
        "concurrent.futures.thread.ThreadPoolExecutor.submit()",
        "an activity (await ctx.activity(...))",
    ),
    "a process": (
        lambda: subprocess.run(["true"]),
        "subprocess.Popen()",
        "an activity (await ctx.activity(...))",
    ),
    "os.system": (lambda: os.system("true"), "os.system()", "an activity (await ctx.activity(...))"),
    "a socket": (lambda: socket.socket(), "socket.socket()", "an activity (await ctx.activity(...))"),
    "a connection": (
        lambda: socket.create_connection(("localhost", 1)),
        "socket.getaddrinfo()",
        "an activity (await ctx.activity(...))",
    ),
    "a coroutine": (lambda: Rig().run(_now_in_a_coroutine()), "datetime.datetime.now()", "ctx.now()"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused_with_its_replacement(installed: Guard, name: str) -> None:
    function, call, replacement = REFUSED[name]
    error = refused(installed, function)
    assert (error.call, error.replacement) == (call, replacement)
    assert error.file in ("tests/guard/test_strict_guard.py", "tests/guard/helpers.py")
    assert call in str(error) and replacement in str(error)


TOO_REAL = {"an executor", "a connection", "a process", "os.system"}


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - TOO_REAL))
def test_it_works_as_ever_outside_of_workflow_code(installed: Guard, name: str) -> None:
    installed.for_workflow(REFUSED[name][0])
    result = REFUSED[name][0]()
    if hasattr(result, "close"):
        result.close()
    assert installed.take_violation() is None


def test_the_line_of_the_user_is_blamed(installed: Guard) -> None:
    def workflow() -> None:
        helpers.aliased()

    error = refused(installed, workflow)
    lines, start = inspect.getsourcelines(helpers.aliased)
    assert (error.file, error.line) == ("tests/guard/helpers.py", start + 1)
    here = refused(installed, lambda: time.time())
    assert here.line == inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]


def test_a_library_that_opens_a_socket_is_refused_at_the_line_that_called_it(
    installed: Guard, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages"
    package.mkdir()
    (package / "some_library.py").write_text(
        "import socket, time\ndef fetch():\n    return socket.socket()\n"
        "def stamp():\n    return time.time()\n"
    )
    monkeypatch.syspath_prepend(str(package))
    library = __import__("some_library")

    def workflow() -> None:
        library.fetch()

    error = refused(installed, workflow)
    assert (error.file, error.call) == ("tests/guard/test_strict_guard.py", "socket.socket()")
    assert error.line == inspect.getsourcelines(workflow)[1] + 1
    assert inside(installed, lambda: library.stamp()) > 0  # a library may read the clock for itself


ALLOWED: dict[str, Callable[[], Any]] = {
    "a seeded Random": lambda: random.Random(7).random(),
    "the stream of the workflow": lambda: workflow_random(Stream(1)).choice([1, 2, 3]),
    "a date that is given": lambda: datetime.datetime(2020, 1, 2).isoformat(),
    "a time that is given": lambda: time.gmtime(0).tm_year,
    "uuid from a name": lambda: uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"),
    "a thread that is not started": lambda: threading.Thread(target=print),
    "an import that reads the clock": helpers.lazily_imported,
    "printing": lambda: print("a line"),
}


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_what_is_deterministic_is_allowed(installed: Guard, name: str) -> None:
    assert not isinstance(inside(installed, ALLOWED[name]), Exception)
    assert installed.for_workflow(ALLOWED[name]).take_violation() is None


def test_logging_may_read_the_clock_and_open_its_file(installed: Guard, tmp_path: pathlib.Path) -> None:
    logger = logging.getLogger("tests.guard")
    logger.propagate = False
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    try:
        inside(installed, lambda: logger.warning("from a workflow"))
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert "from a workflow" in (tmp_path / "log").read_text()


def test_a_swallowed_error_is_remembered_and_given_once(installed: Guard) -> None:
    def workflow() -> str:
        for call in (lambda: time.time(), lambda: random.random()):
            try:
                call()
            except Exception:
                pass
        return "went on"

    assert inside(installed, workflow) == "went on"
    guard = installed.for_workflow(workflow)
    violation = guard.take_violation()
    assert violation is not None and violation.call == "time.time()"
    assert guard.take_violation() is None


def test_a_clock_among_harmless_functions_is_found(installed: Guard) -> None:
    def workflow() -> None:
        for function in (len, sum, max, lambda _: datetime.datetime.now()):
            function([1])

    assert refused(installed, workflow).call == "datetime.datetime.now()"


def test_other_threads_are_left_alone(installed: Guard) -> None:
    results: list[float] = []
    go, done = threading.Event(), threading.Event()

    def other() -> None:
        go.wait(5)
        results.append(time.time())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def workflow() -> None:
        go.set()
        done.wait(5)

    inside(installed, workflow)
    thread.join()
    assert results and results[0] > 0


def test_guards_nest_and_give_way(installed: Guard) -> None:
    guard = installed.for_workflow(time_reader)
    with guard:
        with guard:
            pass
        with pytest.raises(NonDeterministicCallError):
            time_reader()
        with no_guard():
            pass
    assert time_reader() > 0
    guard.take_violation()


def time_reader() -> float:
    return time.time()


def test_frozen_time_is_refused_too(installed: Guard) -> None:
    with freeze_time("2020-01-01"):
        guard = strict_guard()
        try:
            error = refused(guard, lambda: datetime.datetime.now())
            assert error.call == "datetime.datetime.now()"
            assert datetime.datetime.now().year == 2020
        finally:
            guard.close()


def test_a_breakpoint_inside_workflow_code_may_do_anything(
    installed: Guard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pdb

    typed = iter(["p time.time() > 0", "p os.environ.get('HOME') is not None", "p value", "c"])
    monkeypatch.setattr(builtins, "input", lambda prompt="": next(typed))
    monkeypatch.setattr(sys, "breakpointhook", lambda: pdb.Pdb(nosigint=True).set_trace(sys._getframe(1)))

    async def main() -> int:
        value = 41
        await asyncio.sleep(0)
        breakpoint()
        await asyncio.sleep(0)
        return value + 1

    trace = sys.gettrace()
    try:
        assert inside(installed, lambda: Rig().run(main())) == 42
    finally:
        sys.settrace(trace)
    printed = capsys.readouterr().out
    assert printed.count("True") == 2 and "41" in printed


def test_a_tracer_keeps_working(installed: Guard) -> None:
    seen: list[str] = []

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        seen.append(frame.f_code.co_name)
        return tracer

    def workflow() -> int:
        return sum(n for n in range(3))

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        assert inside(installed, workflow) == 3
    finally:
        sys.settrace(before)
    assert "workflow" in seen


def test_a_profiler_of_the_users_is_not_replaced(installed: Guard) -> None:
    calls: list[str] = []

    def profiler(frame: Any, event: str, arg: Any) -> None:
        calls.append(event)

    sys.setprofile(profiler)
    try:
        inside(installed, lambda: len([1]))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert "call" in calls


def test_signatures_and_names_survive(installed: Guard) -> None:
    assert str(inspect.signature(uuid.uuid4)) in ("()",)
    assert time.time.__name__ == "time"
    assert "self" in inspect.signature(threading.Thread.start).parameters
    assert isinstance(datetime.datetime.now(), datetime.datetime)
