"""The bundle that gives the binary its Python, read back by a reader that knows nothing of the writer."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.tooling.platform import EdgePlatformError
from temporal_do.edge_adapter.tooling.platform.bundle import (
    DATA,
    SOURCE,
    WASM,
    BundledModule,
    encode_bundle,
    python_bundle,
)


def _pointer(words: list[int], at: int) -> tuple[int, int, int, int]:
    """A pointer's kind, the word it points at, and its two halves of 32 bits' worth of sizes."""
    low, high = words[at] & 0xFFFFFFFF, words[at] >> 32
    offset = struct.unpack("<i", struct.pack("<I", low))[0] >> 2
    return (
        low & 3,
        at + 1 + offset,
        high & 0x7 if low & 3 else high & 0xFFFF,
        high >> 3 if low & 3 else high >> 16,
    )


def _read(message: bytes) -> list[BundledModule]:
    segments, size = struct.unpack_from("<II", message)
    body = message[8:]
    assert (segments, size * 8) == (0, len(body))
    words = list(struct.unpack(f"<{size}Q", body))

    def content(at: int) -> bytes:
        kind, start, element, length = _pointer(words, at)
        assert (kind, element) == (1, 2)
        assert not any(body[start * 8 + length : start * 8 + -(-length // 8) * 8]), "padding is zero"
        return body[start * 8 : start * 8 + length]

    kind, root, data, pointers = _pointer(words, 0)
    assert (kind, data, pointers) == (0, 0, 1)
    kind, tag, element, length = _pointer(words, root)
    assert (kind, element) == (1, 7)
    count, data, pointers = words[tag] >> 2 & 0x3FFFFFFF, words[tag] >> 32 & 0xFFFF, words[tag] >> 48
    assert (data, pointers, length) == (1, 4, count * 5)
    found = []
    for at in range(tag + 1, tag + 1 + length, 5):
        assert words[at] & 0xFFFF == 2
        assert words[at + 3] == words[at + 4] == 0
        name = content(at + 1)
        assert name.endswith(b"\0")
        found.append(
            BundledModule(name=name[:-1].decode(), kind=words[at] >> 16 & 0xFFFF, content=content(at + 2))
        )
    return found


_names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_modules = st.builds(
    BundledModule, name=_names, kind=st.sampled_from([SOURCE, WASM, DATA]), content=st.binary(max_size=40)
)


@given(st.lists(_modules, max_size=5))
def test_what_is_written_reads_back(modules: list[BundledModule]) -> None:
    assert _read(encode_bundle(modules)) == modules


def test_the_loader_is_put_between_prelude_and_tail(tmp_path: Path) -> None:
    (tmp_path / "pyodide.asm.mjs").write_text("loader")
    (tmp_path / "pyodide.asm.wasm").write_bytes(b"wasm")
    (tmp_path / "python_stdlib.zip").write_bytes(b"zip")
    loader, wasm, library = _read(python_bundle(tmp_path, prelude="before", tail="after"))
    assert (loader.name, loader.kind, loader.content) == (
        "pyodideRuntime-internal:pyodide.asm",
        SOURCE,
        b"before\nloader\nafter",
    )
    assert (wasm.name, wasm.kind, wasm.content) == ("pyodideRuntime-internal:pyodide.asm.wasm", WASM, b"wasm")
    assert (library.kind, library.content) == (DATA, b"zip")


def test_an_incomplete_package_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EdgePlatformError, match="pyodide.asm.mjs"):
        python_bundle(tmp_path, prelude="", tail="")
