"""What an admission says no with: causes, and the refusal that carries them.

Two shapes are known on the wire. A refusal with causes is 422 `Invalid`; its message joins the first ten causes. A
refusal of another kind (a body that is no object, an object that is not there) is a bare 400 with a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

INVALID = "FieldValueInvalid"
REQUIRED = "FieldValueRequired"
NOT_SUPPORTED = "FieldValueNotSupported"
NOT_FOUND = "FieldValueNotFound"
DUPLICATE = "FieldValueDuplicate"

_MOST_CAUSES = 10


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and where."""

    message: str
    reason: str = ""
    field: str = ""

    def as_json(self) -> dict[str, str]:
        """A meta/v1 StatusCause; what is empty is left out."""
        pairs = (("reason", self.reason), ("message", self.message), ("field", self.field))
        return {key: value for key, value in pairs if value}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The answer no. `causes` is empty for a refusal that is not about a field."""

    message: str
    code: int = 400
    causes: tuple[Cause, ...] = ()

    def status(self) -> dict[str, Any]:
        """The meta/v1 Status inside an AdmissionResponse."""
        if not self.causes:
            return {"message": self.message, "code": self.code}
        details = {"causes": [cause.as_json() for cause in self.causes]}
        return {"message": self.message, "reason": "Invalid", "details": details, "code": self.code}


def refuse(causes: Sequence[Cause]) -> Refusal | None:
    """The refusal that these causes amount to; None without any."""
    if not causes:
        return None
    kept = tuple(causes[:_MOST_CAUSES])
    message = ", ".join(cause.message for cause in kept)
    if (more := len(causes) - len(kept)) > 0:
        message += f", and {more} more validation errors"
    return Refusal(message=message, code=422, causes=kept)
