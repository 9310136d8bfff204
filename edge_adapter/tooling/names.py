"""Which names the platform accepts.

Owns the rules for names of Workers, queues and buckets, and a name made from a folder's. Must not import:
anything.
"""

from __future__ import annotations

import re
from typing import Final

WORKER_NAME_LENGTH_MAX: Final = 46
"""The platform's 63, less what the names of the queues and the bucket add."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def problem_with_name(name: str, *, least: int = 1, most: int = 63) -> str | None:
    """What is wrong with a name of ``least`` to ``most`` characters, or None."""
    if not least <= len(name) <= most:
        return f"has {len(name)} characters; it must have {least} to {most}"
    if not _NAME.fullmatch(name):
        return "must be lower-case letters, digits and dashes, and begin and end with a letter or digit"
    return None


def name_from(text: str) -> str:
    """A Worker's name made of ``text``, such as a folder's name; empty if nothing is left of it."""
    kept = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return kept[:WORKER_NAME_LENGTH_MAX].strip("-")
