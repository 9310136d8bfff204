"""The OpenAPI description is valid, and the server keeps it: what fits it is answered as it says, and what
does not is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from temporal_do.edge_adapter.api import openapi
from temporal_do.edge_adapter.api.operations import every_operation
from tests.http_api.server import Server

TOKEN = "the-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
SEEDED = ("open", "closed", "failed")

DESCRIPTION = json.loads(json.dumps(openapi()))
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
# Ids that are long when they are percent-encoded fit the schema, and no URL.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "404", "409", "414"]
SCHEMA.config.checks.negative_data_rejection.expected_statuses = ["400", "401", "404", "405", "414"]
NAMES = sorted(row["operationId"] for path in DESCRIPTION["paths"].values() for row in path.values())

# What a schema cannot say, so that a request that fits it may still be refused.
UNSAID = {
    "createSchedule": "cron expressions, calendars and time zones",
    "updateSchedule": "cron expressions, calendars and time zones",
    "resetWorkflow": "which events are the end of a workflow task",
    "backfillSchedule": "times in order and not too far away",
    "listWorkflows": "Temporal's list filter",
    "countWorkflows": "Temporal's list filter",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(token=TOKEN, wait_seconds_max=0.05) as server:
        post = "/api/v1/namespaces/shop/workflows"
        with httpx.Client(base_url=server.url, headers=HEADERS) as client:
            for workflow_id, workflow_type, args in (
                ("open", "order", ["tea"]),
                ("closed", "echo", [1]),
                ("failed", "failing", ["so"]),
            ):
                body = {"workflowId": workflow_id, "workflowType": workflow_type, "input": args}
                assert client.post(post, json=body).status_code == 200
            schedule = {
                "scheduleId": "open",
                "definition": {"spec": {"interval": "1000d"}, "action": {"workflowType": "echo"}},
            }
            made = client.post("/api/v1/namespaces/shop/schedules", json=schedule)
            assert made.status_code == 200
        yield server


def operation_named(name: str) -> Any:
    return next(
        found.ok()
        for found in SCHEMA.get_all_operations()
        if found.ok().definition.raw["operationId"] == name
    )


def try_operation(server: Any, name: str, *, examples: int) -> int:
    """Make requests that schemathesis draws, and check each answer; how many there were."""
    operation = operation_named(name)
    made = 0
    seeded = iter(range(10**9))
    excluded = [checks.positive_data_acceptance] if name in UNSAID else []

    def check(case: Any) -> None:
        nonlocal made
        made += 1
        number = next(seeded)
        if isinstance(case.body, dict) and case.meta.generation.mode.is_positive:
            case.body.pop("searchAttributes", None)  # a payload may hold nonsense
            case.body.pop("retryPolicy", None)  # its intervals may be in the wrong order
        if case.path_parameters and number % 2 and case.meta.generation.mode.is_positive:
            # Random ids exist nowhere; every other request is about something that does.
            case.path_parameters["namespace"] = "shop"
            for parameter in ("workflowId", "scheduleId"):
                if parameter in case.path_parameters:
                    case.path_parameters[parameter] = SEEDED[number // 2 % 3]
        case.call_and_validate(
            base_url=server.url, session=session, headers=HEADERS, excluded_checks=excluded, timeout=20
        )

    import requests

    with requests.Session() as session:
        for mode in schemathesis.GenerationMode:
            if mode.is_negative and not (operation.path_parameters or operation.query or operation.body):
                continue
            run = settings(
                max_examples=examples,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=operation.as_strategy(generation_mode=mode))(check))
            run()
    return made


def test_the_description_is_valid_openapi() -> None:
    OPENAPI_31_VALIDATOR.validate(DESCRIPTION)


def test_every_operation_is_described_and_every_reference_leads_somewhere() -> None:
    assert set(NAMES) == {row.name for row in every_operation()} | {"health", "openapi"}
    schemas = DESCRIPTION["components"]["schemas"]
    references = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                references.add(value["$ref"].removeprefix("#/components/schemas/"))
            for item in value.values():
                look(item)
        elif isinstance(value, list):
            for item in value:
                look(item)

    look(DESCRIPTION)
    assert references == set(schemas)


def test_the_description_is_the_same_in_every_process() -> None:
    import subprocess
    import sys

    program = "import json; from temporal_do.edge_adapter.api import openapi; print(json.dumps(openapi()))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert json.loads(printed[0]) == DESCRIPTION


@pytest.mark.parametrize("name", NAMES)
def test_the_server_keeps_its_description(server: Server, name: str) -> None:
    assert try_operation(server, name, examples=5) >= 1


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_the_server_keeps_its_description_for_long(server: Server, name: str) -> None:
    assert try_operation(server, name, examples=300) >= 1


# --- and it would be noticed if it did not ----------------------------------------------------------------


def _fails(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (500, b'{"error": {}}') if status == 200 else (status, body)


def _leaves_out(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (200, b'{"count": "many"}') if status == 200 else (status, body)


def _accepts(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (200, b'{"count": 1}') if status == 400 else (status, body)


def _refuses(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    error = {"code": "bad_request", "kind": "argument", "message": "no"}
    return (400, json.dumps({"error": error}).encode()) if status in (200, 202) else (status, body)


def _is_no_json(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (200, b"ok") if status == 200 else (status, body)


def _teapot(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (418, body) if status == 200 else (status, body)


def _serves_strangers(scope: Any, status: int, body: bytes) -> tuple[int, bytes]:
    return (200, b'{"count": 1}') if status == 401 else (status, body)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (_fails, "countWorkflows"),
        (_leaves_out, "countWorkflows"),
        (_accepts, "countWorkflows"),
        (_refuses, "describeWorkflow"),
        (_is_no_json, "countWorkflows"),
        (_teapot, "countWorkflows"),
        (_serves_strangers, "countWorkflows"),
    ],
)
def test_a_server_that_does_not_keep_it_is_found_out(
    server: Server, change: Callable[..., tuple[int, bytes]], name: str
) -> None:
    try_operation(server, name, examples=20)
    server.change = change
    try:
        with pytest.raises((Failure, FailureGroup)):
            try_operation(server, name, examples=20)
    finally:
        server.change = None
