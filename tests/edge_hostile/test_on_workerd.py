"""The API of a Worker on the platform's own binary keeps its description: what schemathesis draws is answered
as it says."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.cloudflare.test_worker import TOKEN, Client, running
from tests.http_api import test_openapi
from tests.on_workerd import platform_or_skip

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    for client in running(platform_or_skip(), tmp_path_factory.mktemp("edge"), WAIT_SECONDS="0.05"):
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=client.edge.url, headers=headers, timeout=30) as http:
            for workflow_id in test_openapi.SEEDED:
                body = {"workflowId": workflow_id, "workflowType": "any"}
                assert http.post("/api/v1/namespaces/shop/workflows", json=body).status_code == 200
            terminated = http.post("/api/v1/namespaces/shop/workflows/closed/terminate", json={})
            assert terminated.status_code == 200
        yield client


@pytest.mark.parametrize("name", test_openapi.NAMES)
def test_a_worker_keeps_the_apis_description(
    worker: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_openapi, "HEADERS", {"Authorization": f"Bearer {TOKEN}"})
    assert test_openapi.try_operation(worker.edge, name, examples=30) >= 1
