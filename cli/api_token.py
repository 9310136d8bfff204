"""How a command that calls an application's HTTP API gets its token.

Owns the arguments and the variable of the environment. Invariant: no message shows the token.
"""

from __future__ import annotations

import argparse
import os

from .errors import UsageError

VARIABLE = "TEMPORAL_DO_TOKEN"


def add_token_arguments(parser: argparse.ArgumentParser, *, on_command_line: bool = False) -> None:
    """Take the name of a variable, and if ``on_command_line`` the token itself instead."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--token-env",
        metavar="VARIABLE",
        default=VARIABLE,
        help=f"the environment variable that holds the API's token (default: {VARIABLE})",
    )
    if on_command_line:
        group.add_argument("--token", help="the token itself; other users of the machine can see it")


def read_token(arguments: argparse.Namespace) -> str:
    """The token. Raises UsageError where there is none."""
    on_command_line = hasattr(arguments, "token")
    if on_command_line and arguments.token is not None:
        return str(arguments.token)
    token = os.environ.get(arguments.token_env, "")
    if not token:
        another = "name another with --token-env"
        another = f"{another}, or give --token" if on_command_line else f"or {another}"
        raise UsageError(f"no token: set the environment variable {arguments.token_env}, {another}")
    return token
