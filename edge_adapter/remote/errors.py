"""What a remote host raises beside HostError: requests that reached nothing, and will not by being repeated.

Must not import: the HTTP client.
"""

from __future__ import annotations

from typing import Any

from ...runtime.errors import HostNotOpenError


class ApiError(HostNotOpenError):
    """The API did not take the request: nothing was done, and the same request again is of no use.

    Fields: ``code`` (the API's, or ""), ``status`` (0 where there was no answer).
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, **fields: Any) -> None:
        super().__init__(message, code=code, status=status, **fields)
        self.code = code
        self.status = status


class UnauthorizedError(ApiError):
    """The API does not accept the token, or none was given."""
