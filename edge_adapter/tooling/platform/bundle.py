"""Writes the bundle that gives the platform's binary its Python: one file, made of the `pyodide` npm package.

In development mode the binary reads `pyodide_dev.capnp.bin` from a folder it is told, instead of fetching a
bundle. The file is one Cap'n Proto message of three modules: the loader (between a prelude and a tail of our
own, which hide what the binary forbids), the interpreter, and the standard library.

Owns: the layout of that file. Invariant: same package, same bytes. This is tooling for a laptop; a deployed
Worker gets its Python from the platform.
Must not import: anything of this package but `errors`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import attrs

from .errors import EdgePlatformError

BUNDLE_NAME = "pyodide_dev.capnp.bin"
# Kinds of content in a module of a bundle, in the order of the platform's schema.
SOURCE, WASM, DATA = range(3)

_WORD = 8
_INTERNAL = 2  # the type of a module that only the platform's own modules may import
_MODULE_DATA_WORDS = 1
_MODULE_POINTERS = 4  # name, content, and two that are unused here
_MODULE_WORDS = _MODULE_DATA_WORDS + _MODULE_POINTERS
_LIST_OF_BYTES = 2
_LIST_OF_STRUCTS = 7
_LIST_LENGTH_MAX = (1 << 29) - 1  # a list pointer has 29 bits for the length


@attrs.frozen(kw_only=True)
class BundledModule:
    """One module of a bundle: its name, what it is (SOURCE, WASM or DATA), and its bytes."""

    name: str
    kind: int
    content: bytes


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _WORD)


def _struct_pointer(offset_words: int, data_words: int, pointers: int) -> bytes:
    return struct.pack("<iHH", offset_words << 2, data_words, pointers)


def _list_pointer(offset_words: int, element: int, length: int) -> bytes:
    if length > _LIST_LENGTH_MAX:
        raise EdgePlatformError(f"a part of the Python bundle is too large: {length} bytes")
    return struct.pack("<iI", (offset_words << 2) | 1, (length << 3) | element)


def encode_bundle(modules: Sequence[BundledModule]) -> bytes:
    """The modules as one Cap'n Proto message of a single segment.

    Layout, in words: the root pointer, the root struct (one pointer, to the list), the tag of the list, the
    structs of the modules, then names and contents, each padded to a word. Raises EdgePlatformError when a
    content does not fit into a list.
    """
    structs_at = 3
    blobs_at = structs_at + _MODULE_WORDS * len(modules)
    head = [
        _struct_pointer(0, 0, 1),
        _list_pointer(0, _LIST_OF_STRUCTS, _MODULE_WORDS * len(modules)),
        # The tag of a list of structs looks like a struct pointer whose offset is the number of elements.
        _struct_pointer(len(modules), _MODULE_DATA_WORDS, _MODULE_POINTERS),
    ]
    blobs: list[bytes] = []
    next_blob_at = blobs_at
    for number, module in enumerate(modules):
        head.append(struct.pack("<HHI", _INTERNAL, module.kind, 0))
        pointer_at = structs_at + number * _MODULE_WORDS + _MODULE_DATA_WORDS
        name = module.name.encode() + b"\0"  # text ends with a zero byte that counts
        for blob in (name, module.content):
            head.append(_list_pointer(next_blob_at - pointer_at - 1, _LIST_OF_BYTES, len(blob)))
            blobs.append(_padded(blob))
            next_blob_at += len(blobs[-1]) // _WORD
            pointer_at += 1
        head.append(bytes(2 * _WORD))
    # One segment: its number less one, then its size in words.
    return b"".join([struct.pack("<II", 0, next_blob_at), *head, *blobs])


def python_bundle(package: Path, *, prelude: str, tail: str) -> bytes:
    """The bundle for the unpacked `pyodide` npm package in the folder `package`.

    Raises EdgePlatformError when a file of the package is missing.
    """

    def read(name: str) -> bytes:
        try:
            return (package / name).read_bytes()
        except OSError as error:
            raise EdgePlatformError(f"the pyodide package is incomplete: {error}") from error

    loader = b"\n".join([prelude.encode(), read("pyodide.asm.mjs"), tail.encode()])
    prefix = "pyodideRuntime-internal:"
    return encode_bundle(
        [
            BundledModule(name=f"{prefix}pyodide.asm", kind=SOURCE, content=loader),
            BundledModule(name=f"{prefix}pyodide.asm.wasm", kind=WASM, content=read("pyodide.asm.wasm")),
            BundledModule(name=f"{prefix}python_stdlib.zip", kind=DATA, content=read("python_stdlib.zip")),
        ]
    )
