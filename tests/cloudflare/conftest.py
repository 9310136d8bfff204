"""The Cloudflare host on CPython: what it imports of JavaScript is replaced."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from . import fake


@pytest.fixture(autouse=True)
def javascript(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The platform's modules, for as long as a test runs."""
    from temporal_do.edge_adapter.cloudflare import host
    from temporal_do.edge_adapter.cloudflare.deployed import deployed

    for name, module in fake.javascript().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "temporal_do.edge_adapter.cloudflare.bridge", raising=False)
    monkeypatch.setattr(host, "_date_now", None)
    monkeypatch.setattr(deployed, "actors", deployed.actors)
    yield
    sys.modules.pop("temporal_do.edge_adapter.cloudflare.bridge", None)
