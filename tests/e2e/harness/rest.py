"""The API by plain HTTP, as a client without any library of ours calls it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .cluster import Cluster

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "plain.kubevirt.io",
}
SUBRESOURCES = "/apis/subresources.kubevirt.io/v1"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """Of a Status object."""
        return str(self.json()["message"])


def call(
    cluster: Cluster, method: str, path: str, body: Any = None, *, upgrade: bool = False, accept: str = "",
    seconds: float = 60.0,
) -> Answer:  # fmt: skip
    """One request as the kubeconfig's user. `upgrade`: for a WebSocket; the answer is then that of a refusal.

    Raises: OSError where no answer comes, or no whole one.
    """
    server, context = access(cluster)
    connection = http.client.HTTPSConnection(server, context=context, timeout=seconds)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = (UPGRADE if upgrade else {}) | ({"Accept": accept} if accept else {})
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()


def one(namespace: str, kind: str, name: str) -> str:
    """Path of a VM (`vm`) or VMI (`vmi`) among the subresources."""
    plural = {"vm": "virtualmachines", "vmi": "virtualmachineinstances"}[kind]
    return f"{SUBRESOURCES}/namespaces/{namespace}/{plural}/{name}"


@cache
def access(cluster: Cluster) -> tuple[str, ssl.SSLContext]:
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    there, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_text(there["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as pair:
        pair.write(_text(user["client-certificate-data"]) + _text(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return urlsplit(there["server"]).netloc, context


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
