"""Nothing lets clock, entropy, threads or addresses in by a side door, and the rule that says so can fail."""

from __future__ import annotations

import pytest

from tests.tidy.rules.banned import Owner, check
from tests.tidy.rules.source import Source, every_source


def test_banned_calls_stay_with_their_owners() -> None:
    findings = check(every_source())
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("sim/a.py", "import time\nnow = time.time()", "sim/a.py:2: uses time.time; time is an argument"),
        ("sim/a.py", "import time as t\nclock = t.monotonic", "sim/a.py:2: uses time.monotonic"),
        ("sim/a.py", "from time import time_ns", "sim/a.py:1: uses time.time_ns"),
        ("sim/a.py", "import datetime\nd = datetime.datetime.now().year", "uses datetime.datetime.now"),
        ("sim/a.py", "from datetime import datetime as d\nx = d.utcnow()", "uses datetime.datetime.utcnow"),
        ("cli/a.py", "from datetime import date\nx = str(date.today())", "uses datetime.date.today"),
        ("sim/a.py", "import random", "uses random; draw from"),
        ("sim/a.py", "from random import Random", "uses random.Random"),
        ("sim/a.py", "import uuid\nx = str(uuid.uuid4())", "uses uuid.uuid4"),
        ("sim/a.py", "import os\nx = os.environ['A']", "uses os.environ"),
        ("sim/a.py", "import os\nx = os.urandom(8)", "uses os.urandom"),
        ("runtime/a.py", "import os", "knows no operating system"),
        ("edge_adapter/a.py", "import threading", "uses threading"),
        ("edge_adapter/a.py", "import concurrent.futures", "uses concurrent.futures"),
        ("edge_adapter/a.py", "import socket", "uses socket"),
        ("edge_adapter/a.py", "import subprocess", "uses subprocess"),
        ("edge_adapter/a.py", "import asyncio\nasyncio.run(f())", "uses asyncio.run; the host owns"),
        ("sim/a.py", "import asyncio\nasyncio.get_event_loop()", "uses asyncio.get_event_loop"),
        ("sim/a.py", "text = open('x').read()", "uses open"),
        ("runtime/a.py", "from pathlib import Path", "uses pathlib.Path"),
        ("sim/a.py", "order = sorted(things, key=id)", "uses id; addresses differ"),
        ("runtime/a.py", "bucket = hash(name) % 8", "uses hash; hash of text"),
        ("scenarios/a.py", "print('x')", "uses print"),
        ("runtime/a.py", "assert state", "use invariant()"),
        ("runtime/a.py", "for key in set(keys): pass", "iterates a set"),
        ("runtime/a.py", "rows = [f(k) for k in {a, b}]", "iterates a set"),
        ("sim/a.py", "rows = list(frozenset(keys))", "iterates a set"),
    ],
)
def test_a_planted_banned_use_is_reported(path: str, text: str, said: str) -> None:
    findings = check([Source.parse(path, text)], owners=())
    assert any(said in finding for finding in findings), findings
    assert all(finding.startswith(f"{path}:") for finding in findings)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("runtime/a.py", "def f(host):\n    return host.time.time() + host.open(1)"),
        ("runtime/a.py", "class A:\n    def __hash__(self):\n        return hash(self.number)"),
        ("runtime/a.py", "class A:\n    def f(self, id):\n        return id"),
        ("runtime/a.py", "for key in sorted(set(keys)): pass"),
        ("runtime/a.py", "import time\nx: time.struct_time"),
        ("cli/a.py", "print('usage')"),
        ("tests/sim/test_a.py", "import time\nassert time.time()"),
    ],
)
def test_a_harmless_look_alike_is_not_reported(path: str, text: str) -> None:
    assert check([Source.parse(path, text)], owners=()) == []


def test_an_owner_may_use_what_it_is_listed_for_and_nothing_else() -> None:
    source = Source.parse("cli/a.py", "import os\nimport time\nx = os.environ\ny = time.time()")
    (finding,) = check([source], owners=[Owner("cli/a.py", ("os.environ",), "reads the options' defaults")])
    assert "uses time.time" in finding


def test_an_owner_that_owns_nothing_any_more_is_reported() -> None:
    source = Source.parse("cli/a.py", "x = 1")
    owners = [Owner("cli/a.py", ("os.environ",), "once"), Owner("cli/gone.py", ("time",), "once")]
    assert len(check([source], owners=owners)) == 2


def test_every_owner_says_why() -> None:
    from tests.tidy.rules.banned import OWNERS

    assert [owner.path for owner in OWNERS if not owner.reason.strip()] == []
