"""What can be wrong with a project that is to become a Worker. Owns the error of this part; knows no command line."""

from __future__ import annotations


class EdgeProjectError(Exception):
    """The user has to change something; the message names the place and says what."""
