"""Servers that mean harm, or are none: every client call ends, with an error that says what is wrong."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from temporal_do.edge_adapter.remote import ApiError, ExternalWorker, RemoteHost, wire
from temporal_do.runtime import HostError, Temporal, TemporalError, Worker, connection
from temporal_do.runtime.keys import workflow_key
from temporal_do.runtime.messages.activity import LeaseActivity
from temporal_do.runtime.messages.workflow import DescribeWorkflow

temporal = Temporal(namespace="shop")
TOKEN = "sesame-open"
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(status: str, body: bytes = b"", *headers: str) -> Speak:
    """A server that answers every request so."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + body)
        await writer.drain()

    return speak


def raw(sent: bytes, *, then: Callable[[], Awaitable[Any]] | None = None, read: bool = True) -> Speak:
    """A server that sends these bytes, and then does that."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if read:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await writer.drain()
        if then is not None:
            await then()

    return speak


async def for_ever() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def listening(speak: Speak) -> AsyncIterator[str]:
    tasks: list[asyncio.Task[Any]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def error_from(speak: Speak, *, within_seconds: float = 30.0) -> HostError:
    """What one call of the host raises against such a server."""

    async def main() -> HostError:
        async with listening(speak) as url, RemoteHost(url, token=TOKEN) as host:
            async with asyncio.timeout(within_seconds):
                with pytest.raises(HostError) as caught:
                    await host.call(workflow_key("shop", "w"), DescribeWorkflow())
            return caught.value

    error = asyncio.run(main())
    assert TOKEN not in str(error)
    assert len(str(error)) < 2_000
    return error


HTML = b"<html><body>Sign in to continue</body></html>"
JSON = "content-type: application/json"


@pytest.mark.parametrize(
    ("speak", "told"),
    [
        (answering("200 OK", HTML, "content-type: text/html"), "is the url right.*Sign in"),
        (answering("200 OK", HTML, JSON), "is the url right"),
        (answering("200 OK", b"", JSON), "is the url right"),
        (answering("200 OK", b"null", JSON), "is the url right"),
        (answering("200 OK", b"[]", JSON), "is the url right"),
        (answering("200 OK", b"[" * 200_000, JSON), "is the url right"),
        (answering("200 OK", b'{"status": 5}', JSON), "another version"),
        (answering("200 OK", b"{}", JSON), "another version"),
        (answering("200 OK", b'{"\xff": 1}', JSON), "is the url right"),
        (answering("204 No Content"), "is the url right"),
        (answering("301 Moved", b"", "location: https://evil.example/x"), "redirects.*evil"),
        (answering("307 Moved", b"", "location: /" + "x" * 50_000), "redirects"),
        (answering("302 Found"), "is the url right"),
        (answering("401 Unauthorized", HTML, "content-type: text/html"), "is the url right"),
        (answering("403 Forbidden", b'{"error": "no"}', JSON), "is the url right"),
        (answering("404 Not Found", b'{"error": {"code": 5}}', JSON), "is the url right"),
        (answering("404 Not Found", b"\xff" * 100_000), "is the url right"),
        (answering("418 Teapot", b"\x1b[31m" * 100, "content-type: text/plain"), "is the url right"),
    ],
)
def test_who_is_not_the_api_is_told_at_once_and_for_good(speak: Speak, told: str) -> None:
    import re

    error = error_from(speak)
    assert type(error) is ApiError
    assert re.search(told, str(error), re.DOTALL), str(error)


@pytest.mark.parametrize(
    "speak",
    [
        answering("429 Too Many Requests", HTML, "retry-after: 3600"),
        answering("503 Service Unavailable", HTML, "retry-after: Wed, 21 Oct 2099 07:28:00 GMT"),
        answering("503 Service Unavailable", b"{}", JSON),
        answering("500 Oops", b'{"error": {"code": "internal_error", "kind": "new", "message": 5}}', JSON),
        answering("502 Bad Gateway"),
        answering("599 What"),
        answering("408 Request Timeout"),
        answering("200 OK", b"no gzip", JSON, "content-encoding: gzip"),
        raw(b""),
        raw(b"", read=False),
        raw(b"SSH-2.0-OpenSSH_9.6\r\n", read=False),
        raw(b"\x15\x03\x01\x00\x02\x02\x46", read=False),
        raw(b"HTTP/1.1 abc\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000),
        raw(b"HTTP/1.1 200 OK\r\nbad header\x00: \xff\r\n\r\n"),
    ],
)
def test_what_may_be_over_soon_is_an_outcome_that_is_unknown(speak: Speak) -> None:
    error = error_from(speak)
    assert not isinstance(error, ApiError), str(error)


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\ncontent-type: application/json\r\n\r\n",
    ],
)
@pytest.mark.parametrize("drips", [False, True])
def test_an_answer_that_never_ends_is_given_up(
    begin: bytes, drips: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.3)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        await (drip(writer) if drips else for_ever())

    error = error_from(speak)
    assert not isinstance(error, ApiError)


def test_an_answer_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", 1_000_000)
    bomb = gzip.compress(bytes(20_000_000))
    assert "more than" in str(error_from(answering("200 OK", bomb, JSON, "content-encoding: gzip")))

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(100_000))
            await writer.drain()

    assert "more than" in str(error_from(speak))


def test_a_client_call_ends_when_its_patience_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RETRY_FOR_NS", 10**9)
    monkeypatch.setattr(
        connection.request,
        "__kwdefaults__",
        {**(connection.request.__kwdefaults__ or {}), "retry_for_ns": 300_000_000},
    )

    async def main() -> None:
        async with listening(answering("503 Service Unavailable", HTML, "retry-after: 86400")) as url:
            async with Temporal(namespace="shop", url=url, token=TOKEN) as client:
                async with asyncio.timeout(30):
                    with pytest.raises(HostError, match="does not serve the API right now"):
                        await client.start_workflow("order", workflow_id="w", task_queue="main")
                    with pytest.raises(HostError, match="does not serve the API right now"):
                        await client.get_handle("w").signal("go")

    asyncio.run(main())


def test_redirects_are_not_followed_and_the_token_goes_nowhere_else() -> None:
    seen: list[bytes] = []

    async def thief(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))

    async def main() -> None:
        async with listening(thief) as there:
            async with listening(answering("308 Moved", b"", f"location: {there}/x")) as url:
                async with RemoteHost(url, token=TOKEN) as host:
                    with pytest.raises(ApiError, match="redirects"):
                        await host.call(workflow_key("shop", "w"), DescribeWorkflow())

    asyncio.run(main())
    assert seen == []


@pytest.mark.parametrize("url", ["http://xn--a", "http://[v1.a]", "http://a:70000", "http://\u2028"])
def test_a_url_that_is_none_is_said_so(url: str) -> None:
    async def main() -> None:
        with pytest.raises(TemporalError, match="url|URL"):
            async with RemoteHost(url, token=TOKEN) as host:
                await host.call(workflow_key("shop", "w"), DescribeWorkflow())

    asyncio.run(main())


def test_a_filter_too_long_for_any_url_is_an_error_of_ours() -> None:
    async def main() -> None:
        async with listening(answering("200 OK")) as url:
            async with Temporal(namespace="shop", url=url, token=TOKEN) as client:
                with pytest.raises(ApiError, match="no URL") as caught:
                    await client.list_workflows("A = '" + "x" * 100_000 + "'")
                assert len(str(caught.value)) < 1_000

    asyncio.run(main())


@pytest.mark.parametrize(
    "key", ["", "x", "ActivityDO", "ActivityDO/shop", "/", "WorkflowDO/shop/w", "Nothing/a/b"]
)
def test_a_key_that_is_none_is_refused_without_a_request(key: str) -> None:
    async def main() -> None:
        async with RemoteHost("http://127.0.0.1:9", token=TOKEN) as host:
            with pytest.raises(ApiError, match="no operation"):
                await host.call(key, LeaseActivity(token="t", identity="i", request_id="r"))

    asyncio.run(main())


def certificate(folder: Path, host: str) -> ssl.SSLContext:
    import subprocess

    key, chain = folder / "key.pem", folder / "chain.pem"
    words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={host} -keyout {key} -out {chain}"
    try:
        subprocess.run(words.split(), check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not there")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def test_a_certificate_that_nobody_vouches_for_ends_the_call_at_once(tmp_path: Path) -> None:
    context = certificate(tmp_path, "localhost")

    async def main() -> None:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(30), RemoteHost(f"https://127.0.0.1:{port}", token=TOKEN) as host:
            with pytest.raises(ApiError, match="certificate"):
                await host.call(workflow_key("shop", "w"), DescribeWorkflow())
        server.close()

    asyncio.run(main())


def test_tls_against_a_server_without_it_is_an_error_that_says_so() -> None:
    async def main() -> None:
        async with listening(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", read=False)) as url:
            async with RemoteHost(url.replace("http:", "https:"), token=TOKEN) as host:
                async with asyncio.timeout(30):
                    with pytest.raises(HostError, match="SSL|TLS|ssl"):
                        await host.call(workflow_key("shop", "w"), DescribeWorkflow())

    asyncio.run(main())


# --- external workers against such a server ---------------------------------------------------------------


async def nothing() -> None:
    raise AssertionError("this is nobody's")


def polling(handler: Callable[[httpx.Request], httpx.Response], *, seconds: float) -> list[str]:
    """The paths that a worker asks for within that time, and that it ends when told to."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return handler(request)

    async def main() -> None:
        transport = httpx.MockTransport(answer)
        async with RemoteHost("http://api.test", token=TOKEN, transport=transport) as host:
            worker = ExternalWorker(
                host, Worker(namespace="shop", task_queue="native", activities=[nothing]), poll_wait="1s"
            )
            running = asyncio.create_task(worker.run())
            await asyncio.wait([running], timeout=seconds)
            assert not running.done(), running
            worker.stop()
            await asyncio.wait_for(running, 10)

    asyncio.run(main())
    return asked


def task(key: str) -> dict[str, Any]:
    return {"namespace": "shop", "taskQueue": "native", "activityKey": key, "token": "t", "attempt": 1}


def test_tasks_of_nonsense_do_not_end_a_worker_nor_make_it_storm() -> None:
    keys = ["", "x", "ActivityDO/shop", "WorkflowDO/shop/w", "ActivityDO/other/r|1", "ActivityDO/shop/r|1"]

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/poll"):
            return httpx.Response(200, json={"tasks": [task(key) for key in keys]})
        error = {"code": "not_found", "kind": "refusal", "message": "gone", "retryable": False, "fields": {}}
        return httpx.Response(404, json={"error": error})

    asked = polling(handler, seconds=0.5)
    assert any("/lease" in path for path in asked)


def test_a_server_that_turns_every_poll_away_is_asked_less_and_less() -> None:
    error = {"code": "too_many_polls", "kind": "refusal", "message": "full", "retryable": True, "fields": {}}
    for answer in (
        httpx.Response(429, json={"error": error}),
        httpx.Response(429, text="slow down", headers={"retry-after": "100"}),
        httpx.Response(503, text="away", headers={"retry-after": "100"}),
    ):
        asked = polling(lambda _, answer=answer: answer, seconds=0.6)  # type: ignore[misc]
        assert 2 <= len(asked) <= 10


def test_a_server_that_always_has_nothing_at_once_is_asked_once_a_second() -> None:
    asked = polling(lambda _: httpx.Response(200, json={"tasks": []}), seconds=1.5)
    assert 1 <= len([path for path in asked if path.endswith("/poll")]) <= 4
