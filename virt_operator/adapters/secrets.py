"""Reading a Secret of type kubernetes.io/tls."""

from __future__ import annotations

import base64

from virt_runtime.resources import Json


def pair_of(secret: Json) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM. Raises KeyError where one is missing."""
    data = secret.get("data") or {}
    return base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"])
