"""What goes wrong between this machine and the platform it runs locally.

Must not import: anything of this package.
"""

from __future__ import annotations


class EdgePlatformError(Exception):
    """The local platform could not be prepared, started or driven. The text says what to do."""


class EdgeUnavailableError(EdgePlatformError):
    """Something this machine lacks: node, npm, or a download. Whatever needs no platform still works."""


class EdgeStartError(EdgePlatformError):
    """The Worker did not come up; the text ends with the last lines of its log."""
