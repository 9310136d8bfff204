"""The import map holds, and the rule that says so can fail."""

from __future__ import annotations

import pytest

from tests.tidy.rules.imports import check
from tests.tidy.rules.source import Source, every_source


def test_the_rooms_import_only_what_the_map_allows() -> None:
    findings = check(every_source())
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("runtime/a.py", "from ..sim import clock", "runtime imports sim"),
        ("runtime/history/a.py", "from ...sim.clock import Clock", "runtime imports sim"),
        ("runtime/history/__init__.py", "from ... import sim", "runtime imports sim"),
        ("runtime/a.py", "def late():\n    from .. import edge_adapter", "runtime imports edge_adapter"),
        ("sim/a.py", "from ..edge_adapter.local import server", "sim imports edge_adapter"),
        ("edge_adapter/a.py", "from ..sim import Simulation", "edge_adapter imports sim"),
        ("scenarios/a.py", "from ..cli import main", "scenarios imports cli"),
        ("edge_adapter/local/a.py", "from ..cloudflare import worker", "different machines"),
        ("edge_adapter/tooling/a.py", "from ..local.server import serve", "different machines"),
        ("sim/a.py", "import sim.clock", "absolutely"),
        ("sim/a.py", "from temporal_do.runtime import Worker", "absolutely"),
        ("sim/a.py", "from .... import x", "above the import root"),
        ("runtime/a.py", "import networkx", "imports networkx"),
        ("runtime/a.py", "from temporalio.client import Client", "imports temporalio"),
        ("tests/sim/test_a.py", "import sim", "write temporal_do.sim"),
        ("examples/a.py", "from runtime.history import read", "write temporal_do.runtime"),
    ],
)
def test_a_planted_forbidden_import_is_reported(path: str, text: str, said: str) -> None:
    (finding,) = check([Source.parse(path, text)])
    assert finding.startswith(f"{path}:") and said in finding


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("runtime/a.py", "import json\nfrom . import errors\nfrom .history.read import event\nimport attrs"),
        ("sim/a.py", "from ..runtime.history import read\nfrom .clock import Clock\nimport networkx"),
        (
            "edge_adapter/local/a.py",
            "from ...runtime import host\nfrom .. import codec\nfrom . import server",
        ),
        ("scenarios/a.py", "from ..sim import Simulation\nfrom ..runtime import Worker"),
        ("cli/main.py", "from ..edge_adapter.tooling import deploy\nfrom ..sim import Simulation"),
        ("tests/sim/test_a.py", "from temporal_do.sim import Simulation\nimport hypothesis"),
    ],
)
def test_an_allowed_import_is_not_reported(path: str, text: str) -> None:
    assert check([Source.parse(path, text)]) == []
