"""A user's mistake, as the command line sees it: one message, exit code 2, no traceback. Owns the class."""

from __future__ import annotations


class UsageError(Exception):
    """What was asked for cannot be done; the message names the value and says what is accepted."""
