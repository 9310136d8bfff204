"""The ASGI application: what servers send it, and what it sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from temporal_do.edge_adapter.api import Api, asgi
from temporal_do.runtime import InvalidArgumentError
from temporal_do.runtime.actor import Ok
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.messages.activity import ActivityTask
from temporal_do.runtime.messages.task_queue import LeavePoll, PollActivityTasks, PolledActivityTasks
from temporal_do.runtime.messages.workflow import AwaitClose, Started, StartWorkflow

TOKEN = "t"
AUTHORIZED = (b"authorization", b"Bearer t")


class Recording:
    """A host that remembers what it was asked."""

    def __init__(self, reply: Any = None) -> None:
        self.asked: list[Any] = []
        self.given_up = False
        self._reply = reply

    def now(self) -> int:
        return 0

    def entropy(self, size: int) -> bytes:
        return bytes(size)

    async def call(self, receiver: str, message: Any) -> Any:
        self.asked.append((receiver, message))
        if self._reply is not None:
            return self._reply
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise


def serve(
    host: Any,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    messages: Iterable[dict[str, Any]] = ({"type": "http.request"},),
    scope: dict[str, Any] | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """What the application sends to a server that receives ``messages`` and then nothing more."""
    sent: list[dict[str, Any]] = []
    path, _, query = target.partition("?")
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    given = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [AUTHORIZED, *headers],
        **(scope or {}),
    }

    async def run() -> None:
        application = asgi(host, api=Api(token=TOKEN, **settings))
        await asyncio.wait_for(application(given, receive, send), 10)
        assert len(asyncio.all_tasks()) == 1  # nothing is left behind

    asyncio.run(run())
    return sent


def test_a_body_that_comes_in_pieces_is_one_body() -> None:
    host = Recording(Started(run_id="r"))
    body = b'{"workflowId": "w", "workflowType": "echo"}'
    messages = [{"type": "http.request", "body": bytes([each]), "more_body": True} for each in body]
    start, answer = serve(
        host,
        "POST",
        "/api/v1/namespaces/a%2Fb/workflows",
        headers=[(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
        messages=[*messages, {"type": "http.request", "body": b"", "more_body": False}],
    )
    assert start["status"] == 200
    assert json.loads(answer["body"])["runId"] == "r"
    assert (b"content-length", str(len(answer["body"])).encode()) in start["headers"]
    ((receiver, message),) = host.asked
    assert receiver == "WorkflowDO/a%2Fb/w"
    assert type(message) is StartWorkflow
    assert message.namespace == "a/b"


@pytest.mark.parametrize(
    ("method", "target", "headers", "messages"),
    [
        ("GET", "/api/v1/namespaces/n/workflows/w/result", [], [{"type": "http.disconnect"}]),
        (
            "POST",
            "/api/v1/namespaces/n/workflows/w/update",
            [(b"content-type", b"application/json"), (b"content-length", b"13")],
            [{"type": "http.request", "body": b'{"name": "u"}'}, {"type": "http.disconnect"}],
        ),
    ],
)
def test_a_request_whose_client_has_gone_is_given_up(
    method: str, target: str, headers: Any, messages: Any
) -> None:
    host = Recording()
    assert serve(host, method, target, headers=headers, messages=messages) == []
    assert host.given_up


class SlowPolls(Recording):
    """A host whose polls wait, and which answers everything else."""

    async def call(self, receiver: str, message: Any) -> Any:
        if type(message) is PollActivityTasks:
            return await super().call(receiver, message)
        self.asked.append((receiver, message))
        return await self.say(message)

    async def say(self, message: Any) -> Any:
        return Ok()


class Unreachable(SlowPolls):
    async def say(self, message: Any) -> Any:
        raise HostError("away")


@pytest.mark.parametrize("kind", [SlowPolls, Unreachable])
def test_a_poll_whose_client_has_gone_leaves_its_queue(kind: type[SlowPolls]) -> None:
    host = kind()
    body = b'{"pollId": "p", "wait": "20s"}'
    sent = serve(
        host,
        "POST",
        "/api/v1/namespaces/n/task-queues/a%2Fb/poll",
        headers=[(b"content-type", b"application/json"), (b"content-length", b"1")],
        messages=[{"type": "http.request", "body": body}, {"type": "http.disconnect"}],
    )
    assert sent == []
    assert [receiver for receiver, _ in host.asked] == ["TaskQueueDO/n/a%2Fb"] * 2
    assert host.asked[1][1] == LeavePoll(namespace="n", task_queue="a/b", poll_id="p")


def test_a_client_that_goes_in_the_middle_of_its_body_has_asked_nothing() -> None:
    host = Recording()
    messages = [
        {"type": "http.request", "body": b'{"workflowType"', "more_body": True},
        {"type": "http.disconnect"},
    ]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"500")]
    assert serve(host, "POST", "/api/v1/namespaces/n/workflows", headers=headers, messages=messages) == []
    assert host.asked == []


def test_a_server_that_gives_no_raw_path_is_served_by_the_decoded_one() -> None:
    host = Recording()
    scope = {"raw_path": None, "path": "/api/v1/namespaces/n/workflows/ü ?/result"}
    sent = serve(host, "GET", "", scope=scope, wait_seconds_max=0.01)
    assert sent[0]["status"] == 202
    assert host.asked == [("WorkflowDO/n/%C3%BC%20%3F", AwaitClose())]


def test_answers_to_head_and_options_have_no_body() -> None:
    head = serve(Recording(), "HEAD", "/health")
    assert (head[0]["status"], head[1]["body"]) == (200, b"")
    options = serve(Recording(), "OPTIONS", "/health")
    assert (options[0]["status"], options[1]["body"]) == (204, b"")
    assert all(name != b"content-length" for name, _ in head[0]["headers"] + options[0]["headers"])


def test_the_life_of_a_server_is_followed_and_other_protocols_are_refused() -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = serve(Recording(), "", "", scope={"type": "lifespan"}, messages=messages)
    assert [each["type"] for each in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    sent = serve(Recording(), "", "", scope={"type": "websocket"})
    assert [each["type"] for each in sent] == ["websocket.close"]


def test_a_server_is_told_its_settings_once() -> None:
    with pytest.raises(InvalidArgumentError, match="either"):
        asgi(Recording(), api=Api(token="a"), token="b")  # type: ignore[arg-type]


def test_a_poll_waits_no_longer_than_the_server_lets_it() -> None:
    task = ActivityTask(namespace="n", task_queue="q", activity_key="ActivityDO/n/r|1", token="t", attempt=2)
    host = Recording(PolledActivityTasks(tasks=(task,)))
    body = b'{"pollId": "p", "wait": "1h", "maxTasks": 3}'
    sent = serve(
        host,
        "POST",
        "/api/v1/namespaces/n/task-queues/q/poll",
        headers=[(b"content-type", b"application/json"), (b"content-length", b"1")],
        messages=[{"type": "http.request", "body": body}],
    )
    assert json.loads(sent[1]["body"])["tasks"][0]["activityKey"] == "ActivityDO/n/r|1"
    ((receiver, message),) = host.asked
    assert receiver == "TaskQueueDO/n/q"
    assert message == PollActivityTasks(
        namespace="n", task_queue="q", poll_id="p", wait_ns=25 * 10**9, max_tasks=3
    )
