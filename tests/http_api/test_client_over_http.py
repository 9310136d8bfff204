"""`Temporal(url=..., token=...)`: where it goes, what it does when the network or the server fails, and what
it says when something is wrong with its address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from temporal_do.edge_adapter.local import LocalHost
from temporal_do.edge_adapter.remote import ApiError, RemoteHost, UnauthorizedError
from temporal_do.runtime import (
    HostError,
    InvalidArgumentError,
    NoHostError,
    Temporal,
    WorkflowNotFoundError,
    connection,
    use_host,
)
from temporal_do.runtime.messages.workflow import DescribeWorkflow, Poke
from temporal_do.sim import Simulation
from tests.http_api import app
from tests.http_api.server import Server

TOKEN = "the-token"


def client(**options: Any) -> Temporal:
    made = Temporal(namespace="shop", **options)
    for definition in app.temporal.workflows.values():
        made.define_workflow(definition.name, definition.fn)
    return made


# --- over a real socket -----------------------------------------------------------------------------------


def test_a_url_and_a_token_are_all_that_a_client_needs() -> None:
    async def work() -> None:
        async with client(url=server.url, token=TOKEN) as temporal:
            assert await temporal.execute_workflow("doubled", workflow_id="d/ü ?", args=[21]) == 42
            handle = temporal.get_handle("d/ü ?")
            assert (await handle.describe()).workflow_id == "d/ü ?"
            assert len((await handle.fetch_history()).events) > 5
            orders = [
                await temporal.start_workflow("order", workflow_id=f"o{number}", args=["tea"])
                for number in range(20)
            ]
            waiting = [asyncio.ensure_future(order.result()) for order in orders]
            await asyncio.sleep(0.3)
            await asyncio.gather(*(order.signal("add", -1) for order in orders))
            assert [found["item"] for found in await asyncio.gather(*waiting)] == ["tea"] * 20

    with Server(token=TOKEN, wait_seconds_max=0.2) as server:
        asyncio.run(work())


def test_one_application_serves_several_event_loops_one_after_the_other() -> None:
    async def work(number: int) -> None:
        assert (
            await temporal.execute_workflow("doubled", workflow_id=f"d{number}", args=[number]) == 2 * number
        )
        await temporal.close()

    with Server(token=TOKEN) as server:
        temporal = client(url=server.url, token=TOKEN)
        for number in range(3):
            asyncio.run(work(number))


def test_a_client_that_goes_away_leaves_nothing_waiting_behind() -> None:
    async def work() -> None:
        async with RemoteHost(server.url, token=TOKEN) as host:
            temporal = app.temporal.connect(host)
            handle = await temporal.start_workflow("order", workflow_id="o", args=["tea"])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(handle.result(), 0.2)
            await handle.signal("add", -1)
            assert (await handle.result())["item"] == "tea"

    with Server(token=TOKEN) as server:
        asyncio.run(work())


def test_a_server_that_comes_back_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"runId": "r", "started": True})

    with caplog.at_level(logging.INFO, logger="temporal_do.remote"):
        handle = over(answer, lambda temporal: temporal.start_workflow("echo", workflow_id="e"))
    assert handle.first_execution_run_id == "r"
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "http://api.test does not answer",
        "http://api.test answers again",
    ]


# --- which host -------------------------------------------------------------------------------------------


def test_a_world_around_a_call_goes_before_the_url(sim: Simulation) -> None:
    temporal = client(url="https://nowhere.invalid", token="t")
    assert temporal.host() is sim.host
    other = sim.platform.host("other")
    assert temporal.connect(other).host() is other


def test_without_a_world_calls_go_to_the_url() -> None:
    temporal = client(url="https://app.example.com/base/", token="t")
    assert repr(temporal.host()) == "RemoteHost('https://app.example.com/base')"
    assert temporal.host() is temporal.host()
    host = LocalHost()
    with use_host(host):
        assert temporal.host() is host
    asyncio.run(temporal.close())


def test_an_application_without_a_url_says_how_to_give_one() -> None:
    with pytest.raises(NoHostError, match=r"Temporal\(namespace=\.\.\., url=\.\.\., token=\.\.\.\)"):
        Temporal().host()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "app.example.com", "token": "t"}, "url is a text such as"),
        ({"url": "", "token": "t"}, "url is a text such as"),
        ({"url": 5, "token": "t"}, "url is a text such as"),
        ({"url": "ftp://x", "token": "t"}, "url is a text such as"),
        ({"url": "https://x"}, "needs token=.*got NoneType"),
        ({"url": "https://x", "token": ""}, "needs token=.*an empty text"),
        ({"url": "https://x", "token": b"t"}, "needs token=.*got bytes"),
        ({"token": "t"}, "give its url= too"),
    ],
)
def test_a_bad_address_is_refused_at_once(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        Temporal(**options)


@pytest.mark.parametrize(
    ("url", "token", "told"),
    [
        ("https://", "t", "is not the URL"),
        ("https://x:port", "t", "is not a URL"),
        ("https://x y", "t", "more than a host"),
        ("https://us:er@x", "t", "user name"),
        ("https://x?a=1", "t", "more than a host"),
        ("https://x#a", "t", "more than a host"),
        ("https://ü.example", "t", "is not the URL"),
        ("https://x", "secret\n", "characters that no header"),
        ("https://x", "secrét", "characters that no header"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_the_token(
    url: str, token: str, told: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=told) as refused:
        Temporal(url=url, token=token).host()
    assert token == "t" or token.strip() not in str(refused.value)


def test_where_the_client_is_missing_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(NoHostError, match=r"pip install 'temporal-do\[remote\]'"):
        Temporal(url="https://x", token="t").host()
    monkeypatch.setattr(connection, "REMOTE_HOST", "..edge_adapter.not_here")
    with pytest.raises(NoHostError, match="not installed here"):
        Temporal(url="https://x", token="t").host()


def test_the_token_is_shown_nowhere() -> None:
    temporal = Temporal(url="https://x", token="secret")
    assert "secret" not in repr(temporal.host())


# --- what comes back --------------------------------------------------------------------------------------


def over(answer: Callable[[httpx.Request], httpx.Response], work: Callable[[Temporal], Any]) -> Any:
    """What ``work`` gets from a server that answers with ``answer``."""

    async def run() -> Any:
        transport = httpx.MockTransport(answer)
        async with RemoteHost("http://api.test", token=TOKEN, transport=transport) as host:
            return await asyncio.wait_for(work(client().connect(host)), 20)

    return asyncio.run(run())


def error(code: str, kind: str, status: int, **more: Any) -> httpx.Response:
    body = {"error": {"code": code, "kind": kind, "message": "so it is", **more}}
    return httpx.Response(status, json=body)


def describe(temporal: Temporal) -> Any:
    return temporal.host().call("WorkflowDO/shop/w", DescribeWorkflow())


@pytest.mark.parametrize(
    ("response", "expected", "told"),
    [
        (error("unauthorized", "access", 401), UnauthorizedError, "refuses describeWorkflow: so it is"),
        (error("no_token_configured", "access", 503), ApiError, "so it is"),
        (error("no_such_route", "access", 404), ApiError, "so it is"),
        (error("outcome_unknown", "unknown", 503), HostError, "so it is"),
        (error("internal_error", "unknown", 500, incident="5"), HostError, "so it is"),
        (error("brand_new", "brand_new", 500), HostError, "so it is"),
        (httpx.Response(502, text="<html>bad gateway"), HostError, "does not serve the API right now"),
        (httpx.Response(429, text="slow down"), HostError, "right now"),
        (httpx.Response(404, text="<html>no page"), ApiError, "is the url right.*no page"),
        (httpx.Response(200, text="<html>welcome"), ApiError, "does not answer as the API"),
        (httpx.Response(302, headers={"location": "https://evil"}), ApiError, "redirects to 'https://evil'"),
        (httpx.Response(200, json=[]), ApiError, "does not answer as the API"),
        (httpx.Response(200, json={"runId": 5}), ApiError, "runId: expected text.*another version"),
        (httpx.Response(200, content=b"{", headers={"content-type": "application/json"}), ApiError, "answer"),
        (httpx.Response(403, json={"error": "forbidden"}), ApiError, "status 403"),
    ],
)
def test_an_answer_that_is_no_reply_is_the_error_that_it_means(
    response: httpx.Response, expected: type[HostError], told: str
) -> None:
    with pytest.raises(expected, match=f"(?s){told}") as raised:
        over(lambda request: response, describe)
    assert isinstance(raised.value, ApiError) is issubclass(expected, ApiError)
    assert TOKEN not in str(raised.value)


def test_a_token_that_is_wrong_is_told_at_once_and_not_tried_again() -> None:
    calls = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return error("unauthorized", "access", 401)

    with pytest.raises(UnauthorizedError) as raised:
        over(answer, lambda temporal: temporal.get_handle("w").describe())
    assert (calls, raised.value.status, raised.value.code) == (1, 401, "unauthorized")


@pytest.mark.parametrize("cause", ["SSLCertVerificationError", "gaierror"])
def test_a_wrong_name_or_certificate_is_told_at_once(cause: str) -> None:
    import socket
    import ssl

    inner = {"SSLCertVerificationError": ssl.SSLCertVerificationError, "gaierror": socket.gaierror}[cause]

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no") from inner("so")

    with pytest.raises(ApiError, match="certificate|no host of the name"):
        over(answer, lambda temporal: temporal.get_handle("w").describe())


def test_a_refusal_is_the_engine_s_own() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return error("not_found", "refusal", 404, retryable=False, fields={})

    with pytest.raises(WorkflowNotFoundError):
        over(answer, lambda temporal: temporal.get_handle("w").describe())


def test_what_the_server_does_not_accept_is_an_invalid_argument() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return error("body_too_large", "argument", 413)

    with pytest.raises(InvalidArgumentError, match="so it is"):
        over(answer, lambda temporal: temporal.get_handle("w").signal("x"))


def test_an_unknown_outcome_is_asked_for_again_with_the_same_request_id() -> None:
    import json

    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        if len(bodies) == 1:
            raise httpx.ReadError("reset by peer")
        if len(bodies) == 2:
            return httpx.Response(502)
        return httpx.Response(200, json={})

    over(answer, lambda temporal: temporal.get_handle("w").signal("x", 1))
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(bodies[0]["requestId"]) == 36


def test_a_server_that_says_not_yet_at_once_is_not_asked_without_pause() -> None:
    calls = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(202, json={"pending": True})

    async def impatient(temporal: Temporal) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(temporal.get_handle("w").result(), 0.7)

    over(answer, impatient)
    assert calls == 2


def test_what_a_newer_server_adds_to_an_answer_is_not_minded() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"runId": "r", "started": True, "news": [1]})

    handle = over(answer, lambda temporal: temporal.start_workflow("echo", workflow_id="e"))
    assert handle.first_execution_run_id == "r"


def test_what_the_api_does_not_offer_is_refused_without_a_request() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    for receiver, message in (
        ("WorkflowDO/shop/w", Poke()),
        ("VisibilityDO/shop/0", DescribeWorkflow()),
    ):
        with pytest.raises(ApiError, match="no operation"):
            over(answer, lambda temporal, r=receiver, m=message: temporal.host().call(r, m))
    for call in ("enqueue", "put_blob"):
        with pytest.raises(ApiError, match="over the HTTP API"):
            over(answer, lambda temporal, call=call: getattr(temporal.host(), call)("a", b""))
    with pytest.raises(ApiError, match="over the HTTP API"):
        over(answer, lambda temporal: temporal.host().get_blob("a"))


def test_requests_carry_the_token_and_no_more_than_they_need() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"runId": "r"})

    over(answer, lambda temporal: temporal.start_workflow("echo", workflow_id="e"))
    (request,) = seen
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.url.path == "/api/v1/namespaces/shop/workflows"
    import json

    body = json.loads(request.content)
    assert set(body) == {"workflowId", "workflowType", "requestId", "identity"}
