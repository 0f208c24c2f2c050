"""What a call to the Kubernetes API can answer besides success.

```
ApiError ── Unreachable (status 0) · Unauthorized 401 · Forbidden 403 · NotFound 404
         ── Conflict 409 · AlreadyExists 409 · Gone 410 · Invalid 422 · TooManyRequests 429
```
"""

from __future__ import annotations

from .resources import Json


class ApiError(Exception):
    """The API server's refusal: `body` is its metav1.Status, `{}` when it sent none."""

    def __init__(self, status: int, reason: str, message: str, body: Json | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message
        self.body: Json = body or {}


class Unreachable(ApiError):
    """No answer at all: the server is down, the address wrong, or TLS failed."""


class Unauthorized(ApiError):
    pass


class Forbidden(ApiError):
    pass


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    """The object changed since it was read, or a precondition failed."""


class AlreadyExists(ApiError):
    pass


class Gone(ApiError):
    """A resourceVersion too old to continue from."""


class Invalid(ApiError):
    pass


class TooManyRequests(ApiError):
    pass


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(status: int, body: Json, text: str = "") -> ApiError:
    """The error for an HTTP status and the Status object (or plain text) that came with it."""
    reason = str(body.get("reason") or "")
    message = str(body.get("message") or text or reason or f"HTTP {status}")
    kind = AlreadyExists if status == 409 and reason == "AlreadyExists" else _BY_STATUS.get(status, ApiError)
    return kind(status, reason, message, body)
