"""Calls that fail or lie while a Worker starts are found where they run at import, and only there."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from temporal_do.edge_adapter.tooling.import_time import BANS, calls_at_import


def _found(text: str) -> list[tuple[int, str]]:
    return [(call.line, call.name) for call in calls_at_import(ast.parse(dedent(text)))]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import random\nx = random.random()", "random.random"),
        ("import random\nx = random.Random()", "random.Random"),
        ("from uuid import uuid4\nx = uuid4()", "uuid.uuid4"),
        ("import os\nx = os.urandom(8)", "os.urandom"),
        ("import secrets as s\nx = s.token_hex()", "secrets.token_hex"),
        ("import threading\nthreading.Thread(target=print).start()", "threading.Thread"),
        (
            "from concurrent.futures import ProcessPoolExecutor as P\nx = P()",
            "concurrent.futures.ProcessPoolExecutor",
        ),
        ("import subprocess\nsubprocess.run(['x'])", "subprocess.run"),
        ("import socket as s\nx = s.create_connection(a)", "socket.create_connection"),
        ("import time\nx = time.time()", "time.time"),
        ("from datetime import datetime\nx = datetime.now()", "datetime.datetime.now"),
    ],
)
def test_what_fails_or_lies_is_found(text: str, name: str) -> None:
    assert _found(text) == [(2, name)]


def test_every_ban_says_why_and_what_to_do() -> None:
    assert all(ban.names and ban.why and ban.remedy for ban in BANS)


def test_class_bodies_defaults_and_decorators_run_at_import() -> None:
    text = """
        import time, random
        class A:
            born = time.time()
            def f(self, x=random.random()): ...
        @decorated(random.random())
        async def g(*, y=time.monotonic()): ...
        if True:
            z = [random.random() for _ in range(3)]
        """
    assert [line for line, _ in _found(text)] == [4, 5, 6, 7, 9]


@pytest.mark.parametrize(
    "text",
    [
        "import random\ndef f():\n    return random.random()",
        "import random\nf = lambda: random.random()",
        "import random\nclass A:\n    def f(self):\n        return random.random()",
        "import asyncio\nif __name__ == '__main__':\n    asyncio.run(main())",
        "import random\nx = random.Random(7)",
        "import threading\nx = threading.Lock()",
        "from concurrent.futures import ThreadPoolExecutor\nx = ThreadPoolExecutor()",
        "import tempfile\nx = tempfile.mkdtemp()",
        "import time\nx = time.gmtime",
        "def random(): ...\nrandom()",
    ],
)
def test_what_does_not_run_at_import_or_harms_nothing_is_left_alone(text: str) -> None:
    assert _found(text) == []
