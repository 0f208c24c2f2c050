"""The few requests that we make to a cluster's API, with the administrator's certificate and the stdlib."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from localcluster.render.objects import Object, url_path
from localcluster.trouble import Trouble

REFUSED = (400, 415, 422)
"""Answers that do not change by waiting."""


class Api:
    """A cluster's API at `server` (https://host:port); `pki` holds ca.crt, admin.crt and admin.key."""

    def __init__(self, server: str, pki: Path) -> None:
        self._server = server
        self._trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._trust.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))

    def _ask(self, path: str, *, method: str = "GET", body: Object | None = None, timeout: float = 30) -> bytes:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/apply-patch+yaml"} if data else {}
        request = urllib.request.Request(self._server + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout, context=self._trust) as answer:
            content: bytes = answer.read()
        return content

    def get(self, path: str) -> Any | None:
        """The decoded answer, or None when the API does not answer or has no such thing."""
        try:
            return json.loads(self._ask(path))
        except (urllib.error.URLError, OSError):
            return None

    def ready(self) -> bool:
        try:
            return self._ask("/readyz", timeout=5) == b"ok"
        except (urllib.error.URLError, OSError):
            return False

    def apply(self, thing: Object) -> bool:
        """Server-side apply. False when the API could not take it now (so early, some parts are not up yet).

        Raises Trouble when it never will.
        """
        try:
            self._ask(f"{url_path(thing)}?fieldManager=localcluster&force=true", method="PATCH", body=thing)
        except urllib.error.HTTPError as error:
            if error.code in REFUSED:
                what = f"{thing['kind']} {thing['metadata']['name']}"
                raise Trouble(f"the API refuses {what} ({error.code})", "take the cluster down and up again") from None
            return False
        except (urllib.error.URLError, OSError):
            return False
        return True

    def node_is_ready(self, name: str) -> bool:
        node = self.get(f"/api/v1/nodes/{name}")
        conditions = (node or {}).get("status", {}).get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
