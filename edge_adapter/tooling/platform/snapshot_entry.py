"""The Worker whose memory becomes the snapshot. Runs inside the platform, never on this side.

Imports third-party packages and the standard library only: what is imported here is frozen into the image.
"""

import asyncio  # noqa: F401
import json  # noqa: F401

import attrs  # noqa: F401
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Answers, and that is all."""

    async def fetch(self, request: object) -> Response:
        """Say that it is there."""
        return Response("warm")
