"""What strangers, mistakes and attacks get: a status, a stable code, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from temporal_do.edge_adapter.api import Api, Request
from temporal_do.edge_adapter.api.http import JSON_DEPTH_MAX
from temporal_do.edge_adapter.api.operations import every_operation
from temporal_do.runtime import InvalidArgumentError
from temporal_do.runtime.errors import HostError, HostNotOpenError
from tests.http_api.conftest import ROOT, TOKEN, Served, error_of, run

HEADERS = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


class Unused:
    """A host that nobody may ask for anything but numbers."""

    def now(self) -> int:
        return 0

    def entropy(self, size: int) -> bytes:
        return b"\x01" * size

    async def call(self, receiver: str, message: Any) -> Any:
        raise AssertionError(f"{message!r} reached {receiver}")


def ask(request: Request, host: Any = None, **settings: Any) -> Any:
    """The response to one request."""
    settings.setdefault("token", TOKEN)
    return asyncio.run(Api(**settings).handle(host or Unused(), request))


def code_of(response: Any) -> tuple[int, str]:
    import json

    return response.status, json.loads(response.body)["error"]["code"]


def post(body: bytes, path: str = "/workflows", **headers: str) -> Request:
    return Request(method="POST", target=ROOT + path, headers={**HEADERS, **headers}, body=body)


# --- who asks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/health", "/openapi.json", f"{ROOT}/workflows", "/nothing"])
@pytest.mark.parametrize("token", [None, "", []])
def test_without_a_configured_token_nothing_is_served(target: str, token: Any) -> None:
    response = ask(Request(method="GET", target=target, headers=HEADERS), token=token)
    assert code_of(response) == (503, "no_token_configured")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN} {TOKEN}",
        "Bearer ü",
    ],
)
@pytest.mark.parametrize("target", ["/openapi.json", f"{ROOT}/workflows", "/nothing"])
def test_a_wrong_token_learns_nothing_but_that(header: str | None, target: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = ask(Request(method="GET", target=target, headers=headers))
    assert code_of(response) == (401, "unauthorized")
    assert dict(response.headers)["www-authenticate"].startswith('Bearer realm="temporal-do"')


def test_two_authorization_headers_are_none() -> None:
    headers = [("authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
    assert ask(Request(method="GET", target="/openapi.json", headers=headers)).status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("offered", ["one", "two"])
def test_each_of_several_tokens_is_good_so_that_they_can_be_exchanged(scheme: str, offered: str) -> None:
    headers = {"Authorization": f"{scheme} {offered}"}
    response = ask(Request(method="GET", target="/openapi.json", headers=headers), token=["one", "two"])
    assert response.status == 200


@pytest.mark.parametrize("token", [5, [5], "with space", "line\n", "ümlaut"])
def test_a_token_that_no_header_can_carry_is_refused_at_once(token: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        Api(token=token)


def test_settings_do_not_show_the_token() -> None:
    assert TOKEN not in repr(Api(token=TOKEN))


# --- where to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        "*",
        "/api/v1",
        "/api/v1/",
        "/api/v1/namespaces",
        "/api/v1/namespaces//workflows",
        "/api/v1/namespaces/a/workflows/",
        "/api/v1/namespaces/a/workflows//signal",
        "/api/v1/namespaces/a/workflows/b/none",
        "/api/v1/namespaces/a/workflows/b/signal/more",
        "/api/v1x/namespaces/a/workflows",
        "/api/v2/namespaces/a/workflows",
        "//api/v1/namespaces/a/workflows",
        "/api/v1/namespaces/a/nothing",
        "https://host",
    ],
)
def test_an_unknown_path_is_no_route(target: str) -> None:
    assert code_of(ask(Request(method="GET", target=target, headers=HEADERS))) == (404, "no_such_route")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "get", "X"])
def test_a_wrong_method_is_told_the_right_ones(method: str) -> None:
    response = ask(Request(method=method, target=f"{ROOT}/workflows", headers=HEADERS))
    assert code_of(response) == (405, "method_not_allowed")
    assert dict(response.headers)["allow"] == "POST, GET, HEAD, OPTIONS"
    assert code_of(ask(Request(method="POST", target="/health"))) == (405, "method_not_allowed")


def test_options_and_head_are_answered() -> None:
    for target in (f"{ROOT}/workflows", "/health", "/openapi.json"):
        options = ask(Request(method="OPTIONS", target=target, headers=HEADERS))
        assert (options.status, options.body) == (204, b"")
        assert "OPTIONS" in dict(options.headers)["allow"]
    head = ask(Request(method="HEAD", target="/openapi.json", headers=HEADERS))
    assert (head.status, head.body) == (200, b"")


def test_too_long_a_url_and_too_large_headers_are_refused_unread() -> None:
    long = Request(method="GET", target=f"{ROOT}/workflows?query={'a' * 20_000}", headers=HEADERS)
    assert code_of(ask(long)) == (414, "target_too_long")
    large = Request(method="GET", target="/health", headers={"x": "a" * 40_000})
    assert code_of(ask(large)) == (431, "headers_too_large")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/workflows?pageSize=0", "pageSize: is not from 1"),
        ("/workflows?pageSize=many", "pageSize: expected a whole number"),
        ("/workflows?pageSize=1&pageSize=2", "given twice"),
        ("/workflows?pagesize=1", "did you mean 'pageSize'"),
        ("/workflows?wait=1s", "wait: is not known"),
        ("/workflows?query=%FF", "cannot be read"),
        ("/workflows?" + "&".join(f"a{n}=1" for n in range(50)), "cannot be read"),
        ("/workflows/%FF", "workflowId: is not percent-encoded"),
        ("/workflows/" + "a" * 1_001, "workflowId: has 1001 characters"),
        ("/workflows/a/result?wait=soon", "wait: it 'soon' is not a duration"),
        ("/workflows/a/result?payloads=all", "payloads: must be one of exact, plain"),
        ("/workflows/a/history?afterEventId=-1", "afterEventId: is not from 0"),
        ("/workflows?shard=9", "shard: is not from 0 to 3"),
    ],
)
def test_bad_parameters_are_named(path: str, told: str) -> None:
    async def work(served: Served) -> None:
        response = await served.get(path)
        assert response.status_code == 400
        assert told in error_of(response)["message"]

    run(work)


def test_an_activity_s_key_cannot_address_another_object() -> None:
    for key in ("WorkflowDO%2Fshop%2Fo", "ActivityDO%2Fother%2Fr%7C1", "ActivityDO%2Fshop%2F", "x"):
        request = post(b'{"token": "t"}', f"/activities/{key}/renew")
        assert code_of(ask(request)) == (404, "not_found")


# --- what with --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"workflowType": "echo"}',
        b'{"input": [' + b"1" * 5_000 + b"]}",
        b"[" * 200 + b"]" * 200,
        b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_or_too_deep_is_refused(body: bytes) -> None:
    assert code_of(ask(post(body))) == (400, "bad_json")


def test_brackets_in_a_text_are_not_depth() -> None:
    from temporal_do.edge_adapter.api.http import parse_json

    deep = "[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX
    assert parse_json(deep.encode()) is not None
    assert parse_json(b'["' + b"[" * 500 + b'", "\\"' + b"{" * 500 + b'"]') is not None


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"5"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert code_of(ask(post(body))) == (400, "bad_request")


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_another_content_type_is_refused(given: str) -> None:
    request = post(b'{"workflowType": "echo"}', **{"content-type": given})
    assert code_of(ask(request)) == (415, "unsupported_media_type")


def test_a_content_type_may_name_its_characters() -> None:
    request = post(b'{"a": 1}', **{"content-type": "Application/JSON; charset=utf-8"})
    assert code_of(ask(request)) == (400, "bad_request")


def test_a_body_is_read_no_further_than_the_limit() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 1_000

    request = Request(method="POST", target=f"{ROOT}/workflows", headers=HEADERS, body=endless())
    assert code_of(ask(request, body_bytes_max=10_000)) == (413, "body_too_large")
    assert taken == 11
    announced = Request(
        method="POST",
        target=f"{ROOT}/workflows",
        headers={**HEADERS, "content-length": "10001"},
        body=endless(),
    )
    assert code_of(ask(announced, body_bytes_max=10_000)) == (413, "body_too_large")
    assert taken == 11
    assert code_of(ask(post(b" " * 10_001), body_bytes_max=10_000)) == (413, "body_too_large")


START = {"workflowType": "echo", "workflowId": "w"}
SCHEDULE: dict[str, Any] = {
    "scheduleId": "s",
    "definition": {"spec": {"interval": "1h"}, "action": {"workflowType": "echo"}},
}


def _spec(**spec: Any) -> dict[str, Any]:
    return {"definition": {"spec": spec, "action": {"workflowType": "echo"}}}


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"workflowType": None}, "workflowType", "missing"),
        ({"workflowType": ""}, "workflowType", "empty"),
        ({"workflowType": 5}, "workflowType", "expected text"),
        ({"workflowId": "a" * 1_001}, "workflowId", "1001 characters"),
        ({"workflowId": "\ud800"}, "workflowId", "surrogate"),
        ({"workflow_type": "x"}, "workflow_type", "did you mean 'workflowType'"),
        ({"input": "a"}, "input", "expected a list"),
        ({"input": {"a": 1}}, "input", "expected a list"),
        ({"input": [{"metadata": {"encoding": "%%%"}}]}, "input.[0].metadata.encoding", "base64"),
        ({"runTimeout": "soon"}, "runTimeout", "not a duration"),
        ({"runTimeout": -1}, "runTimeout", "negative"),
        ({"runTimeout": True}, "runTimeout", "expected a duration"),
        ({"runTimeout": 1e300}, "runTimeout", "longer"),
        ({"runTimeout": "40000d"}, "runTimeout", "hundred years"),
        ({"retryPolicy": {"maximumAttempts": -1}}, "retryPolicy.maximumAttempts", "not from 0"),
        ({"retryPolicy": {"backoffCoefficient": 0.5}}, "retryPolicy", ">= 1"),
        ({"retryPolicy": {"backoffCoefficient": "a"}}, "retryPolicy", "number"),
        ({"retryPolicy": {"attempts": 1}}, "retryPolicy.attempts", "not known"),
        ({"retryPolicy": []}, "retryPolicy", "expected a retry policy"),
        ({"idReusePolicy": "never"}, "idReusePolicy", "must be one of"),
        ({"idConflictPolicy": 1}, "idConflictPolicy", "expected text"),
        ({"memo": []}, "memo", "expected an object"),
        ({"memo": {"": 1}}, "memo", "empty"),
        ({"searchAttributes": {"A": {"b": 1}}}, "searchAttributes", "accepted are"),
        ({"searchAttributes": {"A": None}}, "searchAttributes", "accepted are"),
        (
            {"searchAttributes": {"A": {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "ew=="}}},
            "searchAttributes.A",
            "not the payload of a search attribute",
        ),
        ({"signal": {}}, "signal.signalName", "missing"),
        ({"signal": {"name": "x"}}, "signal.name", "not known"),
        ({"requestId": ""}, "requestId", "empty"),
        ({"startDelay": []}, "startDelay", "expected a duration"),
    ],
)
def test_a_bad_member_is_named_and_nothing_is_done(body: dict[str, Any], field: str, told: str) -> None:
    import json

    response = ask(post(json.dumps({**START, **body}).encode()))
    assert code_of(response) == (400, "bad_request")
    error = json.loads(response.body)["error"]
    assert error["field"] == field
    assert told in error["message"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (_spec(), "none is set"),
        (_spec(cron=["0 9 * * *"], interval="1h"), "both set"),
        (_spec(cron=["nonsense"]), "cron"),
        (_spec(interval="1ms"), "too short"),
        (_spec(interval="1h", timezone="Mars/Base"), "timezone"),
        (_spec(calendars=[{"hour": "25"}]), "hour"),
        (_spec(interval="1h", endTime="1600-01-01T00:00:00Z"), "1678"),
        (_spec(interval="1h", startTime="2026-01-01"), "expected a time"),
        (_spec(jiter="1h"), "did you mean 'jitter'"),
        ({"definition": None}, "missing"),
        ({"remainingActions": -1}, "not from 0"),
        ({"scheduleId": ""}, "empty"),
        (
            {"definition": {**_spec(interval="1h")["definition"], "policies": {"overlap": "x"}}},
            "must be one of",
        ),
    ],
)
def test_a_bad_schedule_is_refused(body: dict[str, Any], told: str) -> None:
    async def work(served: Served) -> None:
        response = await served.post("/schedules", {**SCHEDULE, **body})
        assert response.status_code == 400
        assert told in error_of(response)["message"]
        assert (await served.get("/schedules")).json()["scheduleIds"] == []

    run(work)


# --- what goes wrong inside -------------------------------------------------------------------------------


class Failing(Unused):
    """A host whose calls fail."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def call(self, receiver: str, message: Any) -> Any:
        raise self.error


SECRET = "secret insides"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HostNotOpenError(SECRET), (503, "outcome_unknown")),
        (ValueError(SECRET), (500, "internal_error")),
        (RecursionError(SECRET), (500, "internal_error")),
    ],
)
def test_what_fails_inside_is_logged_and_told_by_its_number_only(
    error: BaseException, expected: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    import json

    with caplog.at_level(logging.ERROR, logger="temporal_do.api"):
        response = ask(post(b'{"workflowType": "x"}'), Failing(error))
    assert code_of(response) == expected
    said = response.body.decode()
    assert SECRET not in said
    assert "Traceback" not in said
    incident = json.loads(said)["error"]["incident"]
    assert incident == "01" * 8
    assert incident in caplog.text
    assert SECRET in caplog.text


def test_a_call_that_never_answers_is_given_up_as_unknown() -> None:
    class Silent(Unused):
        async def call(self, receiver: str, message: Any) -> Any:
            await asyncio.Event().wait()

    response = ask(post(b'{"workflowType": "x"}'), Silent(), answer_seconds_max=0.01)
    assert code_of(response) == (503, "outcome_unknown")
    assert dict(response.headers)["retry-after"] == "1"


def test_a_call_that_fails_once_is_made_again() -> None:
    from temporal_do.runtime.messages.workflow import Started

    class Flaky(Unused):
        calls = 0

        async def call(self, receiver: str, message: Any) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise HostError("gone")
            return Started(run_id="r")

    assert ask(post(b'{"workflowType": "x"}'), Flaky()).status == 200


def test_every_answer_is_json_that_nobody_keeps() -> None:
    for request in (Request(method="GET", target="/health"), Request(method="GET", target="/nothing")):
        headers = dict(ask(request).headers)
        assert headers["content-type"] == "application/json"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_no_operation_without_a_body_reads_one() -> None:
    async def bomb() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    for operation in every_operation():
        if not operation.has_body:
            path = "/".join("shop" if part.startswith("{") else part for part in operation.segments)
            target = f"/api/v1/{path}"
            ask(
                Request(method=operation.method, target=target, headers=HEADERS, body=bomb()),
                Failing(HostNotOpenError("x")),
            )
