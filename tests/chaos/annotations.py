"""Annotations as GitHub's runner reads them."""

from __future__ import annotations

import re
from urllib.parse import unquote

ANNOTATION = re.compile(r"::error (?P<fields>[^:]*)::(?P<text>.*)")


def read_annotation(line: str) -> tuple[dict[str, str], str]:
    """The fields and the text."""
    found = ANNOTATION.fullmatch(line)
    assert found is not None, line
    fields = dict(field.split("=", 1) for field in found["fields"].split(","))
    return {name: unquote(value) for name, value in fields.items()}, unquote(found["text"])
