"""Bytes over HTTP: one request, one answer, by httpx.

Owns the connections, one pool per event loop, their timeouts, and which failures of the network may be over
soon. Invariants: an answer of whatever status is an answer; every failure is a HostError, and an ApiError
where trying again is of no use; redirects are not followed, because the token must not go elsewhere.

Must not import: the engine's messages.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from ...runtime.errors import HostError, InvalidArgumentError, NoHostError
from .errors import ApiError

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("temporal_do.remote")

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
"""Above what a server waits before it says "not yet"."""
ANSWER_SECONDS: Final = 120.0
"""For the whole of an answer, however it trickles."""
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
"""Above every history; what is larger is no answer of the API."""
CONNECTIONS_KEPT: Final = 50
_SHOWN: Final = 200


class Answer(NamedTuple):
    """What came back."""

    status: int
    content_type: str
    body: bytes
    location: str = ""
    """Where a redirect leads to."""


def checked_url(url: Any) -> str:
    """``url`` without a slash at its end, if the API can be there. Raises InvalidArgumentError."""
    if not isinstance(url, str):
        raise InvalidArgumentError(f"url is a text such as 'https://app.example.com', not {url!r}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidArgumentError(f"url {url!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable():
        raise InvalidArgumentError(
            f"url {url!r} is not the URL of an API; accepted is one such as 'https://app.example.com'"
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidArgumentError("url holds a user name or password; the API takes a token: token=...")
    if parts.query or parts.fragment or " " in url:
        raise InvalidArgumentError(f"url {url!r} holds more than a host and a path")
    return url.rstrip("/")


def checked_token(token: Any) -> str:
    """``token`` if it can stand in a header. Raises InvalidArgumentError, which does not show it."""
    if not isinstance(token, str) or not token:
        raise InvalidArgumentError("token is the API's bearer token, a non-empty text")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgumentError(
            "token holds characters that no header may hold (a line break at its end, perhaps)"
        )
    return token


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise NoHostError(
            "a client over HTTP needs the package httpx; install it with: pip install 'temporal-do[remote]'"
        ) from None
    return httpx


class Wire:
    """Requests to one URL. ``transport`` replaces the network: an ``httpx.AsyncBaseTransport``."""

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        _httpx()
        self.url = checked_url(url)
        self._token = checked_token(token)
        self._transport = transport
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._reached = False
        self._away = False

    async def send(self, method: str, target: str, body: bytes | None) -> Answer:
        """Make one request; ``target`` is the encoded path and query. Raises HostError."""
        httpx = _httpx()
        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._client().stream(method, self.url + target, content=body, headers=headers) as response,
            ):
                content = await self._read(response)
        except httpx.HTTPError as error:
            raise self._failure(error) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(f"{(self.url + target)[:_SHOWN]!r} is no URL: {error}") from None
        except TimeoutError as error:
            raise self._failure(TimeoutError(f"no whole answer in {ANSWER_SECONDS:g} s")) from error
        self._reached = True
        if self._away:
            self._away = False
            logger.info("%s answers again", self.url)
        found = response.headers
        return Answer(
            response.status_code, found.get("content-type", "").lower(), content, found.get("location", "")
        )

    async def _read(self, response: httpx.Response) -> bytes:
        chunks = []
        size_bytes = 0
        async for chunk in response.aiter_bytes():
            size_bytes += len(chunk)
            if size_bytes > ANSWER_BYTES_MAX:
                raise ApiError(
                    f"{self.url} answers with more than {ANSWER_BYTES_MAX:,} bytes; is the url right?",
                    status=response.status_code,
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        found = self._clients.get(loop)
        if found is None:
            for other in [each for each in self._clients if each.is_closed()]:
                del self._clients[other]
            httpx = _httpx()
            found = self._clients[loop] = httpx.AsyncClient(
                transport=self._transport,
                headers={"authorization": f"Bearer {self._token}", "accept": "application/json"},
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=CONNECTIONS_KEPT),
                follow_redirects=False,
            )
        return found

    def _failure(self, error: Exception) -> HostError:
        causes: list[str] = []
        cause: BaseException | None = error
        while cause is not None and len(causes) < 10:
            causes.append(type(cause).__name__)
            cause = cause.__cause__ or cause.__context__
        reason = str(error) or type(error).__name__
        if "SSLCertVerificationError" in causes:
            return ApiError(f"the certificate of {self.url} is not trusted: {reason}")
        if "gaierror" in causes and not self._reached:
            return ApiError(f"there is no host of the name in {self.url}: {reason}")
        if not self._away:
            self._away = True
            logger.warning("%s does not answer (%s); trying again", self.url, reason)
        return HostError(f"{self.url} does not answer: {reason}", url=self.url)

    async def close(self) -> None:
        """Close the connections of the running loop."""
        found = self._clients.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found.aclose()
