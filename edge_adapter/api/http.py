"""Requests and responses, whoever the server is, and the reading of a request within its limits.

Owns the two records that a server exchanges with the API, the limits, and JSON as the API takes it.
Invariants: nothing is read beyond a limit; what is read is JSON in UTF-8, not too deep, without NaN and
infinities, and no member of an object is there twice.

Must not import: a host, the operations.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterable, Iterable, Mapping
from math import inf
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from .problems import Problem

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""Room for one payload of the largest size, in base64, and what comes with it."""
TARGET_LENGTH_MAX: Final = 16_384
HEADERS_LENGTH_MAX: Final = 32_768
JSON_DEPTH_MAX: Final = 100
QUERY_FIELDS_MAX: Final = 32
BODY_SECONDS_MAX: Final = 60.0
"""Who sends more slowly than that holds a connection and no more."""


def _lower_names(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> tuple[tuple[str, str], ...]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name.lower(), value) for name, value in pairs)


@attrs.frozen(kw_only=True)
class Request:
    """An HTTP request. ``target`` is the path with its query, still percent-encoded, or the whole URL;
    ``headers`` a mapping or pairs; ``body`` bytes, or chunks of them as they come."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_lower_names)
    body: bytes | AsyncIterable[bytes] = b""

    def header(self, name: str) -> str | None:
        """The one value of a header, or None; several values are none that can be trusted."""
        found = [value for known, value in self.headers if known == name]
        return found[0] if len(found) == 1 else None


@attrs.frozen(kw_only=True)
class Response:
    """An HTTP response; ``headers`` have lower-case names and no content-length."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def check_limits(request: Request) -> None:
    """Refuse what is too long to be looked at. Raises Problem."""
    if len(request.target) > TARGET_LENGTH_MAX:
        raise Problem("target_too_long", f"the URL has more than {TARGET_LENGTH_MAX} characters")
    if sum(len(name) + len(value) for name, value in request.headers) > HEADERS_LENGTH_MAX:
        raise Problem("headers_too_large", f"the headers have more than {HEADERS_LENGTH_MAX} characters")


def split_target(target: str) -> tuple[str, str]:
    """The path and the query of a target, both still encoded."""
    if not target.startswith("/"):
        _, mark, rest = target.partition("://")
        slash = rest.find("/") if mark else -1
        target = rest[slash:] if slash >= 0 else "/"
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


def read_query(query: str) -> dict[str, str]:
    """The query's fields. Raises Problem for one that is given twice or is not UTF-8."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX)
    except ValueError as error:
        raise Problem("bad_request", f"the query string cannot be read: {error}") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Problem("bad_request", f"the query parameter {name[:100]!r} is given twice")
        found[name] = value
    return found


async def read_json(request: Request, bytes_max: int) -> Any:
    """The JSON value of the body; an empty object if there is none. Raises Problem."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            data = await _read_body(request, bytes_max)
    except TimeoutError:
        raise Problem("body_too_slow", f"the body has not come within {BODY_SECONDS_MAX:g} s") from None
    if not data:
        return {}
    if (request.header("content-encoding") or "identity").strip().lower() != "identity":
        raise Problem("unsupported_media_type", "the body must not be compressed")
    content_type = (request.header("content-type") or "").partition(";")
    if content_type[0].strip().lower() != "application/json":
        given = repr(content_type[0][:100]) if content_type[0] else "nothing"
        raise Problem("unsupported_media_type", f"the content type must be application/json, not {given}")
    return parse_json(data)


async def _read_body(request: Request, bytes_max: int) -> bytes:
    too_large = Problem("body_too_large", f"the body has more than {bytes_max:,} bytes", limitBytes=bytes_max)
    announced = request.header("content-length")
    if announced is not None and announced.isdecimal() and len(announced) < 20:
        if int(announced) > bytes_max:
            raise too_large
    body = request.body
    if isinstance(body, (bytes, bytearray, memoryview)):
        if len(body) > bytes_max:
            raise too_large
        return bytes(body)
    chunks = []
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > bytes_max:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


# Nothing in it is tried twice, so that no text costs more than its length.
_TEXT_OR_BRACKETS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[\]{}]++', re.DOTALL)


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= JSON_DEPTH_MAX:
        return False
    depth = 0
    for match in _TEXT_OR_BRACKETS.finditer(text):
        found = match.group()
        if found[0] == '"':
            continue
        for bracket in found:
            depth += 1 if bracket in "[{" else -1
            if depth > JSON_DEPTH_MAX:
                return True
    return False


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (inf, -inf):
        raise ValueError(f"{digits[:40]} is larger than any number here")
    return number


def _unambiguous(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        seen: dict[str, None] = {}
        twice = next(name for name, _ in members if name in seen or seen.setdefault(name))
        raise ValueError(f"the member {twice[:100]!r} is given twice")
    return found


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises Problem."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Problem("bad_json", f"the body is not text in UTF-8 (byte {error.start})") from None
    if _too_deep(text):
        raise Problem("bad_json", f"the body is nested deeper than {JSON_DEPTH_MAX} levels")
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unambiguous
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem("bad_json", f"the body is not JSON: {error.msg} ({where})") from None
    except (ValueError, RecursionError) as error:
        raise Problem("bad_json", f"the body is not JSON: {error}") from None


def write_json(value: Any) -> bytes:
    """The bytes of a JSON value."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
