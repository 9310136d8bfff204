"""How big a bundle is, part by part, against what the platform allows.

Owns the measuring. The total is compressed in one piece, as the platform counts it; the parts are
compressed by themselves, so they add up to a little more. Must not import: the user's code.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import attrs

from .bundle import Bundle, BundleFile

_GZIP = 31  # the window of zlib, with the header and trailer of gzip


@attrs.frozen(kw_only=True)
class Size:
    """Of one part, or of all: number of files, bytes, bytes after gzip."""

    name: str
    files: int
    raw_bytes: int
    gzip_bytes: int


@attrs.frozen(kw_only=True)
class Sizes:
    """The parts, biggest first, and the total."""

    parts: tuple[Size, ...]
    total: Size


def measure(bundle: Bundle) -> Sizes:
    """The sizes of what is uploaded."""
    parts: dict[str, list[BundleFile]] = {}
    for file in bundle.uploaded:
        parts.setdefault(file.part, []).append(file)
    sizes = [_size(name, files) for name, files in parts.items()]
    sizes.sort(key=lambda size: (-size.gzip_bytes, size.name))
    return Sizes(parts=tuple(sizes), total=_size("total", bundle.uploaded))


def _size(name: str, files: Iterable[BundleFile]) -> Size:
    compressor = zlib.compressobj(wbits=_GZIP)
    count = raw = packed = 0
    for file in files:
        count += 1
        raw += len(file.content)
        packed += len(compressor.compress(file.content))
    packed += len(compressor.flush())
    return Size(name=name, files=count, raw_bytes=raw, gzip_bytes=packed)
