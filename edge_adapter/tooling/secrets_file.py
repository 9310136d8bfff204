"""``.dev.vars``: the secrets of a Worker on a laptop, one ``NAME=value`` a line.

Owns reading it as the deploy tool does (comments, quotes, ``export``), and the token for a new project.
Invariant: a value is never logged or printed from here.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from .errors import EdgeProjectError
from .worker_shape import TOKEN

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")
_TOKEN_BYTES = 24


def read_secrets(path: Path) -> dict[str, str]:
    """Name -> value; empty if there is no such file. Raises EdgeProjectError."""
    return {name: value for name, (value, _) in read_secret_lines(path).items()}


def read_secret_lines(path: Path) -> dict[str, tuple[str, int]]:
    """Name -> value and its line from 1. Raises EdgeProjectError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeProjectError(f"{path} cannot be read: {error}") from None
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is not None and not line.lstrip().startswith("#"):
            found[match[1]] = (_unquoted(match[2]), number)
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'`":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def new_secrets_text() -> str:
    """The file of a new project, with a token of its own."""
    return (
        "# Secrets for this laptop; never commit them. In production: npx wrangler secret put "
        f"{TOKEN}\n{TOKEN}={secrets.token_urlsafe(_TOKEN_BYTES)}\n"
    )
