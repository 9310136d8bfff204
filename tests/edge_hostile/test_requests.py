"""Requests of somebody who means harm: what gets past the token, past the limits, past the table."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from temporal_do.edge_adapter.api import Api, Request, asgi
from temporal_do.edge_adapter.api import http as api_http
from temporal_do.edge_adapter.api.plain import plain_payloads
from temporal_do.edge_adapter.local import LocalHost
from tests.http_api.conftest import BASE, ROOT, TOKEN, Served, error_of, run

START = f"{ROOT}/workflows"
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}
JSON = {"content-type": "application/json"}


class Nobody:
    """A host that must not be asked."""

    def now(self) -> int:
        return 0

    def entropy(self, size: int) -> bytes:
        return bytes(size)

    async def call(self, receiver: str, message: Any) -> Any:
        raise AssertionError(f"{receiver} was asked {message}")


def ask(request: Request, **settings: Any) -> tuple[int, str, str]:
    """Status, code and message of the answer to a request that must not reach an object."""

    async def main() -> Any:
        return await Api(token=TOKEN, **settings).handle(Nobody(), request)  # type: ignore[arg-type]

    answer = asyncio.run(main())
    if answer.status < 400 or not answer.body:
        return answer.status, "", ""
    error = json.loads(answer.body)["error"]
    return answer.status, error["code"], error["message"]


def post(body: Any, headers: dict[str, str] | None = None, target: str = START, **settings: Any) -> Any:
    given = {**AUTHORIZED, **JSON, **(headers or {})}
    return ask(Request(method="POST", target=target, headers=given, body=body), **settings)


# --- the token --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {TOKEN.upper()}")],
        [("authorization", f"Bearer {TOKEN}\x00")],
        [("authorization", f"Bearer\t{TOKEN}")],
        [("authorization", f"Bearer \xa0{TOKEN}\xa0")],
        [("authorization", f"Bearer {TOKEN},")],
        [("authorization", f"Bearer {TOKEN}, Bearer {TOKEN}")],
        [("authorization", f"Bearer {TOKEN}"), ("AUTHORIZATION", f"Bearer {TOKEN}")],
        [("authorization", f"Bearer Bearer {TOKEN}")],
        [("authorization", f'Bearer "{TOKEN}"')],
        [("authorization", f"Bearer {quote(TOKEN)}%00")],
        [("authorization", "Bearer " + "".join(chr(ord(each) + 0xFEE0) for each in TOKEN if each != "-"))],
        [("authorization", f"Token {TOKEN}")],
        [("authorization", "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode())],
        [("authorization\x00", f"Bearer {TOKEN}")],
        [("x-authorization", f"Bearer {TOKEN}")],
        [("proxy-authorization", f"Bearer {TOKEN}")],
        [("cookie", f"token={TOKEN}; authorization=Bearer {TOKEN}")],
        [("authorization", "Bearer " + "x" * 20_000)],
    ],
)
def test_nothing_but_the_token_in_its_one_place_opens(headers: list[tuple[str, str]]) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "TRACE", "CONNECT"):
        status, _, _ = ask(Request(method=method, target=START, headers=headers, body=b"{}"))
        assert status == 401, method


@pytest.mark.parametrize(
    "target",
    [
        f"{START}?token={TOKEN}",
        f"{START}?access_token={TOKEN}",
        f"{START}?authorization=Bearer%20{TOKEN}",
        f"http://user:{TOKEN}@api.test{START}",
        f"{START}#Bearer {TOKEN}",
        f"/health/..{START}",
        f"/health/../..{START}",
        f"/health%2f..{START}",
        f"/health?x=/..{START}",
        f"/health{START}",
        "/health/",
        "//health",
        "/Health",
        "/health%00",
    ],
)
def test_no_url_stands_for_the_token(target: str) -> None:
    status, _, _ = ask(Request(method="GET", target=target))
    assert status in (401, 200)
    assert status == 401 or target.startswith("/health?"), "only /health itself is open"


def test_many_tokens_that_nobody_gave_open_nothing_either() -> None:
    for token in ((), [], [""], "", None):

        async def main(token: Any = token) -> Any:
            request = Request(method="GET", target=START, headers={"authorization": "Bearer "})
            return await Api(token=token).handle(Nobody(), request)  # type: ignore[arg-type]

        assert asyncio.run(main()).status == 503


def test_a_methods_name_is_taken_as_it_is() -> None:
    for method in ("get", "Get", "GET ", "", "DELETE", "PATCH", "TRACE", "CONNECT", "G\u0130T"):
        status, code, _ = ask(Request(method=method, target=START, headers=AUTHORIZED))
        assert (status, code) == (405, "method_not_allowed"), method


# --- bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"workflowId": "a", "workflowId": "b", "workflowType": "echo"}', "'workflowId' is given twice"),
        (b'{"workflowType": "echo", "input": [{"a": 1, "\\u0061": 2}]}', "'a' is given twice"),
        (b'{"workflowType": "echo", "input": [NaN]}', "NaN is not JSON"),
        (b'{"workflowType": "echo", "input": [-Infinity]}', "-Infinity is not JSON"),
        (b'{"workflowType": "echo", "input": [1e400]}', "1e400 is larger than any number"),
        (b'{"workflowType": "echo", "input": [-1e400]}', "-1e400 is larger"),
        (b'{"workflowType": "echo", "input": [' + b"9" * 5_000 + b"]}", "4300 digits"),
        (b'{"workflowType": "echo"} {}', "not JSON"),
        (b'{"workflowType": "echo"}\x00', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('{"workflowType": "echo"}'.encode("utf-16"), "not text in UTF-8"),
        (b'{"workflowType": "\xed\xa0\x80"}', "not text in UTF-8"),
        (b'{"workflowType": "\xc0\xaf"}', "not text in UTF-8"),
        (b"{\"workflowType\": 'echo'}", "not JSON"),
        (b'{"workflowType": "ec\nho"}', "not JSON"),
        (b"/**/{}", "not JSON"),
        (b"[" * 101 + b"]" * 101, "deeper than 100"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "deeper than 100"),
        (b"[" * 500_000, "deeper than 100"),
    ],
)
def test_a_body_that_is_not_plainly_json_is_refused(body: bytes, told: str) -> None:
    status, code, message = post(body)
    assert (status, code) == (400, "bad_json")
    assert told in message
    assert len(message) < 500


@pytest.mark.parametrize(
    "text",
    [
        "[" * 90 + '"' + '\\"' * 1_000_000,
        "[" * 90 + '"' + "[" * 50 + '\\"' * 1_000_000,
        "[" * 90 + '"' + "a\\" * 500_000,
        "[" + '"[",' * 500_000,
        "[]" * 1_000_000,
        "[" * 90 + '"' * 1_000_001,
        "{" + ",".join(f'"k{n}":0' for n in range(100_000)) + ',"k99999":1}',
    ],
    ids=["escapes", "brackets-in-text", "backslashes", "texts", "brackets", "quotes", "members"],
)
def test_no_body_costs_more_than_its_length(text: str) -> None:
    began = time.perf_counter()
    status, code, _ = post(text.encode())
    assert (status, code) == (400, "bad_json")
    assert time.perf_counter() - began < 20  # what is tried again and again would take hours


def test_a_name_of_megabytes_is_not_looked_up_nor_sent_back() -> None:
    long = "x" * 3_000_000
    for body in (
        {"workflowType": "echo", long: 1},
        {"workflowType": "echo", "memo": {long: 1}},
        {"workflowType": "echo", "searchAttributes": {long: 1}},
        {"workflowType": long},
        {"workflowType": "echo", "idReusePolicy": long},
        {"workflowType": "echo", "runTimeout": long},
        {"workflowType": "echo", "input": long},
        {"workflowType": "echo", "retryPolicy": {long: 1}},
    ):
        began = time.perf_counter()
        status, code, message = post(json.dumps(body).encode())
        assert (status, code) == (400, "bad_request"), message[:100]
        assert len(message) < 2_000
        assert time.perf_counter() - began < 10


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(coding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    status, code, message = post(bomb, {"content-encoding": coding})
    assert (status, code) == (415, "unsupported_media_type")
    assert "compressed" in message


@pytest.mark.parametrize("length", ["-1", "0", "1", "abc", "１２", "1e3", "+5", "9" * 30, "5, 5", ""])
def test_a_length_that_lies_changes_nothing(length: str) -> None:
    status, code, _ = post(b'{"nonsense": 1}', {"content-length": length})
    assert (status, code) in ((400, "bad_request"), (413, "body_too_large"))


def test_a_length_above_the_limit_is_refused_before_a_byte_is_read() -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    status, code, _ = post(body(), {"content-length": "99999999"})
    assert (status, code) == (413, "body_too_large")


def test_a_body_that_never_ends_is_read_to_the_limit() -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield bytes(1_000)

    status, code, _ = post(body(), {"content-length": "5"}, body_bytes_max=50_000)
    assert (status, code) == (413, "body_too_large")
    assert sent == 51_000


def test_a_body_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_http, "BODY_SECONDS_MAX", 0.1)

    async def body() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.03)
            yield b" "

    status, code, _ = post(body())
    assert (status, code) == (408, "body_too_slow")


def test_a_request_without_a_valid_token_is_answered_before_its_body_comes() -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    request = Request(method="POST", target=START, headers=JSON, body=body())
    assert ask(request)[0] == 401


# --- what comes back --------------------------------------------------------------------------------------


def payload(data: bytes, encoding: bytes = b"json/plain") -> dict[str, Any]:
    return {
        "metadata": {"encoding": base64.b64encode(encoding).decode()},
        "data": base64.b64encode(data).decode(),
    }


@pytest.mark.parametrize(
    "held",
    [
        b"[" * 100_000,
        b"[" * 500 + b"]" * 500,
        b"NaN",
        b"[1e999]",
        b"-Infinity",
        b"\xff",
        b"",
        b"{",
        b'{"a":1,"a":2}',
    ],
)
def test_a_payload_that_holds_poison_is_shown_as_it_is(held: bytes) -> None:
    poison = payload(held)
    shown = plain_payloads({"input": [poison, payload(b"5")]})
    assert shown == {"input": [poison, 5]}
    assert api_http.write_json(shown)


def test_poison_in_a_workflow_spoils_no_answer_about_it() -> None:
    async def work(served: Served) -> None:
        poison = [payload(b"[" * 50_000), payload(b"NaN"), payload(b"x", b"binary/what"), payload(b"\xff")]
        body = {"workflowId": "p", "workflowType": "unknown", "input": poison, "taskQueue": "nobody"}
        body["memo"] = {"m": poison[0], "n": poison[1]}
        assert (await served.post("/workflows", body)).status_code == 200
        for path in ("/workflows/p", "/workflows/p/history", "/workflows"):
            for form in ("exact", "plain"):
                answer = await served.get(f"{path}?payloads={form}")
                assert answer.status_code == 200, answer.text[:200]
                assert answer.json()

    run(work)


def test_what_a_client_sends_is_in_no_header_that_comes_back() -> None:
    async def work(served: Served) -> None:
        evil = "a\r\nset-cookie: evil=1\r\n\r\n<script>"
        for path in (
            f"/workflows/{quote(evil, safe='')}",
            f"/workflows?query={quote(evil)}",
            f"/workflows?{quote(evil)}=1",
            f"/{quote(evil, safe='')}",
            f"/workflows/x/{quote(evil, safe='')}",
            f"/workflows/x?payloads={quote(evil)}",
        ):
            for method in ("GET", "PUT", "OPTIONS"):
                answer = await served.http.request(method, ROOT + path)
                assert answer.headers.get("content-type", "application/json") == "application/json"
                assert not set(answer.headers) - {
                    "content-type",
                    "content-length",
                    "cache-control",
                    "x-content-type-options",
                    "allow",
                }
                assert "evil" not in str(answer.headers)

    run(work)


# --- ids --------------------------------------------------------------------------------------------------

STRANGE_IDS = [
    "a/b",
    "..",
    ".",
    "...",
    "../../etc/passwd",
    "%2F",
    "%2f..%2f",
    "%",
    "%zz",
    "%25",
    "~",
    "~~",
    "~..",
    "#",
    "#0123",
    "?x=1",
    "a b",
    " a ",
    "a+b",
    "a|b",
    "a\\b",
    "a;b",
    "a:b@c",
    "\x00",
    "a\x00b",
    "line\nbreak\r\n",
    "\x7f",
    "👩‍👩‍👧‍👦" * 20,
    "e\u0301",
    "é",
    "\u202etxt.exe",
    "\ufeff",
    "\ud7ff\ue000\uffff",
    "'; DROP TABLE row; --",
    "%s%n{0}${x}",
    "x" * 1_000,
    "ß" * 1_000,
    "WorkflowDO/shop/other",
]


def test_a_strange_id_is_the_id_and_no_other() -> None:
    async def work(served: Served) -> None:
        for number, workflow_id in enumerate(STRANGE_IDS):
            handle = await served.temporal.start_workflow("echo", workflow_id=workflow_id, args=[number])
            assert await handle.result() == [number], workflow_id
            assert (await handle.describe()).workflow_id == workflow_id
        for number, workflow_id in enumerate(STRANGE_IDS):
            assert await served.direct.get_handle(workflow_id).result() == [number], workflow_id
        assert await served.temporal.count_workflows() == len(STRANGE_IDS)

    run(work)


@pytest.mark.parametrize("length", [1_001, 10_000, 50_000])
def test_an_id_that_is_too_long_is_refused_wherever_it_stands(length: int) -> None:
    async def work(served: Served) -> None:
        long = "x" * length
        made = await served.post("/workflows", {"workflowType": "echo", "workflowId": long})
        assert (made.status_code, error_of(made)["code"]) == (400, "bad_request")
        found = await served.get(f"/workflows/{long}")
        assert (found.status_code, error_of(found)["code"]) in (
            (400, "bad_request"),
            (414, "target_too_long"),
        )

    run(work)


@pytest.mark.parametrize("segment", ["%ff", "%c0%ae%c0%ae", "%ed%a0%80", "%f8%88%80%80%80"])
def test_an_id_that_is_no_utf8_is_refused(segment: str) -> None:
    status, code, message = ask(Request(method="GET", target=f"{START}/{segment}", headers=AUTHORIZED))
    assert (status, code) == (400, "bad_request")
    assert "UTF-8" in message


def test_the_same_name_in_two_namespaces_is_two_workflows() -> None:
    async def work(served: Served) -> None:
        names = ["shop", "shop/x", "shop%2Fx", "SHOP", "shop ", "..", "shop|x"]
        for namespace in names:
            path = "/api/v1/namespaces/" + quote("~" + namespace, safe="") + "/workflows"
            body = {"workflowId": "w", "workflowType": "echo", "taskQueue": namespace}
            answer = await served.http.post(path, json=body)
            assert answer.json()["started"] is True, namespace
        for namespace in names:
            path = "/api/v1/namespaces/" + quote("~" + namespace, safe="") + "/workflows"
            found = (await served.http.get(path)).json()["executions"]
            assert [(each["namespace"], each["workflowId"]) for each in found] == [(namespace, "w")]

    run(work)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "/",
        "//",
        "ActivityDO",
        "ActivityDO/shop",
        "ActivityDO/shop/",
        "ActivityDO/other/r|1",
        "ActivityDO/shop%2F..%2Fother/r|1",
        "activitydo/shop/r|1",
        "WorkflowDO/shop/w",
        "TimerDO/shop/s",
        "VisibilityDO/shop/0",
        "ActivityDO/shop/../../WorkflowDO/shop/w",
    ],
)
def test_an_activitys_key_reaches_nothing_but_activities_of_its_namespace(key: str) -> None:
    asked: list[str] = []

    class Watched(LocalHost):
        async def call(self, receiver: str, message: Any) -> Any:
            asked.append(receiver)
            return await super().call(receiver, message)

    async def main() -> None:
        async with Watched(synchronous="off") as host:
            transport = httpx.ASGITransport(app=asgi(host, token=TOKEN))
            async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=AUTHORIZED) as http:
                for step in ("lease", "renew", "heartbeat", "complete", "cancelled", "defer"):
                    path = f"{ROOT}/activities/{quote('~' + key, safe='')}/{step}"
                    answer = await http.post(path, json={"token": "t"})
                    assert answer.status_code in (400, 404), answer.text
        assert all(each.startswith("ActivityDO/shop/") for each in asked)

    asyncio.run(main())


# --- the rest of a url ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=1&pageSize=2",
        "pageSize=0",
        "pageSize=-1",
        "pageSize=1e3",
        "pageSize=1001",
        "pageSize=٣",
        "pageSize=" + "9" * 500,
        "pageSize=true",
        "pageSize=1%00",
        "shard=4",
        "shard=-1",
        "payloads=raw",
        "nothing=1",
        "&".join(f"a{n}=1" for n in range(40)),
        "query=%ff",
        "PAGESIZE=1",
    ],
)
def test_a_query_string_that_is_not_understood_is_refused(query: str) -> None:
    request = Request(method="GET", target=f"{START}?{query}", headers=AUTHORIZED)
    assert ask(request)[:2] == (400, "bad_request")


FILTERS = [
    "(" * 2_000,
    "(" * 1_900 + "A=1" + ")" * 1_900,
    "NOT " * 900 + "A=1",
    "A=1 " + "AND A=1 " * 450,
    "'" * 3_999,
    "A = '" + "\\'" * 1_900,
    "A = 1e999",
    "A = " + "9" * 3_900,
    "A IN (" + ",".join("1" for _ in range(1_500)) + ")",
    "StartTime > 'yesterday'",
    "StartTime > '9999-12-31T23:59:59Z'",
    "StartTime BETWEEN 1 AND",
    "A LIKE '%%%%%%%%%%%%%%%%%%%%%%%%%%%%'",
    "ORDER BY StartTime",
    "A = 1; DROP TABLE row",
    "\x00",
    "ExecutionStatus = 'Nonsense'",
    "WorkflowId STARTS_WITH ''",
    "`A` = 1",
    "👩 = 1",
]


@pytest.mark.parametrize("query", FILTERS)
def test_no_filter_fails_inside(query: str) -> None:
    async def work(served: Served) -> None:
        await served.post("/workflows", {"workflowType": "echo", "workflowId": "w"})
        began = time.perf_counter()
        for path in ("/workflows", "/workflow-count"):
            answer = await served.get(path, params={"query": query})
            assert answer.status_code in (200, 400), answer.text[:300]
        assert time.perf_counter() - began < 10

    run(work)


TOKENS = [
    "",
    ":",
    "1",
    "1:",
    ":x",
    "-1:x",
    "1.5:x",
    "٣:x",
    "9" * 900 + ":x",
    "0:",
    "abc",
    "1:2:3",
    "\x00:\x00",
    "x" * 1_000,
]


def test_a_page_token_that_was_tampered_with_is_refused_or_only_a_position() -> None:
    async def work(served: Served) -> None:
        ids = [f"w{number}" for number in range(5)]
        for workflow_id in ids:
            await served.post("/workflows", {"workflowType": "echo", "workflowId": workflow_id})
        for path in ("/workflows", "/schedules", "/workflows/w0/history"):
            for token in TOKENS:
                answer = await served.get(path, params={"pageToken": token, "pageSize": 2})
                assert answer.status_code in (200, 400), (path, token, answer.text[:300])
                if path == "/workflows" and answer.status_code == 200:
                    assert {each["workflowId"] for each in answer.json()["executions"]} <= set(ids)
        other = (await served.get("/workflows", params={"pageSize": 2})).json()["nextPageToken"]
        elsewhere = await served.http.get("/api/v1/namespaces/other/workflows", params={"pageToken": other})
        assert elsewhere.json()["executions"] == []

    run(work)


@pytest.mark.parametrize("wait", ["-1s", "nan", "inf", "1e9", "''", "1y", "9" * 400, "1s1s", "٣s", "-0"])
def test_a_wait_that_is_none_holds_nobody_up(wait: str) -> None:
    async def work(served: Served) -> None:
        body = {"workflowType": "order", "workflowId": "w", "input": ["tea"]}
        assert (await served.post("/workflows", body)).status_code == 200
        answer = await served.get("/workflows/w/result", params={"wait": wait})
        assert answer.status_code in (202, 400), answer.text

    run(work, wait_seconds_max=0.05)


def asked_raw(lines: Iterable[bytes]) -> list[int]:
    """The statuses of what a server of the API answers to these bytes."""
    from tests.http_api.server import Server

    statuses = []
    with Server(token=TOKEN, wait_seconds_max=0.05) as server:
        port = int(server.url.rpartition(":")[2])

        async def one(sent: bytes) -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            try:
                head = await asyncio.wait_for(reader.readline(), 5)
            finally:
                writer.close()
            return int(head.split()[1]) if head else 0

        async def main() -> None:
            for sent in lines:
                statuses.append(await one(sent))

        asyncio.run(main())
    return statuses


def test_a_socket_that_speaks_badly_is_answered_and_the_server_lives() -> None:
    head = f"POST {START} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n".encode()
    typed = head + b"content-type: application/json\r\n"
    body = b'{"workflowType":"echo"}'
    statuses = asked_raw(
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
            typed + b"content-length: 1\r\ncontent-length: 23\r\n\r\n" + body,
            typed + b"content-length: 23\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            typed + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
            typed + b"content-length: -5\r\n\r\n" + body,
            head + b"authorization: Bearer other\r\ncontent-length: 0\r\n\r\n",
            b"GET " + START.encode() + b"/%2e%2e/x HTTP/1.1\r\nhost: a\r\n\r\n",
            typed + b"content-length: 23\r\n\r\n" + body,
        ]
    )
    assert statuses[-1] == 200
    assert all(status in (0, 400, 401, 404, 405, 413, 414, 415, 431) for status in statuses[:-1]), statuses


# --- mounted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["", "/temporal", "/a b/ü", "/temporal/"])
def test_an_api_that_is_mounted_in_another_application_answers_there(root: str) -> None:
    async def main() -> None:
        async with LocalHost(synchronous="off") as host:
            served = asgi(host, token=TOKEN)
            transport = httpx.ASGITransport(app=served, root_path=root)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=AUTHORIZED) as http:
                path = quote(root.rstrip("/"))
                assert (await http.get(f"{path}/health")).status_code == 200
                assert (await http.get(f"{path}{START}")).json() == {"executions": [], "nextPageToken": ""}
                assert (await http.get(f"{path}{path}x{START}")).status_code == 404

    asyncio.run(main())
